"""A forecast behind the history of its series, with its intervals."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import to_rgb
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import add_legend, readable_labels, save, text_width, wrap
from seqzoo.preprocessing.panel import Panel
from seqzoo.preprocessing.series_ends import series_ends
from seqzoo.tasks.forecaster import Forecaster

ACTUAL = "0.25"
"""The colour of what came."""

_MOST_PANELS = 8


def forecast_fan(
    task: Forecaster,
    data: Any,
    path: str | Path | None = None,
    series: str | None = None,
    hold_out: bool = False,
) -> Figure:
    """Draws the forecast of a series behind its history, with its intervals and what came.

    Each target has a panel, up to eight.

    Args:
        task: A trained forecaster.
        data: Series in any form of `read_panel`.
        path: File to write, such as "fan.png"; None writes none.
        series: Name of the series; None is the longest one.
        hold_out: Whether the last `horizon` rows are not read, but drawn as what came.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no such series, or it has no row before the forecast.
    """
    panel = task.preprocessor.read(data)
    held = task.horizon if hold_out else 0
    index = _index_of(panel, series, held)
    end = int(series_ends(panel)[index]) - held
    answer = task.forecast_answers(_known_at(panel, index, end))
    first = max(0, end - max(3 * task.horizon, 30))
    stamps = panel.stamps_of(index, first, end + task.horizon)
    values = np.full((len(stamps), len(panel.columns.targets)), np.nan)
    seen = panel.targets[panel.rows(index)][first : end + held]
    values[: len(seen)] = seen
    intervals = intervals_of(getattr(task.head, "levels", ()))
    quantiles = answer.get("quantiles", answer["forecast"][..., None])[0]
    labels = ["history and what came" if hold_out else "history", "forecast"]
    labels += [f"{share:.0%} interval" for share, _, _ in intervals]
    names, families = readable_labels([panel.names[index], *panel.columns.targets], 60)
    count = min(len(panel.columns.targets), _MOST_PANELS)
    size = (7.4 + text_width(labels, 8.4), 1.2 + (2.6 if count == 1 else 1.6 * count))
    figure = Figure(figsize=size, layout="constrained")
    panels = figure.subplots(count, 1, sharex=True, squeeze=False)[:, 0]
    for target, axes in enumerate(panels):
        axes.plot(stamps, values[:, target], ".-", color=ACTUAL, markersize=3, label=labels[0])
        ahead = stamps[-task.horizon :]
        for number, (share, low, high) in enumerate(intervals):
            color = tone(0.2 + 0.5 * number / len(intervals))
            bounds = quantiles[:, target, low], quantiles[:, target, high]
            label = f"{share:.0%} interval"
            axes.fill_between(ahead, *bounds, label=label, color=color, linewidth=0)
        axes.plot(ahead, answer["forecast"][0, :, target], ".-", label="forecast", markersize=4)
        axes.axvline(ahead[0], color="0.7", linewidth=0.8, linestyle=":")
        axes.set_ylabel(names[1 + target], fontfamily=families, parse_math=False)
        axes.grid(alpha=0.3)
        label_stamps(axes, stamps)
    title = wrap(f"series {names[0]}, horizon {task.horizon}", size[0] - 2, 12, families)
    panels[0].set_title(title, fontfamily=families, parse_math=False)
    add_legend(panels[0], families)
    if path is not None:
        save(figure, path)
    return figure


def _index_of(panel: Panel, series: str | None, held: int) -> int:
    """The index of a series, which has a row before those that are held out."""
    ends = series_ends(panel)
    if series is not None and series not in panel.names:
        raise ValueError(
            f"`series` must be one of {', '.join(panel.names[:10])}. Received: {series!r}."
        )
    longest = int(ends.argmax()) if len(ends) else 0
    index = longest if series is None else panel.names.index(series)
    if not len(ends) or ends[index] <= held:
        raise ValueError(
            f"A series must have more than {held} rows to draw its forecast. Received: "
            f"{ends[index] if len(ends) else 'no series'}. Give a longer one."
        )
    return index


def _known_at(panel: Panel, index: int, end: int) -> Panel:
    """One series, of which what comes from the row `end` on is not known yet."""
    rows = panel.rows(index)
    one = {name: getattr(panel, name)[rows] for name in ("stamps", "targets", "past", "known")}
    count = len(one["stamps"]) if panel.columns.known else end
    one = {name: values[:count].copy() for name, values in one.items()}
    one["targets"][end:] = one["past"][end:] = np.nan
    names, starts = (panel.names[index],), np.array([0, count])
    return Panel(names, starts, **one, columns=panel.columns, step=panel.step)


def intervals_of(levels: Any) -> list[tuple[float, int, int]]:
    """The share and the indices of the ends of each central interval, the widest first."""
    ends = [(low, len(levels) - 1 - low) for low in range(len(levels) // 2)]
    return [
        (levels[high] - levels[low], low, high)
        for low, high in ends
        if math.isclose(levels[low] + levels[high], 1)
    ]


def tone(strength: float) -> tuple[float, ...]:
    """The colour of forecasts, mixed with white: opaque, so that legends show it as it is."""
    return tuple(1 - strength * (1 - each) for each in to_rgb("C0"))


def label_stamps(axes: Axes, stamps: np.ndarray) -> None:
    """Labels the x-axis with a few of the stamps, dates or numbers."""
    if stamps.dtype.kind == "M":
        locator = AutoDateLocator(minticks=3, maxticks=8)
        axes.xaxis.set_major_locator(locator)
        axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
    else:
        axes.xaxis.set_major_locator(MaxNLocator(8, integer=True, min_n_ticks=1))
