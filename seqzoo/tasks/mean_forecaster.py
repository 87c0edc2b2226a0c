"""Several forecasters that answer as one: the mean of what each says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.tasks.forecaster import Forecaster


class MeanForecaster(tf.Module):
    """Trained forecasters, whose forecasts and quantiles are averaged in units of the data.

    It forecasts and is exported as one. What is saved are its members, one by one.

    Args:
        members: At least one trained `Forecaster`. All take the same raw inputs and answer with the
            same shapes.

    Raises:
        ValueError: if there is no member, or members take other inputs or forecast other steps.

    Example:
        >>> windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=2)
        >>> windows.adapt(np.arange(20.0))
        >>> members = [sz.zoo.zeng_2023(windows) for _ in range(3)]
        >>> sz.tasks.MeanForecaster(members).forecast(np.arange(20.0)).shape
        (1, 2, 1)
    """

    def __init__(self, members: Sequence[Forecaster]):
        super().__init__()
        if not members:
            raise ValueError("A mean of forecasters needs members. Received: none.")
        wanted = _face(members[0])
        for i, member in enumerate(members):
            if _face(member) != wanted:
                raise ValueError(
                    "The members must take the same series and forecast the same steps and levels. "
                    f"Received: {wanted} of the first member and {_face(member)} of member {i}."
                )
        self.members = list(members)

    def answer_raw(self, raw) -> dict[str, tf.Tensor]:
        """Returns the means of what the members answer to raw inputs `(B, …)`, by name."""
        answers = [member.answer_raw(raw) for member in self.members]
        return {name: tf.add_n([a[name] for a in answers]) / len(answers) for name in answers[0]}

    def forecast(self, data: Any, batch_size: int = 256) -> np.ndarray:
        """Returns the steps behind the end of each series, `(N, H, C)`; see `Forecaster`."""
        return self.forecast_answers(data, batch_size)["forecast"]

    def forecast_answers(self, data: Any, batch_size: int = 256) -> dict[str, np.ndarray]:
        """Returns what a server answers for the end of each series, by name."""
        answers = [member.forecast_answers(data, batch_size) for member in self.members]
        return {name: np.mean([a[name] for a in answers], axis=0) for name in answers[0]}

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the function of the SavedModel by the name of its signature."""
        spec = self.members[0].preprocessor.raw_spec

        @tf.function(input_signature=[spec], autograph=False)
        def serving_default(raw):
            return self.answer_raw(raw)

        return {"serving_default": serving_default}

    def export(self, filepath, **options) -> None:
        """Writes a SavedModel to `filepath`/1; see `seqzoo.export.saved_model`."""
        from seqzoo.export import saved_model

        saved_model(self, filepath, **options)


def _face(member: Forecaster) -> dict[str, Any]:
    """What members must have in common."""
    windows = member.preprocessor
    return {
        "columns": windows.fitted.columns.values,
        "series": len(windows.fitted.names) > 1,
        "horizon": windows.horizon,
        "lookback": windows.lookback if windows.known_count else None,
        "levels": list(member.levels),
    }
