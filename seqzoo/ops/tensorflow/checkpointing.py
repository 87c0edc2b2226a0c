"""The TensorFlow kernel of `ops.recurrence.checkpointing.scan_in_chunks`.

Keras's loops have no gradient under XLA on TensorFlow, and hold what is inside of a function that
is run again there. So the way back is written out: a loop over the chunks from the last to the
first, each of which is run once more under a tape and differentiated at once.
"""

import keras
import tensorflow as tf

from seqzoo.ops.recurrence.chunks import Chunking
from seqzoo.ops.tensorflow.scan import add_in_loop
from seqzoo.ops.tensorflow.xla import traced_for_xla


def tensorflow_scan_in_chunks(chunk, state, inputs, weights, length, select, reverse=False):
    """`ops.recurrence.checkpointing.scan_in_chunks` with a gradient of its own. See there."""
    arguments = keras.tree.map_structure(tf.convert_to_tensor, (state, inputs, weights))
    picked = select(arguments[0])
    chunking = Chunking(_whole_chunks(arguments[1], length), length, reverse)
    n, m = len(keras.tree.flatten(picked)), len(keras.tree.flatten(state))
    returned = []

    def flat_chunk(*flat):
        """Returns outputs and final state of a chunk, as a list each."""
        states, final = chunk(*keras.tree.pack_sequence_as(arguments, flat))
        return keras.tree.flatten(select(states)), keras.tree.flatten(final)

    @tf.custom_gradient
    def run(*flat):
        # A tape that watches would keep all that is inside.
        parts = _parts(arguments, [tf.stop_gradient(x) for x in flat])
        outputs, final, between = _forward(flat_chunk, *parts, chunking, keras.tree.flatten(picked))

        def gradient(*upstream):
            _, steps, fixed = _parts(arguments, flat)
            upstream = [list(part) for part in _split(upstream, n, m)]
            # As they were returned, so that the gradient has a gradient too.
            between = _split(returned, n, m)[2]
            return _backward(flat_chunk, between, steps, fixed, chunking, upstream)

        return (*outputs, *final, *between), gradient

    returned.extend(run(*keras.tree.flatten(arguments)))
    outputs, final, _ = _split(returned, n, m)
    return keras.tree.pack_sequence_as(picked, outputs), keras.tree.pack_sequence_as(state, final)


def _forward(chunk, state, inputs, weights, chunking, picked):
    """Runs the chunks.

    Returns:
        The outputs `(T, B, ...)`, the final state, and the state before each chunk, in the order
        in which they run, `(count + 1, B, ...)`.
    """
    between = [_array(chunking, leaf).write(0, leaf) for leaf in state]
    outputs_so_far = [
        _array(chunking, leaf).write(chunking.count, _no_chunk(chunking, tf.shape(leaf), leaf))
        for leaf in picked
    ]
    chunks = _chunks(chunking, inputs)

    def body(k, state, between, outputs_so_far):
        index = _index(k, chunking)
        outputs, new = chunk(*state, *(x[index] for x in chunks), *weights)
        state = [tf.ensure_shape(a, b.shape) for a, b in zip(new, state, strict=True)]
        between = [array.write(k + 1, x) for array, x in zip(between, state, strict=True)]
        outputs_so_far = [
            array.write(index, x) for array, x in zip(outputs_so_far, outputs, strict=True)
        ]
        return k + 1, state, between, outputs_so_far

    _, before_last, between, outputs_so_far = _loop(body, chunking, state, between, outputs_so_far)
    last, final = chunk(*before_last, *chunking.last(inputs), *weights)
    stacked = [array.stack() for array in between]
    for states, leaf in zip(stacked, state, strict=True):
        states.set_shape([None, *leaf.shape])
    return (
        chunking.joined([array.stack()[: chunking.count] for array in outputs_so_far], last),
        final,
        stacked,
    )


def _backward(chunk, between, inputs, weights, chunking, upstream):
    """Returns the gradient of every leaf of `(state, inputs, weights)`, as a flat list."""
    n, m = len(between), len(between) + len(_floats(inputs))
    d_outputs, d_final, d_between = upstream

    def differentiate(state, inputs, d_outputs, d_final):
        """Runs a chunk again, and returns the gradients of what is float of its arguments."""
        # Copies, as one tensor may stand in two places and each wants its own gradient.
        given = [tf.identity(x) for x in (*state, *inputs, *weights)]
        with tf.GradientTape() as tape:
            tape.watch(_floats(given))
            outputs, final = chunk(*given)
        gradients = tape.gradient(
            [*outputs, *final],
            _floats(given),
            [*d_outputs, *d_final],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return gradients[:n], gradients[n:m], gradients[m:]

    before_last = [states[chunking.count] for states in between]
    d_state, d_last, d_weights = differentiate(
        before_last, chunking.last(inputs), chunking.last(d_outputs), d_final
    )
    d_state = [d + more[chunking.count] for d, more in zip(d_state, d_between, strict=True)]
    arrays = [
        _array(chunking, d).write(chunking.count, _no_chunk(chunking, tf.shape(d)[1:], d))
        for d in d_last
    ]
    chunks, d_chunks = _chunks(chunking, inputs), _chunks(chunking, d_outputs)

    def body(i, d_state, d_weights, arrays):
        k = chunking.count - 1 - i
        index = _index(k, chunking)
        d_state, d_inputs, d_more = differentiate(
            [states[k] for states in between],
            [x[index] for x in chunks],
            [d[index] for d in d_chunks],
            d_state,
        )
        d_state = add_in_loop([more[k] for more in d_between], d_state)
        arrays = [array.write(index, d) for array, d in zip(arrays, d_inputs, strict=True)]
        d_weights = add_in_loop(d_weights, d_more)
        return i + 1, d_state, d_weights, arrays

    _, d_state, d_weights, arrays = _loop(body, chunking, d_state, d_weights, arrays)
    d_inputs = chunking.joined([array.stack()[: chunking.count] for array in arrays], d_last)
    return [*d_state, *_with_none(inputs, d_inputs), *_with_none(weights, d_weights)]


def _parts(structure, flat):
    """Returns the flat lists of the three parts of the arguments."""
    return [keras.tree.flatten(part) for part in keras.tree.pack_sequence_as(structure, flat)]


def _split(leaves, n, m):
    """Returns the first `n`, the next `m`, and the rest."""
    return leaves[:n], leaves[n : n + m], leaves[n + m :]


def _whole_chunks(inputs, length):
    first = keras.tree.flatten(inputs)[0]
    if first.shape[0] is not None:
        return max(first.shape[0] - 1, 0) // length
    return tf.maximum(tf.shape(first)[0] - 1, 0) // length


def _array(chunking, like):
    """An array of an element more than there are whole chunks: one of none cannot be stacked."""
    return tf.TensorArray(like.dtype, size=chunking.count + 1, element_shape=None)


def _no_chunk(chunking, row_shape, like):
    """What stands in place of that element, zeros of the shape of a chunk."""
    return tf.zeros(tf.concat([[chunking.length], row_shape], axis=0), like.dtype)


def _chunks(chunking, leaves):
    """Returns `chunking.split`, and one more for XLA, which compiles a loop of no turns too."""
    chunks = chunking.split(leaves)
    if not traced_for_xla():
        return chunks
    return [tf.pad(x, [[0, 1]] + [[0, 0]] * (len(x.shape) - 1)) for x in chunks]


def _index(k, chunking):
    """Where the chunk that runs as number k stands in time."""
    return chunking.count - 1 - k if chunking.reverse else k


def _loop(body, chunking, *variables):
    return tf.while_loop(
        lambda i, *_: i < chunking.count,
        body,
        (tf.constant(0), *variables),
        maximum_iterations=chunking.count,
    )


def _floats(leaves):
    return [leaf for leaf in leaves if leaf.dtype.is_floating]


def _with_none(leaves, gradients):
    gradients = iter(gradients)
    return [next(gradients) if leaf.dtype.is_floating else None for leaf in leaves]
