"""The selective scan against a loop over rows, steps, channels and states."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.ops.recurrence.selective import SelectiveInputs, selective_scan, selective_step

BATCH, TIME, CHANNELS, STATES = 3, 6, 4, 2
MASK = np.array([[1, 1, 1, 1, 1, 1], [0, 1, 0, 1, 1, 0], [0, 0, 0, 0, 0, 0]], "bool")
SEGMENT_IDS = np.array([[1, 1, 2, 2, 2, 1], [0, 1, 1, 1, 2, 2], [1, 1, 1, 2, 2, 2]])
RNG = np.random.default_rng(0)
INPUTS = SelectiveInputs(
    values=RNG.normal(size=(BATCH, TIME, CHANNELS)),
    step_size=RNG.uniform(0.1, 1.0, size=(BATCH, TIME, CHANNELS)),
    writes=RNG.normal(size=(BATCH, TIME, STATES)),
    reads=RNG.normal(size=(BATCH, TIME, STATES)),
)
RATES = -RNG.uniform(0.1, 2.0, size=(STATES, CHANNELS))
INITIAL = RNG.normal(size=(BATCH, STATES, CHANNELS))

padding = pytest.mark.parametrize("mask", [None, MASK], ids=["all real", "masked"])
packing = pytest.mark.parametrize("segment_ids", [None, SEGMENT_IDS], ids=["one a row", "packed"])


def by_hand(inputs, rates, initial, mask, segment_ids):
    y, last = np.zeros((BATCH, TIME, CHANNELS)), initial.copy()
    for b in range(BATCH):
        for t in range(TIME):
            if segment_ids is not None and t and segment_ids[b, t] != segment_ids[b, t - 1]:
                last[b] = 0.0
            for c in range(CHANNELS) if mask is None or mask[b, t] else ():
                step = inputs.step_size[b, t, c]
                for n in range(STATES):
                    last[b, n, c] *= np.exp(step * rates[n, c])
                    last[b, n, c] += step * inputs.writes[b, t, n] * inputs.values[b, t, c]
                    y[b, t, c] += inputs.reads[b, t, n] * last[b, n, c]
    return y, last


@padding
@packing
def test_each_state_moves_by_its_rate_and_is_read(mask, segment_ids):
    found = selective_scan(INPUTS, RATES, INITIAL, mask, segment_ids)
    expected = by_hand(INPUTS, RATES, INITIAL, mask, segment_ids)
    real = slice(None) if mask is None else mask
    np.testing.assert_allclose(np.asarray(found[0])[real], expected[0][real], atol=1e-12)
    np.testing.assert_allclose(found[1], expected[1], atol=1e-12)


def test_a_step_is_that_of_a_scan():
    outputs, last = selective_scan(INPUTS, RATES, INITIAL)
    hidden = INITIAL
    for t in range(TIME):
        y, hidden = selective_step(SelectiveInputs(*(x[:, t] for x in INPUTS)), RATES, hidden)
        np.testing.assert_allclose(y, outputs[:, t], atol=1e-12)
    np.testing.assert_allclose(hidden, last, atol=1e-12)


@pytest.mark.parametrize("training", [False, True])
def test_gradients_are_finite_differences(training):
    weights = RNG.normal(size=(BATCH, TIME, CHANNELS)) * MASK[..., None]
    arguments = [*INPUTS, RATES, INITIAL]

    def total(leaves):
        *inputs, rates, initial = leaves
        y, last = selective_scan(
            SelectiveInputs(*inputs), rates, initial, MASK, SEGMENT_IDS, training
        )
        return ops.sum(y * weights) + ops.sum(ops.cos(last)), None

    leaves = [ops.convert_to_tensor(x) for x in arguments]
    for i, gradient in enumerate(gradients_of(total, leaves)[1]):
        direction = RNG.normal(size=arguments[i].shape)
        one, other = (
            float(total([*leaves[:i], leaves[i] + s * direction, *leaves[i + 1 :]])[0])
            for s in (1e-6, -1e-6)
        )
        slope = np.sum(keras.ops.convert_to_numpy(gradient) * direction)
        np.testing.assert_allclose(slope, (one - other) / 2e-6, rtol=1e-6)
