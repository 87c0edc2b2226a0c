"""The residual block: a sequence mixer, perhaps a reading of a source, and a feed-forward."""

from typing import Any, Literal

import keras
from keras import ops

from seqzoo.layers.attention.attention import Memory
from seqzoo.layers.attention.multi_head import MultiHeadAttention
from seqzoo.layers.feed_forward import FeedForward
from seqzoo.layers.mixers.attention_reads import AttentionReads
from seqzoo.layers.mixers.mixer import SequenceMixer
from seqzoo.layers.mixers.self_attention import SelfAttention
from seqzoo.layers.normalization import NormKind, StepNormalization
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.option_names import check_known

NORM_POSITIONS = ("before", "after")


@keras.saving.register_keras_serializable(package="seqzoo")
class Block(keras.layers.Layer):
    """Adds to each step what a mixer, a source and a feed-forward network make of it.

    With the norms N, the mixer M, cross-attention C and the feed-forward F a block is

        x = x + M(N x); x = x + C(N x); x = x + F(N x)      norm_position "before"
        x = N(x + M x); x = N(x + C x); x = N(x + F x)      "after", as in the first Transformer
        x = x + M(N x) + F(N x)                             parallel, one norm for both

    Args:
        mixer: A `SequenceMixer`.
        feed_forward: A `FeedForward`, or None where the mixer stands alone.
        cross_attention: A `MultiHeadAttention` that reads from a source, or None.
        norm: `"layer"` or `"rms"`.
        norm_position: See above.
        parallel: See above; it needs a feed-forward, norms before and no cross-attention.
        dropout: From 0 to below 1: share of the values of each summand that are dropped.
        stochastic_depth: From 0 to below 1: share of the rows for which, in training, a summand is
            left out (Huang et al., 2016, https://arxiv.org/abs/1603.09382).
        epsilon: Of the norms.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: See `SequenceMixer`.
        segment_ids: See `SequenceMixer`.
        state: See `SequenceMixer`.
        memory: `Memory` of the cross-attention, projected once: B rows, or fewer, each of which as
            many neighbouring rows of the inputs read from.
        joined: Boolean `(B, T, S)`, True where a step may read from the source, in rows that
            hold several examples; None: wherever the source is real. Of fewer rows, as `memory`
            has, the steps of all rows that read from one side by side.
        reads: `AttentionReads` that the attention mixers of a stack share, beside which `state` is
            the `SharedCache` alone; None: the mixer makes its own.
        return_weights: Whether to return the weights of the cross-attention too.

    Returns:
        `(B, T, features)` and the state of the mixer; with `return_weights` also the weights
        `(B, T, S)`.

    Raises:
        ValueError: where options exclude each other, or a memory is missing.

    References: Vaswani et al., 2017, https://arxiv.org/abs/1706.03762; Xiong et al., 2020 (norm
    before), https://arxiv.org/abs/2002.04745; Wang and Komatsuzaki, 2021 (parallel)

    Example:
        >>> block = sz.layers.Block(sz.layers.Mamba(), sz.layers.FeedForward(), norm="rms")
        >>> outputs, _ = block(np.ones((2, 3, 8), "float32"))
        >>> tuple(outputs.shape)
        (2, 3, 8)
    """

    def __init__(
        self,
        mixer: SequenceMixer,
        feed_forward: FeedForward | None = None,
        cross_attention: MultiHeadAttention | None = None,
        norm: NormKind = "layer",
        norm_position: Literal["before", "after"] = "before",
        parallel: bool = False,
        dropout: float = 0.0,
        stochastic_depth: float = 0.0,
        epsilon: float = 1e-5,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_known("norm_position", norm_position, NORM_POSITIONS)
        if parallel and (feed_forward is None or cross_attention or norm_position == "after"):
            raise ValueError(
                "A parallel block adds a mixer and a feed-forward of one norm before both. "
                f"Received: feed_forward={feed_forward}, cross_attention={cross_attention}, "
                f"norm_position={norm_position!r}. Set `parallel` to False."
            )
        if not 0 <= stochastic_depth < 1:
            raise ValueError(
                "`stochastic_depth` must be at least 0 and below 1. Received: "
                f"stochastic_depth={stochastic_depth}."
            )
        self.mixer: Any = mixer
        self.feed_forward: Any = feed_forward
        self.cross_attention: Any = cross_attention
        self.norm: NormKind = norm
        self.norm_position = norm_position
        self.parallel = parallel
        self.dropout = dropout
        self.stochastic_depth = stochastic_depth
        self.epsilon = epsilon
        own = {"dtype": self.dtype_policy}
        self.mixer_norm = StepNormalization(norm, epsilon, name="mixer_norm", **own)
        self.cross_norm: Any = None
        self.feed_norm: Any = None
        if cross_attention is not None:
            self.cross_norm = StepNormalization(norm, epsilon, name="cross_norm", **own)
        if feed_forward is not None and not parallel:
            self.feed_norm = StepNormalization(norm, epsilon, name="feed_norm", **own)
        self.drop = keras.layers.Dropout(dropout, name="drop", **own)
        self.seed_generator = keras.random.SeedGenerator()
        self.supports_masking = True

    def build(self, inputs_shape, memory_shape=None):
        """Makes the weights; parts that come from a saved model may have theirs."""
        layers = (self.mixer_norm, self.cross_norm, self.feed_norm, self.mixer, self.feed_forward)
        for layer in layers:
            if layer is not None and not layer.built:
                layer.build(inputs_shape)
        cross = self.cross_attention
        if cross is not None and not cross.built:
            if memory_shape is None:
                raise ValueError(
                    "A block with cross-attention reads from a `memory`. Received: None. Give it, "
                    "or make the block without `cross_attention`."
                )
            cross.build(inputs_shape, memory_shape)

    def call(
        self,
        inputs,
        mask=None,
        segment_ids=None,
        state=None,
        memory=None,
        joined=None,
        reads=None,
        return_weights=False,
        training=False,
    ):
        x = self._before(self.mixer_norm, inputs)
        if reads is None:
            mixed, after = self.mixer(
                x, mask=mask, segment_ids=segment_ids, state=state, training=training
            )
        else:
            mixed, after = self.mixer.read(x, AttentionReads(*reads), state, training)
        if self.parallel:
            both = self._dropped(mixed, training)
            return inputs + both + self._dropped(
                self.feed_forward(x, training=training), training
            ), after
        x = self._after(self.mixer_norm, inputs + self._dropped(mixed, training))
        weights = ()
        if self.cross_attention is not None:
            query = self._before(self.cross_norm, x)
            read, weights = self._cross(query, memory, joined, return_weights)
            x = self._after(self.cross_norm, x + self._dropped(read, training))
        if self.feed_forward is not None:
            fed = self.feed_forward(self._before(self.feed_norm, x), training=training)
            x = self._after(self.feed_norm, x + self._dropped(fed, training))
        return (x, after, weights) if return_weights else (x, after)

    def _cross(self, query, memory, joined, return_weights):
        """Reads from the source for queries `(B * K, T, features)` of a memory of B rows."""
        rows, steps, features = ops.shape(query)
        examples = ops.shape(memory[2])[0]
        queries = rows_per_example(rows, examples) * steps
        read, weights, _ = self.cross_attention(
            ops.reshape(query, (examples, queries, features)),
            memory,
            return_weights=return_weights,
            mask=joined,
        )
        if return_weights:
            weights = ops.reshape(weights, (rows, steps, ops.shape(weights)[-1]))
        return ops.reshape(read, (rows, steps, features)), weights

    def stepper(self, return_weights: bool = False):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it.

        Args:
            return_weights: Whether the step returns the weights of the cross-attention.

        Returns:
            `step(inputs, sizes, state, memory, reads)`, which takes inputs `(N, features)`, of
            `sizes` B and K, to outputs `(N, features)`, the next state and the weights `(B, K, S)`
            or `()`; `state` and `reads` are as in a call.
        """
        mixer_step, norms, feed, cross = self._step_parts()

        def step(inputs, sizes, state, memory, reads):
            x = norms["mixer"](inputs) if self.norm_position == "before" else inputs
            mixed, after = mixer_step(x, sizes, state, reads)
            if self.parallel:
                return inputs + mixed + feed(x), after, ()
            x = self._step_join(norms["mixer"], inputs, mixed)
            weights = ()
            if self.cross_attention is not None:
                query = norms["cross"](x) if self.norm_position == "before" else x
                read, weights = self.cross_attention.step(
                    query, sizes, Memory(*memory), cross, return_weights
                )
                x = self._step_join(norms["cross"], x, read)
            if self.feed_forward is not None:
                fed = feed(norms["feed"](x) if self.norm_position == "before" else x)
                x = self._step_join(norms["feed"], x, fed)
            return x, after, weights

        return step

    def _step_parts(self):
        """Returns the functions of a step, of weights that are read now."""

        def bound(layer: Any) -> Any:
            if layer is None:
                return None
            weights = layer.weights_of_step()
            return lambda x: layer.step(x, weights)

        norms = {
            name: bound(norm)
            for name, norm in (
                ("mixer", self.mixer_norm),
                ("cross", self.cross_norm),
                ("feed", self.feed_norm),
            )
        }
        mixer, weights = self.mixer, None
        if isinstance(mixer, SelfAttention):
            weights = mixer.weights_of_step()

        def mixer_step(x, sizes, state, reads):
            if weights is None:
                return mixer.step(x, state)
            return mixer.read_step(x, sizes, reads, state, weights)

        cross = self.cross_attention
        cross = None if cross is None else cross.projections()
        return mixer_step, norms, bound(self.feed_forward), cross

    def _before(self, norm, x):
        return norm(x) if self.norm_position == "before" else x

    def _after(self, norm, x):
        return norm(x) if self.norm_position == "after" else x

    def _step_join(self, norm, x, part):
        return norm(x + part) if self.norm_position == "after" else x + part

    def _dropped(self, x, training):
        x = self.drop(x, training=training)
        if not training or not self.stochastic_depth:
            return x
        ones = ops.ones((ops.shape(x)[0], 1, 1), dtype=x.dtype)
        return x * keras.random.dropout(ones, self.stochastic_depth, seed=self.seed_generator)

    def compute_mask(self, inputs, mask=None, *args, **kwargs):
        return [mask]  # of the outputs, which come first; the state has no time

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        parts = ("mixer", "feed_forward", "cross_attention")
        names = ("norm", "norm_position", "parallel", "dropout", "stochastic_depth", "epsilon")
        return (
            super().get_config()
            | {name: serialize(getattr(self, name)) for name in parts}
            | {name: getattr(self, name) for name in names}
        )

    @classmethod
    def from_config(cls, config):
        parts = ("mixer", "feed_forward", "cross_attention")
        made = {name: keras.saving.deserialize_keras_object(config[name]) for name in parts}
        return cls(**config | made)
