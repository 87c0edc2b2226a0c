"""Values and derivatives of layers, whatever their arguments and results are made of."""

import keras
import numpy as np
from keras import ops
from tracing import gradients_of, quick, with_values


def is_float(leaf):
    return keras.backend.is_float_dtype(dtype_of(leaf))


def dtype_of(leaf):
    return keras.backend.standardize_dtype(leaf.dtype)


def float_leaves(nest):
    leaves = [leaf for leaf in keras.tree.flatten(nest) if leaf is not None]
    return [leaf for leaf in leaves if is_float(leaf)]


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
        places = ops.cast(ops.arange(ops.size(leaf), dtype="int32"), leaf.dtype)
        total += ops.cast(ops.sum(leaf * ops.reshape(ops.cos(places), ops.shape(leaf))), "float64")
    return total


def differentiate(function, arguments, variables=()):
    """Calls `function(**arguments)`.

    Returns:
        The float leaves of the result, and the gradients of their `weighed_sum` by the float
        leaves of the arguments and by the variables.
    """
    flat = [ops.convert_to_tensor(leaf) for leaf in keras.tree.flatten(arguments)]
    places = [i for i, leaf in enumerate(flat) if is_float(leaf)]

    def total(moved):
        leaves = float_leaves(function(**_with_leaves(arguments, flat, places, moved)))
        return weighed_sum(leaves), leaves

    return gradients_of(total, [flat[place] for place in places], variables)


def _with_leaves(nest, flat, places, moved):
    """The nest of the leaves `flat`, with others at the places."""
    flat = list(flat)
    for place, leaf in zip(places, moved, strict=True):
        flat[place] = leaf
    return keras.tree.pack_sequence_as(nest, flat)


def assert_gradients_are_finite_differences(function, arguments, variables, step=1e-6):
    """Compares the slope along one random direction for every argument and variable in turn.

    Everything must be float64. A wrong gradient shows in a random direction with certainty.
    """
    rng = np.random.default_rng(3)
    _, gradients = differentiate(function, arguments, variables)
    flat = keras.tree.flatten(arguments)
    places = [i for i, leaf in enumerate(flat) if is_float(leaf)]

    @quick
    def value(sources):
        leaves, values = sources[: len(places)], sources[len(places) :]
        with with_values(variables, values):
            return weighed_sum(
                float_leaves(function(**_with_leaves(arguments, flat, places, leaves)))
            )

    sources = [np.asarray(source) for source in [*(flat[i] for i in places), *variables]]
    for i, gradient in enumerate(gradients):
        direction = rng.normal(size=gradient.shape)
        ends = []
        for sign in (1, -1):
            moved = [*sources[:i], sources[i] + sign * step * direction, *sources[i + 1 :]]
            ends.append(float(value(moved)))
        slope = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(gradient * direction), slope, rtol=1e-6, atol=1e-8)


def assert_all_close(found, expected, **tolerance):
    """Compares two lists of tensors."""
    for one, other in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(one), np.asarray(other), **tolerance)
