"""Forecasters of the literature."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seqzoo.encoders import TCN, BlockEncoder, RecurrentEncoder
from seqzoo.heads import Point, Quantiles
from seqzoo.heads.forecast import ForecastHead
from seqzoo.layers import FeedForward, make_blocks
from seqzoo.layers.forecast import (
    EncodedWindow,
    Patches,
    PooledConvolutions,
    SegmentRNN,
    WindowSteps,
)
from seqzoo.layers.forecast.window_stems import patch_count
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
    encoder = RecurrentEncoder(
        None, _width(windows), units, layers, cell, "forward", dropout=dropout
    )
    head = head or Quantiles(windows.horizon)
    scaling = SeriesScaling("last", causal=True)
    return Forecaster(EncodedWindow(encoder, "every"), head, windows, scaling=scaling)


def hewamalage_2021(
    windows: ForecastWindows,
    units: int = 64,
    layers: int = 1,
    dropout: float = 0.0,
    cell: str = "lstm",
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds a direct recurrent network: its last output tells of all steps of the horizon.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, the width of the state.
        layers: Positive int.
        dropout: From 0 to 1.
        cell: A name in `layers.cells.CELLS`, such as `"gru"`.
        head: Tells of all steps of the horizon; None is a `Point` that minimises the squared error.

    Reference: Hewamalage et al., 2021, the stacked architecture, https://arxiv.org/abs/1909.00590
    Differs from the paper: a step reads one value in place of a window; no deseasonalisation.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> sz.zoo.hewamalage_2021(windows, units=5, cell="gru").forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    encoder = RecurrentEncoder(
        None, _width(windows), units, layers, cell, "forward", dropout=dropout
    )
    return Forecaster(EncodedWindow(encoder), head or Point(windows.horizon), windows)


def livieris_2020(
    windows: ForecastWindows,
    filters: Sequence[int] = (32, 64),
    kernel: int = 2,
    pool: int = 2,
    units: int = 64,
    dropout: float = 0.0,
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds a CNN-LSTM: convolutions and a maximum over the window, then an LSTM.

    Args:
        windows: Adapted `ForecastWindows`.
        filters: Features of each convolution.
        kernel: Positive int, steps that a convolution reads.
        pool: Positive int, steps of which the maximum is taken.
        units: Positive int, the width of the state.
        dropout: From 0 to 1.
        head: Tells of all steps of the horizon; None is a `Point` that minimises the squared error.

    Reference: Livieris et al., 2020, https://doi.org/10.1007/s00521-020-04867-x
    Differs from the paper: convolutions are causal; no dense layer before the forecast.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.livieris_2020(windows, filters=(3, 4), units=5)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    stem = PooledConvolutions(filters, kernel, pool)
    encoder = RecurrentEncoder(None, filters[-1], units, direction="forward", dropout=dropout)
    network = EncodedWindow(encoder, stem=stem)
    return Forecaster(network, head or Point(windows.horizon), windows)


def chen_2020(
    windows: ForecastWindows,
    units: int = 32,
    blocks: int = 5,
    kernel: int = 2,
    dropout: float = 0.0,
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds DeepTCN: dilated causal convolutions, whose last step tells of the whole horizon.

    Args:
        windows: Adapted `ForecastWindows`.
        units: Positive int, features of every block.
        blocks: Positive int; the last step reads `1 + 2 * (kernel - 1) * (2 ** blocks - 1)` steps.
        kernel: Positive int, steps that a convolution reads.
        dropout: From 0 to 1.
        head: Tells of all steps of the horizon; None is `Quantiles`.

    Reference: Chen et al., 2020, https://arxiv.org/abs/1906.04397
    Differs from the paper: the encoder of Bai et al., 2018, without batch normalisation, and one
    projection as the decoder.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=6, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.chen_2020(windows, units=5, blocks=2)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    encoder = TCN(None, _width(windows), units, blocks, kernel, causal=True, dropout=dropout)
    return Forecaster(EncodedWindow(encoder), head or Quantiles(windows.horizon), windows)


def nie_2023(
    windows: ForecastWindows,
    patch: int = 16,
    stride: int = 8,
    units: int = 16,
    layers: int = 3,
    mixers: str | Sequence[str] = "attention",
    num_heads: int = 4,
    hidden_units: int = 128,
    dropout: float = 0.3,
    head: ForecastHead | None = None,
) -> Forecaster:
    """Builds PatchTST: blocks over patches of a window, each target read by itself.

    The defaults are the paper's for small data.

    Args:
        windows: Adapted `ForecastWindows`.
        patch: Positive int, steps of a patch.
        stride: Positive int, steps from a patch to the next one.
        units: Positive int, the width of the blocks.
        layers: Positive int.
        mixers: A name in `layers.mixers.MIXERS`, or several, which take turns.
        num_heads: Heads of attention.
        hidden_units: Positive int, width of the feed-forwards.
        dropout: From 0 to below 1.
        head: Tells of all steps of the horizon; None is a `Point` that minimises the squared error.

    Reference: Nie et al., 2023, https://arxiv.org/abs/2211.14730
    Differs from the paper: layer norms ahead in place of batch norms behind; the normalisation of a
    window has no weights.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=8, horizon=4)
        >>> windows.adapt(np.arange(20.0))
        >>> forecaster = sz.zoo.nie_2023(windows, patch=4, stride=2, units=8, layers=1)
        >>> forecaster.forecast(np.arange(20.0)).shape
        (1, 4, 1)
    """
    blocks = make_blocks(
        units,
        layers,
        mixers,
        num_heads,
        feed_forward=FeedForward(hidden_units, dropout=dropout),
        dropout=dropout,
    )
    count = patch_count(windows.lookback, patch, stride)
    encoder = BlockEncoder(None, units, blocks, "learned", max_length=count, dropout=dropout)
    network = EncodedWindow(encoder, "flat", stem=Patches(units, patch, stride))
    return Forecaster(network, head or Point(windows.horizon), windows, scaling="standard")


def _width(windows: ForecastWindows) -> int:
    """The features of a step where each target is a row of its own."""
    past = windows.value_count - windows.target_count
    return 1 + past + windows.known_count + windows.static_count
