"""Forecasts of the past, their errors beside naive ones, and how far quantiles are right."""

from __future__ import annotations

import math
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator, PercentFormatter

from seqzoo.explain.figures import add_legend, line_figure, readable_labels, save, text_width, wrap
from seqzoo.explain.forecast_fan import ACTUAL, intervals_of, label_stamps, tone
from seqzoo.tasks.backtest import Backtest

_COLORS = {"forecast": "C0", "repeat_last": "C1", "seasonal_naive": "C2", "drift": "C4"}
_MOST_LINES, _MOST_MARKERS = 40, 60
_SURE = 0.95  # of the band of a calibrated model


def plot_backtest(
    tested: Backtest, path: str | Path | None = None, series: str | None = None, target: int = 0
) -> Figure:
    """Draws the forecasts from many origins over a series, and the error of each origin below.

    Forecasts that are drawn do not overlap; the errors are those of all origins, with the mean
    absolute error over the horizon of the forecasts that need no training beside them.

    Args:
        tested: What `Forecaster.backtest` returned.
        path: File to write, such as "backtest.png"; None writes none.
        series: Name of the series; None is the one with most origins.
        target: Index of the target.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no origin, or no such series.
    """
    rows = _windows_of(tested, series)
    shown = [str(tested.series[rows[0]]), tested.targets[target]]
    (name, label), families = readable_labels(shown, 60)
    actual, stamps = tested.actual[rows, :, target], tested.step_stamps[rows]
    forecasts = {"forecast": tested.forecasts, **tested.naive}
    errors = {each: np.abs(f[rows, :, target] - actual) for each, f in forecasts.items()}
    means = {each: _mean(values, axis=None) for each, values in errors.items()}
    labels = [f"{each.replace('_', ' ')} ({mean:.4g})" for each, mean in means.items()]
    size = (7.4 + text_width(["error, mean over the steps", *labels], 8.4), 5.0)
    figure = Figure(figsize=size, layout="constrained")
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=(3, 2))
    seen = np.isfinite(actual)
    order = np.argsort(stamps[seen], kind="stable")
    above.plot(stamps[seen][order], actual[seen][order], color=ACTUAL, lw=1, label="what came")
    apart = _without_overlap(stamps)
    bounds = intervals_of(tested.levels)[:1]
    for number, window in enumerate(apart[:: math.ceil(len(apart) / _MOST_LINES)]):
        once = {"label": "forecast"} if number == 0 else {}
        for share, low, high in bounds:
            quantiles = tested.quantiles[rows[window], :, target]
            style: dict[str, Any] = {"color": tone(0.3), "linewidth": 0}
            style |= {"label": f"{share:.0%} interval"} if number == 0 else {}
            above.fill_between(stamps[window], quantiles[:, low], quantiles[:, high], **style)
        values = tested.forecasts[rows[window], :, target]
        above.plot(stamps[window], values, color="C0", linewidth=1.2, **once)
        above.plot(stamps[window, :1], values[:1], ".", color="C0", markersize=5)
    marker = "." if len(rows) <= _MOST_MARKERS else ""
    for (each, values), shown in zip(errors.items(), labels, strict=True):
        style = {"color": _COLORS[each], "linewidth": 1.0, "marker": marker, "label": shown}
        style |= {"linewidth": 1.8, "zorder": 3} if each == "forecast" else {}
        below.plot(tested.stamps[rows], _mean(values, axis=1), **style)
    above.set_ylabel(label, fontfamily=families, parse_math=False)
    below.set_ylabel("mean absolute error")
    below.set_xlabel("origin")
    below.set_ylim(bottom=0)
    title = wrap(f"series {name}, origins: {len(rows)}", size[0] - 2, 12, families)
    above.set_title(title, fontfamily=families, parse_math=False)
    for axes in (above, below):
        axes.grid(alpha=0.3)
        add_legend(axes, families)
        label_stamps(axes, stamps)
    if path is not None:
        save(figure, path)
    return figure


def plot_calibration(tested: Backtest, path: str | Path | None = None) -> Figure:
    """Draws which share of the values lies below each quantile that was forecast.

    On the diagonal, quantiles are calibrated. The band holds 95 % of what chance makes of them, by
    the binomial distribution of as many values as there are forecasts that do not overlap: steps
    of one forecast, and forecasts of the same steps, err together. The title has the mean distance
    from the diagonal.

    Args:
        tested: What `Forecaster.backtest` returned, of a head with quantiles.
        path: File to write, such as "calibration.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there are no quantiles, or no values to compare them with.
    """
    from scipy.stats import binom

    seen = np.isfinite(tested.actual)
    if not tested.levels or not seen.any():
        raise ValueError(
            "There must be quantiles and values. Received: a backtest of "
            f"{len(tested.levels)} levels and {int(seen.sum())} values. Take a head of quantiles, "
            "such as `heads.Quantiles`, and series of at least two rows."
        )
    below = tested.actual[..., None] <= tested.quantiles
    shares, levels = below[seen].mean(axis=0), np.array(tested.levels)
    count = _count_without_overlap(tested)
    grid = np.linspace(0, 1, 201)
    low, high = (binom.ppf((1 + side * _SURE) / 2, count, grid) / count for side in (-1, 1))
    figure = Figure(figsize=(4.5, 4.6), layout="constrained")
    axes: Axes = figure.subplots()
    about = f"{_SURE:.0%} of chance, n = {count}"
    axes.fill_between(grid, low, high, color="0.85", linewidth=0, label=about)
    axes.plot([0, 1], [0, 1], color="0.6", linestyle="--", label="calibrated")
    axes.plot(levels, shares, marker="o", color="C0", clip_on=False, label="this model")
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="level of the quantile", ylabel="share below it")
    axes.set_title(f"calibration error {np.abs(shares - levels).mean():.3f}")
    axes.legend(loc="upper left", fontsize=8.4)
    axes.grid(alpha=0.3)
    if path is not None:
        save(figure, path)
    return figure


def plot_skill(tested: Backtest, path: str | Path | None = None) -> Figure:
    """Draws the skill at each step of the horizon against forecasts that need no training.

    Skill is the share of their mean absolute error that the model avoids, over all series and
    targets. Below 0, the model is worse.

    Args:
        tested: What `Forecaster.backtest` returned.
        path: File to write, such as "skill.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there are no values to compare forecasts with.
    """
    if not np.isfinite(tested.actual).any():
        raise ValueError(
            "There must be an origin with values behind it. Received: none. Give series of at "
            "least two rows, or longer ones."
        )
    overall = tested.skill()
    forecasts = {"forecast": tested.forecasts, **tested.naive}
    own, *others = (_mean(np.abs(f - tested.actual), axis=(0, 2)) for f in forecasts.values())
    shown = [_shown(skill) for skill in overall.values()]
    labels = [
        f"against {name.replace('_', ' ')} ({skill})"
        for name, skill in zip(tested.naive, shown, strict=True)
    ]
    labels, families = readable_labels(labels, 60)
    figure, axes = line_figure(labels, families, "Skill by step of the horizon")
    steps = np.arange(1, len(own) + 1)
    lowest, highest = -0.05, 0.05
    for name, error, label in zip(tested.naive, others, labels, strict=True):
        skill = 1 - np.divide(own, error, out=np.full(len(own), np.nan), where=error > 0)
        lowest = min(lowest, 1.1 * float(np.nanmin(skill, initial=0.0)))
        highest = max(highest, 1.1 * float(np.nanmax(skill, initial=0.0)))
        axes.plot(steps, skill, ".-", color=_COLORS[name], label=label)
    axes.axhspan(lowest, 0, color="0.93", label="no skill")
    axes.axhline(0, color="0.6", linewidth=1)
    axes.set(xlabel="step", ylabel="error avoided")
    axes.set(xlim=(0.5, len(own) + 0.5), ylim=(lowest, highest))
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.yaxis.set_major_formatter(PercentFormatter(1))
    axes.grid(alpha=0.3)
    add_legend(axes, families)
    if path is not None:
        save(figure, path)
    return figure


def _windows_of(tested: Backtest, series: str | None) -> np.ndarray:
    """The windows of a series in the order of their origins."""
    counts = Counter(tested.series.tolist())
    if not counts:
        raise ValueError(
            "There must be an origin to draw. Received: a backtest of none. Give longer series."
        )
    name = max(counts, key=counts.__getitem__) if series is None else series
    if name not in counts:
        known = ", ".join(list(counts)[:10])
        raise ValueError(f"`series` must be one of {known}. Received: {series!r}.")
    rows = np.flatnonzero(tested.series == name)
    return rows[np.argsort(tested.stamps[rows], kind="stable")]


def _without_overlap(stamps: np.ndarray) -> list[int]:
    """The first of windows `(W, H)` in order, and those that begin behind the end of the last."""
    chosen = [0]
    for window in range(1, len(stamps)):
        if stamps[window, 0] > stamps[chosen[-1], -1]:
            chosen.append(window)
    return chosen


def _count_without_overlap(tested: Backtest) -> int:
    seen = np.any(np.isfinite(tested.actual), axis=(1, 2), keepdims=True)[:, 0, 0]
    names = dict.fromkeys(tested.series[seen].tolist())
    rows = (_windows_of(tested, name) for name in names)
    return sum(len(_without_overlap(tested.step_stamps[each[seen[each]]])) for each in rows)


def _mean(values: np.ndarray, axis: Any) -> np.ndarray:
    """The mean of the values that are there; NaN where there is none."""
    seen = np.isfinite(values)
    count = seen.sum(axis=axis)
    sums = np.where(seen, values, 0.0).sum(axis=axis, dtype=np.float64)
    return np.divide(sums, count, out=np.full(np.shape(sums), np.nan), where=count > 0)


def _shown(skill: float) -> str:
    return f"{skill + 0.0:+.1%}" if math.isfinite(skill) else "which is exact"
