"""The branch to cuDNN; see `ops.recurrence.cudnn`."""

import tensorflow as tf
from keras.src import backend  # the functions that Keras's own layers call

from seqzoo.ops.tensorflow.xla import traced_for_xla


def may_run():
    """`may_run` on TensorFlow, whose loops on a GPU launch every operation of a step."""
    return bool(tf.config.list_logical_devices("GPU")) and not traced_for_xla()


def cudnn_or_general(kind, arguments, mask, reverse, general):
    """`ops.recurrence.cudnn.run_cudnn` on TensorFlow. See there for arguments and results."""

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
