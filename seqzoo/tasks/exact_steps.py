"""One step of a task, in training or validation: its loss, its gradients and what it measures."""

from __future__ import annotations

from typing import Any

import keras
import tensorflow as tf

from seqzoo.training.replicated_model import ReplicatedModel
from seqzoo.training.steps import (
    accumulated_gradients,
    apply_gradients,
    gradient_norm,
    is_idle,
    token_mean_gradients,
    unpack_batch,
)


class ExactSteps(ReplicatedModel):
    """The part of a task that takes steps.

    The loss is a mean over all tokens of a batch, however replicas and accumulated parts share it.
    """

    head: Any
    loss_mean: Any
    head_metrics: Any
    gradient_norm: Any
    token_sum: Any
    padding_mean: Any
    idle_sum: Any
    accumulation_steps: int
    _user_loss: Any

    def count_examples(self, x: Any, y: Any) -> Any:
        """Returns how many examples a batch holds, or for each whether it is one, in the graph."""
        return tf.shape(y)[0]

    def target_mask(self, x, y) -> Any:
        """Returns which steps of the targets are real, boolean of the shape of `y`.

        None where the targets are no sequences. A weight is how much a step counts in the loss;
        it does not decide whether the step exists.
        """
        return None

    def train_step(self, data):
        batch, variables = unpack_batch(data), self.trainable_variables
        if not self.optimizer.built:  # a loss scale is read before it is applied
            self.optimizer.build(variables)

        def loss(x, y, weight):
            outputs = self(x, training=True)
            sums = self._token_losses(x, y, outputs, weight)
            penalty = tf.add_n([tf.zeros([], sums[0].dtype), *self.losses])
            self._measure(x, y, outputs, weight, *sums)
            return *sums, penalty

        scale = self.optimizer.scale_loss
        if self.accumulation_steps == 1:
            gradients, _, weight = token_mean_gradients(lambda: loss(*batch), variables, scale)
        else:
            parts = self.accumulation_steps
            gradients, _, weight = accumulated_gradients(loss, batch, parts, variables, scale)
        norm, norm_weight = gradient_norm(self.optimizer, gradients)
        self.gradient_norm.update_state(norm, sample_weight=norm_weight)
        self.idle_sum.update_state(is_idle(norm, weight))
        apply_gradients(self.optimizer, gradients, variables)
        return self._logs(self._counted(*batch[:2]))

    def _counted(self, x, y) -> dict[str, Any]:
        """Counts a batch, and returns all that is measured: `tokens` and `padding`, or `examples`.

        Rows without a real step, which only fill up a batch, count nothing.
        """
        mask = self.target_mask(x, y)
        if mask is None:
            self.token_sum.update_state(self.count_examples(x, y))
            measured = self.get_metrics_result()
            measured["examples"] = measured.pop("tokens")
            del measured["padding"]
            return measured
        self.token_sum.update_state(tf.cast(mask, tf.float32))
        in_real_row = mask | tf.reduce_any(mask, axis=-1, keepdims=True)
        padding, counts = (tf.cast(each, tf.float32) for each in (~mask, in_real_row))
        self.padding_mean.update_state(tf.reshape(padding, [-1]), tf.reshape(counts, [-1]))
        return self.get_metrics_result()

    def test_step(self, data):
        x, y, weight = unpack_batch(data)
        outputs = self(x, training=False)
        loss_sum, weight_sum = self._token_losses(x, y, outputs, weight)
        self.measure_evaluation(x, y, outputs, weight)
        measured = self._measure(x, y, outputs, weight, loss_sum, weight_sum)
        of_training = (self.gradient_norm, self.token_sum, self.padding_mean, self.idle_sum)
        for metric in of_training:
            del measured[metric.name]
        return self._logs(measured)

    def measure_evaluation(self, x, y, outputs, weight) -> None:
        """Updates the metrics that an evaluation has and a training has not; here none."""

    def compute_loss(self, x=None, y=None, y_pred=None, sample_weight=None, training=True):
        """Returns the mean loss of the tokens and the penalties of the last call, a scalar."""
        _, y, weight = unpack_batch((x, tf.convert_to_tensor(y), sample_weight))
        loss_sum, weight_sum = self._token_losses(x, y, y_pred, weight)
        return tf.add_n([tf.math.divide_no_nan(loss_sum, weight_sum), *self.losses])

    def _token_losses(self, x, y, outputs, weight):
        if self._user_loss is None:
            mask = None if x is None else self.target_mask(x, y)
            return self.head.loss(y, outputs, weight, mask)
        function = getattr(self._user_loss, "call", self._user_loss)
        dtype = keras.backend.result_type(outputs.dtype, "float32")
        losses = tf.cast(function(y, tf.cast(outputs, dtype)), dtype)
        weight = tf.cast(weight, dtype)
        if len(losses.shape) < len(weight.shape):  # Keras takes the mean over the labels of a row
            weight = tf.reduce_mean(weight, axis=-1)
        return tf.reduce_sum(losses * weight), tf.reduce_sum(weight)

    def _measure(self, x, y, outputs, weight, loss_sum, weight_sum):
        self.loss_mean.update_state(
            tf.math.divide_no_nan(loss_sum, weight_sum), sample_weight=weight_sum
        )
        arguments = self.metric_arguments(x, y, outputs, weight)
        for metric, sums in zip(self.head_metrics, arguments, strict=True):
            metric.update_state(*sums)
        return self.compute_metrics(x, y, outputs, sample_weight=weight)

    def metric_arguments(self, x, y, outputs, weight) -> list[tuple]:
        """Returns for each metric of the head the arguments of its `update_state`."""
        return self.head.measure(y, outputs, weight, self.target_mask(x, y))
