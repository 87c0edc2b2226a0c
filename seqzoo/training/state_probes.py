"""The gradients of a loss by the states of recurrent layers, at every step."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import keras
import tensorflow as tf

from seqzoo.decoders import RecurrentDecoder
from seqzoo.layers import Bidirectional, Recurrent
from seqzoo.ops.recurrence.scan import scan_hook


class ProbedStates(NamedTuple):
    """The states of one cell in one call of its layer.

    Attributes:
        name: That of the layer, followed by `/forward` or `/backward` for a direction of a
            `Bidirectional` and by `/cell_0` and so on for the cells of a decoder.
        cell: The cell.
        states: The states after each step, in the order of the inputs, `(T, B, width)` each.
        probes: Zeros that were added to the states. The gradient of a loss by them is that by
            the states, all that comes after a step counted.
        real: Boolean `(T, B)`, True on real steps; None where all are.
        backward: Whether the cell ran from the last step to the first.

    Example:
        >>> import tensorflow as tf
        >>> layer = sz.layers.LSTM(4)
        >>> with tf.GradientTape() as tape, sz.training.probe_states(tape) as probed:
        ...     loss = keras.ops.sum(layer(np.ones((2, 3, 5), "float32")))
        >>> tuple(probed[0].states[0].shape), tuple(tape.gradient(loss, probed[0].probes)[0].shape)
        ((3, 2, 4), (3, 2, 4))
    """

    name: str
    cell: Any
    states: list[Any]
    probes: list[Any]
    real: Any
    backward: bool


@contextlib.contextmanager
def probe_states(tape: tf.GradientTape, apart: bool = False) -> Iterator[list[ProbedStates]]:
    """Adds probes to the states of all recurrent layers that run in this context.

    The layers compute what they do without. Calls in a `tf.function` that is entered within the
    context get no probes.

    Args:
        tape: Records the model; it watches the probes.
        apart: Whether no gradient flows into a loop from outside, so that what is differentiated
            has a gradient by the states of the cells that it reads directly, and of no other.

    Yields:
        A list that gets an item for each cell that runs.

    Example, the gradients of a loss by the first states of a model in a train step:

        with tf.GradientTape() as tape, probe_states(tape) as probed:
            loss = compute_loss(model(x, training=True))
        (d_states,) = tape.gradient(loss, probed[0].probes)  # (T, B, units)

    Example:
        >>> import tensorflow as tf
        >>> layer = sz.layers.LSTM(4, name="reader")
        >>> with tf.GradientTape() as tape, sz.training.probe_states(tape) as probed:
        ...     loss = keras.ops.sum(layer(np.ones((2, 3, 5), "float32")))
        >>> [each.name for each in probed]
        ['reader']
    """
    probed: list[ProbedStates] = []
    graph = _current_graph()

    def hook(scan, owner, step, state, inputs, projections, constants, reverse):
        if _current_graph() is not graph:
            return scan(step, state, inputs, projections, constants, reverse)
        if apart:
            given = (state, inputs, constants)
            state, inputs, constants = keras.tree.map_structure(tf.stop_gradient, given)
        time = tf.shape(keras.tree.flatten(inputs)[0])[0]
        probes = keras.tree.map_structure(
            lambda leaf: tf.zeros(tf.concat([[time], tf.shape(leaf)], axis=0), leaf.dtype), state
        )
        tape.watch(keras.tree.flatten(probes))
        both = {"inputs": inputs, "probes": _in_order_of_loop(owner, probes)}
        states, final = scan(_with_probes(step), state, both, projections, constants, reverse)
        probed.extend(_by_cell(owner, _in_order_of_loop(owner, states), probes, inputs))
        return states, final

    with scan_hook(hook):
        yield probed


def _current_graph() -> Any:
    """The graph that is being traced, or None where there is none."""
    return None if tf.executing_eagerly() else tf.compat.v1.get_default_graph()


def _with_probes(step: Callable) -> Callable:
    def probed_step(inputs_t, state, constants, project):
        new = keras.tree.flatten(step(inputs_t["inputs"], state, constants, project))
        probes = keras.tree.flatten(inputs_t["probes"])
        moved = [leaf + probe for leaf, probe in zip(new, probes, strict=True)]
        return keras.tree.pack_sequence_as(state, moved)

    return probed_step


def _in_order_of_loop(owner: Any, nest: Any) -> Any:
    """Takes the order of the inputs to that of the loop, and back."""
    if not isinstance(owner, Bidirectional):
        return nest
    return nest | {"backward": [tf.reverse(leaf, axis=[0]) for leaf in nest["backward"]]}


def _by_cell(owner: Any, states: Any, probes: Any, inputs: Any) -> list[ProbedStates]:
    """Splits what a layer passed to `scan` into its cells."""
    name = owner.name
    if isinstance(owner, Recurrent):
        real = inputs.get("real")
        return [ProbedStates(name, owner.cell, states, probes, real, owner.reverse)]
    if isinstance(owner, Bidirectional):
        real = inputs["forward"].get("real")
        cells = {"forward": owner.forward_cell, "backward": owner.backward_cell}
        return [
            ProbedStates(f"{name}/{side}", cell, states[side], probes[side], real, bool(backward))
            for backward, (side, cell) in enumerate(cells.items())
        ]
    if isinstance(owner, RecurrentDecoder):
        states, probes = states["cells"], probes["cells"]
        return [
            ProbedStates(f"{name}/cell_{i}", cell, states[i], probes[i], None, False)
            for i, cell in enumerate(owner.cells)
        ]
    return []
