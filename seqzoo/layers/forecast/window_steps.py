"""The network of linear forecasters: the steps of the window themselves are the hidden state."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="seqzoo")
class WindowSteps(keras.layers.Layer):
    """Returns the steps of a window as one hidden state, or its trend and the rest side by side.

    With a head that projects them, this is NLinear (where the last value is subtracted) and, with
    a trend, DLinear: a sum of two linear functions of time.

    Args:
        trend: Positive int, the steps of the moving mean that is the trend, or None. Before the
            first step and behind the last, the mean goes on with their values.

    Call arguments:
        values: Float tensor `(B, L, F)`, where L is fixed.
        mask: Boolean `(B, L)`; padding is read as the values that it holds.

    Returns:
        Hidden states `(B, 1, L * F)`, or `(B, 1, 2 * L * F)` with a trend.

    Raises:
        ValueError: if `trend` is below 1.

    Reference: Zeng et al., 2023, https://arxiv.org/abs/2205.13504

    Example:
        >>> tuple(sz.layers.WindowSteps(trend=3)(np.ones((2, 5, 1), "float32")).shape)
        (2, 1, 10)
    """

    unread = ("known", "static")

    def __init__(self, trend: int | None = None, **kwargs):
        super().__init__(**kwargs)
        if trend is not None and trend < 1:
            raise ValueError(f"`trend` must be at least 1. Received: trend={trend}.")
        self.trend = trend
        self.supports_masking = True

    def call(self, values, mask=None, known=None, static=None, training=False):
        if self.trend is not None:
            trend = moving_mean(values, self.trend)
            values = ops.concatenate([trend, values - trend], axis=1)
        return ops.reshape(values, (-1, 1, values.shape[1] * values.shape[2]))

    def compute_mask(self, values, mask=None, **others):
        return None

    def get_config(self):
        return super().get_config() | {"trend": self.trend}


def moving_mean(values, steps: int):
    """Returns means `(B, L, F)` over the steps around each, of values `(B, L, F)`."""
    before = (steps - 1) // 2
    first = ops.repeat(values[:, :1], before, axis=1)
    last = ops.repeat(values[:, -1:], steps - 1 - before, axis=1)
    padded = ops.concatenate([first, values, last], axis=1)
    return ops.average_pool(padded, steps, strides=1, padding="valid")
