"""Encoders of sequences by convolutions: over windows, or over ever wider ones."""

from collections.abc import Sequence

import keras
from keras import ops

from seqzoo.encoders.encoder import (
    Encoded,
    make_embedding,
    segments_of,
    step_mask,
    tokens_or_vectors,
)
from seqzoo.ops.affine import affine
from seqzoo.ops.convolution import convolve_any_rows


@keras.saving.register_keras_serializable(package="seqzoo")
class TextCNN(keras.layers.Layer):
    """Reads each step through windows of several widths.

    With `"max"` pooling and a dropout of 0.5 in the head it is the classifier of Kim, 2014.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes vectors instead of
            tokens.
        embedding_dim: Positive int, the width of the embeddings or of the vectors.
        windows: Widths of the windows in steps.
        filters: Positive int, features of each width.
        dropout: From 0 to 1: the share of the values set to 0 after the embedding.
        embedding_stddev: Standard deviation of the initial embeddings.

    Call arguments:
        inputs: Token ids `(B, S)`, or vectors `(B, S, embedding_dim)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0, or every vector.
        segment_ids: Int `(B, S)` where a row holds several sequences: no window sees another one.

    Returns:
        `Encoded` with `len(windows) * filters` features and no state.

    Reference: Kim, 2014, https://arxiv.org/abs/1408.5882
    Differs from the paper: a window may start before the first word and end after the last, so
    that the shortest text has one of every width.

    Example:
        >>> encoder = sz.encoders.TextCNN(20, embedding_dim=4, windows=(2, 3), filters=5)
        >>> tuple(encoder(np.array([[3, 4, 0], [5, 6, 7]])).outputs.shape)
        (2, 3, 10)
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int = 300,
        windows: Sequence[int] = (3, 4, 5),
        filters: int = 100,
        dropout: float = 0.0,
        embedding_stddev: float = 0.15,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.windows = windows
        self.filters = filters
        self.dropout = dropout
        self.embedding_stddev = embedding_stddev
        self.supports_masking = True
        dtype = self.dtype_policy
        self.embedding = make_embedding(vocabulary_size, embedding_dim, dtype, embedding_stddev)
        self.drop = keras.layers.Dropout(dropout, dtype=dtype, name="dropout")
        self.convolutions = [
            keras.layers.Conv1D(
                filters, window, padding="same", activation="relu", dtype=dtype, name=f"of_{window}"
            )
            for window in windows
        ]

    def build(self, inputs_shape):
        if self.embedding is not None:
            self.embedding.build(inputs_shape)
        for convolution in self.convolutions:
            convolution.build((None, None, self.embedding_dim))
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        mask = step_mask(inputs, mask)
        embedded = inputs if self.embedding is None else self.embedding(inputs)
        embedded = _only_real(self.drop(embedded, training=training), mask)
        outputs = [_convolve(each, embedded, segment_ids) for each in self.convolutions]
        outputs = ops.concatenate(outputs, axis=-1)
        return Encoded(outputs, [], mask, segments_of(mask, segment_ids))

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return [step_mask(inputs, mask)]

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "windows": list(self.windows),
            "filters": self.filters,
            "dropout": self.dropout,
            "embedding_stddev": self.embedding_stddev,
        }


@keras.saving.register_keras_serializable(package="seqzoo")
class TCN(keras.layers.Layer):
    """Stacks residual blocks of convolutions, each with twice the dilation of the one below.

    A block is two dilated convolutions, each with a ReLU and dropout of whole features, and adds
    its input to their output. With `causal` no step depends on a later one.

    Args:
        vocabulary_size: Positive int, padding (id 0) counted; None takes vectors instead of
            tokens.
        embedding_dim: Positive int, the width of the embeddings or of the vectors.
        units: Positive int, features of every block.
        blocks: Positive int. The last one reads (window - 1) * 2 ** (blocks - 1) steps around.
        window: Width of a convolution in steps.
        causal: Whether a step depends on itself and the past alone.
        dropout: From 0 to 1: the share of the features set to 0 in training.

    Call arguments:
        inputs: Token ids `(B, S)`, or vectors `(B, S, embedding_dim)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0, or every vector.
        segment_ids: Int `(B, S)` where a row holds several sequences: no window sees another one.

    Returns:
        `Encoded` with `units` features and no state.

    Reference: Bai et al., 2018, https://arxiv.org/abs/1803.01271
    Differs from the paper: no weight normalisation; masked steps are read as zeros.

    Example:
        >>> encoder = sz.encoders.TCN(20, embedding_dim=4, units=5, blocks=2, causal=True)
        >>> tuple(encoder(np.array([[3, 4, 0], [5, 6, 7]])).outputs.shape)
        (2, 3, 5)
    """

    def __init__(
        self,
        vocabulary_size: int | None,
        embedding_dim: int = 100,
        units: int = 100,
        blocks: int = 4,
        window: int = 3,
        causal: bool = False,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.vocabulary_size = vocabulary_size
        self.embedding_dim = embedding_dim
        self.units = units
        self.blocks = blocks
        self.window = window
        self.causal = causal
        self.dropout = dropout
        self.supports_masking = True
        dtype = self.dtype_policy
        self.embedding = make_embedding(vocabulary_size, embedding_dim, dtype)
        self.drop = keras.layers.SpatialDropout1D(dropout, dtype=dtype, name="dropout")
        self.convolutions = [
            keras.layers.Conv1D(
                units,
                window,
                padding="causal" if causal else "same",
                dilation_rate=2 ** (i // 2),
                activation="relu",
                kernel_initializer="he_normal",
                dtype=dtype,
                name=f"block_{i // 2}_{i % 2}",
            )
            for i in range(2 * blocks)
        ]
        self.bypass = None
        if embedding_dim != units:
            self.bypass = keras.layers.Dense(units, dtype=dtype, name="bypass")

    def build(self, inputs_shape):
        if self.embedding is not None:
            self.embedding.build(inputs_shape)
        for i, convolution in enumerate(self.convolutions):
            convolution.build((None, None, self.embedding_dim if i == 0 else self.units))
        if self.bypass is not None:
            self.bypass.build((None, None, self.embedding_dim))
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return tokens_or_vectors(self.vocabulary_size, self.embedding_dim)

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        mask = step_mask(inputs, mask)
        outputs = inputs if self.embedding is None else self.embedding(inputs)
        for i in range(0, 2 * self.blocks, 2):
            hidden = outputs
            for convolution in self.convolutions[i : i + 2]:
                hidden = _convolve(convolution, _only_real(hidden, mask), segment_ids)
                hidden = self.drop(hidden, training=training)
            around = self.bypass(outputs) if i == 0 and self.bypass is not None else outputs
            outputs = ops.relu(hidden + around)
        return Encoded(outputs, [], mask, segments_of(mask, segment_ids))

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return [step_mask(inputs, mask)]

    def get_config(self):
        return super().get_config() | {
            "vocabulary_size": self.vocabulary_size,
            "embedding_dim": self.embedding_dim,
            "units": self.units,
            "blocks": self.blocks,
            "window": self.window,
            "causal": self.causal,
            "dropout": self.dropout,
        }


def _only_real(values, mask):
    return ops.where(mask[..., None], values, ops.zeros_like(values))


def _convolve(convolution: keras.layers.Conv1D, values, segment_ids):
    """Convolves values `(B, S, features)`; with segment ids, a window reads 0 of other segments."""
    if segment_ids is None:
        return convolve_any_rows(convolution, values)
    (width,), (dilation,) = convolution.kernel_size, convolution.dilation_rate
    before = span = (width - 1) * dilation
    if convolution.padding == "same":
        before = span // 2
    edges, steps = [before, span - before], ops.shape(values)[1]
    padded = ops.pad(values, [[0, 0], edges, [0, 0]])
    padded_ids = ops.pad(segment_ids, [[0, 0], edges])
    windows = []
    for start in range(0, span + 1, dilation):
        same = ops.equal(padded_ids[:, start : start + steps], segment_ids)
        windows.append(_only_real(padded[:, start : start + steps], same))
    windows = ops.concatenate(windows, axis=-1)
    kernel = ops.reshape(convolution.kernel, (-1, convolution.filters))
    kernel, bias = (ops.cast(weight, windows.dtype) for weight in (kernel, convolution.bias))
    return convolution.activation(affine(windows, kernel, bias))
