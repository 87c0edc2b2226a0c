"""Captioning models of the literature, over any backbone."""

from __future__ import annotations

from typing import Any, Literal

from seqzoo.decoders.caption import CaptionDecoder
from seqzoo.encoders.image import ImageEncoder
from seqzoo.encoders.image_backbones import convolutional_backbone
from seqzoo.encoders.video import VideoEncoder
from seqzoo.heads.tokens import Tokens
from seqzoo.preprocessing.captions import ImageCaptions
from seqzoo.preprocessing.frames import FrameReader
from seqzoo.preprocessing.images import ImageReader
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.captioner import Captioner
from seqzoo.zoo.sizes import Size, sized


def vinyals_2015(
    target: Tokenizer,
    backbone: Any = None,
    height: int = 64,
    width: int | None = None,
    units: int | None = None,
    embedding_dim: int | None = None,
    image: Literal["first_input", "state"] = "first_input",
    frozen: bool = False,
    augmentation: Any = None,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Captioner:
    """Builds Show and Tell: an LSTM that is shown one vector of the image, and no attention.

    The vector is the mean of the positions of the backbone's grid; the paper takes the last layer
    of an Inception network.

    Args:
        target: Adapted tokenizer of the captions.
        backbone: See `ImageEncoder`; None is `convolutional_backbone(height, width)`.
        height: Pixels of an image.
        width: Likewise; None is `height`.
        units: Width of the LSTM and of the vector; None is 256, the paper's 512.
        embedding_dim: Width of the embedding; None is 128, the paper's 512.
        image: Whether the LSTM reads the vector before the first token, as in the paper, or begins
            with a state that is a projection of it.
        frozen: Whether the backbone stays as it is.
        augmentation: See `ImageEncoder`.
        dropout: Of the image's vector, the embedding and the hidden states.
        label_smoothing: See `Tokens`.
        max_target_length: See `ImageCaptions`.
        search: See `Captioner`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Vinyals et al., 2015, https://arxiv.org/abs/1411.4555

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.vinyals_2015(text, height=16, units=8, embedding_dim=4)
        >>> model.count_params()
        98816
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(256, 128), paper=(512, 512))
    start = {"first_input": True} if image == "first_input" else {"bridge": "dense"}
    return _captioner(
        _image_encoder(backbone, height, width, units, frozen, augmentation, dropout),
        ImageReader(height, width),
        target,
        {"attention": None, "readout": "none", **start},
        {"units": units, "embedding_dim": embedding_dim, "dropout": dropout},
        (label_smoothing, max_target_length, search),
    )


def xu_2015(
    target: Tokenizer,
    backbone: Any = None,
    height: int = 64,
    width: int | None = None,
    units: int | None = None,
    embedding_dim: int | None = None,
    even_reading: float = 1.0,
    frozen: bool = False,
    augmentation: Any = None,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Captioner:
    """Builds Show, Attend and Tell with soft attention over the grid of the backbone.

    Additive attention from the previous state of an LSTM, a gated context that enters the LSTM
    and the readout, and a penalty for positions that are read too little or too much. The LSTM
    begins with a projection of the mean of all positions. The readout is a maxout of state, context
    and token; the paper has a sum of the three.

    Args:
        target: Adapted tokenizer of the captions.
        backbone: See `ImageEncoder`; None is `convolutional_backbone(height, width)`.
        height: Pixels of an image.
        width: Likewise; None is `height`.
        units: Width of the LSTM, of the attention and of the positions; None is 256, the paper's
            512.
        embedding_dim: Width of the embedding; None is 128, the paper's 512.
        even_reading: See `CaptionDecoder`.
        frozen: Whether the backbone stays as it is.
        augmentation: See `ImageEncoder`.
        dropout: Of the positions, the embedding and the hidden states.
        label_smoothing: See `Tokens`.
        max_target_length: See `ImageCaptions`.
        search: See `Captioner`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Xu et al., 2015, https://arxiv.org/abs/1502.03044

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.xu_2015(text, height=16, units=8, embedding_dim=4)
        >>> model.count_params()
        98453
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(256, 128), paper=(512, 512))
    return _captioner(
        _image_encoder(backbone, height, width, units, frozen, augmentation, dropout),
        ImageReader(height, width),
        target,
        _attending(even_reading),
        {"units": units, "embedding_dim": embedding_dim, "dropout": dropout},
        (label_smoothing, max_target_length, search),
    )


def venugopalan_2015(
    target: Tokenizer,
    backbone: Any = None,
    height: int = 64,
    width: int | None = None,
    max_frames: int = 16,
    units: int | None = None,
    embedding_dim: int | None = None,
    reading: Literal["mean", "recurrent"] = "recurrent",
    frozen: bool = False,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Captioner:
    """Builds a captioner of videos whose frames become one vector: by a mean, or by an LSTM (S2VT).

    In S2VT the same LSTM reads the frames and then writes; here they are two, as in translation.

    Args:
        target: Adapted tokenizer of the captions.
        backbone: See `ImageEncoder`; None is `convolutional_backbone(height, width)`.
        height: Pixels of a frame.
        width: Likewise; None is `height`.
        max_frames: Most frames; of longer videos so many are taken.
        units: Width of all recurrent layers; None is 256, the paper's 512.
        embedding_dim: Width of the embedding; None is 128, the paper's 512.
        reading: `"mean"` is the first of the two papers, `"recurrent"` the second.
        frozen: Whether the backbone stays as it is.
        dropout: Of the frames, the embedding and the hidden states.
        label_smoothing: See `Tokens`.
        max_target_length: See `ImageCaptions`.
        search: See `Captioner`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Venugopalan et al., 2015, https://arxiv.org/abs/1412.4729 (mean) and
    https://arxiv.org/abs/1505.00487 (S2VT)

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.venugopalan_2015(text, height=16, units=8, embedding_dim=4)
        >>> model.count_params()
        99524
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(256, 128), paper=(512, 512))
    bridge = "copy" if reading == "recurrent" else "dense"
    return _captioner(
        _video_encoder(backbone, height, width, max_frames, units, reading, frozen, dropout),
        FrameReader(height, width, max_frames=max_frames),
        target,
        {"attention": None, "readout": "none", "bridge": bridge},
        {"units": units, "embedding_dim": embedding_dim, "dropout": dropout},
        (label_smoothing, max_target_length, search),
    )


def yao_2015(
    target: Tokenizer,
    backbone: Any = None,
    height: int = 64,
    width: int | None = None,
    max_frames: int = 16,
    units: int | None = None,
    embedding_dim: int | None = None,
    even_reading: float = 0.0,
    frozen: bool = False,
    dropout: float = 0.0,
    label_smoothing: float = 0.0,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Captioner:
    """Builds a captioner of videos with soft attention over the frames.

    The decoder is that of `xu_2015`. The paper has features of motion from a network of its own;
    here the positions of the frames in time are learned.

    Args:
        target: Adapted tokenizer of the captions.
        backbone: See `ImageEncoder`; None is `convolutional_backbone(height, width)`.
        height: Pixels of a frame.
        width: Likewise; None is `height`.
        max_frames: Most frames; of longer videos so many are taken.
        units: Width of the LSTM, of the attention and of the frames; None is 256, the paper's 512.
        embedding_dim: Width of the embedding; None is 128, the paper's 512.
        even_reading: See `CaptionDecoder`.
        frozen: Whether the backbone stays as it is.
        dropout: Of the frames, the embedding and the hidden states.
        label_smoothing: See `Tokens`.
        max_target_length: See `ImageCaptions`.
        search: See `Captioner`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Yao et al., 2015, https://arxiv.org/abs/1502.08029

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.yao_2015(text, height=16, units=8, embedding_dim=4)
        >>> model.count_params()
        98653
    """
    units, embedding_dim = sized(size, (units, embedding_dim), small=(256, 128), paper=(512, 512))
    return _captioner(
        _video_encoder(backbone, height, width, max_frames, units, "frames", frozen, dropout),
        FrameReader(height, width, max_frames=max_frames),
        target,
        _attending(even_reading),
        {"units": units, "embedding_dim": embedding_dim, "dropout": dropout},
        (label_smoothing, max_target_length, search),
    )


def _attending(even_reading: float) -> dict[str, Any]:
    """The options of the decoder of Xu et al., but for its sizes."""
    return {
        "attention": "additive",
        "attend_from": "previous",
        "readout": "maxout",
        "gate_context": True,
        "even_reading": even_reading,
    }


def _image_encoder(backbone, height, width, units, frozen, augmentation, dropout) -> ImageEncoder:
    backbone = convolutional_backbone(height, width) if backbone is None else backbone
    return ImageEncoder(backbone, height, width, units, frozen, augmentation, dropout)


def _video_encoder(
    backbone, height, width, max_frames, units, reading, frozen, dropout
) -> VideoEncoder:
    image = _image_encoder(backbone, height, width, units, frozen, None, 0.0)
    return VideoEncoder(image, max_frames, units, reading, dropout=dropout)


def _captioner(encoder, reader, target, options, sizes, rest) -> Captioner:
    label_smoothing, max_target_length, search = rest
    return Captioner(
        encoder=encoder,
        decoder=CaptionDecoder(target.vocabulary_size, **options, **sizes),
        preprocessor=ImageCaptions(reader, target, max_target_length),
        head=Tokens(target.vocabulary_size, label_smoothing),
        search=search,
    )
