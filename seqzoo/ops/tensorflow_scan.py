"""The TensorFlow kernel of `ops.scans.scan`.

Forward, the loop keeps the state after every step and the results `z` of its linear maps, each in
an array of its own that the way back reads step by step: only what is asked for is copied together.
Backward, each step is replayed from them, so that no product is computed twice; the replay
records what went into each map (`u`) and the gradient of what came out (`dz`), unless the one is a
state of the forward loop or the other the gradient of an input. After the loop the gradient of a
kernel is `U^T dZ` over all steps at once.
"""

import keras
import tensorflow as tf

from seqzoo.ops.tensorflow_products import product_by, product_by_transpose


def tensorflow_scan(
    step, state, inputs, maps, constants=(), reverse=False, wanted=None, training=False
):
    """`ops.scans.scan` with a gradient of its own. See there for arguments and results."""
    arguments = keras.tree.map_structure(
        tf.convert_to_tensor, (list(keras.tree.flatten(state)), inputs, maps, constants)
    )
    count = len(arguments[0])
    is_wanted = [True] * count if wanted is None else keras.tree.flatten(wanted)

    def pure_step(inputs_t, leaves, constants, linear):
        packed = keras.tree.pack_sequence_as(state, leaves)
        return keras.tree.flatten(step(inputs_t, packed, constants, linear))

    @tf.custom_gradient
    def run(*flat):
        arguments_ = keras.tree.pack_sequence_as(arguments, flat)
        history, final, results = _forward(pure_step, *arguments_, reverse)
        # A gradient that goes into a SavedModel cannot read arrays of the forward loop.
        if not training:
            history.stack()
            results = [array.stack() for array in results]
        states = [history.after(i) for i in range(count) if is_wanted[i]]

        def gradient(*upstream):
            d_states, d_final = iter(upstream[: len(states)]), list(upstream[len(states) :])
            d_states = [next(d_states) if asked else None for asked in is_wanted]
            return _backward(pure_step, *arguments_, history, results, (d_states, d_final), reverse)

        return tuple(states + final), gradient

    flat = run(*keras.tree.flatten(arguments))
    states = iter(flat[:-count])
    states = [next(states) if asked else None for asked in is_wanted]
    return keras.tree.pack_sequence_as(state, states), keras.tree.pack_sequence_as(
        state, flat[-count:]
    )


class _History:
    """The states before the first step and after each, `length + 1` of them in the order of time.

    Step t turns what is at place t into what is at t + 1, or with `reverse` the other way round.
    """

    def __init__(self, state, length, reverse):
        self._shapes = [leaf.shape for leaf in state]
        self._reverse = reverse
        first = length if reverse else 0
        self.arrays = [_array(length + 1, leaf.dtype).write(first, leaf) for leaf in state]

        self._whole = None

    def stack(self):
        """Makes tensors of the arrays, for a gradient that must not read these."""
        self._whole = [self._stacked(i) for i in range(len(self.arrays))]

    def write(self, arrays, t, state):
        """Returns the arrays with the states after step t."""
        place = t if self._reverse else t + 1
        return [array.write(place, leaf) for array, leaf in zip(arrays, state, strict=True)]

    def state_before(self, t):
        """Returns the states before step t, `(B, ...)` each."""
        place = t + 1 if self._reverse else t
        found = [_read(states, place) for states in self._whole or self.arrays]
        return [
            tf.ensure_shape(leaf, shape) for leaf, shape in zip(found, self._shapes, strict=True)
        ]

    def before(self, i):
        """Returns leaf i before each step, `(T, B, ...)`."""
        return self._stacked(i)[1:] if self._reverse else self._stacked(i)[:-1]

    def after(self, i):
        """Returns leaf i after each step, `(T, B, ...)`."""
        return self._stacked(i)[:-1] if self._reverse else self._stacked(i)[1:]

    def _stacked(self, i):
        if self._whole is not None:
            return self._whole[i]
        stacked = self.arrays[i].stack()
        stacked.set_shape([None, *self._shapes[i]])
        return stacked


def _forward(step, state, inputs, maps, constants, reverse):
    """Runs the loop.

    Returns:
        The states as a `_History`, the final ones, and an array of the results of each map.
    """
    length = _length(inputs)
    history = _History(state, length, reverse)
    results = [_array(length, parts[0].dtype) for parts in maps.values()]
    rows = state[0].shape[0] if state else None
    apply = {name: product_by(*parts, rows=rows) for name, parts in maps.items()}

    def body(i, state, arrays, results):
        t = length - 1 - i if reverse else i
        products, applied = {}, []

        def linear(name, u):
            applied.append(name)
            products[name] = apply[name](u)
            return products[name]

        state = _same_shapes(step(_at(inputs, t), state, constants, linear), state)
        _check_uses(applied, maps)
        results = [
            array.write(t, products[name]) for array, name in zip(results, maps, strict=True)
        ]
        return i + 1, state, history.write(arrays, t, state), results

    _, final, history.arrays, results = _loop(body, length, state, history.arrays, results)
    return history, final, results


def _backward(step, state, inputs, maps, constants, history, results, upstream, reverse):
    """Returns the gradient of every leaf of `(state, inputs, maps, constants)`, as a flat list."""
    length = _length(inputs)
    back = {name: product_by_transpose(parts[0]) for name, parts in maps.items()}
    kernels = [parts[0] for parts in maps.values()]
    record = _Record([*_floats(inputs), *kernels, *kernels], length, history)

    def body(i, d_state, d_constants, arrays):
        t = i if reverse else length - 1 - i
        went_in, came_back = {}, {}

        def linear(name, u):
            went_in[name] = u
            z = _read(results[list(maps).index(name)], t)
            return _replay(u, z, back[name], came_back, name)

        # Copies, as one tensor may stand in two places and each wants its own gradient.
        inputs_t, constants_t = keras.tree.map_structure(tf.identity, (_at(inputs, t), constants))
        state_t = history.state_before(t)
        sources = [state_t, _floats(inputs_t), _floats(constants_t)]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            new_state = step(inputs_t, state_t, constants_t, linear)
        d_new = [d if up is None else d + up[t] for d, up in zip(d_state, upstream[0], strict=True)]
        d_state, d_inputs, d_more = tape.gradient(
            new_state, sources, d_new, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        written = d_inputs + [came_back[name] for name in maps] + [went_in[name] for name in maps]
        arrays = record.write(arrays, t, written, state_t)
        d_constants = [a + b for a, b in zip(d_constants, d_more, strict=True)]
        return i + 1, d_state, d_constants, arrays

    d_constants = [tf.zeros_like(c) for c in _floats(constants)]
    _, d_state, d_constants, arrays = _loop(body, length, upstream[1], d_constants, record.arrays)
    stacked, n, m = record.read(arrays), len(_floats(inputs)), len(maps)
    d_inputs, dzs, us = stacked[:n], stacked[n : n + m], stacked[n + m :]
    d_maps = {
        name: _map_gradient(parts, u, dz)
        for (name, parts), u, dz in zip(maps.items(), us, dzs, strict=True)
    }
    # What follows from these is large products too, and side by side they slow each other down.
    with tf.control_dependencies(keras.tree.flatten(d_maps)):
        d_inputs = [tf.identity(gradient) for gradient in d_inputs]
    return [
        *d_state,
        *_with_none(inputs, d_inputs),
        *keras.tree.flatten(d_maps),  # in the order of keras.tree, which sorts names
        *_with_none(constants, d_constants),
    ]


class _Record:
    """What a loop puts aside at every step, one array for each tensor of `(B, ...)`.

    What is written more than once in a step is kept once, and a state not at all, as the history
    holds it already: that is found by identity, when the step is traced.
    """

    def __init__(self, like, length, history):
        self.arrays = [_array(length, tensor.dtype) for tensor in like]
        self._history = history
        self._same_as = {}  # by the place of an array that stays empty: where its values are

    def write(self, arrays, t, values, state_t):
        """Returns the arrays with the values of step t, at which the states were `state_t`."""
        found = {id(leaf): ("state", i) for i, leaf in enumerate(state_t)}
        arrays = list(arrays)
        for i, value in enumerate(values):
            if id(value) in found:
                self._same_as[i] = found[id(value)]
                continue
            found[id(value)] = ("array", i)
            arrays[i] = arrays[i].write(t, value)
        return arrays

    def read(self, arrays):
        """Returns what was written, `(T, B, ...)` each."""
        stacked = []
        for i, array in enumerate(arrays):
            kind, place = self._same_as.get(i, ("array", i))
            if kind == "state":
                stacked.append(self._history.before(place))
            else:
                stacked.append(array.stack() if place == i else stacked[place])
        return stacked


def _replay(u, z, back, came_back, name):
    """Returns the `z` of the forward loop as a function of `u`, and records its gradient."""

    @tf.custom_gradient
    def replay(u):
        def gradient(dz):
            came_back[name] = dz
            return back(dz)

        return tf.identity(z), gradient

    return replay(u)


def _map_gradient(parts, u, dz):
    """Returns the gradients of kernel and bias from `u` `(T, B, in)` and `dz` `(T, B, out)`."""
    kernel = parts[0]
    u = tf.reshape(u, (-1, kernel.shape[0]))
    dz = tf.reshape(dz, (-1, kernel.shape[1]))
    gradients = [tf.matmul(u, dz, transpose_a=True)]
    return gradients + [tf.reduce_sum(dz, axis=0)] * (len(parts) - 1)


def _loop(body, length, *variables):
    return tf.while_loop(
        lambda i, *_: i < length, body, (tf.constant(0), *variables), maximum_iterations=length
    )


def _check_uses(applied, maps):
    if sorted(applied) != sorted(maps):
        raise ValueError(
            f"A step must apply each of its maps once. Maps: {sorted(maps)}. Applied: "
            f"{sorted(applied)}. Give each use a map of its own."
        )


def _length(inputs):
    first = keras.tree.flatten(inputs)[0]
    return first.shape[0] if first.shape[0] is not None else tf.shape(first)[0]


def _array(length, dtype):
    return tf.TensorArray(dtype, size=length, clear_after_read=False, element_shape=None)


def _read(states, t):
    return states.read(t) if isinstance(states, tf.TensorArray) else states[t]


def _at(inputs, t):
    return keras.tree.map_structure(lambda x: x[t], inputs)


def _same_shapes(new, old):
    """Keeps the static shapes of the loop, which a step may have blurred."""
    return [tf.ensure_shape(a, b.shape) for a, b in zip(new, old, strict=True)]


def _floats(structure):
    return [leaf for leaf in keras.tree.flatten(structure) if leaf.dtype.is_floating]


def _with_none(structure, gradients):
    gradients = iter(gradients)
    leaves = keras.tree.flatten(structure)
    return [next(gradients) if leaf.dtype.is_floating else None for leaf in leaves]
