"""Forecasters of the literature."""

from __future__ import annotations

from typing import Literal

from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Point, Quantiles
from seqzoo.heads.forecast import ForecastHead
from seqzoo.layers.forecast import EncodedWindow, SegmentRNN, WindowSteps
from seqzoo.layers.scaling import SeriesScaling
from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing import ForecastWindows
from seqzoo.tasks import Forecaster


def lin_2023(
    windows: ForecastWindows,
    segment: int = 24,
    units: int = 128,
    dropout: float = 0.5,
    cell: str = "gru",
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds SegRNN, a recurrent network over segments of a window and of the horizon.

    All targets are read by the same weights, one at a time; a learned vector tells them apart.

    Args:
        windows: Adapted `ForecastWindows`, whose lookback and horizon are numbers of segments.
        segment: Positive int, the steps of a segment.
        units: Positive even int, the width of the state.
        dropout: From 0 to 1.
        cell: A name in `layers.cells.CELLS`.
        head: Tells of `segment` steps; None is a `Point` that minimises the squared error.

    Raises:
        ValueError: if a segment does not divide lookback and horizon.

    Reference: Lin et al., 2023, https://arxiv.org/abs/2308.11200

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.lin_2023(windows, segment=2, units=4)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    if windows.horizon % segment:
        raise ValueError(
            f"`segment` must divide the horizon. Received: segment={segment} and a horizon of "
            f"{windows.horizon} steps."
        )
    network = SegmentRNN(windows.horizon // segment, segment, units, cell, dropout)
    head = head or Point(segment)
    return Forecaster(network, head, windows, scaling="last", id_units=units // 2)


def zeng_2023(
    windows: ForecastWindows,
    kind: Literal["nlinear", "dlinear"] = "nlinear",
    trend: int = 25,
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds NLinear or DLinear: the future as a linear function of the window.

    Args:
        windows: Adapted `ForecastWindows`.
        kind: `"nlinear"` subtracts the last value before and adds it after; `"dlinear"` adds one
            function of the trend and one of the rest.
        trend: Positive int, the steps of the moving mean that is the trend.
        head: Tells of all steps of the horizon; None is a `Point` that minimises the squared error.

    Reference: Zeng et al., 2023, https://arxiv.org/abs/2205.13504

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> sz.zoo.zeng_2023(windows, kind="dlinear", trend=3).forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    check_known("kind", kind, ("nlinear", "dlinear"))
    network = WindowSteps(trend if kind == "dlinear" else None)
    scaling = "last" if kind == "nlinear" else "none"
    return Forecaster(network, head or Point(windows.horizon), windows, scaling=scaling)


def wen_2017(
    windows: ForecastWindows,
    units: int = 128,
    layers: int = 1,
    dropout: float = 0.0,
    cell: str = "lstm",
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds MQ-RNN with direct projections: every step that is read is an origin in training.

    So a pass over a window gives as many examples as it has steps.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, the width of the state.
        layers: Positive int.
        dropout: From 0 to 1.
        cell: A name in `layers.cells.CELLS`.
        head: Tells of all steps of the horizon; None is `Quantiles`.

    Reference: Wen et al., 2017, https://arxiv.org/abs/1711.11053
    Differs from the paper: one projection in place of two networks after the encoder.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> sz.zoo.wen_2017(windows, units=4).forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    width = 1 + windows.value_count - windows.target_count + windows.known_count
    encoder = RecurrentEncoder(None, width, units, layers, cell, "forward", dropout=dropout)
    head = head or Quantiles(windows.horizon)
    scaling = SeriesScaling("last", causal=True)
    return Forecaster(EncodedWindow(encoder, "every"), head, windows, scaling=scaling)
