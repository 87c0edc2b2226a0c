"""Loops over time with gradients: the one place for them.

A recurrent step is a few matrix products by weights that are the same at every step, and some
elementwise arithmetic. Left to automatic differentiation, a loop adds a small product to each
weight's gradient at every step. `scan` asks the step to name its products (`project`), so that the
way back only propagates through them, and the gradient of a weight is one large product over
all steps after the loop.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any, NamedTuple

import keras
from keras import ops

from seqzoo.ops.affine import affine

Projections = dict[str, tuple]
"""The named projections of a step by name: `(kernel (in, out),)` or `(kernel, bias (out,))`."""

Project = Callable[[str, Any], Any]
"""`project(name, u)` is `u @ kernel + bias` of the map of that name, for `u` `(B, in)`."""

Step = Callable[[Any, Any, Any, Project], Any]
"""`step(inputs_t, state, constants, project) -> state`, of the same structure."""


class Constants(NamedTuple):
    """What is the same at every step, apart by what the rows have in common.

    Attributes:
        rows: Nest of tensors `(B, ...)`.
        weights: Nest of tensors that all rows share.
    """

    rows: Any = ()
    weights: Any = ()


Around = Callable[..., Any]
"""`hook(scan, owner, step, state, inputs, projections, constants, reverse)`, as `scan` returns."""

_around: ContextVar[Around | None] = ContextVar("around", default=None)


@contextlib.contextmanager
def scan_hook(around: Around) -> Iterator[None]:
    """Lets `around` run the scans of this thread that have an owner, as long as the context lasts.

    So an instrument sees into the loops of a model without a change to it.
    """
    token = _around.set(around)
    try:
        yield
    finally:
        _around.reset(token)


def scan_is_hooked() -> bool:
    """Whether `scan_hook` is on."""
    return _around.get() is not None


def apply_projections(projections: Projections) -> Project:
    """Returns the plain `project` of `projections`, for a single step outside of a loop."""
    return lambda name, u: affine(u, *projections[name])


def within(project: Project, prefix: str) -> Project:
    """Returns the `project` of the projections named `prefix/...`, by the rest of the name."""
    return lambda name, u: project(f"{prefix}/{name}", u)


def scan(
    step: Step,
    state,
    inputs,
    projections: Projections,
    constants=(),
    reverse: bool = False,
    owner=None,
    wanted=None,
    training: bool = False,
    halves: bool = False,
    prepared_by=None,
):
    """Runs a recurrent step over time.

    The step must be pure: every tensor that it uses comes from its arguments, and every map in
    `projections` is used exactly once a step. What it should put out at every step is a leaf of its
    state.

    Args:
        step: See `Step`.
        state: Nest of float tensors `(B, ...)`: the state before the first step.
        inputs: Nest of tensors `(T, B, ...)`, time first.
        projections: See `Projections`.
        constants: Nest of tensors that are the same at every step.
        reverse: Whether to run from the last step to the first.
        owner: The layer that the loop is part of, for `scan_hook`.
        wanted: Nest of booleans like `state`, True for a leaf that is wanted after each step; None
            for all. The others may come back as None, and cost less.
        training: Whether a gradient is sure to be asked for.
        halves: Whether in training the loop may be compiled, and each half of the rows may have a
            loop of its own, where that pays (see `ops.tensorflow.compiled_scan` and
            `ops.tensorflow.batch_splits`). `constants` must be `Constants` or (), and a leaf of
            `inputs` without rows `(T,)`.
        prepared_by: None, or `(prepare, weights)`: the steps take `prepare(inputs, weights)`,
            tensors `(T, B, ...)` that a pure function makes of `inputs`.

    Returns:
        `(states, final)`: the state after each step, leaves `(T, B, ...)` aligned with `inputs`,
        and the state after the last step that ran, leaves `(B, ...)`.
    """
    around, on_tensorflow = _around.get(), keras.backend.backend() == "tensorflow"
    if training and halves and loop_is_compiled(state, inputs, projections):
        arguments = (step, state, inputs, projections, constants, reverse)
        return scan_compiled(*arguments, wanted, prepared_by, halves)
    if prepared_by is not None:
        prepare, weights = prepared_by
        inputs = prepare(inputs, weights)
    run = general_scan
    if on_tensorflow:
        from seqzoo.ops.tensorflow.scan import tensorflow_scan as run
    if around is not None and owner is not None:
        return around(run, owner, step, state, inputs, projections, constants, reverse)
    if not on_tensorflow:
        return run(step, state, inputs, projections, constants, reverse)
    run = partial(run, wanted=wanted, training=training)
    if training and halves:
        return _run_by_halves(run, step, state, inputs, projections, constants, reverse)
    return run(step, state, inputs, projections, constants, reverse)


def _run_by_halves(run, step, state, inputs, projections, constants, reverse):
    from seqzoo.ops.tensorflow.batch_splits import halves_pay, run_halves

    if halves_pay(state, projections):
        return run_halves(run, step, state, inputs, projections, constants, reverse)
    return run(step, state, inputs, projections, constants, reverse)


def loop_is_compiled(state, inputs, projections) -> bool:
    """Whether `scan` compiles a loop of training as a whole, if it may cut it in halves."""
    if keras.backend.backend() != "tensorflow" or scan_is_hooked():
        return False
    from seqzoo.ops.tensorflow.compiled_scan import compiling_loops_pays

    return compiling_loops_pays(state, inputs, projections)


def scan_compiled(
    step: Step,
    state,
    inputs,
    projections: Projections,
    constants=(),
    reverse: bool = False,
    wanted=None,
    prepared_by=None,
    halves: bool = False,
):
    """Does what `scan` does in training, where `loop_is_compiled`."""
    from seqzoo.ops.tensorflow.compiled_scan import compiled_scan

    run = partial(compiled_scan, wanted=wanted, prepared_by=prepared_by)
    if halves:
        return _run_by_halves(run, step, state, inputs, projections, constants, reverse)
    return run(step, state, inputs, projections, constants, reverse)


def general_scan(
    step: Step, state, inputs, projections: Projections, constants=(), reverse: bool = False
):
    """`scan` on any backend, differentiated by the backend itself."""
    leaves = keras.tree.flatten(state)

    def body(carry, inputs_t):
        carry_in = keras.tree.pack_sequence_as(state, carry)
        carry = keras.tree.flatten(
            step(inputs_t, carry_in, constants, apply_projections(projections))
        )
        return carry, carry

    final, states = ops.scan(body, leaves, inputs, reverse=reverse)
    return keras.tree.pack_sequence_as(state, states), keras.tree.pack_sequence_as(state, final)
