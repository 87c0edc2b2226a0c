"""Loops over time of narrow layers, compiled by XLA with all that is around them.

A step of a narrow layer is so little work that to start its ops takes as long as to run them.
Compiled, a loop starts once, and so do the products ahead of it and after it. It runs on one core,
so that it is two of them side by side that are fast; XLA's products are not oneDNN's, so that wide
layers are better off with `tensorflow_scan`. XLA compiles for shapes that are known, anew for each:
the steps are to be known when the loop is traced, the rows when it runs.
"""

import keras
import tensorflow as tf

from seqzoo.ops.recurrence.scan import Loop
from seqzoo.ops.tensorflow import xla
from seqzoo.ops.tensorflow.residuals import StateHistory, array_of
from seqzoo.ops.tensorflow.scan import run_back, run_forward, tensorflow_scan

MAX_PRODUCTS = 6_500_000  # of single numbers in a step, for each tensor of its state
MAX_KERNEL_BYTES = 2**22
MIN_VALUES, MIN_STEPS = 2**11, 8  # of a state; to compile takes a second for each shape
ASSUMED_ROWS = 32  # where the number of rows is open: Keras's own default


def compiling_pays(state, inputs, projections) -> bool:
    """Whether a loop of training with these fields of `Loop` is faster compiled as a whole."""
    state, inputs, kernels = keras.tree.map_structure(
        tf.convert_to_tensor,
        (
            keras.tree.flatten(state),
            keras.tree.flatten(inputs),
            [parts[0] for parts in projections.values()],
        ),
    )
    without_rows = [x.shape[1:] for x in state] + [x.shape[:1] + x.shape[2:] for x in inputs]
    if not kernels or not xla.can_compile_alone(without_rows):
        return False
    rows, values = state[0].shape[0] or ASSUMED_ROWS, sum(x.shape[1:].num_elements() for x in state)
    if inputs[0].shape[0] < MIN_STEPS or rows * values < MIN_VALUES:
        return False
    sizes = [x.shape.num_elements() for x in kernels]
    if any(x.dtype != tf.float32 for x in kernels) or 4 * max(sizes) > MAX_KERNEL_BYTES:
        return False
    return rows * sum(sizes) <= MAX_PRODUCTS * len(state)


def compiled_scan(loop: Loop):
    """Runs a loop of training. Returns `(states, final)`; see `ops.recurrence.plan.Result`."""
    prepare = loop.prepare or (lambda inputs, weights: inputs)
    arguments = keras.tree.map_structure(
        tf.convert_to_tensor,
        (
            keras.tree.flatten(loop.state),
            loop.inputs,
            loop.projections,
            loop.constants,
            loop.input_weights,
        ),
    )
    count = len(arguments[0])
    requested = [True] * count
    if loop.requested is not None:
        requested = keras.tree.flatten(loop.requested)
    compiled = _CompiledLoop(loop.step, loop.state, prepare, arguments, loop.reverse, requested)
    results = compiled.run()
    of_states = iter(results[:-count])
    states = [next(of_states) if flag else None for flag in requested]
    return tuple(
        keras.tree.pack_sequence_as(loop.state, leaves) for leaves in (states, results[-count:])
    )


class _CompiledLoop:
    """A loop and its gradient, each a function of flat lists of tensors that XLA compiles.

    Args:
        step: See `Loop`.
        state: Likewise.
        prepare: Function of `inputs` and `weights` that returns what the steps take.
        arguments: `(leaves of state, inputs, projections, constants, weights)`.
        reverse: See `Loop`.
        requested: For each leaf of the state whether it is returned after each step.
    """

    def __init__(self, step, state, prepare, arguments, reverse, requested):
        self._step, self._state, self._prepare = step, state, prepare
        self._arguments, self._reverse, self._requested = arguments, reverse, requested
        self._floats = [x.dtype.is_floating for x in keras.tree.flatten(arguments)]
        self._length = keras.tree.flatten(arguments[1])[0].shape[0]

    def run(self) -> list:
        """Returns what is requested after each step, and the final state."""
        after = slice(0, self._length) if self._reverse else slice(1, None)

        @tf.custom_gradient
        def loop(*flat):
            states, final, residuals = _run_compiled(self._forward, *flat)
            pairs = zip(states, self._requested, strict=True)
            results = [x[after] for x, requested in pairs if requested]

            def gradient(*upstream):
                return self._gradient(flat, states, residuals, upstream)

            return results + final, gradient

        return loop(*keras.tree.flatten(self._arguments))

    def _gradient(self, flat, states, residuals, upstream):
        @tf.custom_gradient
        def gradient(*both):
            own, upstream = both[: len(flat)], both[len(flat) :]
            results = _run_compiled(self._backward, own, states, residuals, upstream)
            return results, lambda *more: self._second_gradient(both, more)

        results = iter(gradient(*flat, *upstream))
        return [next(results) if floats else None for floats in self._floats]

    def _forward(self, *flat):
        """Returns the states at all indices, the final ones, and what else the way back reads."""
        state, inputs, projections, constants, weights = self._packed(flat)
        steps = self._prepare(inputs, weights)
        history, final, results = run_forward(
            self._pure_step, state, steps, projections, constants, self._reverse
        )
        states = [history.stacked(i) for i in range(len(state))]
        return states, final, (steps, [array.stack() for array in results])

    def _backward(self, flat, states, residuals, upstream):
        """Returns the gradients of the floats among the arguments."""
        state, inputs, projections, constants, weights = self._packed(flat)
        steps, results = residuals
        history = StateHistory(state, self._length, self._reverse, states)
        results = [array_of(self._length, z.dtype).unstack(z) for z in results]
        parts = (state, steps, projections, constants)
        upstream = self._of_states(upstream)
        results = run_back(self._pure_step, *parts, history, results, upstream, self._reverse)
        first, last = len(state), len(state) + len(keras.tree.flatten(steps))
        leaves = keras.tree.flatten((inputs, weights))
        with tf.GradientTape() as tape:
            tape.watch([x for x in leaves if x.dtype.is_floating])
            again = keras.tree.flatten(self._prepare(inputs, weights))
        pairs = zip(again, results[first:last], strict=True)
        targets, d_targets = zip(*(pair for pair in pairs if pair[1] is not None), strict=True)
        d_leaves = tape.gradient(targets, leaves, d_targets)
        count = len(keras.tree.flatten(inputs))
        results = [*results[:first], *d_leaves[:count], *results[last:], *d_leaves[count:]]
        return [x for x, floats in zip(results, self._floats, strict=True) if floats]

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
                    requested=self._requested,
                )
            sources = [x for x, floats in zip(own, self._floats, strict=True) if floats]
            results = [x for x in states if x is not None] + final
            first = inner.gradient(results, sources, upstream, tf.UnconnectedGradients.ZERO)
        return outer.gradient(first, both, more)

    def _pure_step(self, inputs_t, leaves, constants, project):
        packed = keras.tree.pack_sequence_as(self._state, leaves)
        return keras.tree.flatten(self._step(inputs_t, packed, constants, project))

    def _packed(self, flat):
        return keras.tree.pack_sequence_as(self._arguments, list(flat))

    def _of_states(self, upstream):
        """Returns the gradients of the states, None where not requested, and of the final one."""
        count = len(self._requested)
        of_states = iter(upstream[:-count])
        return [next(of_states) if requested else None for requested in self._requested], list(
            upstream[-count:]
        )


def _run_compiled(function, *arguments):
    # Their gradients come from elsewhere: for them TensorFlow would keep what XLA cannot put out.
    arguments = keras.tree.map_structure(tf.stop_gradient, arguments)
    return xla.compiled(function)(*arguments)
