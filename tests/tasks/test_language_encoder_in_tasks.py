"""The encoder of a language model goes on in a classifier and in a tagger."""

import keras
import numpy as np
import pytest
from tiny_answering_tasks import VOCABULARY, classified, tagged, tokenizer

import seqzoo
from seqzoo import Classifier, Tagger
from seqzoo.encoders import RecurrentEncoder
from seqzoo.layers import TokenFeatures
from seqzoo.preprocessing import LabelledText, TaggedTokens, TokenLookup, WhitespaceTokenizer
from seqzoo.training.optimizer import Adam
from seqzoo.zoo import merity_2018

WIDTH = 6
CLASSIFIED, TAGGED = classified(60), tagged(60)


@pytest.fixture
def language_model():
    keras.utils.set_random_seed(1)
    return merity_2018(tokenizer(WhitespaceTokenizer), units=8, layers=2, embedding_dim=WIDTH)


def make_classifier(encoder):
    preprocessor = LabelledText(tokenizer(WhitespaceTokenizer), ["no", "yes"])
    return Classifier(encoder, preprocessor, pooling="concat")


def make_tagger(encoder):
    features = TokenFeatures(len(VOCABULARY), 4, language=encoder)
    assert features.width == 4 + WIDTH
    preprocessor = TaggedTokens(TokenLookup(vocabulary=VOCABULARY), None, ["B-X", "I-X", "O"])
    return Tagger(features, RecurrentEncoder(None, features.width, 8), preprocessor)


@pytest.mark.one_of_each
@pytest.mark.parametrize("learns", [True, False])
@pytest.mark.parametrize(("make", "pairs"), [(make_classifier, CLASSIFIED), (make_tagger, TAGGED)])
def test_it_is_fine_tuned_or_stays_as_it_is(make, pairs, learns, language_model, tmp_path):
    encoder = language_model.encoder
    encoder.trainable = learns
    task = make(encoder)
    before = [weight.numpy() for weight in encoder.weights]
    task.compile(Adam(0.05))

    history = task.fit(pairs, batch_size=10, epochs=4, verbose=0).history

    assert history["loss"][-1] < history["loss"][0]
    changed = [
        not np.array_equal(weight, old) for weight, old in zip(encoder.weights, before, strict=True)
    ]
    assert all(changed) if learns else not any(changed)
    task.save(tmp_path / "task.keras")
    again = seqzoo.load(tmp_path / "task.keras")
    assert len(again.trainable_weights) == len(task.trainable_weights)
    assert len(again.optimizer.variables) == len(task.optimizer.variables)
    inputs = [raw for raw, _ in pairs]
    ask = "probabilities" if make is make_classifier else "marginals"
    for one, other in zip(getattr(task, ask)(inputs), getattr(again, ask)(inputs), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_the_features_of_a_token_are_what_the_language_model_says_of_it(language_model):
    ids = np.array([[4, 5, 6, 0], [7, 8, 4, 9]], "int32")
    features = TokenFeatures(len(VOCABULARY), 4, language=language_model.encoder)
    found = features(ids)
    wanted, _ = language_model.decoder.run(ids)
    np.testing.assert_allclose(found[0, :3, 4:], wanted[0, :3], atol=1e-6)
    np.testing.assert_allclose(found[1, :, 4:], wanted[1], atol=1e-6)


def test_another_vocabulary_and_a_whole_language_model_are_refused(language_model):
    for size, language in ((5, language_model.encoder), (len(VOCABULARY), language_model)):
        with pytest.raises(ValueError, match="`language` must be an encoder with the vocabulary"):
            TokenFeatures(size, 4, language=language)
