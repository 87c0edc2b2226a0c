"""A loop over time, op by op, with a gradient of its own: the TensorFlow kernel of `general_scan`.

Forward, the loop stores the state after every step and the results `z` of its projections, each in
an array of its own that the way back reads step by step: only what is requested is copied together.
Backward, each step is replayed from them, so that no product is computed twice; the replay
records what went into each projection (`u`) and the gradient of what came out (`dz`), unless the
one is a state of the forward loop or the other the gradient of an input. After the loop the
gradient of a kernel is `U^T dZ` over all steps at once; where rows are many and the kernel is small
(`summing_pays`), the loop adds it up in place of the record.
"""

import keras
import tensorflow as tf

from seqzoo.ops.tensorflow.products import product_by, product_by_transpose, summing_pays
from seqzoo.ops.tensorflow.residuals import InputArrays, StateHistory, StepRecord, array_of


def tensorflow_scan(
    step, state, inputs, projections, constants=(), reverse=False, requested=None, training=False
):
    """Does what `general_scan` does, with a gradient of its own.

    `requested` and `training` are those of `Loop`. In training the loop stores residuals as it runs
    forward; else only what is requested, and a gradient that is asked for runs it once more.
    """
    arguments = keras.tree.map_structure(
        tf.convert_to_tensor, (list(keras.tree.flatten(state)), inputs, projections, constants)
    )
    if isinstance(length := _length(arguments[1]), int) and length == 0:
        # XLA refuses to read from arrays of no elements, even in a loop of no turns.
        state = keras.tree.pack_sequence_as(state, arguments[0])
        return keras.tree.map_structure(lambda leaf: leaf[None][:0], state), state
    count = len(arguments[0])
    requested_flags = [True] * count if requested is None else keras.tree.flatten(requested)

    def pure_step(inputs_t, leaves, constants, project):
        packed = keras.tree.pack_sequence_as(state, leaves)
        return keras.tree.flatten(step(inputs_t, packed, constants, project))

    @tf.custom_gradient
    def run(*flat):
        arguments_ = keras.tree.pack_sequence_as(arguments, flat)
        residuals = None
        if training:
            residuals = run_forward(pure_step, *arguments_, reverse)
            history, final, _ = residuals
            states = [history.after(i) for i in range(count) if requested_flags[i]]
        else:
            states, final = _infer(pure_step, *arguments_, reverse, requested_flags)

        def gradient(*upstream):
            d_states, d_final = iter(upstream[: len(states)]), list(upstream[len(states) :])
            d_states = [next(d_states) if flag else None for flag in requested_flags]
            history, _, results = residuals or run_forward(pure_step, *arguments_, reverse)
            return run_back(pure_step, *arguments_, history, results, (d_states, d_final), reverse)

        return tuple(states + final), gradient

    flat = run(*keras.tree.flatten(arguments))
    states = iter(flat[:-count])
    states = [next(states) if flag else None for flag in requested_flags]
    return keras.tree.pack_sequence_as(state, states), keras.tree.pack_sequence_as(
        state, flat[-count:]
    )


def _infer(step, state, inputs, projections, constants, reverse, requested_flags):
    """Runs the loop and stores what is requested alone.

    Returns:
        Of each leaf that is requested, what it is after each step `(T, B, ...)`; the final state.
    """
    length = _length(inputs)
    apply, steps = _products(state, projections), InputArrays(inputs, length)
    stored = [leaf for leaf, flag in zip(state, requested_flags, strict=True) if flag]
    # An element more than there are steps, as an array of none cannot be stacked.
    arrays = [array_of(length + 1, leaf.dtype).write(length, leaf) for leaf in stored]

    def body(i, state, arrays):
        t = length - 1 - i if reverse else i
        applied = []

        def project(name, u):
            applied.append(name)
            return apply[name](u)

        state = _same_shapes(step(steps.at(t), state, constants, project), state)
        _check_uses(applied, projections)
        new = [leaf for leaf, flag in zip(state, requested_flags, strict=True) if flag]
        return i + 1, state, [a.write(t, leaf) for a, leaf in zip(arrays, new, strict=True)]

    _, final, arrays = _loop(body, length, state, arrays)
    stacked = [array.stack() for array in arrays]
    for states, leaf in zip(stacked, stored, strict=True):
        states.set_shape([None, *leaf.shape])
    return [states[:-1] for states in stacked], final


def _products(state, projections):
    rows = state[0].shape[0] if state else None
    return {name: product_by(*parts, rows=rows) for name, parts in projections.items()}


def run_forward(step, state, inputs, projections, constants, reverse):
    """Runs the loop.

    Returns:
        The states as a `StateHistory`, the final ones, and of each projection an array of results.
    """
    length = _length(inputs)
    history = StateHistory(state, length, reverse)
    results = [array_of(length, parts[0].dtype) for parts in projections.values()]
    apply, steps = _products(state, projections), InputArrays(inputs, length)

    def body(i, state, arrays, results):
        t = length - 1 - i if reverse else i
        products, applied = {}, []

        def project(name, u):
            applied.append(name)
            products[name] = apply[name](u)
            return products[name]

        state = _same_shapes(step(steps.at(t), state, constants, project), state)
        _check_uses(applied, projections)
        results = [
            array.write(t, products[name]) for array, name in zip(results, projections, strict=True)
        ]
        return i + 1, state, history.write(arrays, t, state), results

    _, final, history.arrays, results = _loop(body, length, state, history.arrays, results)
    return history, final, results


def run_back(step, state, inputs, projections, constants, history, results, upstream, reverse):
    """Returns the gradients of all leaves of `(state, inputs, projections, constants)`, flat."""
    length = _length(inputs)
    back = {name: product_by_transpose(parts[0]) for name, parts in projections.items()}
    summed = {n: parts for n, parts in projections.items() if summing_pays(parts[0], state[0])}
    recorded = {name: parts for name, parts in projections.items() if name not in summed}
    kernels = [parts[0] for parts in recorded.values()]
    steps = InputArrays(inputs, length)
    d_states = [None if up is None else InputArrays(up, length) for up in upstream[0]]
    record = StepRecord([*_floats(inputs), *kernels, *kernels], length, history)

    def body(i, d_state, d_constants, d_summed, arrays):
        t = i if reverse else length - 1 - i
        went_in, came_back = {}, {}

        def project(name, u):
            went_in[name] = u
            z = results[list(projections).index(name)].read(t)
            return _replay(u, z, projections[name], back[name], came_back, name)

        # Copies, as one tensor may stand in two places and each wants its own gradient.
        inputs_t, state_t, constants_t = keras.tree.map_structure(
            tf.identity, (steps.at(t), history.state_before(t), constants)
        )
        sources = [state_t, _floats(inputs_t), _floats(constants_t)]
        with tf.GradientTape() as tape:
            tape.watch(sources)
            new_state = step(inputs_t, state_t, constants_t, project)
        d_new = [d if up is None else d + up.at(t) for d, up in zip(d_state, d_states, strict=True)]
        d_state, d_inputs, d_more = tape.gradient(
            new_state, sources, d_new, unconnected_gradients=tf.UnconnectedGradients.ZERO
        )
        written = (
            d_inputs + [came_back[name] for name in recorded] + [went_in[name] for name in recorded]
        )
        arrays = record.write(arrays, t, written, state_t)
        d_constants = add_in_loop(d_constants, d_more)
        d_summed = {
            name: add_in_loop(
                total, _projection_gradient(summed[name], went_in[name], came_back[name])
            )
            for name, total in d_summed.items()
        }
        return i + 1, d_state, d_constants, d_summed, arrays

    totals = keras.tree.map_structure(tf.zeros_like, (_floats(constants), summed))
    totals = (totals[0], {name: list(parts) for name, parts in totals[1].items()})
    _, d_state, d_constants, d_summed, arrays = _loop(
        body, length, upstream[1], *totals, record.arrays
    )
    stacked, n, m = record.read(arrays), len(_floats(inputs)), len(recorded)
    d_inputs, dzs, us = stacked[:n], stacked[n : n + m], stacked[n + m :]
    d_projections = d_summed | {
        name: _projection_gradient(parts, u, dz)
        for (name, parts), u, dz in zip(recorded.items(), us, dzs, strict=True)
    }
    # What follows from these is large products too, and side by side they slow each other down.
    with tf.control_dependencies(keras.tree.flatten(d_projections)):
        d_inputs = [tf.identity(gradient) for gradient in d_inputs]
    return [
        *d_state,
        *_with_none(inputs, d_inputs),
        *keras.tree.flatten(d_projections),  # in the order of keras.tree, which sorts names
        *_with_none(constants, d_constants),
    ]


def _replay(u, z, parts, back, came_back, name):
    """Returns the `z` of the forward loop as a function of `u`, and records its gradient.

    That by the weights is for second derivatives: no first one asks for it at a step.
    """

    @tf.custom_gradient
    def replay(u, *parts):
        def gradient(dz):
            came_back[name] = dz
            return back(dz), *_projection_gradient(parts, u, dz)

        return tf.identity(z), gradient

    return replay(u, *parts)


def _projection_gradient(parts, u, dz):
    """Returns the gradients of kernel and bias from `u` `(T, B, in)` and `dz` `(T, B, out)`."""
    kernel = parts[0]
    u = tf.reshape(u, (-1, kernel.shape[0]))
    dz = tf.reshape(dz, (-1, kernel.shape[1]))
    gradients = [tf.matmul(u, dz, transpose_a=True)]
    return gradients + [tf.reduce_sum(dz, axis=0)] * (len(parts) - 1)


def add_in_loop(totals, more):
    """Returns the sums of two lists of tensors, in a loop.

    Where terms of a sum are sums, TensorFlow adds up all at once, and where they are large, in a
    variable of a step's: one that it finds there already, in a loop. So it may not look into them.
    """
    return [a + tf.ensure_shape(b, b.shape) for a, b in zip(totals, more, strict=True)]


def _loop(body, length, *variables):
    return tf.while_loop(
        lambda i, *_: i < length, body, (tf.constant(0), *variables), maximum_iterations=length
    )


def _check_uses(applied, projections):
    if sorted(applied) != sorted(projections):
        raise ValueError(
            "A step must apply each of its projections once. Projections: "
            f"{sorted(projections)}. Applied: {sorted(applied)}. Give each use one of its own."
        )


def _length(inputs):
    first = keras.tree.flatten(inputs)[0]
    return first.shape[0] if first.shape[0] is not None else tf.shape(first)[0]


def _same_shapes(new, old):
    """Keeps the static shapes of the loop, which a step may have blurred."""
    return [
        a if a.shape == b.shape else tf.ensure_shape(a, b.shape)
        for a, b in zip(new, old, strict=True)
    ]


def _floats(structure):
    return [leaf for leaf in keras.tree.flatten(structure) if leaf.dtype.is_floating]


def _with_none(structure, gradients):
    gradients = iter(gradients)
    leaves = keras.tree.flatten(structure)
    return [next(gradients) if leaf.dtype.is_floating else None for leaf in leaves]
