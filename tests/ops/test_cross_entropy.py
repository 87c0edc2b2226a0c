"""Cross-entropy of token ids and its own gradient, against NumPy in float64."""

import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.ops.losses import token_cross_entropy

ROWS, VOCABULARY = 5, 7


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_losses_and_gradients_are_those_of_the_smoothed_targets(smoothing, jit_compile):
    rng = np.random.default_rng(0)
    y = rng.integers(VOCABULARY, size=ROWS)
    logits = (20 * rng.normal(size=(ROWS, VOCABULARY))).astype("float32")
    scale = rng.uniform(0.5, 2, size=ROWS).astype("float32")
    target = (1 - smoothing) * np.eye(VOCABULARY)[y] + smoothing / VOCABULARY
    shifted = logits.astype("float64") - logits.max(-1, keepdims=True)
    probabilities = np.exp(shifted) / np.exp(shifted).sum(-1, keepdims=True)

    def weighed(leaves):
        losses = token_cross_entropy(ops.convert_to_tensor(y), leaves[0], smoothing)
        return ops.sum(losses * scale), losses

    run = compiled(lambda logits: gradients_of(weighed, [logits]), jit_compile)
    losses, (gradient,) = run(ops.convert_to_tensor(logits))

    log_probabilities = shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))
    np.testing.assert_allclose(losses, -(target * log_probabilities).sum(-1), rtol=1e-5, atol=1e-5)
    wanted = (probabilities - target) * scale[:, None]
    np.testing.assert_allclose(gradient, wanted, rtol=1e-5, atol=1e-6)
