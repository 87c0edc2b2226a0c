"""Stacks of residual blocks: whole = steps = chunks, beams share caches, positions, parts."""

import functools

import keras
import numpy as np
import pytest

from seqzoo.layers import (
    ALiBi,
    Block,
    BlockStack,
    FeedForward,
    LearnedPositions,
    RelativePositions,
    RotaryPositions,
    SelfAttention,
    make_blocks,
)

BATCH, TIME, FEATURES = 2, 7, 8
INPUTS = np.random.default_rng(0).normal(size=(BATCH, TIME, FEATURES))
OWN = {"dtype": "float64"}
POSITIONS = {
    "none": lambda: None,
    "learned": lambda: LearnedPositions(16, **OWN),
    "sinusoidal": lambda: "sinusoidal",
    "rotary": lambda: RotaryPositions(**OWN),
    "relative": lambda: RelativePositions(4, **OWN),
    "alibi": lambda: ALiBi(4, **OWN),
}
FORMS = {
    "before": {},
    "after": {"norm_position": "after"},
    "parallel": {"parallel": True, "norm": "rms"},
}
ROWS = [(positions, "before") for positions in POSITIONS]
ROWS += [("rotary", form) for form in FORMS if form != "before"]


@functools.cache
def made(positions, form):
    blocks = [
        Block(
            SelfAttention(4, num_kv_heads=[None, 2, 1][i], window=[None, 3, None][i], **OWN),
            FeedForward(gated=i == 1, **OWN),
            **FORMS[form],
            **OWN,
        )
        for i in range(3)
    ]
    stack = BlockStack(blocks, POSITIONS[positions](), input_norm=form == "after", **OWN)
    stack(INPUTS)
    rng = np.random.default_rng(1)
    for weight in stack.trainable_variables:
        weight.assign(rng.normal(scale=0.5, size=weight.shape))
    return stack


@pytest.mark.parametrize(("positions", "form"), ROWS)
def test_a_stack_is_its_steps_and_its_chunks_whoever_shares_the_caches(positions, form):
    stack = made(positions, form)
    whole, step, beams = stack(INPUTS)[0], stack.stepper(), 3
    state, outputs = stack.initial_state(BATCH, TIME), []
    for t in range(TIME):
        output, state, _ = step(INPUTS[:, t], state)
        outputs.append(output)
    np.testing.assert_allclose(np.stack(outputs, axis=1), whole, atol=1e-12)

    _, state = stack(INPUTS[:, :4], state=stack.initial_state(BATCH, TIME + 2))
    state, outputs = stack.with_width(state, beams), []
    for t in range(4, TIME):
        output, state, _ = step(np.repeat(INPUTS[:, t], beams, axis=0), state)
        outputs.append(output)
    expected = np.repeat(np.asarray(whole)[:, 4:], beams, axis=0)
    np.testing.assert_allclose(np.stack(outputs, axis=1), expected, atol=1e-12)


def test_reordered_beams_go_on_from_their_own_entries_in_caches_that_stay():
    stack, beams = made("rotary", "before"), 3
    rng = np.random.default_rng(2)
    step, state = stack.stepper(), stack.initial_state(BATCH, TIME, beams)
    texts = np.zeros((BATCH * beams, 0, FEATURES))
    for t in range(TIME):
        inputs = rng.normal(size=(BATCH * beams, FEATURES))
        output, state, _ = step(inputs, state)
        texts = np.concatenate([texts, inputs[:, None]], axis=1)
        if t == TIME - 1:
            break
        parents = rng.integers(0, beams, (BATCH, beams)) + beams * np.arange(BATCH)[:, None]
        rows = parents.ravel()
        texts = texts[rows]
        index = keras.tree.map_structure(
            functools.partial(keras.ops.take, indices=rows, axis=0), state.index
        )
        state = state._replace(index=index)
    np.testing.assert_allclose(output, stack(texts)[0][:, -1], atol=1e-12)


def test_one_row_of_numbers_and_no_cache_is_reordered():
    state = made("rotary", "before").initial_state(BATCH, TIME, 3)
    assert {leaf.shape[0] for leaf in keras.tree.flatten(state.index)} == {BATCH * 3}
    assert {leaf.shape[0] for leaf in keras.tree.flatten(state.blocks)} == {BATCH}


def test_a_stack_comes_back_from_its_config():
    stack = made("relative", "before")
    copy = keras.saving.deserialize_keras_object(keras.saving.serialize_keras_object(stack))
    copy(INPUTS)
    copy.set_weights(stack.get_weights())
    np.testing.assert_array_equal(copy(INPUTS)[0], stack(INPUTS)[0])


def test_stochastic_depth_leaves_summands_out_for_whole_rows_in_training_alone():
    block = Block(SelfAttention(2), FeedForward(8), stochastic_depth=0.5)
    rows = np.random.default_rng(3).normal(size=(64, 3, FEATURES)).astype("float32")
    whole = np.asarray(block(rows)[0])
    trained = np.asarray(block(rows, training=True)[0])
    untouched = np.all(trained == rows, axis=(1, 2))
    assert 4 < untouched.sum() < 28  # a quarter of 64 is expected
    assert not np.any(np.all(whole == rows, axis=(1, 2)))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SelfAttention(3)(INPUTS), "num_heads=3"),
        (lambda: SelfAttention(4, num_kv_heads=3)(INPUTS), "num_kv_heads=3"),
        (lambda: SelfAttention(4, window=0)(INPUTS), "`window` must be .* Received: 0"),
        (lambda: SelfAttention(4, window=2.5)(INPUTS), "whole number of steps"),
        (lambda: SelfAttention(4)(INPUTS, mask=np.ones((2, 7, 7), "bool")), "`mask` must be"),
        (lambda: SelfAttention(4)(INPUTS, mask=np.ones((2, 6), "bool")), r"of shape \(2, 6\)"),
        (lambda: SelfAttention(4)(INPUTS[0]), "`inputs` must be"),
        (lambda: SelfAttention(4).initial_state(2, 3), "not built"),
        (lambda: Block(SelfAttention(), stochastic_depth=-1.0), "stochastic_depth=-1.0"),
        (lambda: make_blocks(0, 1), "units=0"),
        (lambda: BlockStack(make_blocks(8, 1), "rotery"), "Did you mean 'rotary'"),
        (lambda: BlockStack(make_blocks(8, 1, "min_gru"), "alibi"), "no block has any"),
        (lambda: SelfAttention(4, positions="rotery"), "Did you mean 'rotary'"),
        (lambda: Block(SelfAttention(), parallel=True), "parallel"),
        (lambda: BlockStack([]), "at least one block"),
        (lambda: RotaryPositions(scaling="yarn"), "linear, llama3"),
        (lambda: LearnedPositions(3)(INPUTS, np.arange(TIME)), "holds 3"),
    ],
)
def test_what_cannot_be_is_refused_by_name(make, message):
    with pytest.raises(ValueError, match=message):
        make()
