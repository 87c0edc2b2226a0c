"""A picture of how gradients flow back through time."""

from __future__ import annotations

from pathlib import Path
from typing import cast

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain import pictures
from seqzoo.explain.gradient_flow import GradientFlow

_MARKERS = "osD^vPX*"  # so that lines differ without their colours too
_MOST_MARKERS = 12  # on a line


def plot_gradient_flow(
    flow: GradientFlow, path: str | Path | None = None, axes: Axes | None = None
) -> Figure:
    """Draws the norm of the gradient by each cell's states over the steps, on a log scale.

    A line that falls to the left is a gradient that vanishes on its way back, one that rises to
    the left explodes (the other way round for a cell that runs backward). Norms of 0 are left out.

    Args:
        flow: Of `gradient_flow`.
        path: File to write, such as "flow.png"; None writes none.
        axes: Where to draw; None makes a figure.

    Returns:
        The figure, which is no part of pyplot's state unless `axes` is.
    """
    if axes is None:
        axes = Figure(figsize=(8.4, 3.8), layout="constrained").subplots()
    for place, layer in enumerate(flow.layers):
        norms = np.where(np.isfinite(layer.norms) & (layer.norms > 0), layer.norms, np.nan)
        axes.plot(
            np.arange(1, 1 + len(norms)),
            norms,
            label=f"{layer.name} (times {layer.factor:.3g} a step back)",
            marker=_MARKERS[place % len(_MARKERS)],
            markevery=max(1, len(norms) // _MOST_MARKERS),
            markersize=4,
        )
    axes.set_yscale("log")
    axes.set_title(f"Gradient of the {flow.of} by the state at each step")
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the gradient")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    axes.legend(fontsize="small", loc="upper left", bbox_to_anchor=(1.01, 1), borderaxespad=0)
    figure = cast(Figure, axes.get_figure(root=True))
    if path is not None:
        pictures.save(figure, path)
    return figure
