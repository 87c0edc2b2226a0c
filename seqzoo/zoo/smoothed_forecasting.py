"""Forecasters of the literature that smooth each series by rates of its own."""

from __future__ import annotations

from collections.abc import Sequence

from seqzoo.heads import Quantiles
from seqzoo.heads.forecast import ForecastHead
from seqzoo.layers.forecast import DilatedSegments
from seqzoo.layers.series_smoothing import SeriesSmoothing
from seqzoo.preprocessing import ForecastWindows
from seqzoo.tasks import Forecaster


def smyl_2018(
    windows: ForecastWindows,
    seasons: Sequence[int] | None = None,
    units: int = 64,
    dilations: Sequence[Sequence[int]] = ((1, 2), (4, 7)),
    dropout: float = 0.0,
    cell: str = "lstm",
    id_units: int = 0,
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds ES-RNN: exponential smoothing of each series, and one network for what it leaves.

    Level and seasonal indices follow a series by rates that are learned with the weights of the
    network, for each series its own. The network reads what is left, season by season. With
    `ForecastWindows(transform="log")` the parts multiply, as in the paper.

    Args:
        windows: Adapted `ForecastWindows`.
        seasons: Steps of each season, the shortest first, such as 24 and 168 of hours; None is
            that of the windows.
        units: Positive int, the width of the states.
        dilations: The seasons between the steps of each layer, a list for each group of layers.
        dropout: From 0 to 1.
        cell: A name in `layers.cells.CELLS`.
        id_units: See `Forecaster`; the paper has 0.
        head: Tells of all steps of the horizon; None is `Quantiles`.

    Raises:
        ValueError: if neither `seasons` nor the windows tell a season of 2 steps or more.

    Reference: Smyl, 2020, https://doi.org/10.1016/j.ijforecast.2019.03.017, the winner of M4 in
    2018
    Differs from the paper: indices begin with means over the window, in place of learned ones; a
    step of the network reads a season; one network in place of an ensemble; no penalty of levels.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.smyl_2018(windows, seasons=[2], units=4)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    seasons = [windows.season or 1] if seasons is None else list(seasons)
    scaling = SeriesSmoothing(
        len(windows.fitted.names), windows.horizon, seasons, windows.target_count
    )
    network = DilatedSegments(seasons[0], units, dilations, cell, dropout)
    head = head or Quantiles(windows.horizon)
    return Forecaster(network, head, windows, scaling=scaling, id_units=id_units)
