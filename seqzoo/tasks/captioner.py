"""Captioning: images or videos in, texts out."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.encoders.encoder import symbolic_inputs
from seqzoo.heads.tokens import Tokens
from seqzoo.preprocessing.batching import evaluation_batches, training_batches
from seqzoo.preprocessing.captions import ImageCaptions, image_pairs
from seqzoo.preprocessing.data_forms import is_stream
from seqzoo.preprocessing.example_weights import NO_WEIGHTS, WeightedPacker
from seqzoo.preprocessing.features import is_features, reader_of
from seqzoo.preprocessing.streamed_batches import streamed_batches
from seqzoo.preprocessing.streamed_captions import StreamedCaptions
from seqzoo.tasks.sampled_feeding import SampledFeeding


@keras.saving.register_keras_serializable(package="seqzoo")
class Captioner(SampledFeeding):
    """An encoder of images or videos, a decoder and a head.

    Raw images are paths of files, bytes of files, or uint8 pixels; raw videos are sequences of
    images, folders of them, or GIFs. `fit` and `evaluate` take pairs of an image and its caption
    or list of captions; the encoder runs once for all captions of an image. They take streams of
    paths of images and captions too (`seqzoo.datasets.streams`), whose images are read batch by
    batch; one that cannot be read then ends the training.

    With an encoder whose backbone is frozen, `features` computes once what the backbone returns,
    and `fit` and `evaluate` take that instead of the images. The task still captions images.

    Args:
        encoder: Makes `Encoded` of images, videos or features; see `seqzoo.encoders`.
        decoder: Makes hidden states of it and the caption so far; see `seqzoo.decoders`.
        preprocessor: `ImageCaptions` with an adapted tokenizer, or None where users feed tensors
            `{"images" or "frames" or "features", "mask", "target_ids"}` themselves.
        head: Makes logits of hidden states; None is `Tokens` without label smoothing.
        search: The search that is used where none is given; None is `Greedy()`.

    Call arguments:
        x: Dict of `images` `(B, height, width, 3)`, `frames` `(B, F, height, width, 3)` or
            `features` `(B, positions, width)`, a boolean `mask` `(B, F)` of frames, and
            `target_ids` `(B, T)` or `(B, K, T)`, which begin with the start id.

    Returns:
        Logits, one vector for each of `target_ids`.

    Example:
        >>> text = sz.preprocessing.ImageCaptions(
        ...     sz.preprocessing.FeatureReader(places=4, width=3), sz.preprocessing.ByteTokenizer()
        ... )
        >>> encoder = sz.encoders.FeatureEncoder(places=4, width=3, units=5)
        >>> decoder = sz.decoders.CaptionDecoder(260, embedding_dim=4, units=6)
        >>> captioner = sz.Captioner(encoder, decoder, text)
        >>> len(captioner.generate([np.ones((4, 3), "float32")], search=sz.Greedy(max_length=4)))
        1
    """

    def __init__(
        self,
        encoder,
        decoder,
        preprocessor: ImageCaptions | None = None,
        head=None,
        search: Any = None,
        **kwargs,
    ):
        head = Tokens(decoder.vocabulary_size) if head is None else head
        super().__init__(head, preprocessor, search, **kwargs)
        self.encoder = encoder
        self.decoder = decoder
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        self._check_size()
        encoded = self.encoder(symbolic_inputs(self.encoder))
        self.head(self.decoder(symbolic_inputs(self.decoder), encoded))
        self.built = True

    def _check_size(self):
        if self.preprocessor is None:
            return
        size = self.preprocessor.target.vocabulary_size
        for name, part in (("decoder", self.decoder), ("head", self.head)):
            if part.vocabulary_size != size:
                raise ValueError(
                    f"The {name} has a vocabulary of {part.vocabulary_size} tokens and the "
                    f"tokenizer one of {size}. Make the {name} with vocabulary_size={size}."
                )

    def call(self, x, training=False):
        encoded = self.encode(x, training=training)
        ids = x["target_ids"]
        rows = ids.shape[:-1].num_elements()  # None where it is not known
        captions = tf.reshape(ids, [-1 if rows is None else rows, tf.shape(ids)[-1]])
        captions = self.fed(captions, encoded) if training else captions
        logits = self.head(self.decoder(captions, encoded, training=training))
        shape = tf.concat([tf.shape(ids), tf.shape(logits)[-1:]], axis=0)
        return tf.reshape(logits, shape)

    def encode(self, inputs, training=False):
        name = next(name for name in self.encoder.input_specs() if name in inputs)
        return self.encoder(inputs[name], mask=inputs.get("mask"), training=training)

    def features(self, images: Sequence[Any], batch_size: int = 64) -> np.ndarray:
        """Returns the features that the backbone makes, to be trained on instead of the images.

        Args:
            images: Raw images or videos; videos must have equal numbers of frames.
            batch_size: Images of a batch.

        Returns:
            Float32 `(N, positions, features)`; of videos `(N, F, features)`, one for each frame.
        """
        compute_features = tf.function(
            self.encoder.features, autograph=False, reduce_retracing=True
        )
        parts = []
        for start in range(0, len(images), batch_size):
            raw = self.preprocessor.as_raw(images[start : start + batch_size])
            inputs = self.preprocessor.prepare(raw)
            pixels = inputs.get("images", inputs.get("frames"))
            parts.append(compute_features(pixels).numpy())
        return np.concatenate(parts).astype("float32")

    def make_training_batches(
        self, x, y, batch_size, tokens_per_batch, seed, steps_per_epoch, weights=NO_WEIGHTS
    ):
        by_length = getattr(self.encoder, "frozen", False)  # see `training_batches`
        if is_stream(x):
            rows: Any = StreamedCaptions(self.preprocessor)
            return streamed_batches(x, rows, batch_size, tokens_per_batch, seed, by_length)
        sizes = batch_size, tokens_per_batch
        corpus = self._corpus(x, y, weights)
        return training_batches(*corpus, *sizes, seed, by_length=by_length)  # pyright: ignore[reportCallIssue]

    def make_evaluation_batches(self, x, y=None, batch_size=None, weights=NO_WEIGHTS):
        if is_stream(x):
            rows: Any = StreamedCaptions(self.preprocessor)
            return evaluation_batches(x.ordered(), rows, batch_size or 64)
        return evaluation_batches(*self._corpus(x, y, weights), batch_size or 64)  # pyright: ignore[reportCallIssue]

    def _corpus(self, x, y, weights):
        images, captions = image_pairs(x, y)
        reader = reader_of(images[0]) if images and is_features(images[0]) else None
        examples, packer = self.preprocessor.corpus(images, captions, reader)
        if not weights:
            return examples, packer
        weights = weights._replace(of_examples=weights.of_examples[packer.indices])
        return weights.apply(examples), WeightedPacker(packer, weights)

    def mean_length(self, x, y=None):
        """Returns 1: an image is one step."""
        return 1.0

    def one_batch(self, examples, weights):
        batches = self.make_evaluation_batches(
            examples.x, examples.y, len(examples.x), weights=weights
        )
        return next(iter(batches))

    def _has_answer(self, inputs, is_read):
        return is_read & inputs.get("is_whole", True)  # features have no such thing

    @property
    def described_limits(self):
        pixels = getattr(getattr(self.preprocessor, "reader", None), "max_pixels", None)
        return super().described_limits | ({} if pixels is None else {"pixels": pixels})

    def _is_blank(self, raw):
        return tf.zeros([tf.shape(raw)[0]], tf.bool)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "encoder": serialize(self.encoder),
            "decoder": serialize(self.decoder),
        }
