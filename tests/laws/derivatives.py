"""Values and derivatives of layers, whatever their arguments and results are made of."""

import keras
import numpy as np
import tensorflow as tf


def float_leaves(nest):
    leaves = [leaf for leaf in keras.tree.flatten(nest) if leaf is not None]
    return [leaf for leaf in leaves if tf.as_dtype(leaf.dtype).is_floating]


def randomize(layer, seed=0, scale=0.5):
    """Gives every weight a random value, so that no zero or orthogonality hides a mistake."""
    rng = np.random.default_rng(seed)
    for weight in layer.trainable_variables:
        weight.assign(rng.normal(scale=scale, size=weight.shape))
    return layer


def weighed_sum(leaves):
    """One number in which every element of every leaf has a weight of its own."""
    total = 0.0
    for leaf in leaves:
        places = tf.cast(tf.range(tf.size(leaf)), leaf.dtype)
        total += tf.cast(
            tf.reduce_sum(leaf * tf.reshape(tf.cos(places), tf.shape(leaf))), "float64"
        )
    return total


def differentiate(function, arguments, variables=()):
    """Calls `function(**arguments)`.

    Returns:
        The float leaves of the result, and the gradients of their `weighed_sum` by the float
        leaves of the arguments and by the variables.
    """
    arguments = keras.tree.map_structure(tf.convert_to_tensor, arguments)
    sources = [*float_leaves(arguments), *(getattr(v, "value", v) for v in variables)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        leaves = float_leaves(function(**arguments))
        total = weighed_sum(leaves)
    gradients = tape.gradient(total, sources, unconnected_gradients="zero")
    return leaves, [tf.convert_to_tensor(gradient) for gradient in gradients]


def assert_gradients_are_finite_differences(function, arguments, variables, step=1e-6):
    """Compares the slope along one random direction for every argument and variable in turn.

    Everything must be float64. A wrong gradient shows in a random direction with certainty.
    """
    rng = np.random.default_rng(3)
    _, gradients = differentiate(function, arguments, variables)
    flat = keras.tree.flatten(arguments)
    places = [i for i, leaf in enumerate(flat) if tf.as_dtype(leaf.dtype).is_floating]

    def value(moved):
        nest = keras.tree.pack_sequence_as(arguments, moved)
        return weighed_sum(float_leaves(function(**nest))).numpy()

    for gradient, source in zip(gradients, [*places, *variables], strict=True):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for sign in (1, -1):
            moved = list(flat)
            if isinstance(source, int):
                moved[source] = flat[source] + sign * step * direction
                ends.append(value(moved))
            else:
                before = source.numpy()
                source.assign(before + sign * step * direction)
                ends.append(value(flat))
                source.assign(before)
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8)


def assert_all_close(found, expected, **tolerance):
    """Compares two lists of tensors."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), **tolerance)
