"""What a loop over time reads, and the residuals that its gradient needs, on TensorFlow."""

import keras
import tensorflow as tf


def array_of(length, dtype) -> tf.TensorArray:
    """Returns an array of so many tensors of shapes that are not known yet."""
    return tf.TensorArray(dtype, size=length, clear_after_read=False, element_shape=None)


class InputArrays:
    """Tensors `(T, ...)` that a loop reads step by step: one op for each, where a slice takes four.

    Args:
        nest: Nest of the tensors.
        length: T.
    """

    def __init__(self, nest, length):
        self._shapes = [x.shape[1:] for x in keras.tree.flatten(nest)]
        self._arrays = keras.tree.map_structure(
            lambda x: array_of(length, x.dtype).unstack(x), nest
        )

    def at(self, t):
        """Returns the nest at step t, `(...)` each."""
        values_at = [array.read(t) for array in keras.tree.flatten(self._arrays)]
        for x, shape in zip(values_at, self._shapes, strict=True):
            x.set_shape(shape)
        return keras.tree.pack_sequence_as(self._arrays, values_at)


class StateHistory:
    """The states before the first step and after each, `length + 1` of them in the order of time.

    Step t turns what is at index t into what is at t + 1, or with `reverse` the other way round.

    Args:
        state: The states before the first step, `(B, ...)` each.
        length: Int, or a scalar tensor.
        reverse: Whether the loop runs from the last step.
        states: What `stacked` gave of each state when the loop had run; None before it runs.
    """

    def __init__(self, state, length, reverse, states=None):
        self._shapes = [leaf.shape for leaf in state]
        self._reverse = reverse
        first = length if reverse else 0
        arrays = [array_of(length + 1, leaf.dtype) for leaf in state]
        if states is None:
            self.arrays = [a.write(first, leaf) for a, leaf in zip(arrays, state, strict=True)]
        else:
            self.arrays = [a.unstack(leaf) for a, leaf in zip(arrays, states, strict=True)]

    def write(self, arrays, t, state):
        """Returns the arrays with the states after step t."""
        index = t if self._reverse else t + 1
        return [array.write(index, leaf) for array, leaf in zip(arrays, state, strict=True)]

    def state_before(self, t):
        """Returns the states before step t, `(B, ...)` each."""
        index = t + 1 if self._reverse else t
        values_at = [array.read(index) for array in self.arrays]
        for leaf, shape in zip(values_at, self._shapes, strict=True):
            leaf.set_shape(shape)
        return values_at

    def before(self, i):
        """Returns leaf i before each step, `(T, B, ...)`."""
        return self.stacked(i)[1:] if self._reverse else self.stacked(i)[:-1]

    def after(self, i):
        """Returns leaf i after each step, `(T, B, ...)`."""
        return self.stacked(i)[:-1] if self._reverse else self.stacked(i)[1:]

    def stacked(self, i):
        """Returns leaf i at all indices, `(T + 1, B, ...)`."""
        stacked = self.arrays[i].stack()
        stacked.set_shape([None, *self._shapes[i]])
        return stacked


class StepRecord:
    """What the way back writes at every step, one array for each tensor `(B, ...)`.

    What is written more than once in a step is stored once, and a state not at all, as the history
    holds it already: that is seen by identity, when the step is traced.
    """

    def __init__(self, like, length, history):
        self.arrays = [array_of(length, tensor.dtype) for tensor in like]
        self._history = history
        self._same_as = {}  # by the index of an array that stays empty: where its values are

    def write(self, arrays, t, values, state_t):
        """Returns the arrays with the values of step t, at which the states were `state_t`."""
        values_at = {id(leaf): ("state", i) for i, leaf in enumerate(state_t)}
        arrays = list(arrays)
        for i, value in enumerate(values):
            if id(value) in values_at:
                self._same_as[i] = values_at[id(value)]
                continue
            values_at[id(value)] = ("array", i)
            arrays[i] = arrays[i].write(t, value)
        return arrays

    def read(self, arrays):
        """Returns what was written, `(T, B, ...)` each."""
        stacked = []
        for i, array in enumerate(arrays):
            kind, index = self._same_as.get(i, ("array", i))
            if kind == "state":
                stacked.append(self._history.before(index))
            else:
                stacked.append(array.stack() if index == i else stacked[index])
        return stacked
