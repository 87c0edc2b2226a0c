"""Models of the literature that read one source position at a time."""

from __future__ import annotations

from typing import Any

from seqzoo.decoders.hard_attention import HardAttentionDecoder
from seqzoo.encoders.recurrent import RecurrentEncoder
from seqzoo.heads.mixture import Mixture
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.tasks.seq2seq import Seq2Seq
from seqzoo.zoo.sizes import Size, sized


def wu_2019(
    source: Tokenizer,
    target: Tokenizer,
    units: int | None = None,
    layers: int | None = None,
    embedding_dim: int | None = None,
    monotonic: bool = True,
    dropout: float = 0.2,
    label_smoothing: float = 0.0,
    max_source_length: int | None = 512,
    max_target_length: int | None = None,
    search: Any = None,
    size: Size = "small",
) -> Seq2Seq:
    """Builds exact hard monotonic attention, for spelling to sound, inflection and the like.

    A bidirectional LSTM encoder, and an LSTM decoder that reads one source position at each step
    and never goes back; training and searches sum over all alignments.

    Args:
        source: Adapted tokenizer of the source.
        target: Adapted tokenizer of the target.
        units: Width of the decoder and of each direction of the encoder; None is 128, the
            paper's 400.
        layers: Layers of the encoder; None is 1, the paper's 2. The decoder has one.
        embedding_dim: Width of both embeddings; None is 64, the paper's 200.
        monotonic: Whether reading never goes back; False is the model of Wu, Shapiro and
            Cotterell, 2018, https://arxiv.org/abs/1808.10024.
        dropout: See `RecurrentEncoder`; the paper has 0.4.
        label_smoothing: See `Tokens`.
        max_source_length: See `TextPairs`; the memory of a step grows with its square.
        max_target_length: See `TextPairs`.
        search: See `Seq2Seq`.
        size: `"small"` trains on two cores; `"paper"` has the numbers of the paper.
    Reference: Wu and Cotterell, 2019, https://arxiv.org/abs/1905.06319; sizes as in its code,
    https://github.com/shijie-wu/neural-transducer

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.wu_2019(text, text, units=8, embedding_dim=4)
        >>> model.count_params()
        6268
    """
    units, layers, embedding_dim = sized(
        size, (units, layers, embedding_dim), small=(128, 1, 64), paper=(400, 2, 200)
    )
    sizes = {"embedding_dim": embedding_dim, "units": units, "dropout": dropout}
    return Seq2Seq(
        encoder=RecurrentEncoder(source.vocabulary_size, direction="both", layers=layers, **sizes),
        decoder=HardAttentionDecoder(target.vocabulary_size, monotonic=monotonic, **sizes),
        preprocessor=TextPairs(source, target, max_source_length, max_target_length),
        head=Mixture(target.vocabulary_size, label_smoothing),
        search=search,
    )
