"""LSTM and GRU as functions of tensors, beside the equations in NumPy."""

import numpy as np
import pytest
from keras import ops
from laws import cell_references
from tracing import gradients_of

from seqzoo.ops import recurrence

BATCH, TIME, FEATURES, UNITS = 3, 5, 4, 6
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 1, 1, 0, 1], [0, 1, 0, 1, 1], [0, 0, 0, 0, 0]], "bool")
KINDS = {  # gates, states, shape of the bias
    "lstm": (4, 2, (4 * UNITS,)),
    "gru": (3, 1, (2, 3 * UNITS)),
    "gru_reset_before": (3, 1, (3 * UNITS,)),
}

every_kind = pytest.mark.parametrize("kind", KINDS)
both_ways = pytest.mark.parametrize("reverse", [False, True])


def weights_of(kind):
    gates, _, bias = KINDS[kind]
    shapes = [(FEATURES, gates * UNITS), (UNITS, gates * UNITS), bias]
    return [RNG.normal(size=shape) for shape in shapes]


def by_hand(kind, weights, states, mask, reverse):
    """Outputs `(B, T, units)` and final states."""
    step, outputs = getattr(cell_references, kind), np.zeros((BATCH, TIME, UNITS))
    for t in reversed(range(TIME)) if reverse else range(TIME):
        new = step(weights, INPUTS[:, t], states)
        real = mask[:, t, None]
        states = [np.where(real, a, b) for a, b in zip(new, states, strict=True)]
        outputs[:, t] = states[0]
    return [outputs, *states]


def run(kind, *arguments, **options):
    return getattr(recurrence, kind.split("_")[0])(*arguments, **options)


@every_kind
@both_ways
@pytest.mark.parametrize("given", [False, True])
def test_a_recurrence_is_its_equations(kind, reverse, given):
    weights, count = weights_of(kind), KINDS[kind][1]
    states = [RNG.normal(size=(BATCH, UNITS)) if given else np.zeros((BATCH, UNITS))] * count
    mask = MASK if given else np.ones_like(MASK)
    tensors = [ops.convert_to_tensor(array) for array in (INPUTS, *weights)]
    options = {"mask": ops.convert_to_tensor(mask)} if given else {}
    options |= {"initial_state": [ops.convert_to_tensor(s) for s in states]} if given else {}
    outputs, final = run(kind, *tensors, reverse=reverse, **options)
    expected = by_hand(kind, weights, states, mask, reverse)
    assert len(final) == count
    for one, other in zip([outputs, *final], expected, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_a_recurrence_without_a_bias_is_one_with_a_bias_of_zeros(kind):
    kernel, recurrent, bias = weights_of(kind)
    outputs, _ = run(kind, INPUTS, kernel, recurrent, None)
    expected, _ = run(kind, INPUTS, kernel, recurrent, np.zeros_like(bias))
    np.testing.assert_allclose(outputs, expected, atol=1e-12)


def test_every_weight_gets_its_gradient():
    leaves = [ops.convert_to_tensor(array) for array in (INPUTS, *weights_of("lstm"))]

    def total(leaves):
        outputs, _ = recurrence.lstm(*leaves, mask=MASK)
        return ops.sum(outputs**2), outputs

    _, gradients = gradients_of(total, leaves)
    step = 1e-6
    for place, gradient in enumerate(gradients):
        direction = RNG.normal(size=leaves[place].shape)
        moved = [
            float(total([x + s * direction if i == place else x for i, x in enumerate(leaves)])[0])
            for s in (step, -step)
        ]
        slope = (moved[0] - moved[1]) / (2 * step)
        np.testing.assert_allclose(np.sum(np.asarray(gradient) * direction), slope, rtol=1e-6)


@pytest.mark.parametrize(("place", "shape"), [(0, (FEATURES, 23)), (1, (UNITS, 23)), (2, (23,))])
@pytest.mark.parametrize("kind", ["lstm", "gru"])
def test_weights_that_do_not_go_together_are_refused(kind, place, shape):
    weights = weights_of(kind)
    weights[place] = np.zeros(shape)
    with pytest.raises(ValueError, match=r"must have (24|18) columns.*Received.*23"):
        run(kind, INPUTS, *weights)
