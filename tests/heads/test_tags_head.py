"""The loss of tags under weights, against an enumeration of all sequences in float64."""

import itertools

import numpy as np
import pytest
from keras import ops

from seqzoo.heads import Tags

B, T, C, F = 4, 4, 3, 5
RNG = np.random.default_rng(0)
HIDDEN = RNG.normal(size=(B, T, F))
MASK = np.array([[1, 1, 1, 1], [1, 1, 1, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
Y = np.array([[2, 0, 1, 0], [0, 2, 2, 0], [1, 2, 0, 0], [1, 1, 1, 1]])
WEIGHT = np.array([[1, 0, 2, 1], [0, 0.5, 1, 3], [4, 1, 1, 0], [1, 1, 1, 1]])
CLASS_WEIGHTS = [1.5, 2.0, 0.0]


def make_head(crf, class_weights):
    head = Tags(C, crf, class_weights=class_weights)
    head(HIDDEN.astype("float32"))
    rng = np.random.default_rng(4)  # best paths change if a step of weight 0 is left out
    for weight in head.weights:
        weight.assign(rng.normal(size=weight.shape, scale=2.0))
    return head


def numbers_of(head):
    """The potentials and the scores of moves, starts and ends, in float64."""
    potentials = HIDDEN @ np.asarray(head.kernel, "float64") + np.asarray(head.bias, "float64")
    if not head.crf:
        return potentials, np.zeros((C, C)), np.zeros(C), np.zeros(C)
    field = (np.asarray(each, "float64") for each in head.field.weights)
    return potentials, *field


def reference(head, weight, class_weights):
    """The sum of the weighted losses, the sum of the weights, and the best tags of rows."""
    potentials, moves, starts, ends = numbers_of(head)
    weight = np.where(MASK, weight, 0)
    if class_weights is not None:
        weight = weight * np.array(class_weights)[Y]
    total, best = 0.0, np.zeros((B, T), int)
    for row in range(B):
        steps = np.flatnonzero(MASK[row])
        if not len(steps):
            continue

        def score(path, row=row, steps=steps):
            at_steps = sum(
                potentials[row, step, tag] for step, tag in zip(steps, path, strict=True)
            )
            between = sum(moves[pair] for pair in itertools.pairwise(path))
            return at_steps + between + starts[path[0]] + ends[path[-1]]

        paths = list(itertools.product(range(C), repeat=len(steps)))
        scores = np.array([score(path) for path in paths])
        best[row, steps] = paths[scores.argmax()]
        if head.crf:
            loss = np.log(np.exp(scores).sum()) - score(tuple(Y[row, steps]))
            total += loss * weight[row].sum() / len(steps)
        else:
            logs = potentials[row] - np.log(np.exp(potentials[row]).sum(-1, keepdims=True))
            total -= (logs[np.arange(T), Y[row]] * weight[row]).sum()
    return total, weight.sum(), best


@pytest.mark.parametrize("crf", [True, False])
@pytest.mark.parametrize("class_weights", [None, CLASS_WEIGHTS])
@pytest.mark.parametrize("weighted", [True, False])
def test_a_step_of_weight_0_stays_in_its_sequence_and_weighs_nothing(crf, class_weights, weighted):
    head = make_head(crf, class_weights)
    weight = WEIGHT if weighted else np.ones((B, T))
    outputs = head(HIDDEN.astype("float32"))
    arguments = [ops.convert_to_tensor(each) for each in (Y, outputs, weight, MASK)]

    found = head.loss(*arguments)
    ((right, count),) = head.measure(*arguments)

    total, weights, best = reference(head, weight, class_weights)
    np.testing.assert_allclose([float(part) for part in found], [total, weights], rtol=1e-5)
    real = np.where(MASK, weight, 0)
    assert float(count) == real.sum()
    np.testing.assert_allclose(right, (real * (best == Y)).sum(), rtol=1e-6)


def test_without_a_mask_all_steps_are_real_whatever_they_weigh():
    head = make_head(crf=True, class_weights=None)
    y, outputs = (ops.convert_to_tensor(each) for each in (Y, head(HIDDEN.astype("float32"))))
    everywhere = ops.ones((B, T), "bool")
    np.testing.assert_array_equal(
        head.loss(y, outputs, WEIGHT), head.loss(y, outputs, WEIGHT, everywhere)
    )
