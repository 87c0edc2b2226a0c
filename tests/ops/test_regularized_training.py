"""The penalty of Pascanu et al. keeps gradients in their size."""

import keras
import numpy as np
import tensorflow as tf

from seqzoo.explain import gradient_flow
from seqzoo.layers import Recurrent, SimpleRNNCell
from seqzoo.ops.losses import pascanu_regularizer
from seqzoo.training import probe_states


class Regularized(keras.Sequential):
    """The train step of the docstring, for a model that begins with a simple cell."""

    strength = 0.0

    def train_step(self, data):
        x, y, *_ = data
        weights = [v.value for v in self.trainable_variables]
        with tf.GradientTape() as tape, probe_states(tape) as probed:
            loss = self.compute_loss(y=y, y_pred=self(x, training=True))
        (first,) = probed
        gradients, (d_states,) = tape.gradient(loss, (weights, first.probes))
        cell, states = first.cell, tf.stop_gradient(first.states[0])
        before = tf.concat([tf.zeros_like(states[:1]), states[:-1]], axis=0)
        with tf.GradientTape() as tape:
            kernel = tf.convert_to_tensor(cell.recurrent_kernel)
            z = cell.project_inputs(tf.transpose(x, (1, 0, 2))) + before @ kernel
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
    omegas = [model.train_on_batch(x, y, return_dict=True)["omega"] for _ in range(100)]
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
