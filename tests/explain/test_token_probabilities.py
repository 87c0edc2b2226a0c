"""The probability of each token in context is what the task's own loss and scores say."""

import itertools

import numpy as np
import pytest
from matplotlib.image import imread
from tiny_answering_tasks import make_classifier
from tiny_tasks import letters_tokenizer, make_language_model, make_translator

import seqzoo as sz
from seqzoo import explain
from seqzoo.preprocessing import BytePairTokenizer
from seqzoo.preprocessing.byte_pairs import byte_characters

pytestmark = pytest.mark.usefixtures("eagerly")
TINY = {"units": 8, "layers": 1, "num_heads": 2, "dropout": 0.0}


def numpy_measures(logits, ids):
    """Log-probs, ranks and entropies of ids `(T,)` by logits `(T, V)`, in float64."""
    logits = logits.astype("float64")
    log_probs = logits - np.log(np.exp(logits - logits.max()).sum(axis=1))[:, None] - logits.max()
    own = log_probs[np.arange(len(ids)), ids]
    ranks = [1 + sum(row > value) for row, value in zip(log_probs, own, strict=True)]
    probs = np.exp(log_probs)
    return own, ranks, [-sum(p * np.log(p) for p in row if p > 0) for row in probs]


def assert_measures(found, logits, ids):
    own, ranks, entropies = numpy_measures(logits, ids)
    np.testing.assert_allclose(found.log_probs, own, atol=1e-5)
    np.testing.assert_array_equal(found.ranks, ranks)
    np.testing.assert_allclose(found.entropies, entropies, atol=1e-5)


@pytest.mark.parametrize("builder", ["zaremba_2014", "radford_2019"])
def test_of_a_language_model_they_are_those_of_evaluate(builder):
    sizes = TINY if builder == "radford_2019" else {"units": 6}
    task = make_language_model(builder, **sizes)  # of windows of 5 tokens
    task.compile()
    short, long = "a b c", "a b c d e f g a c e g b d f"
    found = explain.token_probabilities(task, short)
    assert found.tokens == ["a", "b", "c", "<end>"]
    ids = task.preprocessor.encode([short])[0].numpy()
    x = {"token_ids": np.array([[3, *ids[:-1]]], "int32")}
    assert_measures(found, task(x).numpy()[0], ids)
    for text in (short, long):
        found = explain.token_probabilities(task, text)
        measured = task.evaluate([text], return_dict=True, verbose=0)
        np.testing.assert_allclose(-found.log_probs.mean(), measured["loss"], rtol=1e-5)
        np.testing.assert_allclose(found.perplexity, measured["perplexity"], rtol=1e-5)
        accuracy = np.mean(found.ranks == 1)
        np.testing.assert_allclose(accuracy, measured["token_accuracy"], rtol=1e-6)


@pytest.mark.parametrize("builder", ["luong_2015", "vaswani_2017"])
def test_of_a_translator_they_are_those_of_the_target_given_the_source(builder):
    if builder == "vaswani_2017":
        task = sz.zoo.vaswani_2017(letters_tokenizer(), letters_tokenizer(), **TINY)
    else:
        task = make_translator(builder)
    pair = ("a b c", "c b a")
    found = explain.token_probabilities(task, pair)
    (scored,) = task.score([pair])
    assert found.tokens == scored.tokens == ["c", "b", "a", "<end>"]
    assert found.given == "a b c"
    np.testing.assert_allclose(found.log_probs, scored.token_log_probs, atol=1e-5)
    x, y, _ = task.preprocessor([pair[0]], [pair[1]])
    assert_measures(found, task(x).numpy()[0], y.numpy()[0])
    task.compile()
    perplexity = task.evaluate([pair], return_dict=True, verbose=0)["perplexity"]
    np.testing.assert_allclose(found.perplexity, perplexity, rtol=1e-5)


def test_of_a_source_alone_they_are_those_of_the_answer():
    task = make_translator()
    task.search = sz.Greedy(max_length=4)
    (answer,) = task.generate(["a b"])
    found, expected = (explain.token_probabilities(task, x) for x in ("a b", ("a b", answer)))
    np.testing.assert_array_equal(found.log_probs, expected.log_probs)


def test_of_a_masked_language_model_each_token_is_hidden_in_turn():
    task = sz.zoo.devlin_2019(letters_tokenizer(), **TINY, window_length=9)
    task.compile()
    found = explain.token_probabilities(task, "a b c")
    assert found.tokens == ["a", "b", "c"]
    ids = task.preprocessor.prompt_ids(["a b c"]).numpy()
    for i, hidden in enumerate(["[MASK] b c", "a [MASK] c", "a b [MASK]"]):
        logits = task({"token_ids": task.preprocessor.prompt_ids([hidden])})
        one = explain.TokenProbabilities(
            found.tokens[i : i + 1], *(part[i : i + 1] for part in found[1:4])
        )
        assert_measures(one, logits.numpy()[0, i + 1 : i + 2], ids[0, i + 1 : i + 2])
        weight = np.eye(4, dtype="float32")[i + 1][None]
        x = {"token_ids": task.preprocessor.prompt_ids([hidden])}
        loss = task.compute_loss(x=x, y=ids, y_pred=logits, sample_weight=weight)
        np.testing.assert_allclose(-found.log_probs[i], loss, rtol=1e-5)


def test_a_text_is_drawn_in_the_colours_of_its_surprise_and_lines_end_where_it_does(tmp_path):
    tokens = ["a", "␣", "b", "↵", "word" * 9, *["end"] * 30]
    log_probs = -np.arange(len(tokens)).astype("float32")
    found = explain.TokenProbabilities(tokens, log_probs, np.ones(len(tokens), int), -log_probs)
    figure = explain.plot_token_probabilities(found, tmp_path / "text.png")
    axes = figure.axes[0]
    boxes = axes.patches
    assert [text.get_text() for text in axes.texts][:4] == tokens[:4]
    lines = [box.get_y() for box in boxes]
    assert lines[0] == lines[3] < lines[4]
    assert lines == sorted(lines)
    for one, other in itertools.pairwise(boxes):
        assert one.get_y() < other.get_y() or one.get_x() + one.get_width() < other.get_x() + 1e-9
    brightness = [sum(box.get_facecolor()[:3]) for box in boxes]
    assert brightness == sorted(brightness, reverse=True)
    mean = np.arange(len(tokens)).mean()
    assert f"{mean / np.log(2):.2f} bits a token" in figure.texts[0].get_text()
    assert imread(tmp_path / "text.png").std() > 0


def test_what_predicts_no_tokens_and_texts_without_or_with_too_many_are_refused():
    model = make_language_model(units=6)
    masked = sz.zoo.devlin_2019(letters_tokenizer(), **TINY, window_length=9)
    for task, example, message in (
        (make_classifier(), "a", "Received: a Classifier"),
        (model, " ", "The text has no token"),
        (model, "a " * 2049, "at most 2048 tokens. Received: 2049 tokens"),
        (masked, "a " * 9, "at most 8 tokens. Received: 9 tokens"),
        (masked, "a [MASK]", "Received: one with"),
        (make_translator(), ("a", "b", "c"), "`example` must be one text"),
    ):
        with pytest.raises(ValueError, match=message) as refused:
            explain.token_probabilities(task, example)
        assert "\n" not in str(refused.value)


def test_spaces_and_ends_of_lines_in_pairs_of_bytes_are_seen():
    pieces = [*byte_characters().values(), "\u0120t", "\u0120to", "<|end|>"]
    merges = ["\u0120 t", "\u0120t o"]
    tokenizer = BytePairTokenizer(pieces, merges, [None, None, 258, 258])
    gpt = sz.zoo.radford_2019(tokenizer, **TINY, window_length=20)
    text = "a to\n\tb"
    tokens = ["a", "\u2423to", "\u21b5", "\u21e5", "b"]
    end = explain.token_probabilities(gpt, text).tokens[len(tokens) :]
    assert explain.token_probabilities(gpt, text).tokens == [*tokens, *end]
    assert explain.attention_weights(gpt, text)["decoder"].queries[1:] == tokens
