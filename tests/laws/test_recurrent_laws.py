"""What holds for every layer that runs over a sequence: padding, causality, directions."""

import keras
import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, float_leaves, randomize
from keras import ops
from layer_cases import (
    BATCH,
    CELL_MAKERS,
    EMBEDDING,
    FEATURES,
    MASK,
    RECURRENTS,
    TIME,
    UNITS,
    VOCABULARY,
    ids,
    law_rows,
    normal,
)

from seqzoo.encoders import RecurrentEncoder
from seqzoo.layers import Bidirectional, GRUCell, LSTMCell, Recurrent, RecurrentStack
from seqzoo.layers.recurrent.stack import SKIPS

LONGER = 7
# Where the steps of each row stand in a longer one: on the right, on the left, among padding, and
# nowhere, as the last row has no real step.
PLACES = [[0, 1, 2, 3], [3, 4, 5, 6], [1, 2, 4, 6], []]

everywhere = pytest.mark.parametrize("name", law_rows(RECURRENTS))
every_cell = pytest.mark.parametrize("name", CELL_MAKERS)


def made(name):
    make, arguments = RECURRENTS[name]
    layer = make(dtype="float64")
    layer(**arguments)
    return randomize(layer)


def steps(name, rows, time):
    """Inputs of as many steps; an encoder takes ids."""
    return ids(rows, time) if "encoder" in name else normal(rows, time, FEATURES)


def short_and_long(name):
    """Returns the arguments for rows of `TIME` real steps, the last row having none, and for the
    same steps at `PLACES` among others.
    """
    short, long = steps(name, len(PLACES), TIME), steps(name, len(PLACES), LONGER)
    mask = np.zeros((len(PLACES), LONGER), "bool")
    for row, places in enumerate(PLACES):
        long[row, places] = short[row, : len(places)]
        mask[row, places] = True
    all_but_last = np.repeat([[True], [True], [True], [False]], TIME, axis=1)
    return {"inputs": short, "mask": all_but_last}, {"inputs": long, "mask": mask}


@everywhere
def test_padding_changes_nothing_on_real_steps_wherever_it_stands(name):
    layer = made(name)
    short, long = short_and_long(name)
    outputs, *states = float_leaves(layer(**long))
    expected, *expected_states = float_leaves(layer(**short))
    assert_all_close([outputs[long["mask"]]], [expected[short["mask"]]], atol=1e-13)
    assert_all_close(states, expected_states, atol=1e-13)


@everywhere
def test_a_row_without_a_real_step_keeps_the_first_state(name):
    # A residual encoder adds to the zeros of its second layer the inputs of it, zeros too.
    _, long = short_and_long(name)
    for leaf in float_leaves(made(name)(**long)):
        np.testing.assert_array_equal(leaf[-1], np.zeros(leaf.shape[1:]))


@pytest.mark.parametrize("name", law_rows(n for n in RECURRENTS if "encoder" not in n))
def test_padding_gets_no_gradient_and_changes_no_other(name):
    layer = made(name)
    short, long = short_and_long(name)

    def real_outputs(inputs, mask):
        outputs, *states = layer(inputs, mask=mask)
        real = ops.take(ops.reshape(outputs, (-1, outputs.shape[-1])), np.flatnonzero(mask), axis=0)
        return [real, *states]

    _, (slope, *gradients) = differentiate(real_outputs, long, layer.trainable_variables)
    _, (short_slope, *expected) = differentiate(real_outputs, short, layer.trainable_variables)
    assert_all_close(gradients, expected, atol=1e-12)
    assert_all_close([slope[long["mask"]]], [short_slope[short["mask"]]], atol=1e-12)
    assert np.all(slope[~long["mask"]] == 0)


@pytest.mark.one_of_each
@pytest.mark.parametrize("mask", [None, MASK])
@pytest.mark.parametrize(
    "name", [n for n in RECURRENTS if n.startswith(("recurrent", "encoder forward"))]
)
def test_the_future_never_affects_the_past(name, mask):
    layer = made(name)
    inputs = steps(name, BATCH, TIME)
    changed = inputs.copy()
    changed[:, 2:] = np.roll(changed[:, 2:], 1, axis=0)
    before, after = (float_leaves(layer(inputs=x, mask=mask))[0] for x in (inputs, changed))
    np.testing.assert_array_equal(after[:, :2], before[:, :2])
    assert np.all(np.any(after[:2, 2:] != before[:2, 2:], axis=(1, 2)))


@every_cell
def test_a_reversed_layer_reads_from_the_end_and_puts_out_in_the_order_of_the_inputs(name):
    def layer(reverse):
        layer = Recurrent(
            CELL_MAKERS[name](UNITS), reverse, return_sequences=True, return_state=True
        )
        layer(inputs)
        return randomize(layer)

    inputs = normal(BATCH, TIME, FEATURES)
    outputs, *final = layer(reverse=True)(inputs, mask=MASK)
    flipped, *expected = layer(reverse=False)(inputs[:, ::-1], mask=MASK[:, ::-1])
    assert_all_close([outputs, *final], [flipped[:, ::-1], *expected], atol=1e-6)


@every_cell
def test_a_bidirectional_layer_is_one_each_way_side_by_side(name):
    inputs = normal(BATCH, TIME, FEATURES)
    both = made(f"bidirectional {name}")
    ways = []
    for reverse, cell in [(False, both.forward_cell), (True, both.backward_cell)]:
        layer = Recurrent(cell, reverse, return_sequences=True, return_state=True, dtype="float64")
        ways.append(layer(inputs, mask=MASK))
    expected = [np.concatenate(pair, axis=-1) for pair in zip(*ways, strict=True)]
    assert_all_close(both(inputs, mask=MASK), expected, atol=1e-13)


def test_both_directions_begin_with_weights_of_their_own():
    layer = Bidirectional(LSTMCell(UNITS))
    layer(normal(BATCH, TIME, FEATURES))
    assert np.abs(layer.forward_cell.kernel - layer.backward_cell.kernel).min() > 0
    names = [weight.path for weight in layer.weights]
    assert len(set(names)) == len(names)


@pytest.mark.one_of_each
@every_cell
@pytest.mark.parametrize("return_sequences", [False, True])
@pytest.mark.parametrize("return_state", [False, True])
def test_a_layer_returns_what_is_requested(name, return_sequences, return_state):
    inputs = normal(BATCH, TIME, FEATURES)
    layer = Recurrent(
        CELL_MAKERS[name](UNITS),
        return_sequences=return_sequences,
        return_state=return_state,
    )
    found = layer(inputs)
    flat = keras.tree.flatten(found)
    assert isinstance(found, tuple) == return_state
    assert flat[0].shape == ((BATCH, TIME, UNITS) if return_sequences else (BATCH, UNITS))
    last = flat[0][:, -1] if return_sequences else flat[0]
    if return_state:
        np.testing.assert_array_equal(last, flat[1])
        assert len(found) == 1 + len(layer.cell.state_size)
    shapes = layer.compute_output_shape(inputs.shape)
    assert [tuple(leaf.shape) for leaf in flat] == (list(shapes) if return_state else [shapes])


@every_cell
def test_a_bidirectional_layer_knows_its_shapes(name):
    layer, inputs = made(f"bidirectional {name}"), normal(BATCH, TIME, FEATURES)
    shapes = layer.compute_output_shape(inputs.shape)
    assert [tuple(leaf.shape) for leaf in layer(inputs)] == list(shapes)


@pytest.mark.parametrize("with_state", [False, True])
def test_a_mask_that_keras_attached_counts_as_one_that_is_given(with_state):
    embedding = keras.layers.Embedding(VOCABULARY, FEATURES, mask_zero=True)
    token_ids = np.where(MASK, ids(BATCH, TIME), 0)
    state = {"initial_state": [normal(BATCH, UNITS)]} if with_state else {}
    layer = Recurrent(GRUCell(UNITS), return_sequences=True)
    expected = layer(ops.copy(embedding(token_ids)), mask=MASK, **state)
    found = layer(embedding(token_ids), **state)
    assert_all_close([found], [expected])
    np.testing.assert_array_equal(found._keras_mask, MASK)


def test_layers_hand_the_mask_on_with_every_sequence_that_they_return():
    inputs = ops.convert_to_tensor(normal(BATCH, TIME, FEATURES))
    for layer in (
        Recurrent(LSTMCell(UNITS), return_sequences=True, return_state=True),
        Bidirectional(LSTMCell(UNITS)),
    ):
        outputs, *states = layer(inputs, mask=MASK)
        np.testing.assert_array_equal(outputs._keras_mask, MASK)
        assert not any(hasattr(state, "_keras_mask") for state in states)
    assert not hasattr(Recurrent(LSTMCell(UNITS))(inputs, mask=MASK), "_keras_mask")


@pytest.mark.parametrize("direction", ["forward", "both"])
def test_an_encoder_takes_every_id_but_0_for_real(direction):
    encoder = RecurrentEncoder(VOCABULARY, EMBEDDING, UNITS, direction=direction)
    token_ids = np.where(MASK, ids(BATCH, TIME), 0)
    found, expected = encoder(token_ids), encoder(token_ids, mask=MASK)
    np.testing.assert_array_equal(found.mask, MASK)
    np.testing.assert_array_equal(found.outputs._keras_mask, MASK)
    assert_all_close(float_leaves(found), float_leaves(expected))


def test_an_encoder_stacks_its_layers_and_adds_their_inputs_if_residual():
    token_ids, mask = ids(BATCH, TIME), MASK
    encoder = RecurrentEncoder(VOCABULARY, EMBEDDING, UNITS, layers=3, skip="residual")
    found = encoder(token_ids, mask=mask)
    outputs = encoder.embedding(token_ids)
    for i, (layer, state) in enumerate(zip(encoder.stack.layers, found.state, strict=True)):
        above, *expected = layer(outputs, mask=mask)
        outputs = above + outputs if i else above
        assert_all_close(state, expected)
    assert_all_close([found.outputs], [outputs])


def test_the_dropout_of_an_encoder_acts_in_training_only():
    encoder = RecurrentEncoder(VOCABULARY, EMBEDDING, UNITS, dropout=0.5)
    token_ids = ids(BATCH, TIME)
    plain = encoder(token_ids).outputs
    np.testing.assert_array_equal(encoder(token_ids).outputs, plain)
    dropped = encoder(token_ids, training=True).outputs
    assert 0.2 < np.mean(np.asarray(dropped) == 0) < 0.8
    assert np.any(dropped != encoder(token_ids, training=True).outputs)


def test_zero_steps_leave_the_first_state():
    state = [normal(BATCH, UNITS).astype("float32") for _ in range(2)]
    layer = Recurrent(LSTMCell(UNITS), return_sequences=True, return_state=True)
    outputs, *final = layer(np.zeros((BATCH, 0, FEATURES)), initial_state=state)
    assert outputs.shape == (BATCH, 0, UNITS)
    assert_all_close(final, state)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"layers": 0}, r"`layers` must be at least 1\. Received: layers=0"),
        ({"direction": "bakward"}, r"Unknown `direction` 'bakward'\. Did you mean 'backward'\?"),
        ({"cell": "gruu"}, r"Unknown `cell` 'gruu'\. Did you mean 'gru'\?"),
        ({"dropout": 2.0}, "rate"),
        ({"vocabulary_size": 0}, "positive"),
    ],
)
def test_an_encoder_refuses_options_that_make_no_sense(options, message):
    with pytest.raises(ValueError, match=message):
        RecurrentEncoder(**({"vocabulary_size": VOCABULARY} | options))


def test_a_stack_joins_its_layers_as_the_skip_says():
    inputs, joins = normal(BATCH, TIME, FEATURES), {}
    for name in SKIPS:
        stack = made(f"stack {name}")
        below, (kernel, bias) = inputs, (stack.carries or [(0, 0)])[0]
        for i, layer in enumerate(stack.layers):
            above = np.asarray(layer(below, mask=MASK)[0])
            if i and name == "highway":
                kernel, bias = (np.asarray(weight) for weight in stack.carries[i - 1])
                carried = 1 / (1 + np.exp(-(below @ kernel + bias)))
                above = carried * above + (1 - carried) * below
            elif i and name == "residual":
                above = above + below
            elif i < 2 and name == "dense":
                above = np.concatenate([below, above], axis=-1)
            below = above
        joins[name] = below
        assert_all_close([stack(inputs, mask=MASK)[0]], [below], atol=1e-13)
    assert joins["dense"].shape == (BATCH, TIME, UNITS)


@pytest.mark.parametrize("skip", ["residual", "highway"])
def test_a_stack_of_two_widths_is_refused(skip):
    cells = [GRUCell(UNITS), GRUCell(UNITS + 1)]
    layers = [Recurrent(cell, return_sequences=True, return_state=True) for cell in cells]
    with pytest.raises(ValueError, match=r"layer 1 takes 6 features and gives 7\. Make them equal"):
        RecurrentStack(layers, skip)(normal(BATCH, TIME, FEATURES))


@pytest.mark.parametrize("options", [{}, {"return_sequences": True}, {"return_state": True}])
def test_a_stack_of_layers_that_return_less_is_refused(options):
    stack = RecurrentStack([Recurrent(CELL_MAKERS["gru"](UNITS), **options)])
    with pytest.raises(ValueError, match=r"layer 0 returns.*return_sequences=True, return_state"):
        stack(normal(BATCH, TIME, FEATURES))
