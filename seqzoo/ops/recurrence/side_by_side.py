"""The two directions of a layer as one loop."""

from collections.abc import Callable, Sequence
from typing import Any

import keras
from keras import ops

from seqzoo.ops.recurrence.scan import Constants, Loop, within


def side_by_side(loops: Sequence[Loop]) -> tuple[Loop, Callable[[Any, Any], list]]:
    """Returns a loop whose step takes a step of each of two loops, forward and backward.

    A loop from the end is run over flipped inputs.

    Args:
        loops: Two loops of one owner.

    Returns:
        The loop, whose state is a dict of those of `"forward"` and `"backward"`, and a function
        that takes its states and final state apart: it returns `(states, final)` of each loop.
    """
    names = ("forward", "backward")
    named = {name: _from_the_start(loop) for name, loop in zip(names, loops, strict=True)}

    def results_of(states, final) -> list:
        return [
            (_flipped(states[name]) if loop.reverse else states[name], final[name])
            for name, loop in zip(names, loops, strict=True)
        ]

    return _merged(named), results_of


def _from_the_start(loop: Loop) -> Loop:
    """Returns a loop from the first step to the last that does the same, with prepared inputs."""
    if loop.reverse:
        loop = loop._replace(inputs=_flipped(loop.inputs), reverse=False)
    return loop.prepared()


def _flipped(nest: Any) -> Any:
    return keras.tree.map_structure(lambda x: None if x is None else ops.flip(x, axis=0), nest)


def _merged(loops: dict[str, Loop]) -> Loop:
    def step(inputs_t, state, constants, project):
        return {
            name: loop.step(
                inputs_t[name],
                state[name],
                Constants(constants.rows[name], constants.weights[name]),
                within(project, name),
            )
            for name, loop in loops.items()
        }

    constants = {name: Constants(*loop.constants) for name, loop in loops.items()}
    first = loops["forward"]
    return Loop(
        step,
        state={name: loop.state for name, loop in loops.items()},
        inputs={name: loop.inputs for name, loop in loops.items()},
        projections={
            f"{name}/{key}": parts
            for name, loop in loops.items()
            for key, parts in loop.projections.items()
        },
        constants=Constants(
            {name: own.rows for name, own in constants.items()},
            {name: own.weights for name, own in constants.items()},
        ),
        requested={name: loop.requested_flags() for name, loop in loops.items()},
        training=first.training,
        owner=first.owner,
    )
