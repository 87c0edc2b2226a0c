"""The contract of a loop over time, and the loop that runs on any backend.

A recurrent step is a few matrix products by weights that are the same at every step, and some
elementwise arithmetic. Left to automatic differentiation, a loop adds a small product to each
weight's gradient at every step. Here a step names its products (`project`), so that the way back
only propagates through them, and the gradient of a weight is one large product over all steps
after the loop. `ops.recurrence.plan` says which kernel runs a loop.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine

Projections = dict[str, tuple]
"""The products of a step by name: `(kernel (in, out),)` or `(kernel, bias (out,))`."""

Project = Callable[[str, Any], Any]
"""`project(name, u)` is `u @ kernel + bias` of the projection of that name, for `u` `(B, in)`."""

Step = Callable[[Any, Any, Any, Project], Any]
"""`step(inputs_t, state, constants, project) -> state`, of the same structure."""


class Constants(NamedTuple):
    """What is the same at every step, apart by whether each row has its own.

    Attributes:
        rows: Nest of tensors `(B, ...)`.
        weights: Nest of tensors that all rows share.
    """

    rows: Any = ()
    weights: Any = ()


class Loop(NamedTuple):
    """A step and all that it runs over.

    The step must be pure: every tensor that it uses comes from its arguments, and every projection
    is used exactly once a step. What it should return at every step is a leaf of its state.

    Attributes:
        step: See `Step`.
        state: Nest of float tensors `(B, ...)`: the state before the first step.
        inputs: Nest of tensors `(T, B, ...)`, time first.
        projections: See `Projections`.
        constants: Nest of tensors that are the same at every step.
        reverse: Whether to run from the last step to the first.
        prepare: None, or a pure function `prepare(inputs, input_weights)` that returns what the
            steps take in place of `inputs`, tensors `(T, B, ...)`: products that need no state.
        input_weights: Nest of tensors for `prepare`.
        requested: Nest of booleans like `state`, True for a leaf that is returned after each step;
            None for all. The others come back as None, and cost less.
        training: Whether a gradient is sure to be asked for.
        independent_rows: Whether the rows do not depend on each other and `constants` are
            `Constants` or (), so that a kernel may split the batch. A leaf of `inputs` without
            rows is `(T,)`.
        elementwise: Whether the step, but for its projections, is arithmetic of single values.
        parallel: None, or `parallel(inputs, state, projections, constants, reverse)`, which
            returns what a loop over the prepared inputs would, without one.
        cudnn: None, or the `CudnnCall` that does the same.
        joint: None, or a function that returns the same loop with one product a step in place of
            that of the inputs ahead of it and that of the state.
        checkpoint_steps: None, or the length of the chunks of time that are run again for their
            gradient.
        owner: The layer that the loop is part of, for `scan_hook`.
    """

    step: Step
    state: Any
    inputs: Any
    projections: Projections
    constants: Any = ()
    reverse: bool = False
    prepare: Callable[[Any, Any], Any] | None = None
    input_weights: Any = ()
    requested: Any = None
    training: bool = False
    independent_rows: bool = False
    elementwise: bool = False
    parallel: Callable[..., tuple] | None = None
    cudnn: Any = None
    joint: Callable[["Loop"], "Loop"] | None = None
    checkpoint_steps: int | None = None
    owner: Any = None

    def prepared(self) -> "Loop":
        """Returns the loop with inputs as its steps take them."""
        if self.prepare is None:
            return self
        inputs = self.prepare(self.inputs, self.input_weights)
        return self._replace(inputs=inputs, prepare=None, input_weights=())

    def requested_flags(self) -> Any:
        """Returns `requested` in full."""
        if self.requested is not None:
            return self.requested
        return keras.tree.map_structure(lambda leaf: True, self.state)

    def of_requested(self, states: Any) -> list:
        """Returns the leaves of states that are requested, in order."""
        leaves, flags = keras.tree.flatten(states), keras.tree.flatten(self.requested_flags())
        return [leaf for leaf, requested in zip(leaves, flags, strict=True) if requested]


class CudnnCall(NamedTuple):
    """A recurrence as cuDNN runs it, by Keras's own functions.

    Attributes:
        kind: `"lstm"` or `"gru"`.
        arguments: What Keras's function takes: `inputs` `(B, T, features)`, the initial states
            `(B, units)`, weights, activations.
        mask: Boolean `(B, T)`, or None.
        units: Width of the states.
        dtype: That of the computation.
    """

    kind: str
    arguments: dict[str, Any]
    mask: Any
    units: int
    dtype: str


ScanHook = Callable[..., tuple]
"""`hook(scan, owner, step, state, inputs, projections, constants, reverse)`, as `scan` returns."""

_hook: ContextVar[ScanHook | None] = ContextVar("scan_hook", default=None)


@contextlib.contextmanager
def scan_hook(hook: ScanHook) -> Iterator[None]:
    """Lets `hook` run the loops of this thread that have an owner, as long as the context lasts.

    So an instrument sees into the loops of a model without a change to it.
    """
    token = _hook.set(hook)
    try:
        yield
    finally:
        _hook.reset(token)


def current_hook() -> ScanHook | None:
    """The hook of the innermost `scan_hook`, or None."""
    return _hook.get()


def apply_projections(projections: Projections) -> Project:
    """Returns the plain `project` of `projections`, for a single step outside of a loop."""
    return lambda name, u: affine(u, *projections[name])


def within(project: Project, prefix: str) -> Project:
    """Returns the `project` of the projections named `prefix/...`, by the rest of the name."""
    return lambda name, u: project(f"{prefix}/{name}", u)


def general_scan(
    step: Step,
    state: Any,
    inputs: Any,
    projections: Projections,
    constants: Any = (),
    reverse: bool = False,
) -> tuple:
    """Runs a step over time on any backend, differentiated by the backend itself.

    Returns:
        `(states, final)`: the state after each step, leaves `(T, B, ...)` aligned with `inputs`,
        and the state after the last step that ran, leaves `(B, ...)`.
    """
    leaves = keras.tree.flatten(state)

    def body(carry, inputs_t):
        carry_in = keras.tree.pack_sequence_as(state, carry)
        carry = keras.tree.flatten(
            step(inputs_t, carry_in, constants, apply_projections(projections))
        )
        return carry, carry

    final, states = ops.scan(body, leaves, inputs, reverse=reverse)
    return keras.tree.pack_sequence_as(state, states), keras.tree.pack_sequence_as(state, final)
