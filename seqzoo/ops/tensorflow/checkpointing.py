"""The TensorFlow kernel of `ops.recurrence.checkpointing.scan_in_pieces`.

Keras's loops have no gradient under XLA on TensorFlow, and hold what is inside of a function that
is run again there. So the way back is written out: a loop over the pieces from the last to the
first, each of which is run once more under a tape and differentiated at once.
"""

import keras
import tensorflow as tf

from seqzoo.ops.recurrence.chunks import Cut
from seqzoo.ops.tensorflow.scan import add_up
from seqzoo.ops.tensorflow.xla import traced_for_xla


def tensorflow_scan_in_pieces(piece, state, inputs, weights, length, put_out, reverse=False):
    """`ops.recurrence.checkpointing.scan_in_pieces` with a gradient of its own. See there."""
    arguments = keras.tree.map_structure(tf.convert_to_tensor, (state, inputs, weights))
    picked = put_out(arguments[0])
    cut = Cut(_whole_pieces(arguments[1], length), length, reverse)
    n, m = len(keras.tree.flatten(picked)), len(keras.tree.flatten(state))
    returned = []

    def flat_piece(*flat):
        """Returns outputs and final state of a piece as one list each."""
        states, final = piece(*keras.tree.pack_sequence_as(arguments, flat))
        return keras.tree.flatten(put_out(states)), keras.tree.flatten(final)

    @tf.custom_gradient
    def run(*flat):
        # A tape that watches would keep all that is inside.
        parts = _parts(arguments, [tf.stop_gradient(x) for x in flat])
        outputs, final, between = _forward(flat_piece, *parts, cut, keras.tree.flatten(picked))

        def gradient(*upstream):
            _, steps, fixed = _parts(arguments, flat)
            upstream = [list(part) for part in _split(upstream, n, m)]
            # As they were returned, so that the gradient has a gradient too.
            between = _split(returned, n, m)[2]
            return _backward(flat_piece, between, steps, fixed, cut, upstream)

        return (*outputs, *final, *between), gradient

    returned.extend(run(*keras.tree.flatten(arguments)))
    outputs, final, _ = _split(returned, n, m)
    return keras.tree.pack_sequence_as(picked, outputs), keras.tree.pack_sequence_as(state, final)


def _forward(piece, state, inputs, weights, cut, picked):
    """Runs the pieces.

    Returns:
        The outputs `(T, B, ...)`, the final state, and the state before each piece, in the order
        in which they run, `(count + 1, B, ...)`.
    """
    between = [_array(cut, leaf).write(0, leaf) for leaf in state]
    found = [
        _array(cut, leaf).write(cut.count, _no_piece(cut, tf.shape(leaf), leaf)) for leaf in picked
    ]
    pieces = _pieces(cut, inputs)

    def body(k, state, between, found):
        place = _place(k, cut)
        outputs, new = piece(*state, *(x[place] for x in pieces), *weights)
        state = [tf.ensure_shape(a, b.shape) for a, b in zip(new, state, strict=True)]
        between = [array.write(k + 1, x) for array, x in zip(between, state, strict=True)]
        found = [array.write(place, x) for array, x in zip(found, outputs, strict=True)]
        return k + 1, state, between, found

    _, before_last, between, found = _loop(body, cut, state, between, found)
    last, final = piece(*before_last, *cut.last(inputs), *weights)
    stacked = [array.stack() for array in between]
    for states, leaf in zip(stacked, state, strict=True):
        states.set_shape([None, *leaf.shape])
    return cut.joined([array.stack()[: cut.count] for array in found], last), final, stacked


def _backward(piece, between, inputs, weights, cut, upstream):
    """Returns the gradient of every leaf of `(state, inputs, weights)`, as a flat list."""
    n, m = len(between), len(between) + len(_floats(inputs))
    d_outputs, d_final, d_between = upstream

    def differentiate(state, inputs, d_outputs, d_final):
        """Runs a piece again, and returns the gradients of what is float of its arguments."""
        # Copies, as one tensor may stand in two places and each wants its own gradient.
        given = [tf.identity(x) for x in (*state, *inputs, *weights)]
        with tf.GradientTape() as tape:
            tape.watch(_floats(given))
            outputs, final = piece(*given)
        gradients = tape.gradient(
            [*outputs, *final],
            _floats(given),
            [*d_outputs, *d_final],
            unconnected_gradients=tf.UnconnectedGradients.ZERO,
        )
        return gradients[:n], gradients[n:m], gradients[m:]

    before_last = [states[cut.count] for states in between]
    d_state, d_last, d_weights = differentiate(
        before_last, cut.last(inputs), cut.last(d_outputs), d_final
    )
    d_state = [d + more[cut.count] for d, more in zip(d_state, d_between, strict=True)]
    arrays = [_array(cut, d).write(cut.count, _no_piece(cut, tf.shape(d)[1:], d)) for d in d_last]
    pieces, d_pieces = _pieces(cut, inputs), _pieces(cut, d_outputs)

    def body(i, d_state, d_weights, arrays):
        k = cut.count - 1 - i
        place = _place(k, cut)
        d_state, d_inputs, d_more = differentiate(
            [states[k] for states in between],
            [x[place] for x in pieces],
            [d[place] for d in d_pieces],
            d_state,
        )
        d_state = add_up([more[k] for more in d_between], d_state)
        arrays = [array.write(place, d) for array, d in zip(arrays, d_inputs, strict=True)]
        d_weights = add_up(d_weights, d_more)
        return i + 1, d_state, d_weights, arrays

    _, d_state, d_weights, arrays = _loop(body, cut, d_state, d_weights, arrays)
    d_inputs = cut.joined([array.stack()[: cut.count] for array in arrays], d_last)
    return [*d_state, *_with_none(inputs, d_inputs), *_with_none(weights, d_weights)]


def _parts(structure, flat):
    """Returns the flat lists of the three parts of the arguments."""
    return [keras.tree.flatten(part) for part in keras.tree.pack_sequence_as(structure, flat)]


def _split(leaves, n, m):
    """Returns the first `n`, the next `m`, and the rest."""
    return leaves[:n], leaves[n : n + m], leaves[n + m :]


def _whole_pieces(inputs, length):
    first = keras.tree.flatten(inputs)[0]
    if first.shape[0] is not None:
        return max(first.shape[0] - 1, 0) // length
    return tf.maximum(tf.shape(first)[0] - 1, 0) // length


def _array(cut, like):
    """An array of an element more than there are whole pieces: one of none cannot be stacked."""
    return tf.TensorArray(like.dtype, size=cut.count + 1, element_shape=None)


def _no_piece(cut, row_shape, like):
    """What stands in place of that element, zeros of the shape of a piece."""
    return tf.zeros(tf.concat([[cut.length], row_shape], axis=0), like.dtype)


def _pieces(cut, leaves):
    """Returns `cut.pieces`, and one more for XLA, which compiles a loop of no turns too."""
    pieces = cut.pieces(leaves)
    if not traced_for_xla():
        return pieces
    return [tf.pad(x, [[0, 1]] + [[0, 0]] * (len(x.shape) - 1)) for x in pieces]


def _place(k, cut):
    """Where the piece that runs as number k stands in time."""
    return cut.count - 1 - k if cut.reverse else k


def _loop(body, cut, *variables):
    return tf.while_loop(
        lambda i, *_: i < cut.count,
        body,
        (tf.constant(0), *variables),
        maximum_iterations=cut.count,
    )


def _floats(leaves):
    return [leaf for leaf in leaves if leaf.dtype.is_floating]


def _with_none(leaves, gradients):
    gradients = iter(gradients)
    return [next(gradients) if leaf.dtype.is_floating else None for leaf in leaves]
