"""The TensorFlow kernel of `ops.decoding.buffers.blank`."""

import tensorflow as tf


def blank_array(length, like):
    """A `tf.TensorArray` whose steps read 0 where nothing is written."""
    array = tf.TensorArray(
        like.dtype, size=length, element_shape=like.shape, clear_after_read=False
    )
    # Sizes that are unknown while tracing are known to the array from its first element on.
    return array.write(0, tf.zeros_like(like))
