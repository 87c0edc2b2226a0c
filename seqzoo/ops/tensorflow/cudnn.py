"""cuDNN on TensorFlow, for `ops.recurrence.plan`."""

import tensorflow as tf
from keras.src import backend  # the functions that Keras's own layers call

from seqzoo.ops.tensorflow.xla import traced_for_xla


def may_run(kind, rows, units, dtype, mask):
    """Whether there is a GPU, on which TensorFlow's own loops launch every operation of a step."""
    return bool(tf.config.list_logical_devices("GPU")) and not traced_for_xla()


def cudnn_or_general(kind, arguments, mask, reverse, general):
    """Runs an LSTM or a GRU by cuDNN where it accepts the call, else by `general`.

    cuDNN needs a GPU, the usual activations and a bias. It takes no mask but one that is padded on
    the right in every row and leaves no row empty; what the mask is like shows when the step runs.

    Args:
        kind: `"lstm"` or `"gru"`.
        arguments: Those of Keras's own function; see `CudnnCall`.
        mask: Boolean `(B, T)`, or None.
        reverse: Whether to run from the last step to the first.
        general: Function of no arguments that gives the same results otherwise.

    Returns:
        The outputs of every step `(B, T, units)`, in the order of the inputs, and a list of the
        final states `(B, units)`.
    """

    def cudnn():
        run = getattr(backend, kind)
        last, outputs, final = run(
            mask=mask, return_sequences=True, go_backwards=reverse, **arguments
        )
        outputs = tf.reverse(outputs, axis=[1]) if reverse else outputs
        if mask is not None:  # cuDNN puts out zeros on padding; here a step without input is held
            first = arguments.get("initial_state_h", arguments.get("initial_state"))
            held = first if reverse else last
            outputs = tf.where(mask[..., None], outputs, held[:, None])
        return outputs, list(final)

    try:
        if mask is None:
            return cudnn()
        return tf.cond(_is_right_padded(mask), cudnn, general)
    except NotImplementedError:  # what Keras raises for a call that cuDNN does not take
        return general()


def _is_right_padded(mask):
    lengths = tf.reduce_sum(tf.cast(mask, tf.int32), axis=1)
    as_padded = tf.sequence_mask(lengths, tf.shape(mask)[1])
    return tf.reduce_all(mask == as_padded) & tf.reduce_all(lengths > 0)
