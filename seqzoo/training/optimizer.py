"""Adam in one pass, and gradient clipping that knows of replicas."""

from typing import Any, NamedTuple

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="seqzoo")
class Adam(keras.optimizers.Adam):
    """`keras.optimizers.Adam`, its update of a dense weight being one kernel.

    Keras's update reads and writes the weight and its moments several times; TensorFlow's kernel
    does it once. Same arguments, same weights, same results.

    Reference: Kingma and Ba, 2015, https://arxiv.org/abs/1412.6980
    """

    def update_step(self, gradient, variable, learning_rate):
        if self.amsgrad or not hasattr(variable, "handle"):
            super().update_step(gradient, variable, learning_rate)
            return
        dtype = variable.dtype
        step = tf.cast(self.iterations + 1, dtype)
        place = self._get_variable_index(variable)
        tf.raw_ops.ResourceApplyAdam(
            var=variable.handle,
            m=self._momentums[place].value.handle,
            v=self._velocities[place].value.handle,
            beta1_power=tf.pow(tf.cast(self.beta_1, dtype), step),
            beta2_power=tf.pow(tf.cast(self.beta_2, dtype), step),
            lr=tf.cast(learning_rate, dtype),
            beta1=tf.cast(self.beta_1, dtype),
            beta2=tf.cast(self.beta_2, dtype),
            epsilon=tf.cast(self.epsilon, dtype),
            grad=tf.cast(gradient, dtype),
        )


class Clipping(NamedTuple):
    """How gradients are clipped, in the terms of Keras's optimizers; at most one is set.

    Attributes:
        clipvalue: Largest absolute value of an element.
        clipnorm: Largest norm of the gradient of one weight.
        global_clipnorm: Largest norm of all gradients together.
    """

    clipvalue: float | None = None
    clipnorm: float | None = None
    global_clipnorm: float | None = None

    @classmethod
    def taken_from(cls, optimizer: keras.optimizers.Optimizer) -> "Clipping":
        """Takes the clipping out of an optimizer, which would clip before replicas are added."""
        clipping = cls(*(getattr(optimizer, name) for name in cls._fields))
        for name in cls._fields:
            setattr(optimizer, name, None)
        return clipping

    def __call__(self, gradients: list[Any]) -> list[Any]:
        """Returns the clipped gradients."""
        if self.clipvalue is not None:
            return [tf.clip_by_value(g, -self.clipvalue, self.clipvalue) for g in gradients]
        if self.clipnorm is not None:
            return [tf.clip_by_norm(g, self.clipnorm) for g in gradients]
        if self.global_clipnorm is not None:
            return tf.clip_by_global_norm(gradients, self.global_clipnorm)[0]
        return gradients
