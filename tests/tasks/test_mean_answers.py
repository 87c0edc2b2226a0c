"""Ensembles of classifiers and taggers: the mean by hand, and whatever one of them can do."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo.encoders import TCN, RecurrentEncoder, TextCNN
from seqzoo.heads import Classes, Tags
from seqzoo.preprocessing import (
    ByteTokenizer,
    LabelledText,
    TaggedResidues,
    TaggedTokens,
    TokenLookup,
)

TEXTS = ["good film", "bad", "a dull one, and long", ""]
STATES = ["C", "E", "H"]
PROTEINS = ["MKVA", "C", "GGHWYTAA"]


def classifiers(multi_label=False, count=3):
    keras.utils.set_random_seed(3)
    text = LabelledText(ByteTokenizer(), ["bad", "good", "long"], multi_label=multi_label)
    return [
        sz.Classifier(TextCNN(260, 4, filters=5, embedding_stddev=2.0), text, pooling="max")
        for _ in range(count)
    ]


def taggers(crf, forbidden=(), count=3):
    keras.utils.set_random_seed(4)
    residues = TaggedResidues(STATES)
    members = []
    for _ in range(count):
        head = Tags(3, crf=crf, forbidden=forbidden)
        members.append(sz.Tagger(None, TCN(None, residues.width, 6, 2), residues, head))
        head.set_weights([3 * np.random.normal(size=each.shape) for each in head.get_weights()])
    return members


@pytest.mark.parametrize("multi_label", [False, True])
def test_probabilities_of_classes_are_the_mean(multi_label, tmp_path):
    members = classifiers(multi_label)
    members[1].head.temperature.assign(2.5)
    ensemble = sz.ClassifierEnsemble(members)
    each = np.array([member.probabilities(TEXTS) for member in members], np.float64)
    np.testing.assert_allclose(ensemble.probabilities(TEXTS), each.mean(0), atol=1e-6)
    mean = each.mean(axis=0)
    names = np.array(["bad", "good", "long"])
    if multi_label:
        wanted = [names[row >= 0.5].tolist() for row in mean]
    else:
        wanted = names[mean.argmax(axis=1)].tolist()
    assert ensemble.classify(TEXTS) == wanted
    assert np.abs(each[0] - mean).max() > 0.02  # the members differ

    ensemble.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    answer = served(text=tf.constant(TEXTS))["probabilities"].numpy()
    np.testing.assert_allclose(answer[:3], mean[:3], atol=1e-6)
    ensemble.save_preset(tmp_path / "preset")
    again = sz.from_preset(tmp_path / "preset")
    assert type(again) is sz.ClassifierEnsemble
    np.testing.assert_array_equal(again.probabilities(TEXTS), ensemble.probabilities(TEXTS))


@pytest.mark.parametrize("crf", [False, True])
def test_probabilities_of_tags_are_the_mean(crf, tmp_path):
    members = taggers(crf)
    ensemble = sz.TaggerEnsemble(members)
    of_members = [member.marginals(PROTEINS) for member in members]
    found, tags = ensemble.marginals(PROTEINS), ensemble.tag(PROTEINS)
    for number in range(len(PROTEINS)):
        mean = np.mean([each[number] for each in of_members], axis=0)
        np.testing.assert_allclose(found[number], mean, atol=1e-6)
        assert tags[number] == [STATES[index] for index in mean.argmax(axis=1)]

    gold = ["CEHC", "E", "HHEECCCC"]
    ensemble.compile()
    loss, _ = ensemble.evaluate(list(zip(PROTEINS, gold, strict=True)), verbose=0)
    shares = np.concatenate(found)[range(13), [STATES.index(tag) for tag in "".join(gold)]]
    assert loss == pytest.approx(-np.log(shares).mean(), rel=1e-5)
    ensemble.save_preset(tmp_path / "preset")
    assert sz.from_preset(tmp_path / "preset").tag(PROTEINS) == ensemble.tag(PROTEINS)


def test_no_forbidden_pair_is_answered():
    forbidden = [(0, 1), (1, 2), (2, 0)]
    ensemble = sz.TaggerEnsemble(taggers(True, forbidden))
    free = sz.TaggerEnsemble(taggers(True))
    pairs = {"CE", "EH", "HC"}
    (kept,), (broken,) = (task.tag(["MKVAGGHWYTAA"]) for task in (ensemble, free))
    assert not {"".join(pair) for pair in itertools.pairwise(kept)} & pairs
    assert {"".join(pair) for pair in itertools.pairwise(broken)} & pairs


def test_rows_of_several_sentences_have_the_mean_of_each():
    words, letters = TokenLookup(), ByteTokenizer()
    text = TaggedTokens(words, letters)
    text.adapt([(["Ann", "left", "home"], ["A", "B", "A"])])
    keras.utils.set_random_seed(1)
    members = []
    for _ in range(2):
        features = sz.layers.TokenFeatures(words.vocabulary_size, 4, letters.vocabulary_size)
        members.append(sz.Tagger(features, RecurrentEncoder(None, features.width, 5), text))
    ensemble = sz.TaggerEnsemble(members)
    pieces = np.random.default_rng(0).integers(1, 200, (1, 5, 4))
    packed = {
        "inputs": tf.constant([[2, 3, 4, 3, 2]]),
        "pieces": tf.constant(pieces),
        "mask": tf.ones([1, 5], tf.bool),
        "segment_ids": tf.constant([[1, 1, 1, 2, 2]]),
        "steps": tf.constant([[[0, 1, 2], [3, 4, -1]]]),
    }
    together = np.exp(ensemble(packed))
    for sentence, steps in enumerate([[0, 1, 2], [3, 4]]):
        alone = {name: tf.gather(packed[name], steps, axis=1) for name in ("inputs", "pieces")}
        wanted = np.exp(ensemble(alone | {"mask": tf.ones([1, len(steps)], tf.bool)}))
        np.testing.assert_allclose(together[0, sentence, : len(steps)], wanted[0], atol=1e-5)


def test_what_does_not_fit_is_refused_in_words():
    with pytest.raises(ValueError, match="`members` must hold at least one"):
        sz.ClassifierEnsemble([])
    members = classifiers(count=1)
    with pytest.raises(ValueError, match="member 0 is a Classifier"):
        sz.TaggerEnsemble(members)
    with pytest.raises(ValueError, match="preprocessor of member 1 differs"):
        sz.ClassifierEnsemble([*members, *classifiers(True, 1)])
    with pytest.raises(ValueError, match="An ensemble is not trained as one"):
        sz.ClassifierEnsemble(members).fit(TEXTS, ["bad"] * 4)
    head = Classes(3)
    apart = sz.Classifier(TextCNN(260, 4, filters=5), head=head, pooling="max")
    with pytest.raises(ValueError, match="preprocessor of member 1 differs"):
        sz.ClassifierEnsemble([*members, apart])
