"""A recurrent layer that runs chunks of time again for its gradient does what it does without."""

import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, randomize
from layer_cases import BATCH, CELL_MAKERS, FEATURES, UNITS, normal
from tracing import compiled

from seqzoo.encoders import RecurrentEncoder
from seqzoo.encoders.recurrent import DIRECTIONS
from seqzoo.layers import GRU, LSTM, Bidirectional, Recurrent, SimpleRNN
from seqzoo.ops.recurrence.checkpointing import scan_in_chunks
from seqzoo.ops.recurrence.plan import scan

TIME = 7
INPUTS = normal(BATCH, TIME, FEATURES)
MASKS = {
    "none": None,
    "right": np.arange(TIME) < np.array([[TIME], [3], [0]]),
    "left": np.arange(TIME) >= np.array([[0], [4], [TIME]]),
    "holes": np.array([[1, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 0, 1, 0], [0] * TIME], "bool"),
}
SEGMENT_IDS = np.array([[1, 1, 2, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3, 0], [0] * TIME])
NOISES = ("dropout", "recurrent_dropout", "zoneout", "weight_drop")
KINDS = {"recurrent": Recurrent, "bidirectional": Bidirectional}

every_cell = pytest.mark.parametrize("name", CELL_MAKERS)
both_kinds = pytest.mark.parametrize("kind", KINDS)


def made(kind, name="lstm", seed=0, **options):
    """A float64 layer that returns all it can, of weights that hang on the cell alone."""
    if kind == "recurrent":
        options = {"return_sequences": True, "return_state": True} | options
    cell = CELL_MAKERS[name](UNITS, dtype="float64")
    layer = KINDS[kind](cell, dtype="float64", seed=seed, **options)
    layer.build(INPUTS.shape)
    return randomize(layer)


def slopes(layer, mask=None, **more):
    """Results and all gradients of a layer."""
    arguments = {"inputs": INPUTS} | ({} if mask is None else {"mask": mask}) | more
    return differentiate(layer, arguments, layer.trainable_variables)


def assert_same(found, expected):
    for one, other in zip(found, expected, strict=True):
        assert_all_close(one, other, atol=1e-12)


@pytest.mark.one_of_each
@every_cell
@pytest.mark.parametrize("reverse", [False, True])
def test_every_cell_has_the_same_results_and_gradients(name, reverse):
    state = [normal(BATCH, size) + i for i, size in enumerate(CELL_MAKERS[name](UNITS).state_size)]
    plain, chunked = (
        made("recurrent", name, reverse=reverse, checkpoint_steps=steps) for steps in (None, 3)
    )
    expected = slopes(plain, MASKS["holes"], initial_state=state)
    assert_same(slopes(chunked, MASKS["holes"], initial_state=state), expected)


@pytest.mark.parametrize(
    "name",
    [
        pytest.param(name, marks=[] if name in ("lstm", "gru") else pytest.mark.slow)
        for name in CELL_MAKERS
    ],
)
def test_both_directions_of_every_cell_have_the_same(name):
    plain, chunked = (made("bidirectional", name, checkpoint_steps=steps) for steps in (None, 3))
    assert_same(slopes(chunked, MASKS["holes"]), slopes(plain, MASKS["holes"]))


@pytest.mark.one_of_each
@pytest.mark.parametrize("steps", [1, 2, TIME - 1, TIME, TIME + 1])
@pytest.mark.parametrize("reverse", [False, True])
def test_chunks_of_any_length_give_the_same(steps, reverse):
    plain, chunked = (
        made("recurrent", reverse=reverse, checkpoint_steps=each) for each in (None, steps)
    )
    assert_same(slopes(chunked, MASKS["holes"]), slopes(plain, MASKS["holes"]))


@pytest.mark.one_of_each
@both_kinds
@pytest.mark.parametrize("mask", MASKS)
def test_every_mask_gives_the_same(kind, mask):
    plain, chunked = (made(kind, checkpoint_steps=steps) for steps in (None, 3))
    assert_same(slopes(chunked, MASKS[mask]), slopes(plain, MASKS[mask]))


@pytest.mark.one_of_each
@both_kinds
@pytest.mark.parametrize("name", ["gru", "min_gru"])
def test_segments_that_chunks_cut_in_two_give_the_same(kind, name):
    plain, chunked = (made(kind, name, checkpoint_steps=steps) for steps in (None, 3))
    mask = SEGMENT_IDS > 0
    expected = slopes(plain, mask, segment_ids=SEGMENT_IDS)
    assert_same(slopes(chunked, mask, segment_ids=SEGMENT_IDS), expected)


@pytest.mark.one_of_each
@both_kinds
@pytest.mark.parametrize("noise", NOISES)
def test_noise_is_the_same_when_a_chunk_is_run_again(kind, noise):
    plain, chunked = (
        made(kind, seed=3, checkpoint_steps=steps, **{noise: 0.4}) for steps in (None, 3)
    )
    expected = slopes(plain, MASKS["holes"], training=True)
    assert_same(slopes(chunked, MASKS["holes"], training=True), expected)
    assert np.any(np.asarray(slopes(plain, MASKS["holes"])[0][0]) != expected[0][0])


@both_kinds
def test_a_gradient_that_is_cut_is_cut_at_the_same_steps(kind):
    plain, chunked = (made(kind, checkpoint_steps=steps, gradient_steps=2) for steps in (None, 3))
    expected = slopes(plain, MASKS["right"])
    assert_same(slopes(chunked, MASKS["right"]), expected)
    whole = slopes(made(kind), MASKS["right"])
    assert np.any(np.asarray(whole[1][0]) != expected[1][0])


@pytest.mark.parametrize("make", [LSTM, GRU, SimpleRNN])
def test_the_layers_of_keras_name_take_them_too(make):
    plain, chunked = (make(UNITS, checkpoint_steps=steps, dtype="float64") for steps in (None, 3))
    for layer in (plain, chunked):
        layer.build(INPUTS.shape)
    chunked.set_weights(plain.get_weights())
    assert_same(slopes(chunked), slopes(plain))


@pytest.mark.parametrize("direction", DIRECTIONS)
def test_an_encoder_hands_them_to_its_layers(direction):
    plain, chunked = (
        RecurrentEncoder(
            *(None, FEATURES, UNITS),
            layers=2,
            direction=direction,
            checkpoint_steps=steps,
            dtype="float64",
        )
        for steps in (None, 3)
    )
    again = RecurrentEncoder.from_config(chunked.get_config())
    assert all(layer.checkpoint_steps == 3 for layer in again.stack.layers)
    for encoder in (plain, chunked):
        encoder.build(INPUTS.shape)
    chunked.set_weights(plain.get_weights())
    assert_same(slopes(chunked, MASKS["holes"]), slopes(plain, MASKS["holes"]))


@pytest.mark.parametrize(
    ("times", "jit_compile"),
    [
        ((1, 2, 3, 6, TIME), False),
        ((TIME,), True),  # which compiles each length anew
        pytest.param((1, 2, 3, 6), True, marks=pytest.mark.slow),
    ],
)
def test_one_graph_for_all_lengths_and_xla_give_the_same(times, jit_compile, tf):
    plain, chunked = (made("recurrent", checkpoint_steps=steps) for steps in (None, 3))

    def run(arguments):
        return differentiate(chunked, arguments, chunked.trainable_variables)

    graph = compiled(run, jit_compile, like=[{"inputs": INPUTS, "mask": MASKS["holes"]}])
    for time in times:
        arguments = {"inputs": INPUTS[:, :time], "mask": MASKS["holes"][:, :time]}
        assert_same(graph(arguments), slopes(plain, **arguments))


@pytest.mark.parametrize("reverse", [False, True])
def test_second_derivatives_are_the_same(reverse):
    plain, chunked = (
        made("recurrent", "gru", reverse=reverse, checkpoint_steps=each) for each in (None, 3)
    )

    def bend(layer):
        def slope(inputs):
            return differentiate(layer, {"inputs": inputs, "mask": MASKS["holes"]})[1]

        return differentiate(slope, {"inputs": INPUTS}, layer.trainable_variables)

    assert_same(bend(chunked), bend(plain))


def test_zero_steps_leave_the_first_state():
    state = [normal(BATCH, UNITS), normal(BATCH, UNITS)]
    layer = made("recurrent", checkpoint_steps=3)
    outputs, *final = layer(INPUTS[:, :0], initial_state=state)
    assert outputs.shape == (BATCH, 0, UNITS)
    assert_all_close(final, state)


@pytest.mark.parametrize("reverse", [False, True])
def test_a_loop_of_ones_own_gives_the_same(reverse):
    kernel = normal(UNITS, UNITS)

    def step(inputs_t, state, constants, project):
        return {"h": inputs_t - project("map", state["h"]) * constants, "n": state["n"] + inputs_t}

    def chunk(state, inputs, weights):
        return scan(step, state, inputs, {"map": weights[:1]}, weights[1], reverse)

    def run(in_pieces):
        def loop(state, inputs, kernel, gain):
            if not in_pieces:
                states, final = chunk(state, inputs, (kernel, gain))
                return states["h"], final
            return scan_in_chunks(
                chunk, state, inputs, (kernel, gain), 3, lambda states: states["h"], reverse
            )

        state = {"h": normal(BATCH, UNITS), "n": normal(BATCH, UNITS) + 1}
        arguments = {"state": state, "inputs": normal(TIME, BATCH, UNITS)}
        return differentiate(loop, arguments | {"kernel": kernel, "gain": normal(UNITS)})

    assert_same(run(True), run(False))
