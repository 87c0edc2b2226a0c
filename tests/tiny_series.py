"""Tiny forecasters and the series that they learn from."""

import keras
import numpy as np

from seqzoo import zoo
from seqzoo.preprocessing import ForecastWindows


def wandering_series(count):
    """Two series, the second one of half the steps."""
    rng = np.random.default_rng(0)
    return [rng.normal(size=steps).cumsum() for steps in (count, count // 2 + 3)]


def make_forecaster(seed=1):
    keras.utils.set_random_seed(seed)
    windows = ForecastWindows(lookback=5, horizon=3)
    windows.adapt(wandering_series(40))
    return zoo.livieris_2020(windows, filters=(3, 4), units=5)
