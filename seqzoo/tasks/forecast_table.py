"""Forecasts as rows of a table."""

from __future__ import annotations

from typing import Any

import numpy as np

from seqzoo.preprocessing.regular_grid import shown_stamp
from seqzoo.preprocessing.series_ends import series_ends


def forecast_rows(task: Any, data: Any) -> tuple[list[str], list[tuple]]:
    """Returns the header and the rows of the forecasts of a `Forecaster`; see there."""
    panel = task.preprocessor.read(data)
    answer = task.forecast_answers(panel)
    levels, targets = task.levels, panel.columns.targets
    header = [panel.columns.series, panel.columns.time, *targets]
    header += [f"{target}-{level:g}" for target in targets for level in levels]
    values = answer["forecast"]  # (N, H, C)
    if levels:
        flat = (*values.shape[:2], len(targets) * len(levels))
        values = np.concatenate([values, answer["quantiles"].reshape(flat)], axis=2)
    rows = []
    for i, end in enumerate(series_ends(panel)):
        stamps = panel.stamps_of(i, int(end), int(end) + task.horizon)
        for stamp, row in zip(stamps, values[i], strict=True):
            rows.append((panel.names[i], shown_stamp(stamp), *map(float, row)))
    return header, rows
