"""Forecasters that feed back what they forecast, step by step."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seqzoo.decoders import RecurrentDecoder
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Gaussian, Point
from seqzoo.heads.forecast import DECILES, ForecastHead
from seqzoo.layers.forecast import DecodedHorizon
from seqzoo.preprocessing import ForecastWindows
from seqzoo.tasks import AutoregressiveForecaster


def salinas_2020(
    windows: ForecastWindows,
    units: int = 40,
    layers: int = 2,
    dropout: float = 0.1,
    cell: str = "lstm",
    head: ForecastHead | None = None,
    id_units: int = 0,
    path_count: int = 100,
    levels: Sequence[float] = DECILES,
) -> AutoregressiveForecaster:
    """Builds DeepAR: a recurrent network that predicts a distribution of each next value.

    One network reads the window and goes on through the horizon, fed its own draws. It learns all
    steps of both in one pass. A window is divided by the mean of its absolute values; series of
    counts or prices, whose scale is their level, want `ForecastWindows(scaler="none")`.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, the width of the state.
        layers: Positive int.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.
        cell: A name in `layers.cells.CELLS`.
        head: Tells of one step; None is `Gaussian`.
        id_units: Width of a vector that is learned for each series and target, 0: none.
        path_count: Positive int, the paths of a forecast.
        levels: Of the quantiles that are answered, ascending.

    Raises:
        ValueError: if there are past covariates, which end where the network goes on.

    Reference: Salinas et al., 2020, https://arxiv.org/abs/1704.04110
    Differs from the paper: the scale is the mean of the absolute values without 1 added; windows
    are drawn evenly.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.salinas_2020(windows, units=4, path_count=10)
        >>> forecaster.forecast_answers(np.arange(20.0))["quantiles"].shape
        (1, 4, 1, 9)
    """
    decoder = _goes_on(windows, units, layers, cell, id_units)
    network = DecodedHorizon(decoder, dropout=dropout)
    return AutoregressiveForecaster(
        network,
        head or Gaussian(1),
        windows,
        scaling="mean",
        id_units=id_units,
        path_count=path_count,
        levels=levels,
    )


def graves_2013(
    windows: ForecastWindows,
    units: int = 128,
    layers: int = 1,
    dropout: float = 0.0,
    cell: str = "lstm",
    head: ForecastHead | None = None,
) -> AutoregressiveForecaster:
    """Builds the recursive recurrent network: it predicts one step, and reads it to go on.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, the width of the state.
        layers: Positive int.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.
        cell: A name in `layers.cells.CELLS`, such as `"lstm"` or `"gru"`.
        head: Tells of one step; None is a `Point` that minimises the squared error.

    Raises:
        ValueError: if there are past covariates, which end where the network goes on.

    Reference: Graves, 2013, https://arxiv.org/abs/1308.0850
    Differs from the paper: plain layers, one on the other; the mean in place of draws.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> sz.zoo.graves_2013(windows, units=4, cell="gru").forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    network = DecodedHorizon(_goes_on(windows, units, layers, cell), dropout=dropout)
    return AutoregressiveForecaster(network, head or Point(1), windows, scaling="standard")


def kuznetsov_2018(
    windows: ForecastWindows,
    units: int = 128,
    layers: int = 1,
    dropout: float = 0.0,
    cell: str = "lstm",
    attention: str | None = None,
    feeding: Literal["true", "own"] = "own",
    scaling: Literal["none", "last", "standard", "mean"] = "last",
    channels: Literal["independent", "joint"] = "independent",
    head: ForecastHead | None = None,
) -> AutoregressiveForecaster:
    """Builds a Seq2Seq network of recurrent layers: one reads the window, one writes the horizon.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, the width of the states.
        layers: Positive int, of the encoder and of the decoder.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.
        cell: A name in `layers.cells.CELLS`.
        attention: A name in `layers.attention.ATTENTIONS`, by which the decoder reads from all
            steps of the window, or None: it knows the last state alone.
        feeding: What the decoder is fed in training; see `AutoregressiveForecaster`.
        scaling: Of each window; see `SeriesScaling`.
        channels: How several targets are read; see `Forecaster`.
        head: Tells of one step, of each target where `channels` are `"joint"`; None is a `Point`
            that minimises the squared error.

    References: Kuznetsov and Mariet, 2018, https://arxiv.org/abs/1805.03714; with attention after
    Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.kuznetsov_2018(windows, units=4, attention="additive")
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    targets = windows.target_count if channels == "joint" else 1
    past = windows.value_count - windows.target_count
    width = targets + windows.known_count + windows.static_count
    encoder = RecurrentEncoder(None, width + past, units, layers, cell, "forward")
    readout = "none" if attention is None else "tanh"
    decoder = RecurrentDecoder(
        None, width, units, layers, cell, attention, bridge="copy", readout=readout
    )
    network = DecodedHorizon(decoder, encoder, targets, dropout)
    head = head or Point(1, targets)
    return AutoregressiveForecaster(network, head, windows, scaling, channels, feeding=feeding)


def _goes_on(windows, units, layers, cell, id_units=0) -> RecurrentDecoder:
    """A decoder that begins with no source, and is fed each value beside what is known."""
    width = 1 + windows.known_count + windows.static_count + id_units
    return RecurrentDecoder(None, width, units, layers, cell, None, bridge="zero", readout="none")
