"""A vector for each token, from the token and from its characters or subwords."""

from typing import Any, Literal

import keras
from keras import ops

from seqzoo.layers.cells import make_cell
from seqzoo.layers.recurrent.bidirectional import Bidirectional
from seqzoo.ops.affine import affine
from seqzoo.ops.option_names import check_known

READERS = ("cnn", "lstm")


@keras.saving.register_keras_serializable(package="seqzoo")
class TokenFeatures(keras.layers.Layer):
    """Concatenates the embedding of a token and features of its pieces.

    The pieces of a token are its characters, bytes or subwords. They are read by a convolution
    with max pooling (Ma and Hovy, 2016), or by a bidirectional LSTM, whose final states are taken
    (Lample et al., 2016). The output of a language model's encoder at the token can be added to
    the features (Peters et al., 2017).

    Args:
        vocabulary_size: Positive int, tokens, padding (id 0) and unknown (id 1) counted.
        embedding_dim: Positive int.
        piece_count: Positive int, pieces, padding (id 0) counted; None reads none.
        piece_dim: Positive int, the width of the embeddings of pieces.
        piece_units: Filters of the convolution, or width of the LSTM for each direction.
        reader: `"cnn"` or `"lstm"`.
        window: Pieces in a window of the convolution.
        unknown_rate: From 0 to below 1: the share of the tokens that training replaces by the
            unknown token, so that the model learns to use their pieces.
        dropout: From 0 to below 1: the share of the features that are set to 0 in training.
        language: A `LanguageEncoder` with the same vocabulary, such as that of a trained
            `LanguageModel`, or None. It is trained too, unless its `trainable` is False.

    Call arguments:
        inputs: Token ids `(B, T)`.
        pieces: Piece ids `(B, T, P)`, 0 where there is none.

    Returns:
        Float tensor `(B, T, features)`.

    References: Ma and Hovy, 2016, https://arxiv.org/abs/1603.01354; Lample et al., 2016,
    https://arxiv.org/abs/1603.01360; Peters et al., 2017, https://arxiv.org/abs/1705.00108

    Example:
        >>> features = sz.layers.TokenFeatures(20, embedding_dim=6, piece_count=9, piece_units=4)
        >>> tokens, characters = np.array([[5, 7, 0]]), np.array([[[3, 4], [2, 0], [0, 0]]])
        >>> tuple(features(tokens, characters).shape)
        (1, 3, 10)
    """

    def __init__(
        self,
        vocabulary_size: int,
        embedding_dim: int = 100,
        piece_count: int | None = None,
        piece_dim: int = 30,
        piece_units: int = 30,
        reader: Literal["cnn", "lstm"] = "cnn",
        window: int = 3,
        unknown_rate: float = 0.0,
        dropout: float = 0.0,
        language: keras.layers.Layer | None = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_known("reader", reader, READERS)
        size = getattr(language, "vocabulary_size", None)
        if language is not None and size != vocabulary_size:
            raise ValueError(
                "`language` must be an encoder with the vocabulary of the tokens, such as the "
                f"`encoder` of a language model. Received: {type(language).__name__} with "
                f"vocabulary_size={size}, where the tokens have {vocabulary_size}."
            )
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.piece_count = piece_count
        self.piece_dim = piece_dim
        self.piece_units = piece_units
        self.reader = reader
        self.window = window
        self.unknown_rate = unknown_rate
        self.dropout = dropout
        self.language = language
        self.seed_generator = keras.random.SeedGenerator()
        dtype = self.dtype_policy
        start = keras.initializers.RandomUniform(
            -((3 / embedding_dim) ** 0.5), (3 / embedding_dim) ** 0.5
        )
        self.embedding = keras.layers.Embedding(vocabulary_size, embedding_dim, start, dtype=dtype)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype)
        self.piece_embedding: Any = None
        self.lstm = None
        if piece_count is not None:
            start = keras.initializers.RandomUniform(
                -((3 / piece_dim) ** 0.5), (3 / piece_dim) ** 0.5
            )
            self.piece_embedding = keras.layers.Embedding(
                piece_count, piece_dim, start, dtype=dtype
            )
            if reader == "lstm":
                self.lstm = Bidirectional(make_cell("lstm", piece_units, dtype=dtype), dtype=dtype)

    @property
    def width(self) -> int:
        """The number of features."""
        directions = 2 if self.reader == "lstm" else 1
        of_pieces = 0 if self.piece_count is None else directions * self.piece_units
        of_language = 0 if self.language is None else self.language.hidden_size
        return self.embedding_dim + of_pieces + of_language

    def build(self, inputs_shape, pieces_shape=None):
        if not 0 <= self.unknown_rate < 1:
            raise ValueError(
                "`unknown_rate` must be at least 0 and below 1. Received: "
                f"unknown_rate={self.unknown_rate}."
            )
        self.embedding.build(inputs_shape)
        if self.piece_embedding is not None:
            self.piece_embedding.build((None, None))
            if self.lstm is not None:
                self.lstm.build((None, None, self.piece_dim))
            else:
                shape = (self.window * self.piece_dim, self.piece_units)
                self.piece_kernel = self.add_weight(shape, name="piece_kernel")
                self.piece_bias = self.add_weight((self.piece_units,), "zeros", name="piece_bias")
        if self.language is not None and not self.language.built:
            self.language.build(inputs_shape)
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the call's arguments, by their names."""
        specs = {"inputs": keras.KerasTensor((None, None), dtype="int32")}
        if self.piece_count is not None:
            specs["pieces"] = keras.KerasTensor((None, None, None), dtype="int32")
        return specs

    def call(self, inputs, pieces=None, training=False, segment_ids=None):
        ids = inputs
        if training and self.unknown_rate:
            drawn = keras.random.uniform(ops.shape(ids), dtype="float32", seed=self.seed_generator)
            ids = ops.where(ops.logical_and(drawn < self.unknown_rate, ids > 1), 1, ids)
        features = [self.embedding(ids)]
        if self.piece_embedding is not None:
            features.append(self._read(pieces))
        if self.language is not None:
            segments = {} if segment_ids is None else {"segment_ids": segment_ids}
            features.append(self.language(inputs, training=training, **segments)[0])
        features = features[0] if len(features) == 1 else ops.concatenate(features, axis=-1)
        return self.drop(features, training=training)

    def _read(self, pieces):
        batch, time, count = ops.shape(pieces)
        pieces = ops.reshape(pieces, (batch * time, count))
        mask = ops.not_equal(pieces, 0)
        embedded = self.piece_embedding(pieces)  # (N, P, D)
        if self.lstm is not None:
            read = self.lstm(embedded, mask=mask)[1]
        else:
            read = self._convolve(embedded, mask)
        return ops.reshape(read, (batch, time, read.shape[-1]))

    def _convolve(self, embedded, mask):
        embedded = ops.where(mask[..., None], embedded, ops.zeros_like(embedded))
        left = self.window // 2
        padded = ops.pad(embedded, [[0, 0], [left, self.window - 1 - left], [0, 0]])
        count = ops.shape(embedded)[1]
        windows = [padded[:, i : i + count] for i in range(self.window)]
        cast = self.compute_dtype
        kernel, bias = ops.cast(self.piece_kernel, cast), ops.cast(self.piece_bias, cast)
        outputs = affine(ops.concatenate(windows, axis=-1), kernel, bias)
        # tanh grows with its argument, so that it may come after the maximum.
        lowest = ops.cast(-1e4, outputs.dtype)
        highest = ops.max(ops.where(mask[..., None], outputs, lowest), axis=1, initial=-1e4)
        return ops.where(ops.any(mask, axis=1, keepdims=True), ops.tanh(highest), 0)

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "piece_count": self.piece_count,
            "piece_dim": self.piece_dim,
            "piece_units": self.piece_units,
            "reader": self.reader,
            "window": self.window,
            "unknown_rate": self.unknown_rate,
            "dropout": self.dropout,
            "language": keras.saving.serialize_keras_object(self.language),
        }

    @classmethod
    def from_config(cls, config):
        language = keras.saving.deserialize_keras_object(config.get("language"))
        return cls(**config | {"language": language})
