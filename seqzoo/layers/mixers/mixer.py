"""The base of all sequence mixers."""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any

import keras
from keras import ops

from seqzoo.ops.masks import attached_mask
from seqzoo.ops.positions import runs_of_real_steps

_hook: ContextVar[Callable[[Any, Any], None] | None] = ContextVar("mixer_hook", default=None)


@contextlib.contextmanager
def mixer_hook(hook: Callable[["SequenceMixer", Any], None]) -> Iterator[None]:
    """Shows `hook(mixer, inputs)` the inputs `(B, T, features)` of all mixers called in a context.

    So an instrument can step through them. Attention in a stack of blocks is not among them: see
    `ops.attention.attention_hook`.
    """
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)


class SequenceMixer(keras.layers.Layer):
    """Mixes the steps of a sequence: what stands in a residual block where attention stands.

    All mixers hold one law: reading a sequence whole equals reading it step by step, in chunks, in
    a row that it shares with others, and with padding wherever it stands. A mixer keeps the width
    of its inputs, and makes its weights in `build`.

    A subclass fills in `mix` and, where it is causal, `initial_state` and `step`. It casts its
    weights itself (`cast`), as `step` must.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean `(B, T)`, True on real steps; None where all are. What stands at the other
            steps, wherever they are, changes nothing on real ones.
        segment_ids: Int `(B, T)` where a row holds several sequences: steps of one id that stand
            side by side are one sequence, as if it had a row of its own. Only the first of a row
            begins in `state`.
        state: What `initial_state`, `step` or a call before returned, to continue from; None
            begins a sequence.
        training: Whether values are dropped.

    Returns:
        The outputs `(B, T, features)`, finite and otherwise of no meaning at steps that are not
        real, and the state after the last real step. Attention without a `state` returns `()`.

    Example:
        >>> mixer = sz.layers.MLSTM(num_heads=2)
        >>> inputs = np.random.default_rng(0).normal(size=(1, 3, 8)).astype("float32")
        >>> whole, _ = mixer(inputs)
        >>> first, state = mixer(inputs[:, :2])
        >>> last, state = mixer.step(inputs[:, 2], state)
        >>> bool(keras.ops.max(keras.ops.abs(last - whole[:, 2])) < 1e-5)
        True
    """

    causal: bool = True
    """Whether outputs depend on the steps up to their own alone, so that there is a `step`."""

    returns_new_state: bool = True
    """Whether a call without a state returns one."""

    def __init__(self, **kwargs):
        # Keras casts every float argument of a call, and a state may be in float32.
        super().__init__(autocast=False, **kwargs)
        self.supports_masking = True

    def mix(self, inputs, mask, segment_ids, state, training) -> tuple[Any, Any]:
        """Does what a call does; `mask` is the one given or attached, or None."""
        raise NotImplementedError

    def initial_state(self, batch_size: Any, max_length: Any, width: Any = 1) -> Any:
        """Returns the state before the first step.

        Args:
            batch_size: B.
            max_length: The most steps that will be read; states of one size ignore it.
            width: K, hypotheses of an example, whose rows stand side by side.

        Returns:
            A nest of leaves `(B * K, ...)`, in the compute dtype where they are float; leaves in a
            `SharedCache` have B rows.
        """
        raise NotImplementedError

    def step(self, inputs: Any, state: Any) -> tuple[Any, Any]:
        """Reads one step, without dropout.

        Args:
            inputs: Float tensor `(N, features)`; N = B * K.
            state: See `initial_state`.

        Returns:
            The outputs `(N, features)` and the next state, of the same structure and shapes.
        """
        raise NotImplementedError

    def cast(self, *weights: Any) -> list:
        """Returns weights as tensors of the compute dtype; what is None stays None."""
        return [None if w is None else ops.cast(w, self.compute_dtype) for w in weights]

    @property
    def state_dtype(self) -> str:
        """What recurrent sums and states are held in: the compute dtype, float32 at least."""
        return keras.backend.result_type(self.compute_dtype, "float32")

    def call(self, inputs, mask=None, segment_ids=None, state=None, training=False):
        mask = attached_mask(mask, inputs)
        _check_steps(inputs, mask=mask, segment_ids=segment_ids)
        inputs = ops.cast(inputs, self.compute_dtype)
        hook = _hook.get()
        if hook is not None:
            hook(self, inputs)
        if segment_ids is not None and mask is not None:
            # Padding behind a sequence ends none, so that the state is that of the last real step.
            segment_ids = runs_of_real_steps(segment_ids, mask)
        return self.mix(inputs, mask, segment_ids, state, training)

    def compute_output_spec(
        self, inputs, mask=None, segment_ids=None, state=None, training=False
    ) -> tuple[Any, Any]:
        # Said, not traced: on JAX, an associative scan must know how many steps there are.
        outputs = keras.KerasTensor(inputs.shape, self.compute_dtype)
        if state is not None:
            spec = [(leaf.shape, leaf.dtype) for leaf in keras.tree.flatten(state)]
        elif self.returns_new_state:
            state, rows = self.initial_state(1, 0), inputs.shape[:1]
            spec = [((*rows, *x.shape[1:]), x.dtype) for x in keras.tree.flatten(state)]
        else:
            return outputs, ()
        leaves = [
            keras.KerasTensor(shape, keras.backend.standardize_dtype(dtype))
            for shape, dtype in spec
        ]
        return outputs, keras.tree.pack_sequence_as(state, leaves)

    def compute_mask(self, inputs, mask=None, segment_ids=None, state=None):
        return [mask]  # of the outputs, which come first; the state has no time


def _check_steps(inputs: Any, **others: Any) -> None:
    """Raises ValueError unless inputs are `(B, T, features)` and the others `(B, T)` or None."""
    if len(inputs.shape) != 3:
        raise ValueError(
            "`inputs` must be (batch, time, features). Received: inputs of shape "
            f"{tuple(inputs.shape)}."
        )
    for name, tensor in others.items():
        if tensor is None:
            continue
        pairs = zip(tensor.shape, inputs.shape[:2], strict=False)
        if len(tensor.shape) != 2 or any(a != b and None not in (a, b) for a, b in pairs):
            raise ValueError(
                f"`{name}` must be (batch, time), a value for each step of the inputs "
                f"{tuple(inputs.shape)}. Received: {name} of shape {tuple(tensor.shape)}."
            )


def check_heads(features: int, **heads: int) -> None:
    """Raises ValueError unless each number of heads is positive and divides the width."""
    for name, count in heads.items():
        if count < 1 or features % count:
            raise ValueError(
                f"`{name}` must be a positive divisor of the width of the inputs, {features}. "
                f"Received: {name}={count}."
            )


def check_sizes(**sizes: int) -> None:
    """Raises ValueError unless each size is at least 1."""
    for name, size in sizes.items():
        if size < 1:
            raise ValueError(f"`{name}` must be at least 1. Received: {name}={size}.")
