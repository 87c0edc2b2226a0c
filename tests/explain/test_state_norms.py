"""What a recurrence remembers is the norm of its state after each step."""

import numpy as np
import pytest
from matplotlib.image import imread
from tiny_answering_tasks import make_classifier, make_tagger
from tiny_tasks import letters_tokenizer, make_language_model, make_translator

import seqzoo as sz
from seqzoo import explain
from seqzoo.layers import make_blocks


def hybrid(mixers, layers=3):
    letters = letters_tokenizer()
    blocks = make_blocks(8, layers, mixers, num_heads=2, causal=True)
    encoder = sz.encoders.BlockEncoder(letters.vocabulary_size, 8, blocks)
    decoder = sz.decoders.LanguageDecoder(encoder)
    return sz.LanguageModel(decoder, sz.preprocessing.RunningText(letters))


def numpy_lstm(layer, inputs):
    kernel, recurrent, bias = (weight.numpy() for weight in layer.cell.weights)
    h = c = np.zeros(len(recurrent))
    norms = []
    for x in inputs:
        i, f, g, o = np.split(x @ kernel + h @ recurrent + bias, 4)
        i, f, o = (1 / (1 + np.exp(-gate)) for gate in (i, f, o))
        c = f * c + i * np.tanh(g)
        h = o * np.tanh(c)
        norms.append((np.linalg.norm(h), np.linalg.norm(c)))
    return np.transpose(norms)


def test_the_norms_of_an_lstm_are_those_of_its_equations(tmp_path):
    task = make_language_model(units=6)
    found = explain.state_norms(task, "a b c")["decoder"]

    ids = task.preprocessor.prompt_ids(["a b c"]).numpy()[0]
    embedded = task.encoder.embedding.embeddings.numpy()[ids]
    expected = numpy_lstm(task.encoder.recurrent[0], embedded)
    h, c = found.states
    assert found.tokens == ["<end>", "a", "b", "c"]
    assert (h.layer, h.state, c.layer, c.state) == ("recurrent_0", "h", "recurrent_0", "c")
    np.testing.assert_allclose(np.concatenate([h.norms, c.norms]), expected, rtol=1e-4)
    explain.plot_state_norms({"decoder": found}, tmp_path / "states.png")
    assert imread(tmp_path / "states.png").std() > 0


def test_a_cell_in_a_block_is_probed_and_attention_is_left_out():
    found = explain.state_norms(hybrid(["recurrent", "attention", "min_gru"]), "a b")["decoder"]
    named = [(each.layer, each.state, each.norms.shape) for each in found.states]
    assert named == [
        ("block 1, LSTMCell", "h", (1, 3)),
        ("block 1, LSTMCell", "c", (1, 3)),
        ("block 3, min_gru", "hidden", (1, 3)),
    ]


def test_both_directions_and_both_sides_of_a_translator_are_measured():
    found = explain.state_norms(make_translator("bahdanau_2015"), ("a b c", "c b"))
    names = {side: [(s.layer, s.state) for s in each.states] for side, each in found.items()}
    assert [side.split("/")[1] for side, _ in names["encoder"]] == ["forward", "backward"]
    assert [state for _, state in names["decoder"]] == ["h"]
    assert found["encoder"].tokens == ["a", "b", "c", "<end>"]
    assert found["decoder"].tokens == ["<start>", "c", "b"]


def test_characters_of_words_are_no_steps_of_the_sentence():
    found = explain.state_norms(make_tagger("ma_2016"), ["a", "b", "c"])["encoder"]
    assert {each.norms.shape for each in found.states} == {(1, 3)}


def test_each_row_has_a_scale_of_its_own_and_says_its_largest():
    states = [
        explain.StateNorms("block 1, mamba", "hidden", np.array([[1.0, 4.0]])),
        explain.StateNorms("block 2, mlstm", "memory", np.array([[0.5, 0.25], [0.0, 0.0]])),
    ]
    figure = explain.plot_state_norms({"decoder": explain.Remembered(["a", "b"], states)})
    axes = figure.axes[0]
    drawn = np.concatenate([np.asarray(image.get_array()) for image in axes.images])
    np.testing.assert_allclose(drawn, [[0.25, 1], [1, 0.5], [0, 0]])
    assert [label.get_text() for label in axes.get_yticklabels()] == [
        "block 1, mamba: hidden (up to 4)",
        "block 2, mlstm: memory, head 1 (up to 0.5)",
        "block 2, mlstm: memory, head 2 (up to 0)",
    ]


def test_what_has_no_state_is_refused_in_a_line():
    gpt = make_language_model("radford_2019", units=8, num_heads=2)
    for task in (gpt, make_classifier("kim_2014")):
        with pytest.raises(ValueError, match="State norms need a recurrent layer") as refused:
            explain.state_norms(task, "a b c")
        assert "\n" not in str(refused.value)
    with pytest.raises(ValueError, match="The text has no token"):
        explain.state_norms(make_language_model(), " ")
    with pytest.raises(ValueError, match="Received: none"):
        explain.plot_state_norms({})
