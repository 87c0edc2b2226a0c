"""The arithmetic of a recurrent step as one kernel, compiled by XLA."""

import keras
import tensorflow as tf

from seqzoo.ops.tensorflow import xla

MIN_VALUES = 2**12  # of a state; to compile costs some tenths of a second for each shape


def fusing_pays(state) -> bool:
    """Whether a step from a state, a nest of leaves `(B, ...)`, is worth it."""
    shapes = [leaf.shape for leaf in keras.tree.flatten(state)]
    return xla.can_compile_alone(shapes) and sum(x.num_elements() for x in shapes) >= MIN_VALUES


def run_fused(step, inputs_t, state, constants, project):
    """Takes a step as one kernel.

    The step is traced twice: once as it is, for what goes into its projections (TensorFlow prunes
    the rest), and once in the kernel, where the results of the projections are arguments.
    """
    products = {}

    def keeping(name, u):
        products[name] = project(name, u)
        return products[name]

    step(inputs_t, state, constants, keeping)
    new = _run(step, (products, inputs_t, state, constants))
    return keras.tree.pack_sequence_as(state, new)


def _run(step, arguments):
    dtypes = [leaf.dtype for leaf in keras.tree.flatten(arguments[2])]

    def take(flat):
        products, *rest = keras.tree.pack_sequence_as(arguments, flat)
        return keras.tree.flatten(step(*rest, lambda name, u: products[name]))

    def compute(*flat):
        new = take([_wide(x) for x in flat])
        return [tf.cast(leaf, dtype) for leaf, dtype in zip(new, dtypes, strict=True)]

    positions: list[int | None] = []  # of each argument's gradient among those returned

    def differentiate(flat, upstream):
        wide = [_wide(x) for x in flat]
        with tf.GradientTape() as tape:
            tape.watch([x for x in wide if x.dtype.is_floating])
            new = take(wide)
        gradients = tape.gradient(new, wide, [_wide(d) for d in upstream])
        # What is added to a product has the same gradient, and is written once.
        pairs = list(zip(gradients, flat, strict=True))
        unique = {(id(d), x.dtype): d for d, x in pairs if d is not None}
        order = {key: index for index, key in enumerate(unique)}
        positions[:] = [order.get((id(d), x.dtype)) for d, x in pairs]
        return [tf.cast(d, dtype) for (_, dtype), d in unique.items()]

    fused, fused_gradient = xla.compiled(compute), xla.compiled(differentiate)

    @tf.custom_gradient
    def run(*flat):
        def gradient(*upstream):
            gradients = fused_gradient(list(flat), list(upstream))
            return [None if index is None else gradients[index] for index in positions]

        return fused(*flat), gradient

    return list(run(*keras.tree.flatten(arguments)))


def _wide(x):
    return tf.cast(x, tf.float32) if x.dtype in (tf.bfloat16, tf.float16) else x
