"""What holds for every head in the registry."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo import heads
from seqzoo.heads import HEADS, Head

B, T, F, C = 4, 3, 6, 5
RNG = np.random.default_rng(0)
STEPS = RNG.normal(size=(B, T, F)).astype("float32")
WEIGHT = np.array([[1, 1, 1], [1, 1, 0], [0, 1, 0], [0, 0, 0]], "float32")

# Options, and whether there is a target for every step.
ROWS = {
    "tokens": ({"label_smoothing": 0.1}, True),
    "copying": ({"coverage_loss": 0.5}, True),
    "mixture": ({}, True),
    "classes": ({"class_weights": [1.0, 2.0, 0.5, 1.0, 3.0]}, False),
    "tags": ({"forbidden": [(None, 1), (0, 2), (3, None)]}, True),
    "bernoulli": ({}, True),
    "nade": ({"units": 2}, True),
}
OF_KEYS = ("bernoulli", "nade")  # a target for each of C keys
S = 7
SOURCE_IDS = np.array([[3, 4, 4, 7, 8, 7, 0], [4, 3, 3, 3, 0, 0, 0], [5, 4, 3, 0, 0, 0, 0]])
SOURCE_IDS = np.concatenate([SOURCE_IDS, SOURCE_IDS[:1]]).astype("int32")
READS = np.where(SOURCE_IDS > 0, RNG.exponential(size=(T, B, S)), 0).transpose(1, 0, 2)
READS = (READS / READS.sum(-1, keepdims=True)).astype("float32")
everywhere = pytest.mark.parametrize("name", HEADS)


def case(name):
    """A head, what goes into it, targets that are not forbidden, and weights."""
    keras.utils.set_random_seed(1)
    options, by_step = ROWS[name]
    head = HEADS[name](C, **options)
    inputs = STEPS if by_step else STEPS[:, 0]
    y = np.full((B, T), 4) if by_step else RNG.integers(0, C, B)
    weight = WEIGHT if by_step else WEIGHT[:, 1]
    if name in OF_KEYS:
        y, weight = RNG.integers(0, 2, (B, T, C)), WEIGHT[..., None] * np.ones(C, "float32")
    return head, inputs, y, weight


def called(head, inputs, mask=None, rows=slice(None)):
    """The outputs for the inputs of some rows; a head that copies reads the sources of these."""
    if not isinstance(head, heads.Copying):
        return head(inputs)
    return head(inputs, mask=mask, reads=(READS[rows], SOURCE_IDS[rows]))


def loss_of(head, inputs, y, weight, rows=slice(None)):
    mask = mask_of(y, weight)
    y, weight = (ops.convert_to_tensor(array) for array in (y, weight))
    loss, count = head.loss(y, called(head, inputs, mask, rows), weight, mask)
    return float(loss), float(count)


def mask_of(y, weight):
    """Which steps are real."""
    return ops.convert_to_tensor((weight[..., 0] if y.ndim == 3 else weight) > 0)


def test_every_head_of_the_registry_is_tested_here():
    assert ROWS.keys() == HEADS.keys()


@everywhere
def test_it_is_a_head_whose_config_makes_it_again(name):
    head, *_ = case(name)
    assert isinstance(head, Head)
    again = type(head).from_config(head.get_config())
    assert again.get_config() == head.get_config()


@everywhere
def test_it_is_called_on_symbolic_tensors_and_no_output_is_none(name):
    head, inputs, y, _ = case(name)
    size = [None] * (inputs.ndim - 2)
    copies = name == "copying"
    reads = (keras.Input((None, S)), keras.Input((S,), dtype="int32")) if copies else ()
    outputs = head(keras.Input((*size, F)), mask=keras.Input((None,), dtype="bool"), reads=reads)
    leaves = keras.tree.flatten(outputs)
    assert all(leaf is not None for leaf in leaves)
    steps = y.shape[:-1] if name in OF_KEYS else y.shape
    width = C + S if copies else C
    assert leaves[0].shape == (*[None] * len(steps), width)
    assert keras.tree.flatten(called(head, inputs))[0].shape == (*steps, width)


@everywhere
def test_decisions_are_of_the_outputs_and_0_where_a_step_is_masked(name):
    head, inputs, y, weight = case(name)
    outputs = called(head, inputs)
    best = np.asarray(head.decide(outputs))
    assert best.shape == y.shape
    assert best.dtype == "int32"
    if name in OF_KEYS:  # each key as the loss has it where those below are as decided
        np.testing.assert_array_equal(best, np.asarray(head.logits(best, outputs)) > 0)
    elif name != "tags":  # the best sequence may not hold the best tag of a step
        first = outputs[0] if name == "copying" else outputs
        np.testing.assert_array_equal(best, np.argmax(first, axis=-1))
    if ROWS[name][1]:
        masked = np.asarray(head.decide(outputs, mask_of(y, weight)))
        assert not masked[weight == 0].any()
        full = np.asarray(head.decide(outputs, ops.ones((B, T), "bool")))
        np.testing.assert_array_equal(full, best)


@everywhere
def test_the_loss_of_a_batch_is_the_sum_over_its_rows(name):
    head, inputs, y, weight = case(name)
    together = loss_of(head, inputs, y, weight)
    rows = [slice(i, i + 1) for i in range(B)]
    alone = [loss_of(head, inputs[row], y[row], weight[row], row) for row in rows]
    np.testing.assert_allclose(np.sum(alone, axis=0), together, rtol=1e-5)


@everywhere
def test_what_is_masked_changes_nothing(name):
    head, inputs, y, weight = case(name)
    wanted = loss_of(head, inputs, y, weight)
    mask = mask_of(y, weight)
    noisy = np.where(np.asarray(mask)[..., None], inputs, 3.0)
    other = np.where(weight > 0, y, 1)
    np.testing.assert_allclose(loss_of(head, noisy, other, weight), wanted, rtol=1e-5)
    for metric, sums in zip(
        head.make_metrics(), head.measure(y, called(head, inputs, mask), weight, mask), strict=True
    ):
        metric.update_state(*sums)
        again = type(metric).from_config(metric.get_config())
        (same,) = [
            found
            for each, found in zip(
                head.make_metrics(),
                head.measure(other, called(head, noisy, mask), weight, mask),
                strict=True,
            )
            if each.name == metric.name
        ]
        again.update_state(*same)
        np.testing.assert_allclose(again.result(), metric.result(), rtol=1e-5)


@everywhere
def test_every_weight_gets_a_gradient(name):
    head, inputs, y, weight = case(name)
    called(head, inputs)
    weights = head.trainable_weights

    def total(_):
        outputs = called(head, inputs)
        loss, count = head.loss(ops.convert_to_tensor(y), outputs, weight, mask_of(y, weight))
        return loss, count

    _, gradients = gradients_of(total, [], weights)
    for each, gradient in zip(weights, gradients, strict=True):
        assert np.abs(ops.convert_to_numpy(gradient)).max() > 0, each.path
