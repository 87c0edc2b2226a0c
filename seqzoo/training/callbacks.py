"""Callbacks of `fit`: scores of real decoding, and the tables of a run."""

from __future__ import annotations

import csv
import io
import os
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import keras

from seqzoo.files.atomic_write import write_atomically
from seqzoo.training.strategies import is_chief, mean_over_workers

Metric = Callable[[Sequence[Any], Sequence[Any]], float]
Predict = Callable[[Any, Sequence[Any]], Sequence[Any]]


def _generate(model: Any, inputs: Sequence[Any]) -> Sequence[Any]:
    return model.generate(list(inputs))


def strategy_of(model: Any) -> Any:
    """Returns the strategy in whose scope a model was made; None where there is no model."""
    return getattr(model, "distribute_strategy", None)


class DecodingMetric(keras.callbacks.Callback):
    """Scores the model's own outputs on validation examples after each epoch.

    Each score is added to the logs as `val_<name>`, so that callbacks which come later in the
    list can watch it: `EarlyStopping("val_bleu", mode="max", restore_best_weights=True)`.

    Args:
        examples: Pairs of an input and its reference.
        metrics: Functions of the outputs and the references, by name.
        predict: Function of the model and the inputs that returns the outputs; the model's
            `generate` by default.

    Outputs are those of `generate`, a text for each input.

    Example:
        >>> pairs = [("Guten Morgen.", "Good morning.")]
        >>> callback = sz.training.DecodingMetric(pairs, {"bleu": sz.metrics.bleu})
        >>> isinstance(callback, keras.callbacks.Callback)
        True
    """

    def __init__(
        self,
        examples: Sequence[tuple[Any, Any]],
        metrics: Mapping[str, Metric],
        predict: Predict = _generate,
    ):
        super().__init__()
        self.examples = examples
        self.metrics = metrics
        self.predict = predict

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        inputs, references = zip(*self.examples, strict=True)
        outputs = self.predict(self.model, inputs)
        for name, metric in self.metrics.items():
            value = metric(outputs, references)
            logs[f"val_{name}"] = mean_over_workers(strategy_of(self.model), value)


class HistoryFile(keras.callbacks.Callback):
    r"""Writes a CSV file with a row for each epoch, the first being 1, and a column for each log.

    The file is whole at any time, and of several workers the chief writes it. `rows` holds its
    rows, the oldest first.

    Example:
        >>> model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
        >>> model.compile("sgd", "mse")
        >>> table = sz.training.HistoryFile("history.csv")
        >>> history = model.fit(np.ones((4, 3)), np.ones((4, 1)), callbacks=[table], verbose=0)
        >>> open("history.csv").readline()
        'epoch,loss\n'
    """

    def __init__(self, path: str | os.PathLike[str]):
        super().__init__()
        self.path = path
        self.rows: list[dict[str, Any]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        columns = ("loss", "token_accuracy", *logs)
        values = {name: float(logs[name]) for name in columns if name in logs}
        self.add_row({"epoch": epoch + 1, **values})

    def add_row(self, row: dict[str, Any]) -> None:
        self.rows.append(row)
        self.write()

    def write(self) -> None:
        if not is_chief(strategy_of(self.model)):
            return
        columns = list(dict.fromkeys(name for row in self.rows for name in row))
        text = io.StringIO()
        writer = csv.DictWriter(text, columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(self.rows)
        write_atomically(self.path, text.getvalue().encode())


class TimingFile(HistoryFile):
    """Writes a CSV file with the seconds that each epoch took, validation counted.

    Example:
        >>> callback = sz.training.TimingFile("timing.csv")
        >>> isinstance(callback, keras.callbacks.Callback)
        True
    """

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        self._start = time.perf_counter()

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        seconds = time.perf_counter() - self._start
        self.add_row({"epoch": epoch + 1, "seconds": round(seconds, 2)})
