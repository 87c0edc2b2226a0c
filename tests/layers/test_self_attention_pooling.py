"""Pooling by self-attention: its equations, its masks, its penalty."""

import keras
import numpy as np
import pytest

from seqzoo.layers import SelfAttentionPooling

BATCH, TIME, FEATURES, UNITS, HOPS = 3, 5, 4, 6, 2
RNG = np.random.default_rng(8)
VALUES = RNG.normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 0, 1, 0], [0, 1, 1, 1, 1], [0, 0, 0, 0, 0]], "bool")


def pooling(**options):
    layer = SelfAttentionPooling(UNITS, HOPS, dtype="float64", **options)
    layer(VALUES)
    return layer


def by_hand(layer, values, mask):
    """Pools one row, step by step."""
    hidden_kernel, hop_kernel = layer.get_weights()
    pooled, weights = np.zeros((HOPS, FEATURES)), np.zeros((HOPS, len(values)))
    for hop in range(HOPS):
        for t in np.flatnonzero(mask):
            weights[hop, t] = np.exp(np.tanh(values[t] @ hidden_kernel) @ hop_kernel[:, hop])
        weights[hop] /= max(weights[hop].sum(), 1e-300)
        for t, value in enumerate(values):
            pooled[hop] += weights[hop, t] * value
    return pooled.reshape(-1), weights


@pytest.mark.parametrize("mask", [None, MASK])
def test_means_and_weights_are_those_of_the_equations(mask):
    layer = pooling()
    pooled, weights = layer(VALUES, mask=mask)
    mask = np.ones((BATCH, TIME), "bool") if mask is None else mask
    for row in range(BATCH):
        expected = by_hand(layer, VALUES[row], mask[row])
        np.testing.assert_allclose(pooled[row], expected[0], atol=1e-13)
        np.testing.assert_allclose(weights[row], expected[1], atol=1e-13)
    assert pooled.shape == (BATCH, HOPS * FEATURES)
    assert layer.losses == []


def test_padding_changes_nothing_wherever_it_stands():
    layer = pooling(penalty=0.5)
    expected = layer(VALUES)[0]
    (expected_loss,) = layer.losses
    long, mask = RNG.normal(size=(BATCH, 8, FEATURES)), np.zeros((BATCH, 8), "bool")
    for row, steps in enumerate([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 6]]):
        long[row, steps], mask[row, steps] = VALUES[row], True
    np.testing.assert_allclose(layer(long, mask=mask)[0], expected, atol=1e-13)
    np.testing.assert_allclose(layer.losses[0], expected_loss, atol=1e-13)


def test_the_penalty_is_that_of_the_paper_over_rows_with_a_real_step():
    layer = pooling(penalty=0.5)
    _, weights = layer(VALUES, mask=MASK)
    squares = [np.linalg.norm(a @ a.T - np.eye(HOPS), "fro") ** 2 for a in np.asarray(weights)[:2]]
    (loss,) = layer.losses
    np.testing.assert_allclose(loss, 0.5 * np.mean(squares), rtol=1e-12)
    layer(VALUES, mask=np.zeros_like(MASK))
    assert layer.losses == [0]


def test_the_penalty_of_hops_that_read_one_step_each_is_zero():
    layer = pooling(penalty=3.0)
    layer.hidden_kernel.assign(np.eye(FEATURES, UNITS) * 50)
    layer.hop_kernel.assign(np.eye(UNITS, HOPS) * 50)
    layer(np.eye(TIME, FEATURES)[None])
    assert 0 <= layer.losses[0] < 1e-12


def test_a_model_of_token_ids_is_fitted_with_the_penalty_saved_and_loaded(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    x = keras.layers.Embedding(7, FEATURES, mask_zero=True)(ids)
    pooled, weights = SelfAttentionPooling(UNITS, HOPS, penalty=0.3)(x)
    model = keras.Model(ids, {"label": keras.layers.Dense(1)(pooled), "weights": weights})
    inputs = np.where(MASK, RNG.integers(1, 7, MASK.shape), 0)
    model.compile("adam", {"label": "mse", "weights": None}, jit_compile=False)
    model.fit(inputs, {"label": np.ones((BATCH, 1))}, batch_size=BATCH, verbose=0)
    found = model(inputs)
    assert np.all(np.asarray(found["weights"])[~np.repeat(MASK[:, None], HOPS, axis=1)] == 0)
    assert len(model.losses) == 1
    model.save(tmp_path / "model.keras")
    loaded = keras.models.load_model(tmp_path / "model.keras")
    np.testing.assert_allclose(loaded(inputs)["label"], found["label"], atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"units": 0}, "`units` must be at least 1. Received: units=0"),
        ({"units": 2, "hops": 0}, "`hops` must be at least 1. Received: hops=0"),
        ({"units": 2, "penalty": -1.0}, "`penalty` must be at least 0. Received: penalty=-1.0"),
    ],
)
def test_sizes_out_of_range_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        SelfAttentionPooling(**options)(VALUES)
