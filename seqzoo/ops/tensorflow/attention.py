"""The TensorFlow kernel of the scalar products of `ops.attention`."""

import tensorflow as tf


def tensorflow_times_transposed(left, right):
    """Returns `left` times the transposed matrices of `right`, by one operation."""
    return tf.matmul(left, right, transpose_b=True)
