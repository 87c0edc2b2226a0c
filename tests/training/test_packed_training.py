"""Rows that hold several examples train as rows of one do."""

import math

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import classified, make_classifier, make_tagger, tagged
from tiny_captioners import captioned_pictures, make_captioner
from tiny_tasks import letter_texts, letters_tokenizer, make_language_model, reversal_pairs

from seqzoo import Seq2Seq, heads, zoo
from seqzoo.decoders import BlockDecoder, RecurrentDecoder
from seqzoo.encoders import BlockEncoder, RecurrentEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import TextPairs
from seqzoo.preprocessing.batching import encode_corpus
from seqzoo.preprocessing.packing import packed_batches
from seqzoo.training import ScheduledSampling
from seqzoo.training.optimizer import Adam

U = 8
PAIRS = reversal_pairs(12)
OWN = {"dtype": "float64"}


def block_parts(size, mixers, positions):
    blocks = make_blocks(U, 2, mixers, num_heads=2, **OWN)
    causal = make_blocks(U, 2, mixers, num_heads=2, causal=True, cross_attention=True, **OWN)
    return (
        BlockEncoder(size, U, blocks, positions, **OWN),
        BlockDecoder(size, U, causal, positions, **OWN),
    )


def recurrent_parts(size):
    encoder = RecurrentEncoder(size, U, U, cell="gru", **OWN)
    return encoder, RecurrentDecoder(size, U, U, cell="gru", **OWN)


def copied_parts(size):
    encoder = RecurrentEncoder(size, U, U, layers=2, direction="backward", **OWN)
    options = {"layers": 2, "bridge": "copy", "input_feeding": True}
    return encoder, RecurrentDecoder(size, U, U, **options, **OWN)


def mixed_parts(size):
    encoder, _ = block_parts(size, "attention", "sinusoidal")
    return encoder, RecurrentDecoder(size, U, U, cell="lstm", **OWN)


PARTS = {
    "attention": lambda size: block_parts(size, "attention", "learned"),
    "minimal GRUs": lambda size: block_parts(size, ["min_gru", "recurrent"], None),
    "recurrent": recurrent_parts,
    "recurrent, states copied": copied_parts,
    "recurrent after attention": mixed_parts,
}


def make(parts):
    keras.utils.set_random_seed(2)
    tokenizer = letters_tokenizer()
    encoder, decoder = PARTS[parts](tokenizer.vocabulary_size)
    head = heads.Tokens(tokenizer.vocabulary_size, **OWN)
    task = Seq2Seq(encoder, decoder, TextPairs(tokenizer), head, **OWN)
    for weight in task.trainable_variables:
        weight.assign(np.random.default_rng(3).normal(scale=0.4, size=weight.shape))
    return task


def sums(task, x, y, weight):
    with tf.GradientTape() as tape:
        loss, count = task.head.loss(y, task(x, training=True), weight)
    gradients = tape.gradient(loss, task.trainable_variables)
    return loss.numpy(), count.numpy(), [tf.convert_to_tensor(g).numpy() for g in gradients]


SLOW = ("minimal GRUs", "recurrent after attention")


@pytest.mark.parametrize(
    "parts", [pytest.param(p, marks=pytest.mark.slow) if p in SLOW else p for p in PARTS]
)
def test_losses_and_gradients_are_those_of_one_pair_a_row(parts):
    task = make(parts)
    examples = task.preprocessor.examples(PAIRS)
    encoded = encode_corpus(examples, task.preprocessor)
    batches = packed_batches(*encoded, task.preprocessor, 14, batch_size=99)
    packed = next(iter(batches.dataset))
    assert packed[0]["source_ids"].shape[0] < len(PAIRS)
    sources, targets = zip(*PAIRS, strict=True)
    alone = task.preprocessor(tf.constant(sources), tf.constant(targets))
    found, expected = sums(task, *packed), sums(task, *alone)
    assert found[1] == expected[1]
    np.testing.assert_allclose(found[0], expected[0], rtol=1e-9)
    for one, other in zip(found[2], expected[2], strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)


def test_every_pair_comes_once_in_an_epoch_whole_and_in_a_new_order():
    preprocessor = TextPairs(letters_tokenizer())
    encoded = encode_corpus(preprocessor.examples(PAIRS), preprocessor)
    batches = packed_batches(*encoded, preprocessor, None, tokens_per_batch=14)
    assert batches.rows_each == 14 // 6  # of at most five letters and an end
    orders = []
    stream = iter(batches.dataset)
    for _ in range(2):
        seen = []
        for _ in range(batches.steps_per_epoch):
            x, y, weight = next(stream)
            assert x["source_ids"].shape[1] <= 6
            np.testing.assert_array_equal(weight > 0, x["target_segments"] > 0)
            for row in range(len(y)):
                for number in range(1, int(tf.reduce_max(x["source_segments"][row])) + 1):
                    source = x["source_ids"][row][x["source_segments"][row] == number]
                    target = y[row][x["target_segments"][row] == number]
                    pair = preprocessor.source.detokenize(source), preprocessor.detokenize(target)
                    seen.append(tuple(text.numpy().decode() for text in pair))
        orders.append(seen)
    both = [*orders[0], *orders[1]]
    for pair in PAIRS:
        assert abs(both.count(pair) - 2 * PAIRS.count(pair)) <= PAIRS.count(pair)
    assert orders[0] != orders[1]


def test_a_row_is_filled_on_both_sides():
    preprocessor = TextPairs(letters_tokenizer())
    pairs = [("a b c d", "a"), ("b", "b c d e")]  # with their ends 5 and 2, 2 and 5 tokens
    encoded = encode_corpus(preprocessor.examples(pairs), preprocessor)
    batches = packed_batches(*encoded, preprocessor, 7, batch_size=1)
    x, y, _ = next(iter(batches.dataset))
    assert batches.steps_per_epoch == 1
    assert x["source_ids"].shape == y.shape == (1, 7)
    assert not np.any(np.asarray(x["target_segments"]) == 0)


@pytest.mark.usefixtures("eagerly")
def test_fit_packs_and_says_what_cannot_be_packed():
    tokenizer = letters_tokenizer()
    task = zoo.vaswani_2017(tokenizer, tokenizer, units=U, layers=1, num_heads=2)
    task.compile(Adam(0.01))
    history = task.fit(PAIRS, packed=12, batch_size=2, epochs=1, steps_per_epoch=2, verbose=0)
    assert np.isfinite(history.history["loss"]).all()
    with pytest.raises(ValueError, match="must hold the longest example"):
        task.fit(PAIRS, packed=3, verbose=0)
    with pytest.raises(ValueError, match="positive int"):
        task.fit(PAIRS, packed=-3, verbose=0)
    for packed in (0, 2.5):
        with pytest.raises(ValueError, match="must be True or a positive int"):
            task.fit(PAIRS, packed=packed, verbose=0)
    task.compile(Adam(0.01), scheduled_sampling=ScheduledSampling(0.5))
    with pytest.raises(ValueError, match="one example a row"):
        task.fit(PAIRS, packed=True, steps_per_epoch=1, verbose=0)


MAKERS = {
    "language model": (make_language_model, letter_texts(12)),
    "classifier": (make_classifier, classified(12)),
    "tagger": (make_tagger, tagged(12)),
}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("kind", MAKERS)
def test_fit_packs_texts_and_counts_what_one_text_a_row_has(kind):
    make, examples = MAKERS[kind]
    task = make()
    task.compile(Adam(0.01), accumulation_steps=2)
    task.fit(examples, packed=True, batch_size=99, verbose=0)
    texts = examples if kind == "language model" else [each for each, _ in examples]
    steps = [len(text.split() if isinstance(text, str) else text) for text in texts]
    if kind == "language model":
        steps = [each + 1 for each in steps]  # the end
    counted = float(task.token_sum.result())
    assert counted == (len(texts) if kind == "classifier" else sum(steps))
    if kind != "classifier":
        rows = math.ceil(sum(steps) / max(steps))  # of as many steps as the longest has
        padding = float(task.padding_mean.result())
        assert padding <= 1.000001 - sum(steps) / ((rows + 1) * max(steps))


def test_what_cannot_be_packed_is_refused_in_one_line():
    def refused(task, examples, match, **options):
        task.compile(Adam(0.01), run_eagerly=True)
        with pytest.raises(ValueError, match=match):
            task.fit(examples, verbose=0, **{"packed": True, **options})

    captioner = make_captioner("vinyals_2015", units=U)
    refused(captioner, captioned_pictures(2), "the examples of a Captioner are other ones")
    model = make_language_model()
    refused(model, letter_texts(9), "must hold the longest example", packed=2)
    ids = {"token_ids": np.ones((2, 3), "int32")}
    raw, model.preprocessor = model.preprocessor, None
    refused(model, ids, "needs a preprocessor.*segment ids in `x`")
    model.preprocessor = raw
    gpt = zoo.radford_2019(letters_tokenizer(), units=U, layers=1, num_heads=2, window_length=4)
    refused(gpt, ["a b c d e"], "more than the 4 of the position table")
    classifier = make_classifier()
    with pytest.raises(ValueError, match=r"no `segments`\. Give the ids"):
        classifier({"inputs": np.ones((1, 2), "int32"), "segment_ids": np.ones((1, 2), "int32")})
    tagger = make_tagger()
    with pytest.raises(ValueError, match=r"no `steps`\. Give the steps"):
        tagger(
            {
                "inputs": np.ones((1, 2), "int32"),
                "pieces": np.ones((1, 2, 1), "int32"),
                "segment_ids": np.ones((1, 2), "int32"),
            }
        )
