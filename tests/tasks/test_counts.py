"""Counts that are none are refused by name, before anything is read."""

import numpy as np
import pytest
from tiny_answering_tasks import classified, make_classifier
from tiny_series import make_forecaster

import seqzoo as sz


@pytest.mark.parametrize("name", ["batch_size", "tokens_per_batch", "validation_batch_size"])
@pytest.mark.parametrize("value", [0, -1, 2.5, "8", True])
def test_fit_takes_positive_ints(name, value):
    task = make_classifier()
    task.compile()
    with pytest.raises(ValueError, match=f"`{name}` must be an int.*Received: {value!r}"):
        task.fit(classified(4), verbose=0, **{name: value})


def test_so_do_evaluations_forecasts_and_windows():
    task = make_classifier()
    task.compile()
    with pytest.raises(ValueError, match="`batch_size` must be an int"):
        task.evaluate(classified(4), batch_size=0)
    forecaster = make_forecaster()
    for call in (forecaster.forecast, forecaster.backtest):
        with pytest.raises(ValueError, match="`batch_size` must be an int"):
            call(np.arange(20.0), batch_size=0)
    with pytest.raises(ValueError, match=r"`lookback` must be an int .*Received: None"):
        sz.preprocessing.ForecastWindows(None, 2)
