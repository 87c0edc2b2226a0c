"""The TensorFlow kernel of `ops.recurrence.linear`.

Time is cut into chunks of as many steps. What a chunk as a whole does to the state that it begins
with is again one step of a linear recurrence. So a first loop, over the steps within a chunk and
for all chunks at once, finds these big steps; a second one takes them and so finds the state that
each chunk begins with; a third one, as the first, fills in the states within the chunks. That is
the true loop over time within a chunk, and no state is stored but those that are requested.
"""

import math

import tensorflow as tf

from seqzoo.ops.recurrence.complex_parts import conjugate, product, total


def tensorflow_linear_recurrence(decay, input_term, initial, reverse=False):
    """Does what `general_linear_recurrence` does, with a gradient of its own."""
    parts = len(decay)

    @tf.custom_gradient
    def run(*flat):
        decay, input_term, initial = (flat[i : i + parts] for i in range(0, 3 * parts, parts))
        hidden = _forward(decay, input_term, initial, reverse)

        def gradient(*upstream):
            return _backward(decay, initial, hidden, upstream, reverse)

        return hidden, gradient

    return tuple(run(*map(tf.convert_to_tensor, (*decay, *input_term, *initial))))


def _forward(decay, input_term, initial, reverse):
    time = (
        input_term[0].shape[0] if input_term[0].shape[0] is not None else tf.shape(input_term[0])[0]
    )
    chunks, steps = _cut(time)
    one = (1.0, 0.0)  # what pads the decays changes nothing
    chunked_decay = [_chunk(x, chunks, steps, value) for x, value in zip(decay, one, strict=False)]
    chunked_input_term = [_chunk(x, chunks, steps, 0.0) for x in input_term]
    jumps = _whole_chunks(chunked_decay, chunked_input_term, steps, reverse)
    starts = _run(*jumps, initial, chunks, reverse, store="before", axis=0)
    hidden = _run(chunked_decay, chunked_input_term, starts, steps, reverse, store="after", axis=1)
    return tuple(_unchunk(x, like) for x, like in zip(hidden, input_term, strict=True))


def _backward(decay, initial, hidden, upstream, reverse):
    """Returns the gradients of decay, input_term and initial, as a flat list.

    That of the input terms is the recurrence run the other way, on the decays of the step after.
    One step more, before the first, gives that of the initial state.
    """
    first, rest = (slice(-1, None), slice(None, -1)) if reverse else (slice(1), slice(1, None))

    def before(x, steps):
        """Puts a step `(B, N)` before the first of `steps`."""
        return tf.concat([steps, x[None]] if reverse else [x[None], steps], axis=0)

    def after(x, steps):
        return tf.concat([x[None], steps] if reverse else [steps, x[None]], axis=0)

    zeros = tuple(tf.zeros_like(x) for x in initial)
    decay_after = [after(x, y) for x, y in zip(zeros, conjugate(decay), strict=True)]
    upstream = [before(x, y) for x, y in zip(zeros, upstream, strict=True)]
    flows = tensorflow_linear_recurrence(decay_after, upstream, zeros, not reverse)
    d_input_term = tuple(x[rest] for x in flows)
    all_but_last = slice(1, None) if reverse else slice(None, -1)
    previous = tuple(before(x, y)[all_but_last] for x, y in zip(initial, hidden, strict=True))
    d_decay = product(conjugate(previous), d_input_term)
    return [*d_decay, *d_input_term, *(x[first][0] for x in flows)]


def _cut(time):
    """Returns how many chunks of how many steps to cut into, at least 1 of 1.

    The three loops take 2 * steps + chunks steps, the least where 2 * steps * steps = time.
    """
    if isinstance(time, int):
        steps = max(math.ceil(math.sqrt(time / 2)), 1)
        return max(math.ceil(time / steps), 1), steps
    root = tf.sqrt(tf.cast(time, "float32") / 2)
    steps = tf.maximum(tf.cast(tf.math.ceil(root), "int32"), 1)
    return tf.maximum((time + steps - 1) // steps, 1), steps


def _chunk(x, chunks, steps, padding):
    """Pads `(T, B, N)` at its end and makes it `(chunks, steps, B, N)`."""
    shape = tf.shape(x)
    missing = chunks * steps - shape[0]
    padded = tf.pad(x, [[0, missing], [0, 0], [0, 0]], constant_values=padding)
    chunked = tf.reshape(padded, tf.concat([[chunks, steps], shape[1:]], axis=0))
    return tf.ensure_shape(chunked, [None, None, *x.shape[1:]])


def _unchunk(x, like):
    """Makes `(steps, chunks, B, N)` the `(T, B, N)` of the shape of `like`."""
    shape = tf.shape(x)
    whole = tf.reshape(
        tf.transpose(x, (1, 0, 2, 3)), tf.concat([[shape[0] * shape[1]], shape[2:]], axis=0)
    )
    return tf.ensure_shape(whole[: tf.shape(like)[0]], like.shape)


def _whole_chunks(decay, input_term, steps, reverse):
    """Returns decay and input_term of each chunk taken as one step, `(chunks, B, N)` each."""

    def body(i, whole_decay, whole_input_term):
        t = steps - 1 - i if reverse else i
        decay_t, drive_t = _at(decay, t, axis=1), _at(input_term, t, axis=1)
        whole_input_term = total(product(decay_t, whole_input_term), drive_t)
        return i + 1, product(decay_t, whole_decay), whole_input_term

    first = steps - 1 if reverse else 0
    start = _at(decay, first, axis=1), _at(input_term, first, axis=1)
    _, *whole = _loop(body, steps, tf.constant(1), *start)
    return whole


def _run(decay, input_term, state, length, reverse, store, axis):
    """Runs over an axis of decay and input_term.

    Returns:
        The states before or after each step, stacked along a new first axis.
    """
    arrays = tuple(tf.TensorArray(x.dtype, size=length, element_shape=x.shape) for x in state)

    def body(i, state, arrays):
        t = length - 1 - i if reverse else i
        new = total(product(_at(decay, t, axis), state), _at(input_term, t, axis))
        stored = state if store == "before" else new
        arrays = tuple(array.write(t, x) for array, x in zip(arrays, stored, strict=True))
        return i + 1, new, arrays

    _, _, arrays = _loop(body, length, tf.constant(0), tuple(state), arrays)
    return tuple(array.stack() for array in arrays)


def _loop(body, length, *variables):
    return tf.while_loop(lambda i, *_: i < length, body, variables, maximum_iterations=length)


def _at(parts, t, axis):
    return tuple(x[t] if axis == 0 else x[:, t] for x in parts)
