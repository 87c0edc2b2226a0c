"""Scheduled sampling: training on what the model itself would have said so far."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import tensorflow as tf


def mix_in_samples(
    step: Callable[[Any, Any, Any], tuple[Any, Any]],
    state: Any,
    encoded: Any,
    token_ids: tf.Tensor,
    rate: Any,
) -> tf.Tensor:
    """Replaces some of the tokens that a decoder is fed by samples from the model itself.

    The decoder runs once over the sequence, in the graph: at each step it is fed the right token
    or, with a probability of `rate`, a sample from its own prediction at the step before. No
    gradient flows through a sample, so that a full call on the result has the loss and the
    gradient of a decoder that samples as it goes.

    Args:
        step: Takes token ids `(N,)`, a state and `encoded` to logits `(N, V)` and the next state.
        state: The state at the start, leaves `(N, ...)`.
        encoded: Passed on to `step`.
        token_ids: `(N, T)`, the right tokens, beginning with the start token; 0 is padding.
        rate: From 0 to 1, a number or a scalar tensor.

    Returns:
        Token ids `(N, T)`. The start token and padding stay.
    Reference: Bengio et al., 2015, https://arxiv.org/abs/1506.03099
    """
    right = tf.transpose(token_ids)  # (N, T) -> (T, N)
    is_sampled = tf.random.uniform(tf.shape(right)) < rate
    is_sampled &= (right != 0) & (tf.range(tf.shape(right)[0]) > 0)[:, None]

    def advance(before, now):
        state, sample, _ = before
        right_token, takes_sample = now
        fed = tf.where(takes_sample, sample, right_token)
        logits, state = step(fed, state, encoded)
        sample = tf.random.categorical(tf.cast(logits, tf.float32), 1, dtype=fed.dtype)[:, 0]
        return state, sample, fed

    first = (state, right[0], right[0])
    _, _, fed = tf.scan(advance, (right, is_sampled), first)
    return tf.stop_gradient(tf.transpose(fed))
