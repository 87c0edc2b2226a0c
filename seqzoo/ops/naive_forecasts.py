"""Forecasts that need no training, which every other one has to beat."""

from __future__ import annotations

from keras import ops


def repeat_last(history, horizon: int):
    """Returns the last value for all steps `(B, H, C)`, of a history `(B, L, C)` without gaps.

    Example:
        >>> history = np.array([[[1.0], [3.0]]])
        >>> sz.ops.naive_forecasts.repeat_last(history, 2)[0, :, 0].numpy().tolist()
        [3.0, 3.0]
    """
    return ops.repeat(history[:, -1:], horizon, axis=1)


def seasonal_naive(history, horizon: int, season: int):
    """Returns the values of the last season again and again, `(B, H, C)`.

    A history that is shorter than a season is one.

    Example:
        >>> history = np.array([[[1.0], [2.0], [3.0]]])
        >>> sz.ops.naive_forecasts.seasonal_naive(history, 3, season=2)[0, :, 0].numpy().tolist()
        [2.0, 3.0, 2.0]
    """
    season = min(season, history.shape[1])
    times = -(-horizon // season)
    return ops.concatenate([history[:, -season:]] * times, axis=1)[:, :horizon]


def drift(history, mask, horizon: int):
    """Returns the line from the first real step through the last one, `(B, H, C)`.

    Args:
        history: `(B, L, C)`, without gaps.
        mask: Boolean `(B, L)`, True on real steps, which are at the end.
        horizon: H.

    Example:
        >>> history, mask = np.array([[[0.0], [1.0], [3.0]]]), np.array([[False, True, True]])
        >>> sz.ops.naive_forecasts.drift(history, mask, 2)[0, :, 0].numpy().tolist()
        [5.0, 7.0]
    """
    count = ops.sum(ops.cast(mask, "int32"), axis=1, keepdims=True)  # (B, 1)
    is_first = ops.equal(ops.cumsum(ops.cast(mask, "int32"), axis=1), 1) & mask
    first = ops.sum(ops.where(is_first[..., None], history, 0.0), axis=1, keepdims=True)
    last = history[:, -1:]
    steps = ops.cast(ops.maximum(count - 1, 1), history.dtype)[..., None]
    slope = ops.where((count > 1)[..., None], (last - first) / steps, 0.0)
    ahead = ops.reshape(ops.arange(1, horizon + 1, dtype=history.dtype), (1, -1, 1))
    return last + slope * ahead
