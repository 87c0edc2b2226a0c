"""Layers that regularize in training, and do nothing outside of it."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.layers import ActivationRegularization, DroppedEmbedding, LockedDropout

MASK = np.array([[1, 1, 0, 1], [0, 1, 1, 0], [0, 0, 0, 0]], "bool")
H = np.random.default_rng(0).normal(size=(3, 4, 5))


def losses(ar, tar, values, mask=None):
    layer = ActivationRegularization(ar, tar, dtype="float64")
    outputs = layer(ops.convert_to_tensor(values), mask=mask, training=True)
    np.testing.assert_array_equal(outputs, values)
    return [float(loss) for loss in layer.losses]


@pytest.mark.parametrize("mask", [None, MASK])
def test_the_penalties_are_means_over_real_steps_and_real_neighbours(mask):
    real = np.ones((3, 4), "bool") if mask is None else mask
    squares = [H[b, t] ** 2 for b in range(3) for t in range(4) if real[b, t]]
    moves = [
        (H[b, t] - H[b, t - 1]) ** 2
        for b in range(3)
        for t in range(1, 4)
        if real[b, t] and real[b, t - 1]
    ]
    assert losses(2.0, 3.0, H, mask) == pytest.approx([2 * np.mean(squares), 3 * np.mean(moves)])


def test_padding_changes_no_penalty_whatever_is_in_it():
    wider = np.pad(H, [(0, 0), (0, 2), (0, 0)], constant_values=np.nan)
    mask = np.pad(MASK, [(0, 0), (0, 2)])
    assert losses(2.0, 3.0, wider, mask) == losses(2.0, 3.0, H, MASK)
    assert losses(2.0, 3.0, H, np.zeros((3, 4), "bool")) == [0, 0]


def test_nothing_is_added_outside_of_training_or_without_a_weight():
    layer = ActivationRegularization(2.0, 3.0)
    layer(H)
    assert layer.losses == []
    assert losses(0.0, 0.0, H) == []
    assert len(losses(0.0, 1.0, H)) == 1


def test_a_model_minimises_the_penalties_of_the_mask_that_comes_with_its_inputs():
    ids = np.array([[1, 2, 0], [3, 0, 0]])
    inputs = keras.Input((3,), dtype="int32")
    embedding = keras.layers.Embedding(4, 2, mask_zero=True)
    outputs = ActivationRegularization(1.0)(embedding(inputs))
    model = keras.Model(inputs, outputs)
    model(ids, training=True)
    wanted = np.mean(np.asarray(embedding.embeddings)[1:4] ** 2)
    assert [float(x) for x in model.losses] == pytest.approx([wanted])


@pytest.mark.parametrize("options", [{"ar": -1.0}, {"tar": -0.5}])
def test_negative_weights_are_refused(options):
    with pytest.raises(ValueError, match=r"must be at least 0\. Received: t?ar=-"):
        ActivationRegularization(**options)


def test_locked_dropout_drops_the_same_features_at_all_steps():
    layer, ones = LockedDropout(0.25, seed=1), np.ones((400, 6, 10), "float32")
    np.testing.assert_array_equal(layer(ones), ones)
    dropped = np.array(layer(ones, training=True))
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[:, :1], dropped.shape))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.75])
    assert np.mean(dropped) == pytest.approx(1, abs=0.05)
    assert np.any(dropped[0, 0] != dropped[1, 0])
    assert np.any(dropped != layer(ones, training=True))


def test_a_dropped_word_is_dropped_everywhere_in_a_batch():
    layer = DroppedEmbedding(1000, 3, rate=0.25, seed=1, embeddings_initializer="ones")
    ids = np.stack([np.arange(1000), np.arange(1000)[::-1]])
    np.testing.assert_array_equal(layer(ids), np.ones((2, 1000, 3)))
    dropped = np.array(layer(ids, training=True))
    np.testing.assert_array_equal(dropped[0], dropped[1, ::-1])
    np.testing.assert_array_equal(dropped, np.broadcast_to(dropped[..., :1], dropped.shape))
    np.testing.assert_allclose(np.unique(dropped), [0, 1 / 0.75])
    assert np.mean(dropped) == pytest.approx(1, abs=0.05)
    assert np.any(dropped != layer(ids, training=True))


def test_a_dropped_embedding_is_one_of_keras_otherwise():
    layer = DroppedEmbedding(5, 3, rate=0.5, mask_zero=True)
    ids = np.array([[1, 4, 0]])
    kept = layer(ids)
    np.testing.assert_array_equal(kept, np.asarray(layer.embeddings)[ids])
    np.testing.assert_array_equal(kept._keras_mask, ids != 0)

    def total(_):
        return ops.sum(layer(ids, training=True)), ()

    _, (gradient,) = gradients_of(total, [], [layer.embeddings])
    assert set(np.unique(gradient)) <= {0.0, 2.0}
    with pytest.raises(ValueError, match="`rate` must be at least 0 and below 1"):
        DroppedEmbedding(5, 3, rate=1.0)
