"""What is set on validation examples: the share of a model in a mean of two."""

import numpy as np
import pytest
from scipy.special import expit, softmax

from seqzoo.metrics.calibration import best_share


def likelihood(share, logits, others, targets, multi_label, weights):
    """Of targets, and of the share before any example, plainly."""
    product = share * (1 - share)
    for a, b, target, weight in zip(logits, others, targets, weights, strict=True):
        mixed = share * a + (1 - share) * b
        if multi_label:
            each = np.where(target > 0, expit(mixed), 1 - expit(mixed))
        else:
            each = softmax(mixed)[target]
        product *= np.prod(each**weight)
    return product


@pytest.mark.parametrize("multi_label", [False, True])
@pytest.mark.parametrize("weighted", [False, True])
def test_the_best_share_has_the_highest_likelihood(multi_label, weighted):
    rng = np.random.default_rng(0)
    targets = rng.integers(0, 2, (30, 3)) if multi_label else rng.integers(0, 3, 30)
    marked = targets if multi_label else np.eye(3)[targets]
    logits = 2 * marked + rng.normal(size=(30, 3))
    others = marked + 2 * rng.normal(size=(30, 3))
    weights = rng.uniform(0, 2, targets.shape) if weighted else np.ones(targets.shape)
    shares = np.linspace(0.001, 0.999, 999)

    found = best_share(logits, others, targets, multi_label, weights if weighted else None)

    values = [likelihood(s, logits, others, targets, multi_label, weights) for s in shares]
    np.testing.assert_allclose(found, shares[np.argmax(values)], atol=0.002)
    assert 0.5 < found < 0.999


def test_without_examples_it_is_a_half():
    assert best_share(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, int)) == pytest.approx(0.5)
