"""Self-attention: every step reads from every step before it, or from all."""

from typing import Any, Literal, NamedTuple

import keras
import numpy as np
from keras import ops

from seqzoo.layers.mixers.attention_reads import AttentionReads, Reading
from seqzoo.layers.mixers.mixer import SequenceMixer, check_heads
from seqzoo.layers.positions import make_attention_positions
from seqzoo.ops.affine import affine
from seqzoo.ops.attention import attend
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.caches import (
    CacheIndex,
    as_shape,
    empty_cache,
    first_index,
    write_entries,
)
from seqzoo.ops.positions import rotate
from seqzoo.search.step import SharedCache


class AttentionState(NamedTuple):
    """What self-attention continues from.

    Attributes:
        index: `CacheIndex`; the mixers of a stack share one.
        cache: `SharedCache` of the keys and the values, `(B, G, L * K, head_units)` each.
    """

    index: Any
    cache: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class SelfAttention(SequenceMixer):
    """Reads with several heads from the steps of its own sequence.

    Queries, keys and values are made by one product. With `num_kv_heads`, neighbouring heads of
    queries share keys and values.

    Args:
        num_heads: Positive int.
        num_kv_heads: Positive int that divides `num_heads`, heads of keys and values; None is
            `num_heads`.
        head_units: Positive int, width of a head; None is `features / num_heads`.
        causal: Whether a step reads from the steps up to its own alone.
        window: Positive int, the steps that a query reads at most, its own counted (on either side
            where not causal); None is all.
        soft_cap: See `ops.attention.attend`.
        positions: How scores know of distances: `"rotary"`, `"relative"`, `"alibi"` or a layer of
            `layers.positions`; None: not at all, as where positions are added to the embeddings.
        scale: What scores are multiplied by; None is `1 / sqrt(head_units)`.
        use_bias: Whether the projections add a bias.
        dropout: From 0 to below 1: share of the weights that are set to 0 in training.

    For call arguments and results see `SequenceMixer`.

    Raises:
        ValueError: when built, where the heads do not fit.

    References: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; Ainslie et al., 2023 (shared
    keys and values), https://arxiv.org/abs/2305.13245; Beltagy et al., 2020 (windows),
    https://arxiv.org/abs/2004.05150

    Takes and returns `(B, T, features)`; for call arguments and results see `SequenceMixer`.

    Example:
        >>> mixer = sz.layers.SelfAttention(num_heads=2, positions="rotary")
        >>> outputs, _ = mixer(np.ones((1, 3, 8)))
        >>> state = mixer.initial_state(1, max_length=3)
        >>> for t in range(3):
        ...     output, state = mixer.step(np.ones((1, 8)), state)
        >>> bool(np.allclose(output, outputs[:, 2], atol=1e-6))
        True
    """

    returns_new_state = False

    def __init__(
        self,
        num_heads: int = 4,
        num_kv_heads: int | None = None,
        head_units: int | None = None,
        causal: bool = True,
        window: int | None = None,
        soft_cap: float | None = None,
        positions: Literal["rotary", "relative", "alibi"] | keras.layers.Layer | None = None,
        scale: float | None = None,
        use_bias: bool = True,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.num_heads = num_heads
        self.num_kv_heads = num_kv_heads
        self.head_units = head_units
        self.causal = causal
        self.window = window
        self.soft_cap = soft_cap
        self.positions = make_attention_positions(
            positions, num_heads, not causal, dtype=self.dtype_policy
        )
        self.scale = scale
        self.use_bias = use_bias
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="drop")

    def build(self, input_shape):
        features = input_shape[-1]
        if self.head_units is None:
            check_heads(features, num_heads=self.num_heads)
        shared = self.shared_heads
        if shared < 1 or self.num_heads % shared:
            raise ValueError(
                "`num_kv_heads` must be a positive divisor of `num_heads`. Received: "
                f"num_kv_heads={self.num_kv_heads}, num_heads={self.num_heads}."
            )
        if self.window is not None and (self.window < 1 or self.window != int(self.window)):
            raise ValueError(
                f"`window` must be a positive whole number of steps. Received: {self.window}."
            )
        self.units = features // self.num_heads if self.head_units is None else self.head_units
        width = (self.num_heads + 2 * shared) * self.units
        self.kernel = self.add_weight(shape=(features, width), name="kernel")
        self.output_kernel = self.add_weight(
            shape=(self.num_heads * self.units, features), name="output_kernel"
        )
        self.bias = self.output_bias = None
        if self.use_bias:
            self.bias = self.add_weight(shape=(width,), initializer="zeros", name="bias")
            self.output_bias = self.add_weight(
                shape=(features,), initializer="zeros", name="output_bias"
            )
        if self.positions is not None and not self.positions.built:
            self.positions.build(None)

    @property
    def shared_heads(self) -> int:
        """Heads of the keys and values."""
        return self.num_heads if self.num_kv_heads is None else self.num_kv_heads

    def reading(self, positions: Any = None) -> Reading:
        """Returns how the mixer reads; `positions` are those of a stack, for one without its own.

        Mixers that read in one way share the `AttentionReads` of a call.
        """
        positions = self.positions or positions
        heads, dtype = self.shared_heads, self.compute_dtype
        return Reading(self.causal, self.window, positions, heads, self.units, dtype)

    def mix(self, inputs, mask, segment_ids, state, training):
        if state is None:
            reads = self.reading().whole(inputs, mask, segment_ids)
            return self.read(inputs, reads, training=training)
        state = AttentionState(*state)
        reads = self.reading().chunk(inputs, mask, segment_ids, CacheIndex(*state.index))
        outputs, cache = self.read(inputs, reads, state.cache, training)
        return outputs, AttentionState(reads.index, cache)

    def initial_state(self, batch_size, max_length, width=1):
        if not self.built:
            raise ValueError(
                "The caches are as wide as the heads, and this layer is not built. Call it on a "
                "sequence, or call `build((None, None, features))`, first."
            )
        index = first_index(batch_size, max_length, width, self.compute_dtype)
        return AttentionState(index, self.empty_caches(batch_size, max_length, width))

    def empty_caches(self, batch_size, max_length, width=1) -> SharedCache:
        """Returns caches without entries, the part of a state that no other mixer shares."""
        sizes = (batch_size, self.shared_heads, max_length * width, self.units)
        return SharedCache([empty_cache(sizes, self.compute_dtype) for _ in range(2)])

    def step(self, inputs, state):
        index, cache = CacheIndex(*state[0]), SharedCache(*state[1])
        inputs, examples = ops.cast(inputs, self.compute_dtype), ops.shape(cache.leaves[0])[0]
        reads = self.reading().step(index, examples)
        sizes = examples, rows_per_example(ops.shape(inputs)[0], examples)
        outputs, cache = self.read_step(inputs, sizes, reads, cache, self.weights_of_step())
        return outputs, AttentionState(reads.index, cache)

    def read(self, inputs, reads: AttentionReads, cache: Any = None, training: bool = False):
        """Reads sequences `(B, T, features)`.

        Returns:
            The outputs, and the `SharedCache` with the new entries, `()` without one.
        """
        drop = (lambda weights: self.drop(weights, training=True)) if training else None
        batch, steps, features = ops.shape(inputs)
        rows, weights = ops.reshape(inputs, (batch * steps, features)), self.weights_of_step()
        outputs, cache = self._read(rows, (batch, steps), reads, cache, weights, drop)
        return ops.reshape(outputs, (batch, steps, features)), cache

    def read_step(self, inputs, sizes: tuple, reads: AttentionReads, cache, weights: tuple):
        """Reads a step `(N, features)` of all hypotheses, `sizes` B and k, by `weights_of_step`."""
        return self._read(inputs, sizes, reads, cache, weights, None)

    def weights_of_step(self) -> tuple[tuple, tuple]:
        """Returns the two projections, cast: a loop over steps does that once, ahead of it.

        The first makes queries that are scaled already.
        """
        scale = self.units**-0.5 if self.scale is None else self.scale
        counts = [self.num_heads * self.units, 2 * self.shared_heads * self.units]
        factors = np.repeat([scale, 1.0], counts)
        first = (
            [self.kernel * factors]
            if self.bias is None
            else [self.kernel * factors, self.bias * factors]
        )
        second = [w for w in (self.output_kernel, self.output_bias) if w is not None]
        cast = [tuple(ops.cast(w, self.compute_dtype) for w in pair) for pair in (first, second)]
        return cast[0], cast[1]

    def _read(self, rows, sizes, reads, cache, weights, drop):
        """Reads rows `(B * T, features)`, of `sizes` B and T."""
        heads = affine(rows, *weights[0])
        shape = as_shape(*sizes, self.num_heads + 2 * self.shared_heads, self.units)
        heads = ops.reshape(heads, shape)
        query, keys, values = self._split(ops.transpose(heads, (0, 2, 1, 3)), reads.rotation)
        after = ()
        if cache is not None:
            pairs = zip(SharedCache(*cache).leaves, (keys, values), strict=True)
            keys, values = (write_entries(old, reads.entries, new) for old, new in pairs)
            after = SharedCache([keys, values])
        arguments = (None, reads.bias, False, 1.0, self.soft_cap, drop, self)
        context, _ = attend(query, keys, values, *arguments)
        context = ops.transpose(context, (0, 2, 1, 3))
        context = ops.reshape(context, (-1, self.num_heads * self.units))
        return affine(context, *weights[1]), after

    def _split(self, heads, rotation):
        """Returns queries, keys and values of heads `(B, H + 2 G, T, units)`, turned."""
        turned = self.num_heads + self.shared_heads
        if rotation is None and self.num_heads == self.shared_heads:
            return ops.split(heads, 3, axis=1)
        both = heads[:, :turned] if rotation is None else rotate(heads[:, :turned], *rotation)
        return both[:, : self.num_heads], both[:, self.num_heads :], heads[:, turned:]

    def get_config(self):
        positions = keras.saving.serialize_keras_object(self.positions)
        names = ("num_heads", "num_kv_heads", "head_units", "causal", "window", "soft_cap")
        names += ("scale", "use_bias", "dropout")
        own = {name: getattr(self, name) for name in names}
        return super().get_config() | own | {"positions": positions}

    @classmethod
    def from_config(cls, config):
        positions = keras.saving.deserialize_keras_object(config["positions"])
        return cls(**config | {"positions": positions})
