"""How gradients flow back through time: whether they vanish or explode on the way."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from seqzoo.explain.figures import add_legend, line_figure, readable_labels, save
from seqzoo.explain.gradient_diagnosis import diagnose
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.tasks.task import Task
from seqzoo.training.state_probes import ProbedStates, probe_states

Loss = str | Callable[[Any, Any], Any]
_MARKERS = "osD^vPX*"  # so that lines differ without their colours too
_MAX_MARKERS = 12  # on a line


@dataclasses.dataclass(frozen=True)
class LayerFlow:
    """The gradient by the states of one cell.

    Args:
        name: That of the layer, followed by the direction or the cell where it has several.
        norms: `(T,)`, norms of the gradient by the state after each step, all parts of the state
            (h and c of an LSTM) taken as one vector; means over the rows whose step is real, NaN
            where none is.
        slope: What the log of the norm gains with each step back in time: least squares over the
            real steps of all rows, where a row's steps are counted from its own last one.
        steps: Real steps of the longest row.
        spectral_radius: Largest absolute eigenvalue of the recurrent weights: of the matrix of a
            simple cell, the largest over the square matrices of the gates of another. NaN where
            there is none. At 1 a linear simple cell neither shrinks nor grows the gradient; the
            slope of a cell with gates depends more on the gates.
        diagnosis: What this means, in words, and what to try.
    """

    name: str
    norms: np.ndarray
    slope: float
    steps: int
    spectral_radius: float
    diagnosis: str

    @property
    def factor(self) -> float:
        """By what a step back multiplies the norm."""
        return math.exp(min(self.slope, 700.0))


@dataclasses.dataclass(frozen=True)
class GradientFlow:
    """The flow through every recurrent cell of a model, in the order in which they ran.

    Args:
        layers: One `LayerFlow` for each.
        of: What was differentiated.
    """

    layers: tuple[LayerFlow, ...]
    of: str

    def __str__(self) -> str:
        return "\n".join(f"{layer.name}: {layer.diagnosis}" for layer in self.layers)


def gradient_flow(
    model: keras.Model,
    x: Any,
    y: Any = None,
    loss: Loss | None = None,
    sample_weight: Any = None,
) -> GradientFlow:
    """Measures what is left of a gradient on its way back through the steps of each cell.

    Without `y` and `loss`, each cell is looked at alone: a gradient of length 1 and of a fixed
    random direction for each row is put on the state after the last step that the cell ran, and
    followed back to the first. `norms` then is the share that is left, whatever reads the cell.

    With `y` it is the gradient of the loss. It tells what this training sees, and of the way
    through time only where the loss stands at the end of the sequence: where it reads every step,
    each state gets a gradient from nearby, and the norms stay level in a cell that forgets.

    The model runs as it does outside of training, without dropout, and stays as it is.

    Args:
        model: Any Keras model with a `Recurrent`, a `Bidirectional` or a `RecurrentDecoder` in
            it, or a task.
        x: A batch of inputs as the model takes them; of a task with a preprocessor, pairs of raw
            input and target, or raw inputs where the targets are in `y`.
        y: Targets.
        loss: Name of a Keras loss, or function of `(y, outputs)`; its mean is differentiated. None
            is what the model was compiled with.
        sample_weight: As in `fit`, for the compiled loss.

    Raises:
        ValueError: if no such layer ran, or there is no loss for `y`.

    Example:
        >>> model = keras.Sequential([keras.Input((None, 3)), sz.layers.LSTM(4)])
        >>> flow = sz.explain.gradient_flow(model, np.zeros((2, 5, 3)))
        >>> len(flow.layers)
        1
    """
    x, y, sample_weight, of_loss = _batch(model, x, y, loss, sample_weight)
    with tf.GradientTape(watch_accessed_variables=False) as tape:
        with probe_states(tape, apart=not of_loss) as probed:
            outputs = model(x, training=False)
        if not probed:
            raise ValueError(
                "The model must run a `Recurrent`, a `Bidirectional` or a `RecurrentDecoder` of "
                f"seqzoo, not within a `tf.function`. Received: {model.name!r}, which ran none."
            )
        probed = [_with_real_steps(each, model, x) for each in probed]
        if of_loss:
            total = _loss(model, x, y, outputs, loss, sample_weight)
        else:
            total = tf.add_n([_along_random_directions(each) for each in probed])
    of_probes, of_outputs = tape.gradient(total, ([each.probes for each in probed], outputs))
    reads_all = of_loss and _reads_many_steps(of_outputs)
    layers = [_layer_flow(*pair, reads_all) for pair in zip(probed, of_probes, strict=True)]
    return GradientFlow(tuple(layers), "loss" if of_loss else "last state")


def _batch(model, x, y, loss, sample_weight):
    """Returns x, y, sample_weight as tensors, and whether to differentiate a loss."""
    of_loss = y is not None or loss is not None
    if isinstance(model, Task) and model.preprocessor is not None and not isinstance(x, dict):
        sources, targets = zip(*x, strict=True) if y is None else (x, y)
        x, y, sample_weight = model.preprocessor(as_strings(sources), as_strings(targets))
    return x, y, sample_weight, of_loss


def _loss(model, x, y, outputs, loss, sample_weight):
    if loss is not None:
        return tf.reduce_mean(keras.losses.get(loss)(y, outputs))
    if not model.compiled:
        raise ValueError(
            "`y` needs a loss. Received: a model that is not compiled. Compile it, pass `loss`, or "
            "leave out `y`."
        )
    return model.compute_loss(x=x, y=y, y_pred=outputs, sample_weight=sample_weight)


def _with_real_steps(probed: ProbedStates, model: Any, x: Any) -> ProbedStates:
    """Fills in the real steps, which a decoder in teacher forcing does not need."""
    real = probed.real
    if real is None:
        real = tf.ones(tf.shape(probed.states[0])[:2], "bool")
        if isinstance(model, Task) and isinstance(x, dict) and "/cell_" in probed.name:
            real = tf.transpose(tf.not_equal(x["target_ids"], 0))
    return probed._replace(real=np.asarray(real))


def _along_random_directions(probed: ProbedStates) -> Any:
    """Returns the last states of all rows, each along a fixed direction of length 1."""
    real, (time, batch) = probed.real, probed.real.shape
    if not (time and batch):
        raise ValueError(
            f"`x` must hold at least one row and one step. Received: {batch} rows of {time} steps."
        )
    last = np.argmax(real, axis=0) if probed.backward else time - 1 - np.argmax(real[::-1], axis=0)
    widths = [state.shape[-1] for state in probed.states]
    directions = np.random.default_rng(0).normal(size=(batch, sum(widths)))
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    parts = np.split(directions, np.cumsum(widths)[:-1], axis=1)
    indices = np.stack([last, np.arange(batch)], axis=1)
    return tf.add_n(
        [
            tf.reduce_sum(tf.cast(tf.gather_nd(state, indices), "float64") * part)
            for state, part in zip(probed.states, parts, strict=True)
        ]
    )


def _reads_many_steps(gradient: Any) -> bool:
    """Whether a loss has a gradient by the outputs `(B, T, ...)` at more than one step of a row."""
    if not isinstance(gradient, tf.Tensor) or len(gradient.shape) < 3:
        return False
    read = np.any(gradient.numpy() != 0, axis=tuple(range(2, len(gradient.shape))))
    return bool(np.any(read.sum(axis=1) > 1))


def _layer_flow(probed: ProbedStates, gradients: list, reads_all: bool) -> LayerFlow:
    real = probed.real
    squares = [
        np.sum(np.float64(tf.cast(leaf, "float64")) ** 2, axis=-1)
        for leaf in gradients
        if leaf is not None  # the loss may not read a cell at all
    ]
    norms = np.sqrt(np.sum([np.zeros(real.shape), *squares], axis=0))  # (T, B)
    slope = _slope(norms[::-1], real[::-1]) if probed.backward else _slope(norms, real)
    steps = int(real.sum(axis=0).max(initial=0))
    counts = real.sum(axis=1)
    means = np.where(counts, np.where(real, norms, 0.0).sum(axis=1), np.nan) / np.maximum(counts, 1)
    diagnosis = diagnose(norms[real], slope, steps, probed.cell, reads_all)
    return LayerFlow(probed.name, means, slope, steps, spectral_radius(probed.cell), diagnosis)


def _slope(norms: np.ndarray, real: np.ndarray) -> float:
    """Returns the slope of the log of norms `(T, B)` per real step back; NaN for lack of points.

    The rows share the slope, and each has a height of its own.
    """
    counted = real & (norms > 0) & np.isfinite(norms)
    logs = np.log(np.where(counted, norms, 1.0))
    back = -np.cumsum(real, axis=0, dtype="float64")
    n = np.maximum(counted.sum(axis=0), 1)
    logs, back = (
        np.where(counted, each - np.where(counted, each, 0.0).sum(axis=0) / n, 0.0)
        for each in (logs, back)
    )
    spread = np.sum(back**2)
    return float(np.sum(back * logs) / spread) if spread else math.nan


def spectral_radius(cell: Any) -> float:
    """Returns the largest absolute eigenvalue of the recurrent weights of a cell.

    A kernel `(n, k * n)` counts as k square matrices side by side, one for each gate. NaN where
    a cell has no such kernel.
    """
    kernels = [np.float64(tf.cast(parts[0], "float64")) for parts in cell.projections().values()]
    squares = [
        square
        for kernel in kernels
        if kernel.ndim == 2 and kernel.shape[1] % kernel.shape[0] == 0
        for square in np.split(kernel, kernel.shape[1] // kernel.shape[0], axis=1)
    ]
    return max((float(np.abs(np.linalg.eigvals(s)).max()) for s in squares), default=math.nan)


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
    names, families = readable_labels([layer.name for layer in flow.layers], 80)
    legend = [
        f"{name} (times {layer.factor:.3g} a step back)"
        for name, layer in zip(names, flow.layers, strict=True)
    ]
    title = f"Gradient of the {flow.of} by the state at each step"
    beside = axes is None
    if axes is None:
        _, axes = line_figure(legend, families, title)
    else:
        axes.set_title(title)
    for index, (layer, label) in enumerate(zip(flow.layers, legend, strict=True)):
        drawn = np.isfinite(layer.norms) & (layer.norms > 0)
        axes.plot(
            np.arange(1, 1 + len(drawn)),
            np.where(drawn, layer.norms, np.nan),
            label=label,
            marker=_MARKERS[index % len(_MARKERS)],
            markevery=max(1, len(drawn) // _MAX_MARKERS),
            markersize=4,
        )
    axes.set_yscale("log")
    norms = np.concatenate([layer.norms for layer in flow.layers])
    norms = norms[np.isfinite(norms) & (norms > 0)]
    if norms.size:  # Matplotlib's own margins leave the range of floats
        axes.set_ylim(max(norms.min() / 2, 1e-300), min(norms.max() * 2, 1e300))
    axes.set_xlabel("step")
    axes.set_ylabel("norm of the gradient")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True, min_n_ticks=1))
    axes.grid(alpha=0.3)
    add_legend(axes, families, beside)
    figure = cast(Figure, axes.get_figure(root=True))
    if path is not None:
        save(figure, path)
    return figure
