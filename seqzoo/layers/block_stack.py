"""A stack of residual blocks: all that stands between an embedding and a head."""

from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.layers.attention.attention import Memory
from seqzoo.layers.block import Block
from seqzoo.layers.mixers.attention_reads import Reading
from seqzoo.layers.mixers.self_attention import SelfAttention
from seqzoo.layers.normalization import StepNormalization
from seqzoo.layers.positions import (
    POSITIONS,
    AttentionPositions,
    LearnedPositions,
    PositionsKind,
    SinusoidalPositions,
    make_attention_positions,
)
from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.caches import (
    CacheIndex,
    after_chunk,
    after_step,
    first_index,
    index_with_columns,
    with_columns,
)
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.option_names import check_known
from seqzoo.ops.positions import step_positions
from seqzoo.search.step import SharedCache


class StackState(NamedTuple):
    """What a stack of blocks continues from.

    Attributes:
        index: `CacheIndex`, one for all self-attention.
        blocks: For each block the state of its mixer; of self-attention its `SharedCache` alone.
    """

    index: Any
    blocks: Any


@keras.saving.register_keras_serializable(package="seqzoo")
class BlockStack(keras.layers.Layer):
    """Runs residual blocks one after the other.

    What the self-attention of all blocks shares, where each step may read and what it knows of
    positions, is made once for all.

    Args:
        blocks: List of `Block`s.
        positions: `"learned"` or `"sinusoidal"`, which are added to the inputs; `"rotary"`,
            `"relative"` or `"alibi"`, which act inside of every self-attention without positions
            of its own; a layer of `layers.positions`; or None.
        max_length: Positions of `"learned"`.
        input_norm: Whether the inputs are normalised, after positions are added.
        final_norm: Whether the outputs are; None: where the norms of blocks stand before.
        dropout: From 0 to below 1: share of the values of the inputs that are dropped.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: See `SequenceMixer`.
        segment_ids: See `SequenceMixer`.
        state: `StackState` to continue from, of one hypothesis an example, or None.
        memory: For each block the `Memory` of its cross-attention, where they have it.
        joined: See `Block`.
        return_weights: Whether to return the weights of the last cross-attention too.

    Returns:
        `(B, T, features)`, and the state after the last real step: `()` where the call got none;
        with `return_weights` also the weights `(B, T, S)`.

    Example:
        >>> blocks = sz.layers.make_blocks(8, layers=2, mixers=["mamba", "attention"], num_heads=2)
        >>> outputs, _ = sz.layers.BlockStack(blocks)(np.ones((2, 3, 8), "float32"))
        >>> tuple(outputs.shape)
        (2, 3, 8)
    """

    def __init__(
        self,
        blocks: list[Block],
        positions: PositionsKind | keras.layers.Layer | None = None,
        max_length: int = 512,
        input_norm: bool = False,
        final_norm: bool | None = None,
        dropout: float = 0.0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not blocks:
            raise ValueError("A stack needs at least one block. Received: blocks=[].")
        self.blocks: list[Any] = list(blocks)
        self.max_length = max_length
        own = {"dtype": self.dtype_policy}
        if positions == "learned":
            start = keras.initializers.RandomNormal(stddev=0.02)
            positions = LearnedPositions(max_length, start, **own)
        elif positions == "sinusoidal":
            positions = SinusoidalPositions(**own)
        elif isinstance(positions, str):
            check_known("positions", positions, POSITIONS)
            mixer = next((b.mixer for b in blocks if isinstance(b.mixer, SelfAttention)), None)
            if mixer is None:
                raise ValueError(
                    f"`positions={positions!r}` act inside of attention, and no block has any. "
                    "Leave them out: recurrent mixers know the order of steps by themselves."
                )
            positions = make_attention_positions(
                positions, mixer.num_heads, not mixer.causal, **own
            )
        self.positions: Any = positions
        self.input_norm = input_norm
        self.final_norm = final_norm
        self.dropout = dropout
        first = self.blocks[0]
        self.first_norm: Any = None
        self.last_norm: Any = None
        if input_norm:
            self.first_norm = StepNormalization(first.norm, first.epsilon, name="first_norm", **own)
        if first.norm_position == "before" if final_norm is None else final_norm:
            self.last_norm = StepNormalization(first.norm, first.epsilon, name="last_norm", **own)
        self.drop = keras.layers.Dropout(dropout, name="drop", **own)
        self.supports_masking = True

    @property
    def _inside(self) -> Any:
        """The positions that act inside of self-attention, or None."""
        return self.positions if isinstance(self.positions, AttentionPositions) else None

    @property
    def _added(self) -> Any:
        """The positions that are added to the inputs, or None."""
        return None if isinstance(self.positions, AttentionPositions) else self.positions

    @property
    def attends(self) -> bool:
        """Whether a mixer reads from steps far back, so that the state grows with the text."""
        return any(isinstance(block.mixer, SelfAttention) for block in self.blocks)

    @property
    def max_positions(self) -> int | None:
        """The longest sequence in steps, where positions come from a table; None: any."""
        return getattr(self.positions, "max_length", None)

    def build(self, inputs_shape, memory_shape=None):
        """Makes the weights; parts that come from a saved model may have theirs."""
        for layer in (self.first_norm, self.last_norm, self.positions):
            if layer is not None and not layer.built:
                layer.build(inputs_shape)
        for i, block in enumerate(self.blocks):
            if not block.built:
                block.build(inputs_shape, None if memory_shape is None else memory_shape[i])

    def call(
        self,
        inputs,
        mask=None,
        segment_ids=None,
        state=None,
        memory=None,
        joined=None,
        return_weights=False,
        training=False,
    ):
        mask = attached_mask(mask, inputs)
        index, states = None, [None] * len(self.blocks)
        if state is not None:
            index, states = CacheIndex(*state[0]), state[1]
        steps = ops.shape(inputs)[1]
        if self._added is not None:
            positions = step_positions(steps, mask, segment_ids)
            if index is not None:
                positions = index.position[:, None] + positions
            is_table = isinstance(self._added, LearnedPositions)
            more = {"shared_rows": segment_ids is not None} if is_table else {}
            inputs = self._added(inputs, positions, **more)
        x = inputs if self.first_norm is None else self.first_norm(inputs)
        x, after, shared, weights = self.drop(x, training=training), [], {}, []
        for i, (block, before) in enumerate(zip(self.blocks, states, strict=True)):
            reads, reading = None, self._reading(block)
            if reading is not None:
                if reading not in shared:
                    shared[reading] = (
                        reading.whole(x, mask, segment_ids)
                        if index is None
                        else reading.chunk(x, mask, segment_ids, index)
                    )
                reads = shared[reading]
            with_weights = return_weights and i == len(self.blocks) - 1
            x, own, *weights = block(
                x,
                mask=mask,
                segment_ids=segment_ids,
                state=before,
                memory=None if memory is None else memory[i],
                joined=joined,
                reads=reads,
                return_weights=with_weights,
                training=training,
            )
            after.append(own)
        x = x if self.last_norm is None else self.last_norm(x)
        after = () if index is None else StackState(after_chunk(index, mask, steps), after)
        return (x, after, *weights)

    def _reading(self, block: Block) -> Reading | None:
        """Returns how the self-attention of a block reads; None for other mixers."""
        mixer = block.mixer
        return mixer.reading(self._inside) if isinstance(mixer, SelfAttention) else None

    def initial_state(self, batch_size, max_length, width=1) -> StackState:
        """Returns the state before the first step; see `SequenceMixer.initial_state`."""
        dtype = self.compute_dtype if self.attends else None
        index = first_index(batch_size, max_length, width, dtype)
        states = []
        for block in self.blocks:
            if isinstance(block.mixer, SelfAttention):
                state = block.mixer.empty_caches(batch_size, max_length, width)
            else:
                state = block.mixer.initial_state(batch_size, max_length, width)
            states.append(state)
        return StackState(index, states)

    def with_width(self, state: StackState, width: int) -> StackState:
        """Returns a state of one hypothesis an example as that of `width` equal ones."""

        def widened(block, own):
            if isinstance(block.mixer, SelfAttention):
                leaves = SharedCache(*own).leaves
                return SharedCache([with_columns(leaf, width) for leaf in leaves])
            return keras.tree.map_structure(lambda leaf: ops.repeat(leaf, width, axis=0), own)

        index, states = StackState(*state)
        pairs = zip(self.blocks, states, strict=True)
        return StackState(
            index_with_columns(CacheIndex(*index), width), [widened(*pair) for pair in pairs]
        )

    def stepper(self, return_weights: bool = False):
        """Returns a step with its weights read and cast: a loop does that once, ahead of it.

        Args:
            return_weights: Whether the step returns the weights of the last cross-attention.

        Returns:
            `step(inputs, state, memory)`, which takes inputs `(N, features)` to outputs
            `(N, features)`, the next `StackState` and the weights `(B, K, S)` or `()`.
        """
        last = len(self.blocks) - 1
        steps = [block.stepper(return_weights and i == last) for i, block in enumerate(self.blocks)]
        norms = [
            None if norm is None else norm.weights_of_step()
            for norm in (self.first_norm, self.last_norm)
        ]

        def step(inputs, state, memory=None):
            index, states = StackState(*state)
            index, x = CacheIndex(*index), inputs
            examples = self._examples(index, states)
            sizes = examples, rows_per_example(ops.shape(inputs)[0], examples)
            if self._added is not None:
                x = self._added(x, index.position)
            x = x if self.first_norm is None else self.first_norm.step(x, norms[0])
            after, shared, weights = [], {}, ()
            for i, (block, run, before) in enumerate(zip(self.blocks, steps, states, strict=True)):
                reads, reading = None, self._reading(block)
                if reading is not None:
                    if reading not in shared:
                        shared[reading] = reading.step(index, examples)
                    reads = shared[reading]
                x, own, weights = run(
                    x, sizes, before, None if memory is None else memory[i], reads
                )
                after.append(own)
            x = x if self.last_norm is None else self.last_norm.step(x, norms[1])
            moved = [reads.index for reads in shared.values()]
            return x, StackState(moved[0] if moved else after_step(index, examples), after), weights

        return step

    def _examples(self, index: CacheIndex, states) -> Any:
        """Returns B, the examples whose hypotheses take a step."""
        for block, state in zip(self.blocks, states, strict=True):
            if isinstance(block.mixer, SelfAttention):
                return ops.shape(SharedCache(*state).leaves[0])[0]
        return ops.shape(index.slot)[0]

    def memories(self, values, mask) -> list[Memory]:
        """Returns for each block the memory of its cross-attention of values `(B, S, features)`."""
        return [block.cross_attention.memory(values, mask) for block in self.blocks]

    def compute_mask(self, inputs, mask=None, *args, **kwargs):
        return [mask]  # of the outputs, which come first; the state has no time

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        names = ("max_length", "input_norm", "final_norm", "dropout")
        return (
            super().get_config()
            | {"blocks": [serialize(block) for block in self.blocks]}
            | {"positions": serialize(self.positions)}
            | {name: getattr(self, name) for name in names}
        )

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        blocks = [deserialize(block) for block in config["blocks"]]
        return cls(**config | {"blocks": blocks, "positions": deserialize(config["positions"])})
