"""Every decoder on whole sequences: padding by a mask, several examples in a row, and its reads."""

import functools

import keras
import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, float_leaves, randomize
from keras import ops
from layer_cases import (
    BATCH,
    DECODERS,
    EMBEDDING,
    REGISTERED_DECODERS,
    TIME,
    UNITS,
    VOCABULARY,
    encoded_for,
    ids,
    make_decoder,
    normal,
    value_width,
)

from seqzoo import decoders
from seqzoo.decoders import LanguageDecoder, RecurrentDecoder
from seqzoo.encoders import Encoded, LanguageEncoder

BEAMS = 2
SOURCE_LENGTHS, TARGET_LENGTHS = [2, 4, 3], [3, 1, 4]
# The row and the first step of each example, with padding before, between and behind.
SOURCE_PLACES, TARGET_PLACES = [(0, 1), (0, 3), (1, 2)], [(0, 0), (0, 4), (1, 1)]
ROWS, SOURCE_STEPS, TARGET_STEPS = 2, 8, 6

EVERY = {f"recurrent, {name}": options for name, options in DECODERS.items()}
EVERY |= dict.fromkeys(REGISTERED_DECODERS)
everywhere = pytest.mark.parametrize("name", EVERY)


def reads(name):
    """Whether it attends to a source."""
    return EVERY[name].get("attention", "additive") if EVERY[name] else name != "language"


def new_decoder(name, **options):
    if EVERY[name] is None:
        return REGISTERED_DECODERS[name](dtype="float64")
    return make_decoder(EVERY[name] | options, dtype="float64")


def source_width(name):
    attention = "additive" if EVERY[name] is None else EVERY[name].get("attention", "additive")
    return value_width(attention)


@functools.cache
def made(name, has_states=False):
    """A float64 decoder with random weights, and what an encoder, with states or not, gives it."""
    copies = (EVERY[name] or {}).get("bridge") == "copy"
    decoder = new_decoder(name, **({"bridge": "zero"} if copies and not has_states else {}))
    encoded = encoded_alone(source_width(name)) if name != "language" else ()
    if has_states:
        encoded = encoded._replace(state=encoded_for(EVERY[name]).state)
    decoder(ids(BATCH, TIME), encoded)
    return randomize(decoder), encoded


def encoded_alone(width):
    mask = np.arange(max(SOURCE_LENGTHS)) < np.array(SOURCE_LENGTHS)[:, None]
    return Encoded(normal(*mask.shape, width), (), mask, mask.astype("int32"))


def packed(examples, lengths, places, rows, steps, filled):
    """Puts examples `(N, T, ...)` into the rows of `filled`; returns also their segment ids."""
    filled, segment_ids = np.array(filled), np.zeros((rows, steps), "int32")
    for number, ((row, start), length) in enumerate(zip(places, lengths, strict=True), start=1):
        filled[row, start : start + length] = examples[number - 1, :length]
        segment_ids[row, start : start + length] = number
    return filled, segment_ids


def packed_source(encoded):
    outputs = normal(ROWS, SOURCE_STEPS, encoded.outputs.shape[2])
    arguments = SOURCE_LENGTHS, SOURCE_PLACES, ROWS, SOURCE_STEPS, outputs
    outputs, segment_ids = packed(encoded.outputs, *arguments)
    segment_ids[1, 6:] = 9  # of an example without a target
    mask = segment_ids > 0
    mask[0] = True  # steps that belong to no example are read by none

    def of_segments(leaf):  # (N, …) -> (ROWS, SOURCE_STEPS, …)
        state = normal(ROWS, SOURCE_STEPS, *leaf.shape[1:])
        for number, values in enumerate(leaf, start=1):
            state[segment_ids == number] = values
        return state

    state = [[of_segments(leaf) for leaf in layer] for layer in encoded.state]
    return Encoded(outputs, state, mask, segment_ids)


def packed_target(token_ids):
    """Tokens `(BATCH * BEAMS, T)` in shared rows `(ROWS * BEAMS, T)`, and their segment ids."""
    shared = ids(ROWS * BEAMS, TARGET_STEPS)
    segment_ids = np.zeros_like(shared)
    for beam in range(BEAMS):
        arguments = TARGET_LENGTHS, TARGET_PLACES, ROWS, TARGET_STEPS, shared[beam::BEAMS]
        shared[beam::BEAMS], segment_ids[beam::BEAMS] = packed(token_ids[beam::BEAMS], *arguments)
    return shared, segment_ids


def of_examples(outputs):
    """The real steps of packed rows, example by example and beam by beam."""
    return [
        outputs[row * BEAMS + beam, start : start + length]
        for (row, start), length in zip(TARGET_PLACES, TARGET_LENGTHS, strict=True)
        for beam in range(BEAMS)
    ]


def test_every_decoder_of_the_registry_is_tested_here():
    assert REGISTERED_DECODERS.keys() == decoders.DECODERS.keys()


def alone_and_together(name, has_states=False):
    """The hidden states of the steps of each example, and losses, in rows of its own and shared."""
    decoder, encoded = made(name, has_states)
    token_ids, lengths = ids(BATCH * BEAMS, TIME), np.repeat(TARGET_LENGTHS, BEAMS)
    mask = np.arange(TIME) < lengths[:, None]
    shared, segment_ids = packed_target(token_ids)
    in_rows = packed_source(encoded) if encoded else ()

    def alone():
        hidden = decoder(token_ids, encoded, mask=mask)
        return [hidden[i, :length] for i, length in enumerate(lengths)] + decoder.losses

    def together():
        return of_examples(decoder(shared, in_rows, segment_ids=segment_ids)) + decoder.losses

    return alone, together


@everywhere
def test_examples_that_share_a_row_get_what_each_gets_in_a_row_of_its_own(name):
    alone, together = alone_and_together(name)
    assert_all_close(together(), alone(), atol=1e-12)


@pytest.mark.parametrize("name", [f"recurrent, {name}" for name in DECODERS])
def test_each_example_starts_from_the_states_that_the_encoder_gives_for_it(name):
    alone, together = alone_and_together(name, has_states=True)
    assert_all_close(together(), alone(), atol=1e-12)


@pytest.mark.parametrize(
    ("name", "has_states"),
    [(name, False) for name in REGISTERED_DECODERS]
    + [(f"recurrent, {name}", True) for name in ("first input", "input feeding")],
)
def test_they_give_the_weights_the_same_gradients(name, has_states):
    alone, together = alone_and_together(name, has_states)
    decoder, _ = made(name, has_states)
    _, found = differentiate(together, {}, decoder.trainable_variables)
    _, expected = differentiate(alone, {}, decoder.trainable_variables)
    assert_all_close(found, expected, atol=1e-11)


@pytest.mark.parametrize("name", [name for name in EVERY if reads(name)])
def test_they_read_each_its_own_source(name):
    decoder, encoded = made(name)
    token_ids = ids(BATCH * BEAMS, TIME)
    shared, segment_ids = packed_target(token_ids)
    options = {"segment_ids": segment_ids, "return_reads": True}
    _, weights = decoder(shared, packed_source(encoded), **options)
    _, alone = decoder(token_ids, encoded, return_reads=True)
    expected = np.zeros((ROWS * BEAMS, TARGET_STEPS, SOURCE_STEPS))
    sizes = zip(TARGET_PLACES, TARGET_LENGTHS, SOURCE_PLACES, SOURCE_LENGTHS, strict=True)
    for example, ((row, start), length, (_, source), source_length) in enumerate(sizes):
        for beam in range(BEAMS):
            steps = slice(start, start + length), slice(source, source + source_length)
            read = alone[example * BEAMS + beam, :length, :source_length]
            expected[row * BEAMS + beam][steps] = read
    np.testing.assert_allclose(weights, expected, atol=1e-13)


@pytest.mark.parametrize("name", [name for name in REGISTERED_DECODERS if reads(name)])
def test_reads_are_the_weights_of_the_steps(name):
    decoder, encoded = made(name)
    token_ids = ids(BATCH, TIME)
    _, weights = decoder(token_ids, encoded, return_reads=True)
    state, memory = decoder.start(encoded, BATCH, TIME)
    for t in range(TIME):
        _, state = decoder.step(token_ids[:, t], state, memory)
        np.testing.assert_allclose(weights[:, t], state["alignment"], atol=1e-13)
    assert weights.shape == (BATCH, TIME, encoded.outputs.shape[1])


@everywhere
def test_padding_changes_nothing_wherever_a_mask_has_it(name):
    decoder, encoded = made(name)
    token_ids = ids(BATCH, TIME)
    longer, mask = ids(BATCH, 7), np.zeros((BATCH, 7), "bool")
    for row, steps in enumerate([[0, 1, 2, 3], [3, 4, 5, 6], [0, 2, 3, 5]]):
        longer[row, steps], mask[row, steps] = token_ids[row], True
    more = {"return_reads": True} if reads(name) else {}
    found, expected = (
        decoder(longer, encoded, mask=mask, **more),
        decoder(token_ids, encoded, **more),
    )
    for one, other in zip(float_leaves(found), float_leaves(expected), strict=True):
        one = np.asarray(one)
        np.testing.assert_allclose(one[mask].reshape(other.shape), other, atol=1e-13)
    if reads(name):
        assert not np.any(np.asarray(found[1])[~mask])


@pytest.mark.parametrize("name", REGISTERED_DECODERS)
def test_masks_and_segments_are_symbolic_too(name):
    decoder = REGISTERED_DECODERS[name]()
    token_ids, segment_ids = (keras.Input((None,), dtype="int32") for _ in range(2))
    mask = keras.Input((None,), dtype="bool")
    encoded, more = (), {}
    if name != "language":
        source_ids = keras.Input((None,), dtype="int32")
        encoded = Encoded(
            keras.Input((None, UNITS)), (), keras.Input((None,), dtype="bool"), source_ids
        )
        more = {"return_reads": True}
    outputs = decoder(token_ids, encoded, mask=mask, segment_ids=segment_ids, **more)
    hidden, *weights = keras.tree.flatten(outputs)
    assert hidden.shape == (None, None, decoder.hidden_size)
    assert [each.shape for each in weights] == [(None, None, None)] * len(weights)
    inputs = keras.tree.flatten([token_ids, encoded, mask, segment_ids])
    model = keras.Model(inputs, outputs)

    source = [normal(2, 3, UNITS), np.ones((2, 3), "bool"), np.array([[1, 2, 2], [1, 1, 0]])]
    segments, tokens = np.array([[1, 1, 2, 2], [1, 2, 2, 0]]), ids(2, 4)
    given = Encoded(source[0], (), *source[1:]) if encoded else ()
    values = [tokens, *(source if encoded else []), segments > 0, segments]
    found = keras.tree.flatten(model(values))
    expected = decoder(tokens, given, mask=segments > 0, segment_ids=segments, **more)
    assert_all_close(found, keras.tree.flatten(expected), atol=1e-6)


def test_reads_of_a_decoder_that_attends_to_nothing_are_refused():
    decoder = RecurrentDecoder(VOCABULARY, EMBEDDING, UNITS, attention=None)
    with pytest.raises(ValueError, match=r"for decoders with attention\. Received: attention=None"):
        decoder(ids(BATCH, TIME), encoded_for({}), return_reads=True)
    decoder = LanguageDecoder(LanguageEncoder(VOCABULARY, EMBEDDING, UNITS))
    with pytest.raises(ValueError, match=r"attend to a source.* Leave it out"):
        decoder(ids(BATCH, TIME), return_reads=True)


@pytest.mark.parametrize(
    ("options", "encoded", "message"),
    [
        ({"bridge": "zero"}, encoded_for({}), r"encoder returned none.* a row of its own"),
        ({}, encoded_for({})._replace(segment_ids=ids(3, 5)), r"one state for each row.*'zero'"),
    ],
)
def test_an_encoder_that_cannot_tell_its_examples_apart_is_refused(options, encoded, message):
    with pytest.raises(ValueError, match=message):
        make_decoder(options)(ids(BATCH, TIME), encoded, segment_ids=ids(BATCH, TIME))


def test_states_of_several_examples_without_segments_of_the_target_are_refused():
    decoder, encoded = made("recurrent, input feeding", has_states=True)
    with pytest.raises(ValueError, match=r"no `segment_ids` of the target\. Give them"):
        decoder(ids(ROWS, TIME), packed_source(encoded))


def test_a_decoder_may_be_built_on_rows_of_several_examples():
    _, encoded = made("recurrent, input feeding", has_states=True)
    source, segment_ids = packed_source(encoded), np.array([[1, 1, 2, 2], [3, 3, 0, 0]])
    decoder = new_decoder("recurrent, input feeding")
    hidden = decoder(ids(ROWS, TIME), source, segment_ids=segment_ids)
    assert ops.shape(hidden) == (ROWS, TIME, UNITS)


def test_rows_without_attention_and_without_a_bridge_need_no_source_segments():
    decoder = make_decoder({"attention": None, "bridge": "zero"}, dtype="float64")
    token_ids, segment_ids = ids(BATCH, TIME), np.array([[1, 1, 2, 2]] * BATCH)
    hidden = decoder(token_ids, encoded_for({}), segment_ids=segment_ids)
    again = decoder(token_ids[:, 2:], encoded_for({}))
    np.testing.assert_allclose(hidden[:, 2:], again, atol=1e-14)
    assert ops.shape(hidden) == (BATCH, TIME, UNITS)
