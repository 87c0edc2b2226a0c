"""A mean of forecasters: what its members say, served as one."""

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import heads
from seqzoo.preprocessing import ForecastWindows

L, H = 6, 4
RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=n).cumsum() + 50 for n in (30, 17)]


def member(seed, horizon=H, **options):
    keras.utils.set_random_seed(seed)
    windows = ForecastWindows(L, horizon, transform="log")
    windows.adapt(SERIES)
    return sz.zoo.zeng_2023(windows, head=heads.Quantiles(horizon, **options))


def test_it_answers_the_mean_and_serves_it(tmp_path):
    members = [member(seed) for seed in range(3)]
    mean = sz.tasks.MeanForecaster(members)
    each = [m.forecast_answers(SERIES) for m in members]
    found = mean.forecast_answers(SERIES)
    assert found.keys() == {"forecast", "quantiles"}
    for name, values in found.items():
        np.testing.assert_allclose(values, np.mean([a[name] for a in each], axis=0), rtol=1e-6)
    assert np.ptp([a["forecast"] for a in each], axis=0).min() > 0
    mean.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served/1")).signatures["serving_default"]
    raw = members[0].preprocessor.as_raw(SERIES)
    answer = served(**{name: tf.constant(value) for name, value in raw.items()})
    for name, values in found.items():
        np.testing.assert_allclose(answer[name], values, rtol=1e-5)


def test_members_that_do_not_fit_are_refused():
    with pytest.raises(ValueError, match="needs members"):
        sz.tasks.MeanForecaster([])
    with pytest.raises(ValueError, match=r"'horizon': 4.*'horizon': 3.* of member 1"):
        sz.tasks.MeanForecaster([member(0), member(0, horizon=3)])
    with pytest.raises(ValueError, match=r"'levels': \[0.5\]} of member 1"):
        sz.tasks.MeanForecaster([member(0), member(0, levels=[0.5])])
