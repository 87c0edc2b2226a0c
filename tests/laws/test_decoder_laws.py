"""What holds for every variant of the recurrent decoder."""

import functools

import keras
import numpy as np
import pytest
from decoder_reference import hidden_states
from derivatives import assert_all_close, assert_gradients_are_finite_differences, randomize
from keras import ops
from layer_cases import (
    BATCH,
    DECODERS,
    EMBEDDING,
    REGISTERED_DECODERS,
    SOURCE,
    SOURCE_MASK,
    TIME,
    UNITS,
    VOCABULARY,
    encoded_for,
    ids,
    make_decoder,
    normal,
)

from seqzoo import decoders
from seqzoo.decoders import Decoder, RecurrentDecoder
from seqzoo.encoders import Encoded, RecurrentEncoder
from seqzoo.layers.attention import ATTENTIONS
from seqzoo.layers.cells import CELLS

BEAMS = 2
TOKENS = ids(BATCH, TIME)

EVERY = DECODERS | {f"feeds {n}": {"input_feeding": True, "attention": n} for n in ATTENTIONS}
EVERY |= {f"runs {n}": {"attend_from": "previous", "cell": n} for n in CELLS}
EVERY |= {"reads out nothing but h": {"attention": None, "readout": "maxout", "layers": 2}}

everywhere = pytest.mark.parametrize("name", EVERY)
each_kind = pytest.mark.parametrize("name", DECODERS)
with_attention = pytest.mark.parametrize(
    "name", [name for name, options in DECODERS.items() if options.get("attention", "additive")]
)


each_registered = pytest.mark.parametrize("name", decoders.DECODERS)


def symbolic_source(name):
    """What an encoder hands to a decoder, without values."""
    if name == "language":
        return ()
    source = keras.Input((None,), dtype="int32")
    return Encoded(*RecurrentEncoder(VOCABULARY, EMBEDDING, UNITS)(source))


def test_every_decoder_of_the_registry_is_tested_here():
    assert REGISTERED_DECODERS.keys() == decoders.DECODERS.keys()


@each_registered
def test_it_is_a_decoder_whose_config_makes_it_again(name):
    decoder = REGISTERED_DECODERS[name]()
    assert isinstance(decoder, Decoder)
    again = type(decoder).from_config(decoder.get_config())
    assert again.get_config() == decoder.get_config()


@each_registered
def test_it_is_called_on_symbolic_tensors(name):
    decoder = REGISTERED_DECODERS[name]()
    (spec,) = decoder.input_specs().values()
    previous = keras.Input(batch_shape=spec.shape, dtype=spec.dtype)
    hidden = decoder(previous, symbolic_source(name))
    assert hidden.shape == (None, None, decoder.hidden_size)


@functools.cache
def made(name):
    """A float64 decoder with random weights, and what an encoder handed to it."""
    encoded = encoded_for(EVERY[name])
    decoder = make_decoder(EVERY[name], dtype="float64")
    decoder(TOKENS, encoded)
    return randomize(decoder), encoded


def rows(nest, places):
    return keras.tree.map_structure(lambda leaf: np.asarray(leaf)[places], nest)


def scan_steps(decoder, token_ids, state, memory):
    """Takes one step for each column of the tokens `(N, T)`.

    Returns:
        The hidden states `(N, T, hidden_size)`, the state after each step, the last state.
    """
    hidden, states = [], []
    for t in range(token_ids.shape[1]):
        result, state = decoder.step(token_ids[:, t], state, memory)
        hidden.append(result)
        states.append(state)
    return np.stack(hidden, axis=1), states, state


@everywhere
def test_a_full_call_equals_scanning_steps_and_the_equations(name):
    decoder, encoded = made(name)
    if decoder.attention:
        found, weights = decoder(TOKENS, encoded, return_reads=True)
    else:
        found = decoder(TOKENS, encoded)
    state, memory = decoder.start(encoded, BATCH, TIME)
    hidden, states, _ = scan_steps(decoder, TOKENS, state, memory)
    np.testing.assert_allclose(found, hidden, atol=1e-13)
    for row in range(BATCH):
        expected, alignments = hidden_states(decoder, TOKENS[row], rows(encoded, row))
        np.testing.assert_allclose(found[row], expected, atol=1e-13)
        if decoder.attention:
            steps = [state["alignment"][row] for state in states]
            assert_all_close(steps, alignments, atol=1e-13)
            np.testing.assert_allclose(weights[row], alignments, atol=1e-13)
    assert found.shape == (BATCH, TIME, decoder.hidden_size)


@each_kind
def test_values_are_read_as_tokens_with_these_embeddings_are(name):
    decoder, encoded = made(name)
    of_values = type(decoder).from_config(decoder.get_config() | {"vocabulary_size": None})
    values = np.asarray(decoder.embedding(TOKENS))
    of_values(values, encoded)
    of_values.set_weights([v.numpy() for v in decoder.weights if "embedding/" not in v.path])
    np.testing.assert_allclose(of_values(values, encoded), decoder(TOKENS, encoded), atol=1e-13)
    mask = np.array([[True, True, True, False]] * BATCH)
    prompts = {"prompt_ids": values, "prompt_mask": mask}
    state, memory = of_values.start(encoded, BATCH, TIME, **prompts)
    token_ids = np.where(mask, TOKENS, 0)
    want = decoder.start(encoded, BATCH, TIME, prompt_ids=token_ids)
    assert_all_close(keras.tree.flatten(state), keras.tree.flatten(want[0]), atol=1e-13)
    steps = decoder.step(TOKENS[:, 3], *want), of_values.step(values[:, 3], state, memory)
    assert_all_close(*map(keras.tree.flatten, steps), atol=1e-13)


@each_kind
def test_beams_read_as_several_queries_of_one_memory(name):
    decoder, encoded = made(name)
    token_ids, order = ids(BATCH * BEAMS, TIME), np.array([1, 0, 2, 2, 5, 4])
    state, memory = decoder.start(encoded, BATCH, TIME, BEAMS)
    first, _, state = scan_steps(decoder, token_ids[:, :2], state, memory)
    second, _, _ = scan_steps(decoder, token_ids[:, 2:], rows(state, order), memory)

    repeated = keras.tree.map_structure(lambda leaf: np.repeat(leaf, BEAMS, axis=0), encoded)
    np.testing.assert_allclose(first, decoder(token_ids[:, :2], repeated), atol=1e-13)
    token_ids = np.concatenate([token_ids[order, :2], token_ids[:, 2:]], axis=1)
    np.testing.assert_allclose(second, decoder(token_ids, repeated)[:, 2:], atol=1e-13)


@each_kind
def test_a_prompt_is_read_but_for_its_last_token_whatever_its_padding(name):
    decoder, encoded = made(name)
    length = 5
    steps = [[0, 1, 2], [1, 3, 4], [2]]
    prompts, mask = np.zeros((BATCH, length), "int32"), np.zeros((BATCH, length), "bool")
    for row, chosen in enumerate(steps):
        prompts[row, chosen], mask[row, chosen] = TOKENS[row, : len(chosen)], True
    for given in (None, mask):
        state, _ = decoder.start(encoded, BATCH, TIME, BEAMS, prompts, given)
        for row, chosen in enumerate(steps):
            one = slice(row, row + 1)
            alone, memory = decoder.start(rows(encoded, one), 1, TIME)
            if len(chosen) > 1:
                _, _, alone = scan_steps(decoder, TOKENS[one, : len(chosen) - 1], alone, memory)
            for beam in range(row * BEAMS, (row + 1) * BEAMS):
                found = rows(state, slice(beam, beam + 1))
                assert_all_close(keras.tree.flatten(found), keras.tree.flatten(alone), atol=1e-12)


@each_kind
def test_a_state_keeps_its_structure_shapes_and_types(name):
    encoded = encoded_for(EVERY[name])
    decoder = make_decoder(EVERY[name], dtype="mixed_bfloat16")
    decoder(TOKENS, encoded)
    half = [ops.cast(leaf, "bfloat16") for leaf in keras.tree.flatten(encoded)[:-1]]
    encoded = keras.tree.pack_sequence_as(encoded, [*half, encoded.mask])
    state, memory = decoder.start(encoded, BATCH, TIME, BEAMS)
    _, after = decoder.step(ids(BATCH * BEAMS), state, memory)
    keras.tree.assert_same_structure(state, after)
    for one, other in zip(keras.tree.flatten(state), keras.tree.flatten(after), strict=True):
        assert one.shape == other.shape
        assert one.shape[0] == BATCH * BEAMS
        assert one.dtype == other.dtype == "bfloat16"


@each_kind
def test_the_future_never_affects_the_past(name):
    decoder, encoded = made(name)
    changed = TOKENS.copy()
    changed[:, 2] = changed[:, 2] % (VOCABULARY - 1) + 1
    before, after = decoder(TOKENS, encoded), decoder(changed, encoded)
    np.testing.assert_array_equal(before[:, :2], after[:, :2])
    assert np.all(np.any(np.asarray(before[:, 2:] != after[:, 2:]), axis=-1))


@with_attention
def test_padding_of_the_source_changes_nothing_wherever_it_stands(name):
    decoder, encoded = made(name)
    outputs = normal(BATCH, 8, encoded.outputs.shape[2])
    mask = np.zeros((BATCH, 8), "bool")
    for row, places in enumerate([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 6]]):
        outputs[row, places], mask[row, places] = encoded.outputs[row], SOURCE_MASK[row]
    longer = encoded._replace(outputs=outputs, mask=mask)
    np.testing.assert_allclose(decoder(TOKENS, longer), decoder(TOKENS, encoded), atol=1e-13)


@with_attention
def test_a_source_without_steps_reads_as_one_without_real_steps(name):
    decoder, encoded = made(name)
    padding = encoded._replace(mask=np.zeros((BATCH, SOURCE), "bool"))
    empty = encoded._replace(outputs=encoded.outputs[:, :0], mask=encoded.mask[:, :0])
    found = decoder(TOKENS, empty)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found, decoder(TOKENS, padding), atol=1e-13)


@each_kind
def test_zero_rows_and_zero_steps_are_legal(name):
    decoder, encoded = made(name)
    nothing = rows(encoded, slice(0))
    state, memory = decoder.start(nothing, 0, TIME)
    hidden, state = decoder.step(np.zeros(0, "int32"), state, memory)
    assert hidden.shape == (0, decoder.hidden_size)
    assert {leaf.shape[0] for leaf in keras.tree.flatten(state)} == {0}
    assert decoder(TOKENS[:, :0], encoded).shape == (BATCH, 0, decoder.hidden_size)


def test_gradients_are_finite_differences():
    decoder, encoded = made("input feeding")
    arguments = {"token_ids": TOKENS, "encoded": encoded}
    assert_gradients_are_finite_differences(decoder, arguments, decoder.trainable_variables)


def test_a_step_in_a_graph_serves_every_number_of_beams(tf):
    decoder, encoded = made("input feeding")
    graph = tf.function(decoder.step, reduce_retracing=True)
    for beams in (1, 3, 2):
        state, memory = decoder.start(encoded, BATCH, TIME, beams)
        token_ids = tf.constant(ids(BATCH * beams))
        found, expected = (step(token_ids, state, memory) for step in (graph, decoder.step))
        assert_all_close(keras.tree.flatten(found), keras.tree.flatten(expected), atol=1e-13)


@pytest.mark.parametrize("readout", ["tanh", "maxout", "none"])
@pytest.mark.parametrize("units", [2, 5])
def test_hidden_states_are_as_wide_as_promised(readout, units):
    decoder = RecurrentDecoder(VOCABULARY, EMBEDDING, units, attention=None, readout=readout)
    hidden = decoder(TOKENS, encoded_for({}))
    assert hidden.shape[-1] == decoder.hidden_size == (units // 2 if readout == "maxout" else units)


def test_dropout_acts_in_training_only_and_anew_at_every_step_and_layer():
    decoder = RecurrentDecoder(VOCABULARY, EMBEDDING, UNITS, layers=3, dropout=0.5)
    encoded = encoded_for({"layers": 3})
    plain = decoder(TOKENS, encoded)
    np.testing.assert_array_equal(decoder(TOKENS, encoded), plain)
    dropped = decoder(TOKENS, encoded, training=True)
    assert 0.2 < np.mean(np.asarray(dropped) == 0) < 0.8
    masks = np.asarray(decoder._dropout_masks(TIME, BATCH, training=True))
    assert set(np.unique(masks)) == {0.0, 2.0}
    assert masks.shape == (2, TIME, BATCH, UNITS)
    assert len(np.unique(masks.reshape(2 * TIME * BATCH, UNITS), axis=0)) > TIME
    assert np.all(np.asarray(decoder._dropout_masks(TIME, BATCH, training=False)) == 1)


@pytest.mark.parametrize("bridge", ["dense", "copy", "zero"])
def test_padding_of_the_source_ids_changes_nothing_of_what_a_decoder_makes(bridge):
    sizes = {"embedding_dim": EMBEDDING, "units": UNITS, "layers": 2, "cell": "gru"}
    encoder = RecurrentEncoder(VOCABULARY, direction="backward", **sizes)
    decoder = RecurrentDecoder(VOCABULARY, bridge=bridge, **sizes)
    source = np.where(SOURCE_MASK, ids(BATCH, SOURCE), 0)
    longer = np.pad(source, ((0, 0), (3, 2)))
    found, expected = (decoder(TOKENS, encoder(token_ids)) for token_ids in (longer, source))
    np.testing.assert_allclose(found, expected, atol=1e-6)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"readout": "none"}, r"Attention needs a readout\. Set `readout` to 'tanh' or 'maxout'"),
        ({"input_feeding": True, "attention": None}, r"needs attention.* Received: attention=None"),
        ({"input_feeding": True, "attend_from": "previous"}, r"Received: .*='previous'"),
        ({"input_feeding": True, "readout": "maxout"}, r"Received: .*readout='maxout'"),
        ({"readout": "maxout", "units": 1}, r"needs at least 2 units\. Received: units=1"),
        ({"layers": 0}, r"`layers` must be at least 1\. Received: layers=0"),
        ({"attend_from": "curent"}, r"Unknown `attend_from` 'curent'\. Did you mean 'current'\?"),
        ({"bridge": "sense"}, r"Unknown `bridge` 'sense'\. Did you mean 'dense'\?"),
        ({"readout": "tan"}, r"Unknown `readout` 'tan'\. Did you mean 'tanh'\?"),
        ({"attention": "dott"}, r"Unknown `attention` 'dott'\. Did you mean 'dot'\?"),
        ({"cell": "lsmt"}, r"Unknown `cell` 'lsmt'\. Did you mean 'lstm'\?"),
        ({"dropout": -0.1}, "rate"),
    ],
)
def test_options_that_make_no_sense_are_refused(options, message):
    with pytest.raises(ValueError, match=message):
        make_decoder(options) if "units" not in options else RecurrentDecoder(5, **options)


@pytest.mark.parametrize(
    ("decoder", "encoder"),
    [
        ({"layers": 2}, {"layers": 3, "bridge": "copy"}),
        ({"cell": "lstm"}, {"cell": "gru", "bridge": "copy"}),
        ({}, {"bridge": "dense"}),
    ],
)
def test_a_copy_of_other_states_is_refused(decoder, encoder):
    with pytest.raises(ValueError, match=r"A bridge that copies needs .* or use bridge='dense'"):
        make_decoder(decoder | {"bridge": "copy"})(TOKENS, encoded_for(encoder))
