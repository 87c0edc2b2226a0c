"""What Keras's model lacks to be trained by `fit` on several replicas or workers."""

from __future__ import annotations

from typing import Any

import keras

from seqzoo.training.strategies import has_several_workers

COUNTS = ("tokens", "examples")
_OF_STEPS = (*COUNTS, "padding", "idle_steps")


class ReplicatedModel(keras.Model):
    """A model whose steps measure in metrics, and that trains under any strategy."""

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Makes the variables of optimizer and metrics, where replicas share them.

        Keras takes the mean over replicas for a batch to do it with, which fails where the rows
        do not divide evenly, and on several workers.
        """
        if self._distribute_strategy is not None and iterator is not None:
            _, _, batches = next(iter(iterator))
            data_batch = keras.tree.map_structure(
                lambda part: self._distribute_strategy.experimental_local_results(part)[0],
                next(batches),
            )
        super()._maybe_symbolic_build(data_batch=data_batch)

    def _logs(self, measured: dict[str, Any]) -> dict[str, Any]:
        """Gives what a step measured an axis, where Keras takes the mean over workers along one."""
        if has_several_workers(self._distribute_strategy):
            return {name: value[None] for name, value in measured.items()}
        return measured

    def _get_metrics_result_or_logs(self, logs):
        """Returns the metrics over all replicas and batches whose names are in the logs of a step.

        Keras does so only where they are all metrics, and a step of validation leaves some out.
        Counts and padding stand in the logs of steps alone; `training.Progress` reads them. Where
        all steps of an epoch were taken before it was resumed, the logs are empty.
        """
        results = self.get_metrics_result()
        names = [name for name in logs or results if name not in _OF_STEPS]
        return {name: results[name] for name in names} if results.keys() >= set(names) else logs
