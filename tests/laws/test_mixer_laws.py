"""What holds for every sequence mixer: whole = steps = chunks = packed rows = any padding."""

import keras
import numpy as np
import pytest
from derivatives import (
    assert_all_close,
    assert_gradients_are_finite_differences,
    differentiate,
    dtype_of,
    float_leaves,
)
from keras import ops
from mixer_cases import BATCH, FEATURES, MASK, REFERENCES, ROWS, TIME, made, normal
from tracing import compiled

INPUTS = normal(BATCH, TIME, FEATURES)
LENGTHS = [3, 1, 4, 2, 5]
# (row, first step) of each sequence in three rows of six steps; the last row has padding
PLACES = [(0, 0), (0, 3), (1, 0), (1, 4), (2, 0)]

everywhere = pytest.mark.parametrize("row", ROWS)


def whole(mixer, inputs=INPUTS, **arguments):
    return mixer(inputs, **arguments)[0]


@everywhere
def test_a_sequence_gives_what_the_equations_give(row):
    outputs = whole(made(row))
    expected = [REFERENCES[row](made(row), sequence) for sequence in INPUTS]
    np.testing.assert_allclose(outputs, expected, atol=1e-9)  # gelu has rounded constants


@everywhere
def test_a_whole_sequence_is_a_loop_over_steps(row):
    mixer = made(row)
    state = mixer.initial_state(BATCH, TIME)
    outputs = []
    for t in range(TIME):
        output, after = mixer.step(INPUTS[:, t], state)
        keras.tree.assert_same_structure(state, after)
        shapes = [[leaf.shape for leaf in keras.tree.flatten(s)] for s in (state, after)]
        assert shapes[0] == shapes[1]
        outputs.append(output)
        state = after
    np.testing.assert_allclose(np.stack(outputs, axis=1), whole(mixer), atol=1e-12)


@everywhere
def test_a_whole_sequence_is_its_chunks_under_any_padding(row):
    mixer = made(row)
    expected = whole(mixer, mask=MASK)
    state, outputs = mixer.initial_state(BATCH, TIME), []
    for start, end in ((0, 3), (3, 4), (4, TIME)):
        output, state = mixer(INPUTS[:, start:end], mask=MASK[:, start:end], state=state)
        outputs.append(output)
    found = np.concatenate(outputs, axis=1)
    np.testing.assert_allclose(found[MASK], np.asarray(expected)[MASK], atol=1e-12)


@everywhere
def test_steps_go_on_where_a_call_ended(row):
    mixer = made(row)
    _, state = mixer(INPUTS[:, :4], mask=MASK[:, :4], state=mixer.initial_state(BATCH, TIME))
    found = []
    for t in range(4, TIME):
        output, state = mixer.step(INPUTS[:, t], state)
        found.append(output)
    mask = np.concatenate([MASK[:, :4], np.ones((BATCH, TIME - 4), "bool")], axis=1)
    expected = whole(mixer, mask=mask)[:, 4:]
    np.testing.assert_allclose(np.stack(found, axis=1), expected, atol=1e-12)


@everywhere
def test_padding_changes_nothing_wherever_it_stands_and_gets_no_gradient(row):
    mixer = made(row)
    weighs = normal(*INPUTS.shape) * MASK[..., None]

    def run(inputs):
        return [whole(mixer, inputs, mask=MASK) * weighs]

    found, gradients = differentiate(run, {"inputs": INPUTS}, ())
    assert np.all(np.isfinite(found[0]))
    np.testing.assert_array_equal(np.asarray(gradients[0])[~MASK], 0.0)
    for i, real in enumerate(MASK):
        if real.any():
            expected = whole(mixer, INPUTS[i : i + 1, real])[0] * weighs[i, real]
            np.testing.assert_allclose(np.asarray(found[0])[i, real], expected, atol=1e-12)


@everywhere
def test_sequences_that_share_a_row_give_what_each_gives_alone(row):
    mixer = made(row)
    alone = normal(len(LENGTHS), max(LENGTHS), FEATURES)
    shared, segment_ids = normal(3, 6, FEATURES), np.zeros((3, 6), "int32")
    steps = []
    for number, ((line, start), length) in enumerate(zip(PLACES, LENGTHS, strict=True)):
        shared[line, start : start + length] = alone[number, :length]
        segment_ids[line, start : start + length] = number + 1
        steps += [line * 6 + start + step for step in range(length)]
    mask = np.arange(max(LENGTHS)) < np.array(LENGTHS)[:, None]
    weighs = normal(sum(LENGTHS), 1)

    def real_steps(places, **arguments):
        outputs = ops.reshape(mixer(**arguments)[0], (-1, FEATURES))
        return [ops.take(outputs, np.array(places), axis=0) * weighs]

    together = {"inputs": shared, "mask": segment_ids > 0, "segment_ids": segment_ids}
    found, gradients = differentiate(
        lambda: real_steps(steps, **together), {}, mixer.trainable_variables
    )
    expected, gradients_alone = differentiate(
        lambda: real_steps(np.flatnonzero(mask), inputs=alone, mask=mask),
        {},
        mixer.trainable_variables,
    )
    assert_all_close(found, expected, atol=1e-12)
    assert_all_close(gradients, gradients_alone, atol=1e-10)


@everywhere
def test_the_future_never_affects_the_past(row):
    mixer = made(row)
    changed = INPUTS.copy()
    changed[:, 4:] += 1.0
    found, expected = whole(mixer, changed), whole(mixer)
    np.testing.assert_allclose(found[:, :4], expected[:, :4], atol=1e-13)
    assert np.abs(np.asarray(found[:, 4:] - expected[:, 4:])).max() > 1e-6


@everywhere
def test_gradients_are_finite_differences(row):
    mixer = made(row)
    inputs = INPUTS[:2, :5]
    assert_gradients_are_finite_differences(
        lambda inputs: [whole(mixer, inputs, mask=MASK[:2, :5]) * MASK[:2, :5, None]],
        {"inputs": inputs},
        mixer.trainable_variables,
    )


@everywhere
def test_a_mixer_is_called_on_symbolic_inputs_and_half_precision_rounds_only(row):
    inputs = keras.Input((None, FEATURES))
    outputs, state = made(row)(inputs)
    assert tuple(outputs.shape) == (None, None, FEATURES)
    real_state = made(row)(INPUTS)[1]
    keras.tree.assert_same_structure(state, real_state)
    for leaf, real in zip(keras.tree.flatten(state), keras.tree.flatten(real_state), strict=True):
        assert (tuple(leaf.shape[1:]), leaf.dtype) == (tuple(real.shape[1:]), dtype_of(real))
    half = made(row, "mixed_bfloat16")
    first = half.initial_state(BATCH, TIME)
    found, state = half(INPUTS, state=first)
    dtypes = [[dtype_of(leaf) for leaf in keras.tree.flatten(s)] for s in (first, state)]
    assert dtypes[0] == dtypes[1]
    leaves = float_leaves([found, state])
    assert {keras.backend.standardize_dtype(leaf.dtype) for leaf in leaves} <= {
        "bfloat16",
        "float32",
    }
    found, expected = np.asarray(ops.cast(found, "float64")), np.asarray(whole(made(row)))
    # A norm of small values makes single errors large: all of them together are small.
    assert np.linalg.norm(found - expected) < 0.1 * np.linalg.norm(expected)


@everywhere
def test_a_config_gives_the_mixer_back(row):
    mixer = made(row)
    config = keras.saving.serialize_keras_object(mixer)
    again = keras.saving.deserialize_keras_object(config)
    assert keras.saving.serialize_keras_object(again) == config
    again.set_weights(mixer.get_weights())
    np.testing.assert_array_equal(whole(again), whole(mixer))


def compiled_rows() -> list:
    """Every row as a graph and by XLA; by default one of each."""
    default = {("slstm", False), ("mamba", True)}
    return [
        pytest.param(row, jit, marks=() if (row, jit) in default else pytest.mark.slow)
        for row in ROWS
        for jit in (False, True)
    ]


@pytest.mark.parametrize(("row", "jit_compile"), compiled_rows())
def test_one_graph_serves_all_sizes(row, jit_compile):
    mixer = made(row)

    def run(inputs, mask):
        return mixer(inputs, mask=mask)[0]

    graph = compiled(run, jit_compile, like=[INPUTS, MASK])
    for rows, steps in ((BATCH, TIME), (1, 1), (0, 2)):
        inputs, mask = INPUTS[:rows, :steps], MASK[:rows, :steps]
        expected = run(inputs, mask)
        found = graph(ops.convert_to_tensor(inputs), ops.convert_to_tensor(mask))
        np.testing.assert_allclose(found, expected, atol=1e-12)


@everywhere
def test_the_state_of_a_shared_row_is_that_after_its_last_real_step(row):
    mixer = made(row)
    if not mixer.returns_new_state:
        return  # no state is asked for where a row is shared
    segment_ids = np.array([[1, 1, 2, 2, 2, 0, 0]])
    _, state = mixer(INPUTS[:1], mask=segment_ids > 0, segment_ids=segment_ids)
    output, _ = mixer.step(INPUTS[1:2, 0], state)
    alone = np.concatenate([INPUTS[:1, 2:5], INPUTS[1:2, :1]], axis=1)
    np.testing.assert_allclose(output, whole(mixer, alone)[:, -1], atol=1e-12)


@everywhere
def test_no_rows_are_legal(row):
    outputs, _ = made(row)(INPUTS[:0])
    assert outputs.shape == (0, TIME, FEATURES)


@pytest.mark.slow
@everywhere
@pytest.mark.parametrize("jit_compile", [False, True])
def test_graphs_and_xla_give_outputs_and_gradients_of_eager_calls(tf, row, jit_compile):
    mixer = made(row)
    segment_ids = np.array([[1, 1, 1, 2, 2, 2, 2], [0, 0, 1, 1, 1, 2, 2], [1] * 7, [0] * 7])

    def run(inputs, mask, segment_ids):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs, _ = mixer(inputs, mask=mask, segment_ids=segment_ids, training=True)
            total = tf.reduce_sum((outputs * MASK[..., None]) ** 2)
        variables = [variable.value for variable in mixer.trainable_variables]
        return [total, *tape.gradient(total, [inputs, *variables])]

    arguments = [ops.convert_to_tensor(x) for x in (INPUTS, MASK, segment_ids)]
    unknown = [tf.TensorSpec([None, None, *x.shape[2:]], x.dtype) for x in arguments]
    signature = None if jit_compile else unknown
    compiled = tf.function(run, input_signature=signature, jit_compile=jit_compile)
    assert_all_close(compiled(*arguments), run(*arguments), atol=1e-9)
