"""Gradients are clipped by layers too, and their norm before that is shown."""

import contextlib
import csv

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import make_bigram, reversal_pairs

from seqzoo.training import Adam, HistoryFile
from seqzoo.training.optimizer import clip_by_layer
from seqzoo.training.steps import gradient_norm

pytestmark = pytest.mark.usefixtures("eagerly")

PAIRS = reversal_pairs(23)


def two_layers():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(3), keras.layers.Dense(1)])
    rng = np.random.default_rng(0)
    sizes = (4.0, 4.0, 0.1, 0.1)  # the norm of the first layer is large, that of the second is not
    gradients = [
        np.float32(size * rng.normal(size=variable.shape))
        for size, variable in zip(sizes, model.trainable_variables, strict=True)
    ]
    return model, gradients


def clipped(gradients, limit=1.0):
    """By NumPy: the first layer scaled to the limit over both of its weights, the other as is."""
    norm = np.sqrt(sum(np.sum(np.float64(g) ** 2) for g in gradients[:2]))
    return [np.float32(g * limit / norm) for g in gradients[:2]] + gradients[2:]


def test_a_layer_is_scaled_as_a_whole_and_only_where_it_is_above_the_limit():
    model, gradients = two_layers()
    found = clip_by_layer([tf.constant(g) for g in gradients], model.trainable_variables, 1.0)
    for one, other in zip(found, clipped(gradients), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)


@pytest.mark.parametrize("parts", [[1.0], [0.5, 1.5]])
def test_adam_clips_layers_after_what_it_has_accumulated(parts):
    model, gradients = two_layers()
    other = keras.models.clone_model(model)
    other.set_weights(model.get_weights())
    settings = {"epsilon": 0.1}
    settings |= {"gradient_accumulation_steps": len(parts)} if len(parts) > 1 else {}
    optimizer = Adam(0.1, layer_clipnorm=1.0, **settings)
    reference = keras.optimizers.Adam(0.1, **settings)

    for part in parts:  # their mean is 1
        optimizer.apply([tf.constant(part * g) for g in gradients], model.trainable_variables)
        wanted = [tf.constant(g) for g in clipped(gradients)]
        reference.apply(wanted, other.trainable_variables)

    for one, two in zip(model.get_weights(), other.get_weights(), strict=True):
        np.testing.assert_allclose(one, two, rtol=1e-5, atol=1e-7)


def test_its_config_keeps_the_limit():
    optimizer = Adam(0.2, layer_clipnorm=3.0)
    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))
    assert type(again) is Adam
    assert again.layer_clipnorm == 3.0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layer_clipnorm": 0.0}, "`layer_clipnorm` must be positive"),
        ({"layer_clipnorm": 1.0, "clipvalue": 2.0}, r"one way at most.*clipvalue=2\.0"),
        ({"layer_clipnorm": 1.0, "global_clipnorm": 2.0}, "one way at most"),
    ],
)
def test_limits_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        Adam(**options)


def norm_of_first_step(task, pairs):
    """The norm of the gradient of the mean over tokens, the penalty counted."""
    x, y, weight = task.preprocessor(*map(tf.constant, zip(*pairs, strict=True)))
    possible = np.ones(11, "float32")
    possible[[0, 2]] = 0  # padding and start are never targets: smoothing gives them nothing
    with tf.GradientTape() as tape:
        smooth = 0.9 * tf.one_hot(y, 11) + 0.1 * possible / 9
        losses = tf.nn.softmax_cross_entropy_with_logits(smooth, task(x))
        loss = tf.reduce_sum(losses * weight) / tf.reduce_sum(weight) + tf.add_n(task.losses)
    gradients = tape.gradient(loss, [v.value for v in task.trainable_variables])
    flat = np.concatenate([np.ravel(tf.convert_to_tensor(g)) for g in gradients])
    return np.linalg.norm(np.float64(flat))


OPTIMIZERS = {
    "sgd": lambda: keras.optimizers.SGD(0.5, global_clipnorm=0.01),
    "adam": lambda: Adam(0.01, epsilon=1e-3, layer_clipnorm=0.01),
    "loss scale": lambda: keras.optimizers.LossScaleOptimizer(
        keras.optimizers.SGD(0.5, clipvalue=0.01), initial_scale=1024.0
    ),
    "scaled loss": lambda: keras.optimizers.SGD(0.5, loss_scale_factor=8.0),
}


@pytest.mark.parametrize(
    "name",
    [
        n if n in ("sgd", "loss scale") else pytest.param(n, marks=pytest.mark.slow)
        for n in OPTIMIZERS
    ],
)
def test_the_norm_before_clipping_is_that_of_the_loss(name):
    task = make_bigram(penalty=0.1)
    expected = norm_of_first_step(task, PAIRS)
    task.compile(OPTIMIZERS[name]())

    history = task.fit(PAIRS, validation_data=PAIRS[:3], batch_size=23, verbose=0).history

    assert history["gradient_norm"] == [pytest.approx(expected, rel=1e-5)]
    assert "val_gradient_norm" not in history
    assert "gradient_norm" not in task.evaluate(PAIRS[:3], return_dict=True, verbose=0)


@pytest.mark.slow
def test_two_replicas_show_the_norm_of_one_device(two_replicas):
    norms = []
    for scope in (contextlib.nullcontext(), two_replicas.scope()):
        with scope:
            task = make_bigram(penalty=0.1)
            task.compile(keras.optimizers.SGD(0.5, global_clipnorm=0.2))
        fitted = task.fit(PAIRS, batch_size=5, epochs=2, verbose=0)  # rows divide unevenly
        norms.append(fitted.history["gradient_norm"])
    assert norms[1] == pytest.approx(norms[0], rel=1e-5)
    assert norms[0][0] != pytest.approx(norms[0][1], rel=1e-3)


def test_a_step_that_a_loss_scale_leaves_out_counts_nothing():
    plain = keras.optimizers.SGD(0.5)
    scaled = keras.optimizers.LossScaleOptimizer(keras.optimizers.SGD(0.5), initial_scale=1e30)
    fine, over = tf.constant([3e30, 4e30]), tf.constant([np.inf, 1.0])
    found = [gradient_norm(scaled, [None, fine]), gradient_norm(scaled, [fine, over])]
    assert np.array(found) == pytest.approx(np.array([[5, 1], [0, 0]]))
    assert [float(x) for x in gradient_norm(plain, [over])] == [np.inf, 1]


def test_the_history_has_a_column_of_it_after_the_first_ones(tmp_path):
    task = make_bigram()
    task.compile()
    table = HistoryFile(tmp_path / "history.csv")
    task.fit(PAIRS, batch_size=23, verbose=0, callbacks=[table])
    with open(tmp_path / "history.csv", newline="") as file:
        header, _ = csv.reader(file)
    assert header[:3] == ["epoch", "loss", "token_accuracy"]
    assert "gradient_norm" in header[3:]
