"""The graph convolution over series, alone and in a forecaster."""

import keras
import numpy as np
import pytest

from seqzoo import Forecaster, heads, load
from seqzoo.encoders import RecurrentEncoder
from seqzoo.layers import EncodedWindow, SeriesGraph
from seqzoo.preprocessing import ForecastWindows

B, L, F, U, STEPS = 2, 5, 4, 3, 2
EDGES = [(0, 1), (1, 2), (1, 1)]
VALUES = np.random.default_rng(0).normal(size=(B, L, F)).astype("float32")


def make(**options):
    keras.utils.set_random_seed(1)
    layer = SeriesGraph(EDGES, units=U, steps=STEPS, activation="tanh", **options)
    layer.build((None, None, F))
    layer.bias.assign([0.1, -0.2, 0.3])
    return layer


@pytest.mark.parametrize("both_ways", [True, False])
def test_it_is_its_equation(both_ways):
    layer = make(both_ways=both_ways)
    kernel, bias = layer.get_weights()
    matrix = np.eye(F)
    for source, target in [*EDGES, (1, 0), (2, 1)] if both_ways else EDGES:
        matrix[target, source] += 1
    degrees = matrix.sum(axis=1)
    found, mask = layer(VALUES)
    assert np.asarray(mask).all()
    for step in range(L):
        before = VALUES[:, step - 1] if step else np.zeros((B, F))
        x = np.stack([before, VALUES[:, step]], axis=-1)  # (B, F, steps)
        sums = [
            sum(
                matrix[t, s] * x[:, s] @ kernel / np.sqrt(degrees[s] * degrees[t]) for s in range(F)
            )
            for t in range(F)
        ]
        expected = np.tanh(np.stack(sums, axis=1) + bias).reshape(B, F * U)
        np.testing.assert_allclose(found[:, step], expected, atol=1e-6)


def test_padding_is_read_as_no_values():
    layer = make()
    noisy = np.concatenate([np.full((B, 2, F), 9.0, "float32"), VALUES], axis=1)
    mask = np.arange(L + 2) >= 2
    found, _ = layer(noisy, mask=np.stack([mask] * B))
    np.testing.assert_allclose(found[:, 2:], layer(VALUES)[0], atol=1e-6)


def test_an_edge_of_a_series_that_is_not_there_is_refused():
    with pytest.raises(ValueError, match=r"indices of the 4 series.*Received: \(1, 4\)"):
        SeriesGraph([(1, 4)])(VALUES)
    with pytest.raises(ValueError, match="at least 1"):
        SeriesGraph([], units=0)


def test_a_forecaster_reads_series_over_their_graph_and_comes_back_from_a_file(tmp_path):
    keras.utils.set_random_seed(2)
    series = np.cumsum(np.random.default_rng(1).normal(size=(40, 3)), axis=0)
    windows = ForecastWindows(lookback=6, horizon=2)
    windows.adapt(series)
    encoder = RecurrentEncoder(None, 3 * U, units=5, direction="forward")
    stem = SeriesGraph([(0, 1), (1, 2)], units=U)
    network = EncodedWindow(encoder, stem=stem)
    forecaster = Forecaster(network, heads.Point(2, series=3), windows, channels="joint")
    forecaster.compile(run_eagerly=True)
    forecaster.fit(series, epochs=1, steps_per_epoch=2, batch_size=4, verbose=0)
    forecaster.save(tmp_path / "forecaster.keras")
    again = load(tmp_path / "forecaster.keras")
    np.testing.assert_allclose(again.forecast(series), forecaster.forecast(series), atol=1e-5)
