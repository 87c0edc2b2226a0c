"""Ensembles: the combination by hand, and whatever a task can do."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import BEAM, make_translator, trained_translator

from seqzoo import Ensemble, from_preset
from seqzoo.preprocessing import TextPairs, WordTokenizer
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS

TEXTS = ["a b c", "g", "e e f a"]
WEIGHTS = [3, 1]


@pytest.fixture(scope="module")
def members():
    return [trained_translator().task, make_translator(units=10, seed=4)]


def by_hand(members, combine, pair):
    """Log-probs `(T, V)` in float64."""
    x, y, _ = members[0].preprocessor([pair[0]], [pair[1]])
    each = [tf.nn.log_softmax(tf.cast(member(x), tf.float64))[0].numpy() for member in members]
    shares = np.array(WEIGHTS)[:, None, None] / sum(WEIGHTS)
    if combine == "linear":
        return np.log((shares * np.exp(each)).sum(axis=0)), y.numpy()[0]
    logits = (shares * each).sum(axis=0)
    return logits - np.log(np.exp(logits).sum(axis=-1, keepdims=True)), y.numpy()[0]


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("combine", ["linear", "log_linear"])
def test_members_choose_together(members, combine, tmp_path):
    ensemble = Ensemble(members, combine, WEIGHTS, search=BEAM)
    found = ensemble.generate(TEXTS, return_hypotheses=True)
    for text, (best, *_) in zip(TEXTS, found, strict=True):
        log_probs, y = by_hand(members, combine, (text, best.text))
        wanted = log_probs[np.arange(len(y)), y][: len(best.tokens)]
        np.testing.assert_allclose(best.token_log_probs, wanted, rtol=1e-3, atol=1e-4)
        (scored,) = ensemble.score([(text, best.text)])
        np.testing.assert_allclose(scored.token_log_probs, wanted, rtol=1e-3, atol=1e-4)

    if combine == "log_linear":
        return
    ensemble.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    texts = served(text=tf.constant(TEXTS))["text"].numpy()
    assert texts[:, 0].tolist() == [row[0].text.encode() for row in found]
    ensemble.save_preset(tmp_path / "preset")
    assert from_preset(tmp_path / "preset").generate(TEXTS) == ensemble.generate(TEXTS)


def test_one_member_answers_as_it_does_alone(members):
    alone = Ensemble(members[:1]).generate(TEXTS, BEAM, return_hypotheses=True)
    for one, other in zip(alone, members[0].generate(TEXTS, BEAM, True), strict=True):
        assert one[0].tokens == other[0].tokens
        assert one[0].score == pytest.approx(other[0].score, abs=1e-4)


def test_what_does_not_fit_is_refused_in_words(members):
    with pytest.raises(ValueError, match="`members` must hold at least one"):
        Ensemble([])
    with pytest.raises(ValueError, match="`weights` must be positive numbers, one for each"):
        Ensemble(members, weights=[1])
    with pytest.raises(ValueError, match=r"Unknown `combine` 'linar'\. Did you mean 'linear'"):
        Ensemble(members, "linar")
    with pytest.raises(ValueError, match="An ensemble is not trained as one"):
        Ensemble(members).fit([("a", "a")])
    other = make_translator("sutskever_2014")
    words = WordTokenizer(normalization=None, vocabulary=[*SPECIAL_TOKENS, *"abcdegf"])
    other.preprocessor = TextPairs(other.preprocessor.source, words)
    with pytest.raises(ValueError, match=r"must have one target vocabulary\. Received"):
        Ensemble([*members, other])
