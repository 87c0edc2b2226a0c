"""The targets of series as rows of their own, which one network reads by the same weights."""

from __future__ import annotations

import tensorflow as tf


def rows_of_channels(values, targets: int):
    """Each target, covariates beside it, as a row: `(B, L, C + P)` -> `(B * C, L, 1 + P)`."""
    steps, width = values.shape[1], values.shape[2]
    own = tf.reshape(tf.transpose(values[..., :targets], [0, 2, 1]), [-1, steps, 1])
    if width == targets:
        return own
    return tf.concat([own, tf.repeat(values[..., targets:], targets, axis=0)], axis=-1)


def channels_of_rows(parameters, targets: int):
    """`(B * C, N, H, 1, P)` -> `(B, N, H, C, P)`."""
    states, steps, count = parameters.shape[1], parameters.shape[2], parameters.shape[4]
    parted = tf.reshape(parameters, [-1, targets, states, steps, count])
    return tf.transpose(parted, [0, 2, 3, 1, 4])
