"""The one-pass Adam against Keras's own, step by step."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.training.optimizer import Adam

SHAPES = [(3, 5), (7,), (2, 4)]
STEPS = 6
SETTINGS = {
    "defaults": {},
    "other moments": {"learning_rate": 0.05, "beta_1": 0.7, "beta_2": 0.95, "epsilon": 1e-3},
    "amsgrad": {"amsgrad": True, "learning_rate": 0.05, "beta_2": 0.5},
    "weight decay": {"learning_rate": 0.05, "weight_decay": 0.1},
    "moving average": {"learning_rate": 0.05, "use_ema": True, "ema_overwrite_frequency": 2},
    "accumulation": {"learning_rate": 0.05, "gradient_accumulation_steps": 2},
    # with a large epsilon, for Adam forgets the size of a gradient otherwise
    "clipped values": {"learning_rate": 0.05, "clipvalue": 0.5, "epsilon": 0.1},
    "clipped norms": {"learning_rate": 0.05, "clipnorm": 1.0, "epsilon": 0.1},
    "clipped global norm": {"learning_rate": 0.05, "global_clipnorm": 1.0, "epsilon": 0.1},
}


def gradients_of_steps():
    """Gradients whose size varies, so that some are clipped and some are not."""
    rng = np.random.default_rng(0)
    return [
        [np.float32(size * rng.normal(size=shape)) for shape in SHAPES]
        for size in rng.permutation(np.geomspace(0.01, 3, STEPS))
    ]


def path_of(optimizer, in_graph=False):
    """The values of the variables after each step."""
    rng = np.random.default_rng(1)
    variables = [keras.Variable(rng.normal(size=shape), dtype="float32") for shape in SHAPES]
    optimizer.build(variables)

    def step(gradients):
        optimizer.apply(gradients, variables)

    step = tf.function(step) if in_graph else step
    path = []
    for gradients in gradients_of_steps():
        step([tf.constant(gradient) for gradient in gradients])
        path.append(np.concatenate([variable.numpy().ravel() for variable in variables]))
    return np.array(path)


@pytest.mark.parametrize("name", SETTINGS)
def test_every_step_is_that_of_keras(name):
    wanted = path_of(keras.optimizers.Adam(**SETTINGS[name]))

    found = path_of(Adam(**SETTINGS[name]))

    np.testing.assert_allclose(found, wanted, rtol=1e-5, atol=2e-6)
    assert np.abs(np.diff(wanted[:, 0])).max() > 1e-4


def test_a_graph_takes_the_same_steps():
    settings = SETTINGS["clipped global norm"]
    np.testing.assert_allclose(
        path_of(Adam(**settings), in_graph=True), path_of(Adam(**settings)), rtol=1e-6
    )


def test_a_schedule_of_the_learning_rate_is_followed():
    def schedule():
        return keras.optimizers.schedules.PiecewiseConstantDecay([1, 3], [0.05, 0.01, 0.08])

    wanted = path_of(keras.optimizers.Adam(schedule()))

    np.testing.assert_allclose(path_of(Adam(schedule())), wanted, rtol=1e-5, atol=5e-6)


def test_the_sparse_gradient_of_an_embedding_moves_it_as_the_dense_one_does_in_keras():
    paths = []
    for kind in (keras.optimizers.Adam, Adam):
        table = keras.Variable(np.random.default_rng(2).normal(size=(5, 3)), dtype="float32")
        optimizer = kind(0.1, epsilon=0.1)
        optimizer.build([table])
        for ids in ([0, 3, 3], [1], [3, 4]):
            with tf.GradientTape() as tape:
                total = tf.reduce_sum(tf.gather(table.value, ids) ** 2)
            (gradient,) = tape.gradient(total, [table.value])
            assert isinstance(gradient, tf.IndexedSlices)
            # Keras squares the parts of a row that stands there twice, not their sum.
            dense = tf.convert_to_tensor(gradient)
            optimizer.apply([gradient if kind is Adam else dense], [table])
        paths.append(table.numpy())

    np.testing.assert_allclose(*paths, rtol=1e-5, atol=1e-6)


def test_weights_in_float64_follow_the_paper_in_float64():
    rate, decay_1, decay_2, epsilon = 0.25, 0.7, 0.99, 1e-3  # Keras keeps the rate in float32
    weight = keras.Variable([1.0, -2.0], dtype="float64")
    optimizer = Adam(rate, beta_1=decay_1, beta_2=decay_2, epsilon=epsilon)
    optimizer.build([weight])
    wanted, m, v = np.array([1.0, -2.0]), 0.0, 0.0
    for step, gradient in enumerate(np.random.default_rng(3).normal(size=(4, 2)), start=1):
        m = decay_1 * m + (1 - decay_1) * gradient
        v = decay_2 * v + (1 - decay_2) * gradient**2
        size = rate * np.sqrt(1 - decay_2**step) / (1 - decay_1**step)
        wanted = wanted - size * m / (np.sqrt(v) + epsilon)
        optimizer.apply([tf.constant(gradient)], [weight])

    np.testing.assert_allclose(weight, wanted, rtol=1e-12)


def test_its_config_makes_the_same_optimizer():
    optimizer = Adam(0.2, beta_1=0.5, global_clipnorm=3.0)

    again = keras.optimizers.deserialize(keras.optimizers.serialize(optimizer))

    assert type(again) is Adam
    assert again.get_config() == optimizer.get_config()
    assert (again.beta_1, again.global_clipnorm) == (0.5, 3.0)


def test_a_loaded_model_goes_on_where_the_saved_one_was(tmp_path):
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=(2, 4, 3)), rng.normal(size=(2, 4, 1))
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(1)])
    model.compile(Adam(0.1, clipnorm=0.5), "mse")
    model.train_on_batch(x[0], y[0])
    model.save(tmp_path / "model.keras")

    again = keras.saving.load_model(tmp_path / "model.keras")
    for each in (model, again):
        each.train_on_batch(x[1], y[1])

    assert int(again.optimizer.iterations) == 2
    for found, wanted in zip(again.optimizer.variables, model.optimizer.variables, strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
    for found, wanted in zip(again.get_weights(), model.get_weights(), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-6)
