"""Sequences that share a row give what each gives in a row of its own, in values and gradients."""

import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, float_leaves, randomize
from keras import ops
from layer_cases import FEATURES, RECURRENTS, ids, law_rows, normal

from seqzoo.layers import GRUCell, Recurrent

LENGTHS = [3, 1, 4, 2, 5]
# (row, first step) of each sequence in three rows of six steps; the last row has padding
PLACES = [(0, 0), (0, 3), (1, 0), (1, 4), (2, 0)]
ROWS, STEPS = 3, 6


def packed_and_alone(name):
    """Arguments for the sequences in shared rows and in rows of their own, and where they lie."""
    make = ids if "encoder" in name else lambda *shape: normal(*shape, FEATURES)
    alone, shared = make(len(LENGTHS), max(LENGTHS)), make(ROWS, STEPS)
    mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    segment_ids = np.zeros((ROWS, STEPS), "int32")
    steps = []
    for number, ((row, start), length) in enumerate(zip(PLACES, LENGTHS, strict=True), start=1):
        shared[row, start : start + length] = alone[number - 1, :length]
        segment_ids[row, start : start + length] = number
        steps += [row * STEPS + start + step for step in range(length)]
    together = {"inputs": shared, "mask": segment_ids > 0, "segment_ids": segment_ids}
    return together, {"inputs": alone, "mask": mask}, steps


@pytest.mark.parametrize(
    "name",
    [
        *("recurrent lstm", "reversed lstm", "bidirectional gru", "recurrent lru", "stack dense"),
        *("encoder both", "encoder forward of text, lstm"),
    ],
)
def test_packed_sequences_have_the_states_of_those_alone_at_all_their_steps(name):
    make, arguments = RECURRENTS[name]
    layer = make(dtype="float64")
    layer(**arguments)
    randomize(layer)
    together, alone, steps = packed_and_alone(name)
    is_encoder = "encoder" in name
    more = {} if is_encoder else {"segment_states": True}

    def states_of(**arguments):
        returned = layer(**arguments)
        return float_leaves(returned.state if is_encoder else returned)[0 if is_encoder else 1 :]

    for found, expected in zip(states_of(**together, **more), states_of(**alone), strict=True):
        flat = ops.reshape(found, (ROWS * STEPS, *found.shape[2:]))
        expected = np.repeat(expected, LENGTHS, axis=0)
        np.testing.assert_allclose(ops.take(flat, np.array(steps), axis=0), expected, atol=1e-12)


def test_states_of_segments_without_segment_ids_are_refused():
    layer = Recurrent(GRUCell(2), return_state=True)
    with pytest.raises(ValueError, match=r"no `segment_ids`\. Give them"):
        layer(normal(1, 3, 2), segment_states=True)


# A language model reads texts one after the other, in rows of one.
PACKED = [name for name in RECURRENTS if not name.startswith("encoder forward of text")]


@pytest.mark.parametrize("name", law_rows(PACKED))
def test_packed_sequences_have_the_outputs_and_the_gradients_of_those_alone(name):
    make, arguments = RECURRENTS[name]
    layer = make(dtype="float64")
    layer(**arguments)
    randomize(layer)
    together, alone, steps = packed_and_alone(name)
    weighs = normal(sum(LENGTHS), 1)

    def real_steps(places, **arguments):
        outputs = float_leaves(layer(**arguments))[0]
        rows = ops.reshape(outputs, (-1, outputs.shape[-1]))
        return [ops.take(rows, np.array(places), axis=0) * weighs]

    found, gradients = differentiate(
        lambda: real_steps(steps, **together), {}, layer.trainable_variables
    )
    wanted, expected = differentiate(
        lambda: real_steps(np.flatnonzero(alone["mask"]), **alone), {}, layer.trainable_variables
    )
    assert_all_close(found, wanted, atol=1e-12)
    assert_all_close(gradients, expected, atol=1e-11)
