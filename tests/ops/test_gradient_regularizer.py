"""The penalty of Pascanu et al. is what its sum says, and keeps gradients in their size."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.explain import gradient_flow
from seqzoo.layers import Recurrent, SimpleRNNCell
from seqzoo.ops.gradient_regularizer import pascanu_regularizer
from seqzoo.training import probe_states

TIME, BATCH, UNITS = 4, 3, 5
RNG = np.random.default_rng(0)
D, SLOPES = RNG.normal(size=(2, TIME, BATCH, UNITS))
KERNEL = RNG.normal(size=(UNITS, UNITS))
MASK = np.array([[1, 1, 1], [1, 0, 1], [0, 1, 1], [1, 1, 0]], "bool")


def enumerated(d, slopes, kernel, mask=None):
    total = 0.0
    for b in range(d.shape[1]):
        for t in range(1, d.shape[0]):
            if (mask is None or mask[t, b]) and np.any(d[t, b]):
                jacobian = np.diag(slopes[t, b]) @ kernel.T  # of h_t by h_{t-1}
                norm = np.linalg.norm(d[t, b] @ jacobian)
                total += (norm / np.linalg.norm(d[t, b]) - 1) ** 2
    return total / d.shape[1]


@pytest.mark.parametrize("mask", [None, MASK])
def test_it_is_the_sum_over_steps_and_the_mean_over_rows(mask):
    found = pascanu_regularizer(D, SLOPES, KERNEL, mask)
    assert float(found) == pytest.approx(enumerated(D, SLOPES, KERNEL, mask), rel=1e-12)


def test_an_orthogonal_linear_step_costs_nothing():
    orthogonal = np.linalg.qr(KERNEL)[0]
    assert float(pascanu_regularizer(D, np.ones_like(D), orthogonal)) < 1e-28
    assert float(pascanu_regularizer(D, np.ones_like(D), 3 * orthogonal)) == pytest.approx(
        4 * (TIME - 1)
    )


def test_the_size_of_the_gradients_does_not_count_even_where_squares_are_too_small():
    wanted = float(pascanu_regularizer(D, SLOPES, KERNEL))
    small, slopes, kernel = (np.float32(x) for x in (1e-30 * D, SLOPES, KERNEL))
    assert float(pascanu_regularizer(small, slopes, kernel)) == pytest.approx(wanted, rel=1e-4)


@pytest.mark.parametrize("nothing", ["d", "slopes"])
def test_steps_without_a_gradient_and_flat_steps_have_finite_slopes(nothing):
    d, slopes = D.copy(), SLOPES.copy()
    (d if nothing == "d" else slopes)[2] = 0
    sources = [tf.constant(d), tf.constant(slopes), tf.constant(KERNEL)]
    with tf.GradientTape() as tape:
        tape.watch(sources)
        found = pascanu_regularizer(*sources)
    assert float(found) == pytest.approx(enumerated(d, slopes, KERNEL), rel=1e-12)
    of_d, of_slopes, of_kernel = tape.gradient(found, sources)
    assert of_d is None
    assert np.all(np.isfinite(of_slopes))
    assert np.all(np.isfinite(of_kernel))


def test_its_gradient_by_the_kernel_is_that_of_finite_differences():
    kernel, direction, step = (
        tf.constant(KERNEL),
        np.random.default_rng(1).normal(size=(5, 5)),
        1e-6,
    )
    with tf.GradientTape() as tape:
        tape.watch(kernel)
        found = pascanu_regularizer(D, SLOPES, kernel)
    slope = float(tf.reduce_sum(tape.gradient(found, kernel) * direction))
    ends = [enumerated(D, SLOPES, KERNEL + s * step * direction) for s in (1, -1)]
    assert slope == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-6)


class Regularized(keras.Sequential):
    """The train step of the docstring, for a model that begins with a simple cell."""

    strength = 0.0

    def train_step(self, data):
        x, y = data
        weights = [v.value for v in self.trainable_variables]
        with tf.GradientTape() as tape, probe_states(tape) as probed:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        (first,) = probed
        gradients, (d_states,) = tape.gradient(loss, (weights, first.probes))
        cell, states = first.cell, tf.stop_gradient(first.states[0])
        before = tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)
        with tf.GradientTape() as tape:
            kernel = tf.convert_to_tensor(cell.recurrent_kernel)
            z = cell.project(tf.transpose(x, (1, 0, 2))) + before @ kernel
            omega = pascanu_regularizer(d_states, 1 - tf.tanh(z) ** 2, kernel)
        more = tape.gradient(omega, weights, unconnected_gradients="zero")
        total = [g + self.strength * m for g, m in zip(gradients, more, strict=True)]
        self.optimizer.apply(total, self.trainable_variables)
        return {"loss": loss, "omega": omega}


def trained(strength):
    """A network that begins with vanishing gradients, after 100 steps; its omegas and its flow."""
    keras.utils.set_random_seed(3)
    start = keras.initializers.Orthogonal(0.4)
    model = Regularized(
        [
            keras.Input((12, 3)),
            Recurrent(SimpleRNNCell(8, recurrent_initializer=start)),
            keras.layers.Dense(1),
        ]
    )
    model.strength = strength
    model.compile(keras.optimizers.SGD(0.02), "mse")
    x = np.random.default_rng(4).normal(scale=0.3, size=(32, 12, 3)).astype("float32")
    y = x[:, 0, :1]  # to be remembered
    omegas = model.fit(x, y, batch_size=32, epochs=100, shuffle=False, verbose=0).history["omega"]
    (flow,) = gradient_flow(model, x, y).layers
    return omegas, flow


def test_training_with_it_keeps_the_norm_of_gradients():
    omegas, flow = trained(0.5)
    _, without = trained(0.0)
    assert without.factor < 0.6
    assert without.diagnosis.startswith("vanishing")
    assert 0.85 < flow.factor < 1.15
    assert flow.diagnosis.startswith("healthy")
    assert omegas[-1] < 0.1 * omegas[0]
