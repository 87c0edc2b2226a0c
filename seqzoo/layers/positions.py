"""Where a step stands in its sequence, told to embeddings or to attention."""

import math
from typing import Any, Literal, Protocol, runtime_checkable

import keras
from keras import ops

from seqzoo.ops.gather import gather
from seqzoo.ops.option_names import check_known
from seqzoo.ops.positions import alibi_slopes, relative_buckets, rotation


@runtime_checkable
class AttentionPositions(Protocol):
    """Positions that act inside of self-attention."""

    def rotation(self, positions: Any, head_units: int, dtype: str) -> tuple[Any, Any] | None:
        """Returns the cosines and sines `(..., T, N)` that turn queries and keys, or None."""
        ...

    def bias(self, query_positions: Any, key_positions: Any) -> Any | None:
        """Returns what is added to scores, `(..., H, T, S)`, or None.

        Args:
            query_positions: Int `(..., T)`.
            key_positions: Int `(..., S)`.
        """
        ...


class _Positions(keras.layers.Layer):
    """What does not act inside of attention unless a subclass says so."""

    def rotation(self, positions, head_units, dtype):
        return None

    def bias(self, query_positions, key_positions):
        return None


@keras.saving.register_keras_serializable(package="seqzoo")
class LearnedPositions(keras.layers.Layer):
    """Adds a learned vector for each position to the embeddings.

    Args:
        max_length: Positive int. Number of positions.
        initializer: Of the vectors.

    Call arguments:
        embedded: Float tensor `(B, T, features)`, or `(N, features)` for one step of each row.
        positions: Int `(B, T)` or `(T,)`, or `(N,)`.
        shared_rows: Whether rows hold several sequences, so that they may be longer than each.

    Raises:
        ValueError: where T is known and above `max_length`, unless rows are shared. A position
            above it is read as the last one where lengths are unknown while tracing.

    Example:
        >>> positions = sz.layers.LearnedPositions(max_length=10)
        >>> tuple(positions(np.zeros((2, 3, 4), "float32"), np.arange(3)).shape)
        (2, 3, 4)
    """

    def __init__(self, max_length: int, initializer: Any = "uniform", **kwargs):
        super().__init__(**kwargs)
        self.max_length = max_length
        self.initializer = keras.initializers.get(initializer)
        if max_length < 1:
            raise ValueError(f"`max_length` must be at least 1. Received: max_length={max_length}.")

    def build(self, embedded_shape, positions_shape=None):
        shape = (self.max_length, embedded_shape[-1])
        self.table = self.add_weight(shape=shape, initializer=self.initializer, name="table")

    def call(self, embedded, positions, shared_rows=False):
        steps = positions.shape[-1] if len(embedded.shape) == 3 else 1
        if steps is not None and steps > self.max_length and not shared_rows:
            raise ValueError(
                f"A sequence is {steps} steps long but the position table holds {self.max_length}. "
                "Make the model with a larger `max_length`, or cut the sequence."
            )
        table = ops.cast(self.table, self.compute_dtype)
        return embedded + gather(table, ops.minimum(positions, self.max_length - 1))

    def get_config(self):
        return super().get_config() | {
            "max_length": self.max_length,
            "initializer": keras.initializers.serialize(self.initializer),
        }


@keras.saving.register_keras_serializable(package="seqzoo")
class SinusoidalPositions(keras.layers.Layer):
    """Adds sines and cosines of the position to the embeddings, which knows no longest sequence.

    Value i of N is the sine of position / 10000 ** (i / N), the value N places further the cosine
    of the same angle.

    Call arguments:
        embedded: Float tensor `(B, T, features)`, or `(N, features)` for one step of each row.
        positions: Int `(B, T)` or `(T,)`, or `(N,)`.

    Reference: Vaswani et al., 2017, section 3.5, https://arxiv.org/abs/1706.03762; there sines and
    cosines take turns.

    Example:
        >>> vectors = sz.layers.SinusoidalPositions()(np.zeros((1, 3, 4), "float32"), np.arange(3))
        >>> vectors[0, 0].numpy().tolist()  # sines of 0, then cosines of 0
        [0.0, 0.0, 1.0, 1.0]
    """

    def call(self, embedded, positions):
        return embedded + self.vectors(positions, embedded.shape[-1])

    def vectors(self, positions, width: int):
        """Returns the vectors `(..., width)` of positions `(...)`."""
        half = (width + 1) // 2
        frequencies = [10000.0 ** (-i / half) for i in range(half)]
        cosines, sines = rotation(positions, frequencies, self.compute_dtype)
        return ops.concatenate([sines, cosines], axis=-1)[..., :width]

    def get_config(self):  # Keras's own cannot write a dtype policy of a layer without it
        return super().get_config()


@keras.saving.register_keras_serializable(package="seqzoo")
class RotaryPositions(_Positions):
    """Turns queries and keys by angles that grow with the position.

    So their scalar product depends on the distance alone. Values i and i + N of a head, of its
    first 2 * N, are turned by position / base ** (i / N).

    Args:
        base: Positive float. The slowest angle takes about 6 * base steps a turn.
        share: From above 0 to 1: the share of the values of a head that are turned.
        scaling: None, or how to stretch to longer texts than trained on: `"linear"` divides
            positions by `factor`; `"llama3"` divides the slow frequencies alone, those that turn
            less than `low_turns` times in `original_length`, and leaves those that turn more than
            `high_turns` times.
        factor: Positive float, see `scaling`.
        original_length: Positive int, steps that the frequencies were trained on.
        low_turns: Positive float, see `scaling`.
        high_turns: Positive float above `low_turns`, see `scaling`.

    References: Su et al., 2021, https://arxiv.org/abs/2104.09864; Chen et al., 2023,
    https://arxiv.org/abs/2306.15595; Grattafiori et al., 2024, https://arxiv.org/abs/2407.21783

    Queries and keys are `(B, T, heads, head_units)`.

    Example:
        >>> positions = sz.layers.RotaryPositions(base=500000.0)
        >>> layer = sz.layers.SelfAttention(2, causal=True, positions=positions)
        >>> tuple(layer(np.ones((2, 3, 4)))[0].shape)
        (2, 3, 4)
    """

    def __init__(
        self,
        base: float = 10000.0,
        share: float = 1.0,
        scaling: Literal["linear", "llama3"] | None = None,
        factor: float = 1.0,
        original_length: int = 8192,
        low_turns: float = 1.0,
        high_turns: float = 4.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.base = base
        self.share = share
        self.scaling = scaling
        self.factor = factor
        self.original_length = original_length
        self.low_turns = low_turns
        self.high_turns = high_turns
        if scaling is not None:
            check_known("scaling", scaling, ("linear", "llama3"))

    def rotation(self, positions, head_units, dtype):
        turned = int(head_units * self.share) // 2
        frequencies = [self._scaled(self.base ** (-i / turned)) for i in range(turned)]
        return rotation(positions, frequencies, dtype)

    def _scaled(self, frequency: float) -> float:
        if self.scaling is None:
            return frequency
        if self.scaling == "linear":
            return frequency / self.factor
        turns = self.original_length * frequency / (2 * math.pi)
        fast = (turns - self.low_turns) / (self.high_turns - self.low_turns)
        fast = min(max(fast, 0.0), 1.0)
        return frequency * (fast + (1 - fast) / self.factor)

    def get_config(self):
        names = ("base", "share", "scaling", "factor", "original_length", "low_turns", "high_turns")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="seqzoo")
class RelativePositions(_Positions):
    """Adds to the scores of each head a learned number for the distance, in buckets.

    Args:
        num_heads: Positive int.
        buckets: Positive int, see `ops.positions.relative_buckets`.
        max_distance: Positive int, from which on all distances share a bucket.
        both_ways: Whether later steps have buckets of their own, as in an encoder.

    Reference: Raffel et al., 2020, section 2.1, https://arxiv.org/abs/1910.10683

    Scores are `(B, heads, T, S)`.

    Example:
        >>> positions = sz.layers.RelativePositions(num_heads=2, buckets=8, max_distance=16)
        >>> layer = sz.layers.SelfAttention(2, causal=True, positions=positions)
        >>> tuple(layer(np.ones((2, 3, 4)))[0].shape)
        (2, 3, 4)
    """

    def __init__(
        self,
        num_heads: int,
        buckets: int = 32,
        max_distance: int = 128,
        both_ways: bool = False,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.buckets = buckets
        self.max_distance = max_distance
        self.both_ways = both_ways

    def build(self, input_shape=None):
        self.table = self.add_weight(shape=(self.buckets, self.num_heads), name="table")

    def bias(self, query_positions, key_positions):
        distances = key_positions[..., None, :] - query_positions[..., :, None]
        index = relative_buckets(distances, self.buckets, self.max_distance, self.both_ways)
        bias = gather(ops.cast(self.table, self.compute_dtype), index)  # (..., T, S, H)
        return ops.moveaxis(bias, -1, -3)

    def get_config(self):
        names = ("num_heads", "buckets", "max_distance", "both_ways")
        return super().get_config() | {name: getattr(self, name) for name in names}


@keras.saving.register_keras_serializable(package="seqzoo")
class ALiBi(_Positions):
    """Lowers the scores of each head in proportion to the distance.

    Args:
        num_heads: Positive int.

    Reference: Press et al., 2022, https://arxiv.org/abs/2108.12409

    Scores are `(B, heads, T, S)`.

    Example:
        >>> layer = sz.layers.SelfAttention(num_heads=2, causal=True, positions=sz.layers.ALiBi(2))
        >>> outputs, _ = layer(np.ones((2, 3, 4), "float32"))
        >>> tuple(outputs.shape)
        (2, 3, 4)
    """

    def __init__(self, num_heads: int, **kwargs):
        super().__init__(**kwargs)
        self.num_heads = num_heads

    def bias(self, query_positions, key_positions):
        distances = ops.abs(key_positions[..., None, :] - query_positions[..., :, None])
        slopes = ops.reshape(
            ops.cast(alibi_slopes(self.num_heads), self.compute_dtype), (self.num_heads, 1, 1)
        )
        return -slopes * ops.cast(distances, self.compute_dtype)[..., None, :, :]

    def get_config(self):
        return super().get_config() | {"num_heads": self.num_heads}


ATTENTION_POSITIONS = ("rotary", "relative", "alibi")
PositionsKind = Literal["learned", "sinusoidal", "rotary", "relative", "alibi"]
POSITIONS = ("learned", "sinusoidal", *ATTENTION_POSITIONS)
"""The names of positions that stacks and builders take."""


def make_attention_positions(
    positions: Any, num_heads: int, both_ways: bool = False, **options
) -> Any:
    """Returns new positions that act inside of attention by their name, or those given.

    Args:
        positions: `"rotary"`, `"relative"`, `"alibi"`, a layer, or None.
        num_heads: Heads of the queries.
        both_ways: Whether later steps are read too.
        options: Of the new layer.
    """
    if not isinstance(positions, str):
        return positions
    check_known("positions", positions, ATTENTION_POSITIONS)
    if positions == "rotary":
        return RotaryPositions(**options)
    if positions == "alibi":
        return ALiBi(num_heads, **options)
    return RelativePositions(num_heads, both_ways=both_ways, **options)
