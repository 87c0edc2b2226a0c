"""Batch splits: two loops over time side by side, each of which takes half of the batch.

The products of a step by small weights are not shared between the cores of a processor, and what
lies between two products hardly is. Two loops that do not hang on each other keep two cores busy
from the first step to the last. Weights that do not fit into the cache of a core are another
matter: their products are shared already, and two loops would read them twice.
"""

import math

import keras
import tensorflow as tf

from seqzoo.ops.recurrence.scan import Loop
from seqzoo.ops.tensorflow.xla import traced_for_xla

MIN_ROWS = 8
MAX_KERNEL_BYTES = 2**22  # that fit into the cache of a core
MIN_PRODUCTS = 2_000_000  # of single numbers in a step of prediction
PRODUCTS_PER_VALUE = 48  # that take as long as the arithmetic behind one result of a projection


def splitting_pays(state, inputs, projections, training: bool) -> bool:
    """Whether two loops are faster than one, for leaves `(B, ...)` and `(T, B, ...)`.

    In prediction only for rows that are known, as a server may get one alone, and for inputs that
    are narrower than the state: to split them is to copy them.
    """
    leaves = keras.tree.flatten(state)
    kernels = [tf.convert_to_tensor(parts[0]) for parts in projections.values()]
    rows = leaves[0].shape[0]
    if training and rows is not None and rows < MIN_ROWS:
        return False
    if not training:
        width = sum(math.prod(x.shape[2:]) for x in keras.tree.flatten(inputs))
        width -= 2  # of a 1 beside the values, and of a mask
        if rows is None or width > sum(math.prod(x.shape[1:]) for x in leaves):
            return False
        products = sum((k.shape[0] + PRODUCTS_PER_VALUE) * k.shape[1] for k in kernels)
        if rows * products < MIN_PRODUCTS:
            return False
    if any(k.shape.num_elements() * k.dtype.size > MAX_KERNEL_BYTES for k in kernels):
        return False
    return not traced_for_xla() and not tf.config.list_physical_devices("GPU")


def run_in_splits(run, loop: Loop):
    """Runs a loop as two, each of which takes half of the batch.

    Args:
        run: Runs one of them; see `ops.recurrence.plan.run`.
        loop: A loop of independent rows.

    Returns:
        As `run`, for all rows.
    """
    state, inputs, constants = keras.tree.map_structure(
        tf.convert_to_tensor, (loop.state, loop.inputs, loop.constants)
    )
    rows = tf.shape(keras.tree.flatten(state)[0])[0]
    sizes = [rows // 2, rows - rows // 2]

    def split(nest, axis):
        """Returns the nest of each batch split."""
        leaves = [
            [leaf, leaf] if len(leaf.shape) <= axis else _split(leaf, sizes, axis)
            for leaf in keras.tree.flatten(nest)
        ]
        return [keras.tree.pack_sequence_as(nest, [pair[i] for pair in leaves]) for i in range(2)]

    if constants == ():
        constants = [(), ()]
    else:
        constants = [constants._replace(rows=own) for own in split(constants.rows, 0)]
    splits = zip(split(state, 0), split(inputs, 1), constants, strict=True)
    results = [
        run(loop._replace(state=own, inputs=inputs, constants=constants))
        for own, inputs, constants in splits
    ]
    (states, final), (more_states, more_final) = results
    return _joined(states, more_states, 1), _joined(final, more_final, 0)


def _split(leaf, sizes, axis: int) -> list:
    known = leaf.shape[axis]
    return tf.split(leaf, sizes if known is None else [known // 2, known - known // 2], axis)


def _joined(first, second, axis: int):
    def joined(a, b):
        return None if a is None else tf.concat([a, b], axis)

    return keras.tree.map_structure(joined, first, second)
