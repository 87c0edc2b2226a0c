"""Adam in one pass over the weights, and clipping of gradients layer by layer."""

from typing import Any

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="seqzoo")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, its update of a dense weight being one kernel.

    Keras's update reads and writes the weight and its moments several times; TensorFlow's kernel
    does it once. Same arguments, same weights, same results.

    Args:
        layer_clipnorm: Positive float, the largest norm of the gradients of a layer, over all its
            weights together. None clips no layer. The other arguments are Keras's, among them
            `global_clipnorm` (of all gradients together), `clipnorm` (of each weight) and
            `clipvalue`; one of the four at most.

    Reference: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980

    Example:
        >>> optimizer = sz.training.Adam(1e-3, global_clipnorm=1.0)
        >>> round(float(optimizer.learning_rate), 4)
        0.001
    """

    def __init__(self, *args, layer_clipnorm: float | None = None, **kwargs):
        super().__init__(*args, **kwargs)
        self.layer_clipnorm = layer_clipnorm
        if layer_clipnorm is None:
            return
        if not layer_clipnorm > 0:
            raise ValueError(
                f"`layer_clipnorm` must be positive. Received: layer_clipnorm={layer_clipnorm}."
            )
        for name in ("clipnorm", "clipvalue", "global_clipnorm"):
            if getattr(self, name) is not None:
                raise ValueError(
                    "Gradients are clipped in one way at most. Received: "
                    f"layer_clipnorm={layer_clipnorm}, {name}={getattr(self, name)}."
                )

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or not hasattr(variable, "handle"):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        index = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[index].value.handle,
            v=self._velocities[index].value.handle,
            beta1_power=tf.pow(tf.constant(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.constant(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.constant(self.beta_1, dtype),
            beta2=tf.constant(self.beta_2, dtype),
            epsilon=tf.constant(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )

    def _clip_gradients(self, grads):
        if self.global_clipnorm is None:
            return super()._clip_gradients(grads)
        return tf.clip_by_global_norm(grads, self.global_clipnorm)[0]  # no square is stored

    def _backend_update_step(self, grads, trainable_variables, learning_rate):
        if self.layer_clipnorm is not None:
            grads = clip_by_layer(grads, trainable_variables, self.layer_clipnorm)
        super()._backend_update_step(grads, trainable_variables, learning_rate)

    def get_config(self):
        return super().get_config() | {"layer_clipnorm": self.layer_clipnorm}


def clip_by_layer(gradients: list, variables: list, limit: float) -> list:
    """Scales down the gradients of each layer whose norm, over all its weights, is above a limit.

    Args:
        gradients: One for each variable.
        variables: Keras variables. Those whose paths differ in the last name only are of one layer;
            a recurrent layer has its weights in its cell.
        limit: Positive float.
    """
    layers: dict[str, list[int]] = {}
    for index, variable in enumerate(variables):
        layers.setdefault(_layer(variable), []).append(index)
    clipped: list[Any] = [None] * len(gradients)
    for indices in layers.values():
        of_layer, _ = tf.clip_by_global_norm([gradients[index] for index in indices], limit)
        for index, gradient in zip(indices, of_layer, strict=True):
            clipped[index] = gradient
    return clipped


def _layer(variable: Any) -> str:
    folder, _, name = variable.path.rpartition("/")
    return folder or name
