"""Origins a second of a backtest by neuralforecast, which `forked.py` is compared with.

    pip install neuralforecast
    python benchmarks/backtest_neuralforecast.py

Its LSTM with direct forecasts, of the sizes and series of `forked.py`: 128 units, a look-back of
336 and a horizon of 96 steps, an origin at each step of seven series. `cross_validation` trains
first; one step of it is counted too.
"""

from __future__ import annotations

import logging
import time
import warnings

import numpy as np
import pandas as pd
from neuralforecast import NeuralForecast  # pyright: ignore[reportMissingImports]
from neuralforecast.models import LSTM  # pyright: ignore[reportMissingImports]

LOOKBACK, HORIZON, UNITS, SERIES, ROWS, ROUNDS = 336, 96, 128, 7, 1440, 3


def main() -> None:
    warnings.filterwarnings("ignore")
    logging.disable(logging.CRITICAL)
    rng = np.random.default_rng(0)
    stamps = np.arange(ROWS)
    frames = [
        pd.DataFrame({"unique_id": str(number), "ds": stamps, "y": rng.normal(size=ROWS).cumsum()})
        for number in range(SERIES)
    ]
    model = LSTM(
        h=HORIZON,
        input_size=LOOKBACK,
        encoder_n_layers=1,
        encoder_hidden_size=UNITS,
        recurrent=False,
        max_steps=1,
        start_padding_enabled=True,
        windows_batch_size=256,
        inference_windows_batch_size=256,
        accelerator="cpu",
        enable_progress_bar=False,
        logger=False,
    )
    forecaster = NeuralForecast([model], freq=1)
    origins = ROWS - LOOKBACK - HORIZON + 1  # of each series
    seconds = []
    for number in range(ROUNDS + 1):
        begin = time.perf_counter()
        forecaster.cross_validation(pd.concat(frames), n_windows=origins, step_size=1, refit=False)
        if number:
            seconds.append(time.perf_counter() - begin)
    count = SERIES * origins
    print(f"{count} origins, {count / np.median(seconds):.0f} a second")


if __name__ == "__main__":
    main()
