"""Tasks that learn from windows of series."""

from __future__ import annotations

from typing import Any, cast

import tensorflow as tf

from seqzoo.preprocessing.batching import Batches
from seqzoo.preprocessing.data_forms import RawExamples
from seqzoo.preprocessing.example_weights import NO_WEIGHTS
from seqzoo.tasks.task import Task


class SeriesTask(Task):
    """A task whose preprocessor is `ForecastWindows`: how its examples are made of series."""

    horizon: Any
    is_forked: Any

    def is_raw(self, x) -> bool:
        spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
        return not (spec is not None or (isinstance(x, dict) and "history" in x))

    def read(self, x, y=None, sample_weight=None, columns=None, most=None) -> RawExamples:
        for name, value in (("y", y), ("sample_weight", sample_weight), ("columns", columns)):
            if value is not None:
                raise ValueError(
                    f"A forecaster learns from series, whose columns `ForecastWindows` knows. "
                    f"Received: `{name}`. Leave it out."
                )
        return RawExamples(self.preprocessor.read(x), None)

    def count_steps(self, x, batch_size: int) -> int:
        """Returns the number of batches of an epoch over windows."""
        return -(-len(self._training_windows(x).origins) // batch_size)

    def mean_length(self, x, y=None):
        """Returns the steps of a window."""
        return float(self.preprocessor.lookback + self.horizon)

    def _training_windows(self, x):
        return self.preprocessor.windows(x, self.preprocessor.lookback if self.is_forked else 1)

    def make_training_batches(
        self,
        x,
        y,
        batch_size,
        tokens_per_batch,
        seed,
        steps_per_epoch,
        packed=False,
        weights=NO_WEIGHTS,
    ) -> Batches:
        windows, size = self._training_windows(x), cast(int, batch_size)
        return self.preprocessor.training_batches(windows, size, seed, self.is_forked)

    def make_evaluation_batches(self, x, y=None, batch_size=None, weights=NO_WEIGHTS):
        return self.preprocessor.evaluation_batches(self.preprocessor.windows(x), batch_size or 64)

    def check_options(self, x, tokens_per_batch, packed):
        if tokens_per_batch is not None or packed:
            raise ValueError(
                "Windows of a forecaster have as many steps each. Received: `tokens_per_batch` or "
                "`packed`. Set `batch_size`."
            )

    def model_inputs(self, examples):
        return self.preprocessor.prepare(self.preprocessor.as_raw(examples.x))

    def read_given(self, x, columns=None):
        return self.read(x)
