"""What holds for a language decoder with every cell."""

import functools

import keras
import numpy as np
import pytest
from derivatives import assert_all_close, randomize
from layer_cases import BATCH, EMBEDDING, TIME, UNITS, VALUES, VOCABULARY, ids

from seqzoo.decoders import LanguageDecoder, language
from seqzoo.encoders import LanguageEncoder
from seqzoo.layers.cells import CELLS

BEAMS = 2
TOKENS = ids(BATCH, TIME)
EVERY = {f"runs {name}": {"cell": name, "layers": 2} for name in CELLS}
EVERY |= {
    "narrow at the top": {"output_units": VALUES, "layers": 2},
    "residual": {"residual": True, "layers": 3, "cell": "gru"},
    "regularized": {"weight_drop": 0.5, "locked_dropout": True, "output_dropout": 0.5, "ar": 1.0},
}

everywhere = pytest.mark.parametrize("name", EVERY)


@pytest.fixture(autouse=True)
def read_prompts_in_short_chunks(monkeypatch):
    monkeypatch.setattr(language, "_CHUNK", 3)


@functools.cache
def made(name):
    """A float64 decoder with random weights."""
    encoder = LanguageEncoder(VOCABULARY, EMBEDDING, UNITS, **EVERY[name], dtype="float64")
    decoder = LanguageDecoder(encoder, dtype="float64")
    decoder(TOKENS)
    return randomize(decoder)


def scan_steps(decoder, token_ids, state):
    """Takes one step for each column of the tokens; returns hidden states and the last state."""
    hidden = []
    for t in range(token_ids.shape[1]):
        result, state = decoder.step(token_ids[:, t], state, ())
        hidden.append(result)
    return np.stack(hidden, axis=1), state


def rows(nest, places):
    return keras.tree.map_structure(lambda leaf: np.asarray(leaf)[places], nest)


@everywhere
def test_a_full_call_equals_scanning_steps(name):
    decoder = made(name)
    state, memory = decoder.start((), BATCH, TIME)
    hidden, after = scan_steps(decoder, TOKENS, state)
    found, last = decoder.run(TOKENS)
    np.testing.assert_allclose(found, hidden, atol=1e-12)
    np.testing.assert_allclose(decoder(TOKENS), hidden, atol=1e-12)
    assert_all_close(keras.tree.flatten(last), keras.tree.flatten(after), atol=1e-12)
    assert found.shape == (BATCH, TIME, decoder.hidden_size)
    assert memory == ()


@everywhere
def test_a_text_in_two_parts_is_the_whole_text(name):
    decoder = made(name)
    first, state = decoder.run(TOKENS[:, :3])
    second, _ = decoder.run(TOKENS[:, 3:], state)
    both = np.concatenate([first, second], axis=1)
    np.testing.assert_allclose(both, decoder(TOKENS), atol=1e-12)


@everywhere
def test_a_prompt_is_read_in_chunks_whatever_its_padding_and_repeated_for_beams(name):
    decoder = made(name)
    steps = [[0, 1, 4, 6], [3, 4, 5, 6], []]
    prompts, mask = np.zeros((BATCH, 7), "int32"), np.zeros((BATCH, 7), "bool")
    for row, chosen in enumerate(steps):
        prompts[row, chosen], mask[row, chosen] = TOKENS[row, : len(chosen)], True
    for given in (None, mask):
        state, _ = decoder.start((), BATCH, TIME, BEAMS, prompts, given)
        for row, chosen in enumerate(steps):
            alone, _ = decoder.start((), 1, TIME)
            if chosen:  # the last token is left for the first step
                _, alone = scan_steps(decoder, TOKENS[row : row + 1, : len(chosen) - 1], alone)
            for beam in range(BEAMS):
                found = rows(state, slice(row * BEAMS + beam, row * BEAMS + beam + 1))
                assert_all_close(keras.tree.flatten(found), keras.tree.flatten(alone), atol=1e-12)


@everywhere
def test_a_state_keeps_its_structure_shapes_and_types(name):
    encoder = LanguageEncoder(VOCABULARY, EMBEDDING, UNITS, **EVERY[name], dtype="mixed_bfloat16")
    decoder = LanguageDecoder(encoder, dtype="mixed_bfloat16")
    decoder(TOKENS)
    state, _ = decoder.start((), BATCH, TIME, prompt_ids=TOKENS)
    _, after = decoder.step(ids(BATCH), state)
    keras.tree.assert_same_structure(state, after)
    for one, other in zip(keras.tree.flatten(state), keras.tree.flatten(after), strict=True):
        assert one.shape == other.shape
        assert one.dtype == other.dtype


def test_zero_rows_are_legal():
    decoder = made("residual")
    nothing = np.zeros((0, 5), "int32")
    state, _ = decoder.start((), 0, TIME, prompt_ids=nothing)
    hidden, _ = decoder.step(np.zeros(0, "int32"), state)
    assert hidden.shape == (0, decoder.hidden_size)
