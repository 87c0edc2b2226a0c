"""Scheduled sampling: training on tokens that the model itself predicts."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal

import keras
import tensorflow as tf

from seqzoo.ops.option_names import check_known

SCHEDULES = ("constant", "linear", "exponential", "inverse_sigmoid")
UNITS = ("token", "sequence")


@keras.saving.register_keras_serializable(package="seqzoo")
class ScheduledSampling:
    """How often a decoder is fed its own samples in training, step by step.

    Given to `compile` of a `Seq2Seq` or a `Captioner`. With r the rate, n the steps and s the
    training step, a token is a sample with the probability

        r                                  constant
        r * min(s / n, 1)                  linear
        r * (1 - exp(-s / n))              exponential
        r * (1 - n / (n + exp(s / n)))     inverse_sigmoid: half of r at s = n ln n

    Args:
        rate: From 0 to 1.
        schedule: See above.
        steps: Positive int, n; no use where the schedule is constant.
        per: Whether each token is drawn for itself, or all tokens of a sequence together.
        seed: Int. The draws follow from it, the training step and the replica, so that a training
            that resumes draws the same ones.

    Raises:
        ValueError: if an argument is out of its range.
    Reference: Bengio et al., 2015, https://arxiv.org/abs/1506.03099; there r is 1, and
    "exponential" is k ** s with k = exp(-1 / n).

    Example:
        >>> sampling = sz.training.ScheduledSampling(0.25, "linear", steps=1000)
        >>> [float(sampling.share(step)) for step in (0, 500, 2000)]
        [0.0, 0.125, 0.25]
    """

    def __init__(
        self,
        rate: float,
        schedule: Literal["constant", "linear", "exponential", "inverse_sigmoid"] = "linear",
        steps: int = 1000,
        per: Literal["token", "sequence"] = "token",
        seed: int = 0,
    ):
        check_known("schedule", schedule, SCHEDULES)
        check_known("per", per, UNITS)
        if not 0 <= rate <= 1:
            raise ValueError(f"`rate` must be from 0 to 1. Received: rate={rate}.")
        if steps < 1:
            raise ValueError(f"`steps` must be at least 1. Received: steps={steps}.")
        self.rate = rate
        self.schedule = schedule
        self.steps = steps
        self.per = per
        self.seed = seed

    def share(self, step: Any) -> tf.Tensor:
        """The probability of a sample at a training step, a float32 scalar."""
        passed = tf.cast(step, tf.float32) / self.steps
        if self.schedule == "constant":
            return tf.constant(self.rate, tf.float32)
        if self.schedule == "linear":
            return self.rate * tf.minimum(passed, 1.0)
        if self.schedule == "exponential":
            return self.rate * (1 - tf.exp(-passed))
        return self.rate * tf.sigmoid(passed - tf.math.log(float(self.steps)))

    def draws(self, step: Any) -> tf.Tensor:
        """The seed `(2,)` of what is drawn at a training step, in this replica."""
        context = tf.distribute.get_replica_context()
        replica = 0 if context is None else context.replica_id_in_sync_group
        seed = tf.stack([self.seed, tf.cast(step, tf.int32)])
        return tf.random.experimental.stateless_fold_in(seed, replica)

    def get_config(self) -> dict[str, Any]:
        return {
            "rate": self.rate,
            "schedule": self.schedule,
            "steps": self.steps,
            "per": self.per,
            "seed": self.seed,
        }

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> ScheduledSampling:
        return cls(**config)


def mix_in_samples(
    step: Callable[[Any, Any, Any], tuple[Any, Any]],
    state: Any,
    encoded: Any,
    token_ids: tf.Tensor,
    rate: Any,
    seed: Any,
    per: str = "token",
) -> tf.Tensor:
    """Replaces some of the tokens that a decoder is fed by samples from the model itself.

    The decoder runs once over the sequence, in the graph: at each step it is fed the right token
    or, with a probability of `rate`, a sample from its own prediction at the step before. No
    gradient flows through a sample, so that a full call on the result has the loss and the
    gradient of a decoder that samples at each step.

    Args:
        step: Takes token ids `(N,)`, a state and `encoded` to logits `(N, V)` and the next state.
        state: The state at the start, leaves `(N, ...)`.
        encoded: Passed on to `step`: what a decoder's `start` returns as the memory.
        token_ids: `(N, T)`, the right tokens, beginning with the start token; 0 is padding.
        rate: From 0 to 1, a number or a scalar tensor.
        seed: `(2,)` ints; the same one draws the same.
        per: "token" draws for each token, "sequence" once for all tokens of a row.

    Returns:
        Token ids `(N, T)`. The start token and padding stay.
    Reference: Bengio et al., 2015, https://arxiv.org/abs/1506.03099

    Example:
        >>> def step(token_ids, state, encoded):
        ...     return keras.ops.one_hot(token_ids * 0 + 4, 6) * 99.0, state  # always samples 4
        >>> token_ids = np.array([[2, 5, 5, 5]])
        >>> mixed = sz.training.mix_in_samples(step, (), (), token_ids, rate=1.0, seed=(0, 1))
        >>> mixed.numpy().tolist()
        [[2, 4, 4, 4]]
    """
    fold = tf.random.experimental.stateless_fold_in
    right = tf.transpose(token_ids)  # (N, T) -> (T, N)
    positions = tf.range(tf.shape(right)[0])
    drawn = tf.shape(right) if per == "token" else tf.stack([1, tf.shape(right)[1]])
    is_sampled = tf.random.stateless_uniform(drawn, fold(seed, 0)) < rate
    is_sampled &= (right != 0) & (positions > 0)[:, None]

    def advance(before, now):
        state, sample, _ = before
        right_token, takes_sample, position = now
        fed = tf.where(takes_sample, sample, right_token)
        logits, after = step(fed, state, encoded)
        state = tf.nest.map_structure(
            lambda new, old: tf.ensure_shape(new, old.shape), after, state
        )
        logits = tf.cast(logits, tf.float32)
        draw = fold(seed, position + 1)
        sample = tf.random.stateless_categorical(logits, 1, draw, dtype=fed.dtype)[:, 0]
        return state, sample, fed

    first = (state, right[0], right[0])
    _, _, fed = tf.scan(advance, (right, is_sampled, positions), first)
    return tf.stop_gradient(tf.transpose(fed))
