"""Gradients from ahead are seen in networks and scalings that look there."""

import keras
import numpy as np
import pytest

from seqzoo import Forecaster
from seqzoo.backtesting import LookAheadError, check_causal_gradients
from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Point
from seqzoo.layers import EncodedWindow, Scaled, SeriesScaling
from seqzoo.preprocessing import ForecastWindows
from seqzoo.zoo import zeng_2023

SERIES = [np.random.default_rng(0).normal(size=n).cumsum() for n in (20, 14)]
L, H = 5, 2


def make(direction="forward", method="last", scaling=SeriesScaling):
    keras.utils.set_random_seed(0)
    windows = ForecastWindows(L, H)
    windows.adapt(SERIES)
    encoder = RecurrentEncoder(None, 1, units=3, direction=direction)
    network = EncodedWindow(encoder, "every")
    return Forecaster(network, Point(H), windows, scaling(method, causal=True))


@pytest.mark.parametrize("method", ["last", "standard", "mean", "none"])
def test_a_causal_network_and_scaling_pass(method):
    assert check_causal_gradients(make(method=method), SERIES, windows=3) == 3 * L * (L - 1) // 2


def test_an_encoder_of_both_directions_is_caught_with_series_row_and_column():
    message = r"from row \d+ depends on .* series '[01]', row \d+, column 'y', with a gradient"
    with pytest.raises(LookAheadError, match=message):
        check_causal_gradients(make(direction="both"), SERIES)


class ByTheWholeWindow(SeriesScaling):
    def call(self, values, observed=None, series=None):
        scale = keras.ops.mean(keras.ops.abs(values), axis=1, keepdims=True)
        zeros = keras.ops.zeros_like(values)
        return Scaled(values / scale, zeros, zeros + scale)


def test_scaling_by_the_whole_window_is_caught():
    with pytest.raises(LookAheadError, match="column 'y'"):
        check_causal_gradients(make(scaling=ByTheWholeWindow), SERIES)


def test_a_forecaster_with_one_origin_is_referred_to_the_proof():
    windows = ForecastWindows(L, H)
    windows.adapt(SERIES)
    with pytest.raises(ValueError, match="Use `prove_no_look_ahead`"):
        check_causal_gradients(zeng_2023(windows), SERIES)
