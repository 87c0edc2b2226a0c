"""Every task of text learns from rows of several examples what it learns from a row for each.

The loss, its weight, the penalties, the gradients and what the metrics read, in float64.
"""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf
from derivatives import randomize
from tiny_answering_tasks import VOCABULARY, make_classifier, make_tagger, tagged, tokenizer
from tiny_graphs import EXAMPLES as GRAPHS
from tiny_tasks import letter_texts, letters_tokenizer, make_translator, reversal_pairs

from seqzoo import Classifier, Tagger, heads, zoo
from seqzoo.decoders import DECODERS
from seqzoo.encoders import ENCODERS, BlockEncoder, LanguageEncoder, RecurrentEncoder
from seqzoo.layers import TokenFeatures, make_blocks
from seqzoo.layers.pooling import POOLINGS, Pooling
from seqzoo.preprocessing import (
    LabelledText,
    LabelledVectors,
    TaggedTokens,
    TokenLookup,
    WhitespaceTokenizer,
    WordTokenizer,
)
from seqzoo.tasks import TASKS

U, V, ROW = 8, len(VOCABULARY), 11
slow = pytest.mark.slow


def translator(builder, **settings):
    return lambda: make_translator(builder, units=U, dropout=0.0, **settings)


def transformer(builder, **settings):
    both = letters_tokenizer(), letters_tokenizer()
    return lambda: getattr(zoo, builder)(
        *both, units=U, layers=1, num_heads=2, dropout=0.0, **settings
    )


def copier():
    """One whose vocabulary lacks some letters, which it copies."""
    known = ["", "<unk>", "<start>", "<end>", *"abc"]
    words = WordTokenizer(normalization=None, vocabulary=known)
    return zoo.see_2017(words, units=U, embedding_dim=6, coverage_loss=0.7)


def language_model(builder, **settings):
    sizes = {"units": U, "layers": 2, "dropout": 0.0, "window_length": 8}
    return lambda: getattr(zoo, builder)(letters_tokenizer(), **{**sizes, **settings})


def text_labels(multi_label=False):
    labels = ["a", "b"] if multi_label else ["no", "yes"]
    return LabelledText(tokenizer(WhitespaceTokenizer), labels, multi_label)


def pooled(kind, multi_label=False):
    def make():
        head = heads.Classes(2, multi_label, class_weights=[0.5, 2.0])
        pooling = Pooling(kind, units=3, hops=2)
        if kind == "attention":
            pooling.attention.penalty = 0.3
        encoder = RecurrentEncoder(V, 5, 6, layers=2)
        return Classifier(encoder, text_labels(multi_label), head, pooling)

    return make


def classifier_of(encoder):
    return lambda: Classifier(encoder(), text_labels())


def of_vectors():
    return Classifier(RecurrentEncoder(None, 3, 4), LabelledVectors(3, ["no", "yes"]))


def tagger_after_language_model():
    features = TokenFeatures(V, 5, None, language=LanguageEncoder(V, 5, 6))
    encoder = RecurrentEncoder(None, features.width, 6)
    preprocessor = TaggedTokens(tokenizer(TokenLookup), None, ["B-X", "I-X", "O"])
    return Tagger(features, encoder, preprocessor)


def blocks(mixers="attention", positions="rotary"):
    stack = functools.partial(make_blocks, U, 2, mixers, num_heads=2)
    return lambda: BlockEncoder(V, U, stack(), positions)


TRANSLATORS = {
    "sutskever_2014": translator("sutskever_2014"),
    "bahdanau_2015": translator("bahdanau_2015"),
    "luong_2015": translator("luong_2015", attention="general"),
    "see_2017": copier,
    "wu_2019": translator("wu_2019"),
    "vaswani_2017": transformer("vaswani_2017"),
    "raffel_2020": transformer("raffel_2020"),
}
LANGUAGE_MODELS = {
    "zaremba_2014": language_model("zaremba_2014"),
    "merity_2018": language_model(
        "merity_2018",
        **dict.fromkeys(("input_dropout", "output_dropout", "embedding_dropout"), 0.0),
        **{"weight_drop": 0.0, "embedding_dim": 6},
    ),
    "devlin_2019": language_model("devlin_2019", num_heads=2),
    "radford_2019": language_model("radford_2019", num_heads=2),
    "touvron_2023": language_model("touvron_2023", num_heads=2),
    "gu_2023": language_model("gu_2023", state_units=3),
    "beck_2024": language_model("beck_2024", num_heads=2),
    "de_2024": language_model("de_2024", num_heads=2, layers=3, attention_window=3),
    "feng_2024": language_model("feng_2024"),
    "sun_2024": language_model("sun_2024", num_heads=2, mini_batch=2),
    "yang_2024": language_model("yang_2024", num_heads=2),
}
CLASSIFIERS = {
    "kim_2014": lambda: make_classifier("kim_2014"),
    "conneau_2017": lambda: make_classifier("conneau_2017"),
    "lin_2017": lambda: make_classifier("lin_2017"),
    "bai_2018": lambda: make_classifier("bai_2018"),
    "classifier of many labels": pooled("mean", multi_label=True),
    "classifier of vectors": of_vectors,
    "classifier of blocks": classifier_of(blocks()),
    "classifier of a language model": classifier_of(lambda: LanguageEncoder(V, 5, 6)),
}
CLASSIFIERS |= {f"classifier, {kind}": pooled(kind) for kind in POOLINGS}
TAGGERS = {
    "lample_2016": lambda: make_tagger("lample_2016"),
    "ma_2016": lambda: make_tagger("ma_2016", class_weights=[0.5, 1.0, 2.0]),
    "tagger without a CRF": lambda: make_tagger(crf=False, class_weights=[0.5, 1.0, 2.0]),
    "tagger after a language model": tagger_after_language_model,
}
MAKERS = TRANSLATORS | LANGUAGE_MODELS | CLASSIFIERS | TAGGERS
# By default each task runs, over each encoder and decoder, and the poolings of most parts.
BY_DEFAULT = [
    "bahdanau_2015",
    "see_2017",
    "vaswani_2017",
    "merity_2018",
    "devlin_2019",
    "kim_2014",
    "bai_2018",
]
BY_DEFAULT += ["classifier of many labels", "classifier of vectors", "classifier, attention"]
BY_DEFAULT += ["classifier, concat", "ma_2016"]
everywhere = pytest.mark.parametrize(
    "name", [name if name in BY_DEFAULT else pytest.param(name, marks=slow) for name in MAKERS]
)


def test_every_task_and_named_model_of_text_is_tested_here():
    # One of them is not trained, and the others share no rows.
    not_of_text = {"captioner", "sentence_encoder", "frame_model", "forecaster"}
    packed = {"seq2seq", "language_model", "masked_language_model", "classifier", "tagger"}
    assert TASKS.keys() - not_of_text == packed
    of_pictures = {"vinyals_2015", "xu_2015", "venugopalan_2015", "yao_2015"}
    others = of_pictures | {"boulanger_2012"} | GRAPHS.keys()
    assert zoo.ZOO.keys() - MAKERS.keys() == others
    refused = {"backbone", "image", "features", "video", "graph", "both_strands"}
    chained = {"chain"}  # of others; test_encoder_laws has both
    of_tasks = {"recurrent", "text_cnn", "tcn", "blocks", "language"}
    assert ENCODERS.keys() - refused - chained == of_tasks
    assert DECODERS.keys() - {"caption"} == {"recurrent", "language", "blocks"}


def examples_of(name):
    """Examples of which some have one step, and one fills a row by itself."""
    if name in TRANSLATORS:
        return [*reversal_pairs(7), (" ".join("abcdefgabc"), "a")]
    if name in LANGUAGE_MODELS:
        return [*letter_texts(7), "a", " ".join("abcdefg")]
    if name in TAGGERS:
        return [*tagged(7), ([], []), (list("a" * 11), ["B-X"] * 11)]
    words = [" ".join(tokens) for tokens, _ in tagged(7)] + ["", " ".join("bcdefgabcde")]
    if name == "classifier of vectors":
        rng = np.random.default_rng(0)
        inputs = [rng.normal(size=(len(text.split()), 3)) for text in words]
    else:
        inputs = words
    several = name == "classifier of many labels"
    return [
        (x, [("a", "b")[i % 2]] if several else ("no", "yes")[i % 2]) for i, x in enumerate(inputs)
    ]


def packed_and_alone(task, name):
    """A batch of rows of several examples, and one of a row for each, as the task makes them."""
    examples = examples_of(name)
    row = 10 if name in LANGUAGE_MODELS else ROW
    batches = task.make_training_batches(examples, None, 99, None, 0, None, packed=row)
    source, target = task.encoded_apart(examples, None)
    if name not in LANGUAGE_MODELS:
        return next(iter(batches.dataset)), task.preprocessor.pack(source, target)
    y = source.to_tensor()
    if name == "devlin_2019":
        x = {"token_ids": y}
    else:
        first = tf.fill([y.shape[0], 1], task.preprocessor.first_id)
        before = tf.concat([first, y[:, :-1]], axis=1)
        x = {"token_ids": before, "characters": target.to_tensor()}
    if name == "merity_2018":  # whose penalties count no padding
        x["segment_ids"] = tf.cast(y != 0, tf.int32)
    return next(iter(batches.dataset)), (x, y, tf.cast(y != 0, tf.float32))


@functools.cache
def made(name):
    keras.config.set_dtype_policy("float64")
    try:
        return randomize(MAKERS[name](), scale=0.4)
    finally:
        keras.config.set_dtype_policy("float32")


def sums(task, x, y, weight):
    """The loss, what weighs it and the penalties, where targets weigh differently; gradients."""
    known = task.known(y) if hasattr(task, "known") else y  # rows change ids that are copied
    weight = weight * tf.cast(0.5 + tf.cast(known, tf.float32) % 3, tf.float32)
    with tf.GradientTape() as tape:
        outputs = task(x, training=True)
        loss, count = task._token_losses(x, y, outputs, weight)
        penalty = tf.add_n([tf.zeros([], loss.dtype), *task.losses])
        total = loss + penalty
    weights = task.trainable_variables
    gradients = tape.gradient(total, weights, unconnected_gradients="zero")
    return (
        [loss, count, penalty],
        [tf.convert_to_tensor(each).numpy() for each in gradients],
        outputs,
    )


def measured(task, x, y, weight, outputs):
    for metric, arguments in zip(
        task.head_metrics,
        task.head.measure(y, outputs, weight, task.target_mask(x, y)),
        strict=True,
    ):
        metric.reset_state()
        metric.update_state(*arguments)
    return [float(metric.result()) for metric in task.head_metrics]


@everywhere
def test_losses_and_gradients_are_those_of_a_row_for_each_example(name):
    task = made(name)
    packed, alone = packed_and_alone(task, name)
    assert tf.nest.flatten(packed)[0].shape[0] < tf.nest.flatten(alone)[0].shape[0]
    found, gradients, outputs = sums(task, *packed)
    expected, wanted, outputs_alone = sums(task, *alone)
    assert abs(float(expected[0])) > 0.1
    np.testing.assert_allclose(found, expected, rtol=1e-9)
    for one, other in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-9)
    results = measured(task, *packed, outputs), measured(task, *alone, outputs_alone)
    np.testing.assert_allclose(*results, rtol=1e-5)


@pytest.mark.parametrize("name", ["bahdanau_2015", "merity_2018", "conneau_2017", "ma_2016"])
def test_zero_rows_are_legal(name):
    task = made(name)
    packed, _ = packed_and_alone(task, name)
    (loss, count, _), gradients, _ = sums(
        task, *tf.nest.map_structure(lambda leaf: leaf[:0], packed)
    )
    assert float(loss) == float(count) == 0
    assert all(np.isfinite(each).all() for each in gradients)
