"""The weights of all heads are those of a softmax in NumPy, and stand at their tokens."""

import re

import numpy as np
import pytest
from matplotlib.image import imread
from tiny_answering_tasks import VOCABULARY, make_classifier
from tiny_tasks import letters_tokenizer, make_language_model

import seqzoo as sz
from seqzoo import explain
from seqzoo.layers import make_blocks
from seqzoo.layers.attention import MultiHeadAttention
from seqzoo.layers.mixers import SelfAttention
from seqzoo.ops import attention as attention_ops
from seqzoo.ops.attention import attention_hook

TINY = {"units": 8, "layers": 2, "num_heads": 4, "dropout": 0.0}
pytestmark = pytest.mark.usefixtures("eagerly")


def softmax(scores, readable):
    exp = np.where(readable, np.exp(scores - scores.max(axis=-1, keepdims=True)), 0.0)
    return exp / exp.sum(axis=-1, keepdims=True)


def seen_in(layer, *arguments, **options):
    seen = []
    with attention_hook(lambda owner, weights: seen.append((owner, np.asarray(weights)))):
        layer(*arguments, **options)
    ((owner, weights),) = seen
    assert owner is layer
    return weights


@pytest.mark.parametrize("shared", [4, 2])
@pytest.mark.parametrize("causal", [True, False])
def test_self_attention_shows_the_softmax_of_its_products(causal, shared):
    mixer = SelfAttention(4, num_kv_heads=shared, causal=causal, dtype="float64")
    inputs = np.random.default_rng(0).normal(size=(2, 5, 12))
    mask = np.array([[1, 1, 1, 1, 1], [1, 1, 1, 0, 0]], "bool")
    found = seen_in(mixer, inputs, mask=mask)

    heads = inputs @ mixer.kernel.numpy() + mixer.bias.numpy()
    heads = heads.reshape(2, 5, 4 + 2 * shared, 3).transpose(0, 2, 1, 3)
    query, key = heads[:, :4], np.repeat(heads[:, 4 : 4 + shared], 4 // shared, axis=1)
    readable = mask[:, None, None, :] & (np.tri(5, dtype=bool) if causal else True)
    expected = softmax(query @ key.swapaxes(2, 3) / np.sqrt(3), readable)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    np.testing.assert_allclose(found.sum(axis=-1)[:, :, mask[1]], 1)


def test_cross_attention_shows_the_softmax_of_each_head():
    layer = MultiHeadAttention(3, 2, dtype="float64")
    rng = np.random.default_rng(1)
    query, values = rng.normal(size=(2, 4, 6)), rng.normal(size=(2, 5, 7))
    mask = np.array([[1, 1, 0, 1, 1], [0, 1, 1, 1, 0]], "bool")
    layer.build(query.shape, values.shape)
    found = seen_in(layer, query, layer.memory(values, mask), return_weights=False)

    def heads(x, kernel):
        return (x @ kernel.numpy()).reshape(2, -1, 3, 2).transpose(0, 2, 1, 3)

    scores = heads(query, layer.query_kernel) @ heads(values, layer.key_kernel).swapaxes(2, 3)
    expected = softmax(scores / np.sqrt(2), mask[:, None, None, :])
    np.testing.assert_allclose(found, expected, atol=1e-12)


def of_blocks(kind):
    """A task of two blocks of four heads, an input and the tokens of each of its sides."""
    letters = letters_tokenizer()
    if kind == "language model":
        task = make_language_model("radford_2019", **TINY | {"window_length": 9})
        return task, "a b c", {"decoder": ["<end>", "a", "b", "c"]}
    if kind == "masked language model":
        task = sz.zoo.devlin_2019(letters, **TINY, window_length=9)
        return task, "a [MASK] c", {"encoder": ["<end>", "a", "[MASK]", "c"]}
    if kind == "translator":
        task = sz.zoo.vaswani_2017(letters, letters_tokenizer(), **TINY)
        tokens = {"encoder": ["a", "b", "c", "<end>"], "decoder": ["<start>", "c", "b"]}
        return task, ("a b c", "c b"), tokens
    blocks = make_blocks(8, 2, num_heads=4)
    if kind == "tagger":
        lookup = sz.preprocessing.TokenLookup(normalization=None, vocabulary=VOCABULARY)
        tags = sz.preprocessing.TaggedTokens(lookup, tags=["O", "X"])
        features = sz.layers.TokenFeatures(len(VOCABULARY), 8)
        encoder = sz.encoders.BlockEncoder(None, 8, blocks, "sinusoidal")
        return sz.Tagger(features, encoder, tags), ["a", "c"], {"encoder": ["a", "c"]}
    text = sz.preprocessing.LabelledText(letters, labels=["no", "yes"])
    encoder = sz.encoders.BlockEncoder(letters.vocabulary_size, 8, blocks, "rotary")
    if kind == "classifier":
        task = sz.Classifier(encoder, text, pooling="mean")
    else:
        task = sz.SentenceEncoder(encoder, text)
    return task, "c b a", {"encoder": ["c", "b", "a"]}


KINDS = ["language model", "masked language model", "tagger", "classifier", "sentence encoder"]


@pytest.mark.parametrize("kind", KINDS)
def test_every_head_of_every_block_stands_at_the_tokens_that_the_task_reads(kind):
    task, example, tokens = of_blocks(kind)
    found = explain.attention_weights(task, example)

    assert list(found) == list(tokens)
    ((name, each),) = found.items()
    steps = len(tokens[name])
    assert (each.queries, each.keys, each.blocks) == (tokens[name], tokens[name], [0, 1])
    assert each.weights.shape == (2, 4, steps, steps)
    np.testing.assert_allclose(each.weights.sum(axis=-1), 1, atol=1e-6)
    is_causal = not np.triu(each.weights, 1).any()
    assert is_causal == (kind == "language model")


def test_a_translator_has_three_kinds_of_attention_and_its_last_reads_are_their_mean(tmp_path):
    task, example, tokens = of_blocks("translator")
    found = explain.attention_weights(task, example)

    sides = {name: (each.queries, each.keys) for name, each in found.items()}
    source, target = tokens["encoder"], tokens["decoder"]
    assert sides == {
        "encoder": (source, source),
        "decoder": (target, target),
        "cross": (target, source),
    }
    x, _, _ = task.preprocessor([example[0]], [example[1]])
    _, reads = task.decoder(x["target_ids"], task.encoder(x["source_ids"]), return_reads=True)
    np.testing.assert_allclose(found["cross"].weights[-1].mean(axis=0), reads[0], atol=1e-6)
    explain.plot_attention_weights(found, tmp_path / "heads.png")
    assert imread(tmp_path / "heads.png").std() > 0


def test_a_source_alone_is_drawn_with_the_answer_of_the_task():
    task, _, _ = of_blocks("translator")
    (answer,) = task.generate(["a b"], search=sz.Greedy(max_length=3), return_hypotheses=True)
    task.search = sz.Greedy(max_length=3)
    queries = explain.attention_weights(task, "a b")["cross"].queries
    assert queries == ["<start>", *answer[0].tokens][: len(queries)]


def test_mixers_that_do_not_attend_are_left_out_between_those_that_do():
    letters = letters_tokenizer()
    blocks = make_blocks(8, 3, ["mamba", "attention"], num_heads=2, causal=True)
    encoder = sz.encoders.BlockEncoder(letters.vocabulary_size, 8, blocks)
    decoder = sz.decoders.LanguageDecoder(encoder)
    task = sz.LanguageModel(decoder, sz.preprocessing.RunningText(letters))
    found = explain.attention_weights(task, "a b")["decoder"]
    assert (found.blocks, found.weights.shape) == ([1], (1, 2, 3, 3))


def test_weights_are_made_on_request_alone(monkeypatch):
    task, example, _ = of_blocks("translator")
    task.compile()

    def fail(*arguments):
        raise AssertionError("weights were made")

    monkeypatch.setattr(attention_ops, "masked_weights", fail)
    task.fit([example], epochs=1, verbose=0)
    task.evaluate([example], verbose=0)
    with pytest.raises(AssertionError, match="weights were made"):
        explain.attention_weights(task, example)


def test_rows_are_layers_and_columns_heads_with_their_tokens():
    weights = np.random.default_rng(0).dirichlet(np.ones(3), (2, 4, 2)).astype("float32")
    each = explain.AttentionWeights(weights, [0, 2], ["x", "yz"], ["a", "b", "cd"])
    figure = explain.plot_attention_weights({"cross": each})

    axes = figure.axes[0]
    drawn = [np.asarray(image.get_array()) for image in axes.images]
    np.testing.assert_array_equal(drawn, weights.reshape(8, 2, 3))
    left, right, bottom, top = axes.images[5].get_extent()
    assert 0 < left < right < axes.get_xlim()[1]
    assert 0 < top < bottom == axes.get_ylim()[0]
    assert [t.get_text() for t in axes.get_xticklabels()] == ["a", "b", "cd"] * 4
    assert [t.get_text() for t in axes.get_yticklabels()] == ["x", "yz"] * 2
    titles = [text.get_text() for text in axes.texts]
    assert titles == ["head 1", "head 2", "head 3", "head 4", "layer 1", "layer 3"]


@pytest.mark.parametrize(
    ("kind", "example", "message"),
    [
        ("language model", "", "The text has no token"),
        ("translator", ("", "a"), "The text has no token"),
        ("classifier", " ", "The text has no token"),
        ("tagger", "", "The text has no token"),
        ("language model", "a " * 9, "at most 9 tokens for the decoder. Received: 10 tokens"),
        ("classifier", "a " * 513, "at most 512 tokens for the encoder. Received: 513 tokens"),
        ("language model", ["a", "b"], "`example` must be one text. Received: ['a', 'b']"),
    ],
)
def test_a_text_that_cannot_be_drawn_is_refused_in_a_line(kind, example, message):
    task, _, _ = of_blocks(kind)
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        explain.attention_weights(task, example)
    assert "\n" not in str(refused.value)


def test_a_task_without_such_attention_is_refused_in_a_line():
    with pytest.raises(ValueError, match="need blocks with attention"):
        explain.attention_weights(make_classifier(), "a")
    with pytest.raises(ValueError, match="Received: none"):
        explain.plot_attention_weights({})
