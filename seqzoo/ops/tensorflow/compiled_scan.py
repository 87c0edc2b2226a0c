"""Loops over time of narrow layers, compiled by XLA with all that is around them.

A step of a narrow layer is so little work that to start its ops takes as long as to run them.
Compiled, a loop starts once, and so do the products ahead of it and after it. It runs on one core,
so that it is two of them side by side that are fast; XLA's products are not oneDNN's, so that wide
layers are better off with `tensorflow_scan`. XLA compiles for shapes that are known, anew for each:
the steps are to be known when the loop is traced, the rows when it runs.
"""

import keras
import tensorflow as tf

from seqzoo.ops.tensorflow.fused import can_compile_alone, run_compiled
from seqzoo.ops.tensorflow.residuals import History, array_of
from seqzoo.ops.tensorflow.scan import run_back, run_forward, tensorflow_scan

_MOST_PRODUCTS = 2**22  # of single numbers in a step, for each tensor of its state
_LARGEST_KERNEL = 2**22  # bytes
_FEWEST_VALUES, _FEWEST_STEPS = 2**11, 8  # of a state; to compile takes a second for each shape
_ROWS = 32  # that are taken to come where they are open, as Keras takes them


def compiling_loops_pays(state, inputs, projections) -> bool:
    """Whether a loop of training with these arguments of `scan` is compiled."""
    state, inputs, kernels = keras.tree.map_structure(
        tf.convert_to_tensor,
        (
            keras.tree.flatten(state),
            keras.tree.flatten(inputs),
            [p[0] for p in projections.values()],
        ),
    )
    without_rows = [x.shape[1:] for x in state] + [x.shape[:1] + x.shape[2:] for x in inputs]
    if not kernels or not can_compile_alone(without_rows):
        return False
    rows, values = state[0].shape[0] or _ROWS, sum(x.shape[1:].num_elements() for x in state)
    if inputs[0].shape[0] < _FEWEST_STEPS or rows * values < _FEWEST_VALUES:
        return False
    sizes = [x.shape.num_elements() for x in kernels]
    if any(x.dtype != tf.float32 for x in kernels) or 4 * max(sizes) > _LARGEST_KERNEL:
        return False
    return rows * sum(sizes) <= _MOST_PRODUCTS * len(state)


def compiled_scan(
    step, state, inputs, projections, constants=(), reverse=False, wanted=None, prepared_by=None
):
    """`ops.recurrence.scan.scan` in training. See there for arguments and results."""
    prepare, weights = prepared_by or (_as_it_is, ())
    arguments = keras.tree.map_structure(
        tf.convert_to_tensor, (keras.tree.flatten(state), inputs, projections, constants, weights)
    )
    count = len(arguments[0])
    asked = [True] * count if wanted is None else keras.tree.flatten(wanted)
    found = _CompiledLoop(step, state, prepare, arguments, reverse, asked).run()
    of_states = iter(found[:-count])
    states = [next(of_states) if is_asked else None for is_asked in asked]
    return tuple(keras.tree.pack_sequence_as(state, leaves) for leaves in (states, found[-count:]))


def _as_it_is(inputs, weights):
    return inputs


class _CompiledLoop:
    """A loop and its gradient, each a function of flat lists of tensors that XLA compiles.

    Args:
        step: See `ops.recurrence.scan.scan`.
        state: Likewise.
        prepare: Function of `inputs` and `weights` that returns what the steps take.
        arguments: `(leaves of state, inputs, projections, constants, weights)`.
        reverse: See `ops.recurrence.scan.scan`.
        asked: For each leaf of the state whether it is wanted after each step.
    """

    def __init__(self, step, state, prepare, arguments, reverse, asked):
        self._step, self._state, self._prepare = step, state, prepare
        self._arguments, self._reverse, self._asked = arguments, reverse, asked
        self._floats = [x.dtype.is_floating for x in keras.tree.flatten(arguments)]
        self._length = keras.tree.flatten(arguments[1])[0].shape[0]

    def run(self) -> list:
        """Returns what is asked for after each step, and the final state."""
        after = slice(0, self._length) if self._reverse else slice(1, None)

        @tf.custom_gradient
        def loop(*flat):
            states, final, kept = _run_alone(self._forward, *flat)
            found = [x[after] for x, asked in zip(states, self._asked, strict=True) if asked]
            return found + final, lambda *upstream: self._gradient(flat, states, kept, upstream)

        return loop(*keras.tree.flatten(self._arguments))

    def _gradient(self, flat, states, kept, upstream):
        @tf.custom_gradient
        def gradient(*both):
            own, upstream = both[: len(flat)], both[len(flat) :]
            found = _run_alone(self._backward, own, states, kept, upstream)
            return found, lambda *more: self._second_gradient(both, more)

        found = iter(gradient(*flat, *upstream))
        return [next(found) if floats else None for floats in self._floats]

    def _forward(self, *flat):
        """Returns the states at all places, the final ones, and what else the way back reads."""
        state, inputs, projections, constants, weights = self._packed(flat)
        steps = self._prepare(inputs, weights)
        history, final, results = run_forward(
            self._pure_step, state, steps, projections, constants, self._reverse
        )
        states = [history.stacked(i) for i in range(len(state))]
        return states, final, (steps, [array.stack() for array in results])

    def _backward(self, flat, states, kept, upstream):
        """Returns the gradients of the floats among the arguments."""
        state, inputs, projections, constants, weights = self._packed(flat)
        steps, results = kept
        history = History(state, self._length, self._reverse, states)
        results = [array_of(self._length, z.dtype).unstack(z) for z in results]
        parts = (state, steps, projections, constants)
        upstream = self._of_states(upstream)
        found = run_back(self._pure_step, *parts, history, results, upstream, self._reverse)
        first, last = len(state), len(state) + len(keras.tree.flatten(steps))
        leaves = keras.tree.flatten((inputs, weights))
        with tf.GradientTape() as tape:
            tape.watch([x for x in leaves if x.dtype.is_floating])
            again = keras.tree.flatten(self._prepare(inputs, weights))
        pairs = zip(again, found[first:last], strict=True)
        targets, d_targets = zip(*(pair for pair in pairs if pair[1] is not None), strict=True)
        d_leaves = tape.gradient(targets, leaves, d_targets)
        count = len(keras.tree.flatten(inputs))
        found = [*found[:first], *d_leaves[:count], *found[last:], *d_leaves[count:]]
        return [x for x, floats in zip(found, self._floats, strict=True) if floats]

    def _second_gradient(self, both, more):
        """Returns the gradients of `_backward`, op by op: XLA has none of what it compiled."""
        count = len(self._floats)
        with tf.GradientTape() as outer:
            outer.watch([x for x in both if x.dtype.is_floating])
            own, upstream = both[:count], both[count:]
            with tf.GradientTape() as inner:
                inner.watch([x for x in own if x.dtype.is_floating])
                state, inputs, projections, constants, weights = self._packed(own)
                states, final = tensorflow_scan(
                    self._pure_step,
                    *(state, self._prepare(inputs, weights), projections, constants, self._reverse),
                    wanted=self._asked,
                )
            wanted = [x for x, floats in zip(own, self._floats, strict=True) if floats]
            found = [x for x in states if x is not None] + final
            first = inner.gradient(found, wanted, upstream, tf.UnconnectedGradients.ZERO)
        return outer.gradient(first, both, more)

    def _pure_step(self, inputs_t, leaves, constants, project):
        packed = keras.tree.pack_sequence_as(self._state, leaves)
        return keras.tree.flatten(self._step(inputs_t, packed, constants, project))

    def _packed(self, flat):
        return keras.tree.pack_sequence_as(self._arguments, list(flat))

    def _of_states(self, upstream):
        """Returns the gradients of the states, None where none are asked for, and of the final."""
        count = len(self._asked)
        of_states = iter(upstream[:-count])
        return [next(of_states) if asked else None for asked in self._asked], list(
            upstream[-count:]
        )


def _run_alone(function, *arguments):
    # Their gradients come from elsewhere: for them TensorFlow would keep what XLA cannot put out.
    arguments = keras.tree.map_structure(tf.stop_gradient, arguments)
    return run_compiled(function, arguments)
