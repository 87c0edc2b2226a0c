"""A tagger whose encoder reads subwords: a word is its first subword."""

from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_masked_language_model, make_subword_tagger, make_tagger
from tiny_tasks import letters_tokenizer

import seqzoo as sz
from seqzoo.encoders import BlockEncoder, RecurrentEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import CharacterTokenizer, TaggedSubwords
from seqzoo.training.optimizer import Adam

BERT = Path(__file__).parents[1] / "importing/golden/bert"
SENTENCES = [["ab", "c", "gfd"], [], ["abcdefgab", "a", "fg"], ["a"]]


def letters():
    return CharacterTokenizer(normalization=None, vocabulary=letters_tokenizer().vocabulary)


@pytest.mark.parametrize("crf", [True, False])
def test_potentials_are_those_of_the_encoder_at_first_subwords(crf):
    encoder = make_masked_language_model().encoder
    subwords = TaggedSubwords(letters(), ["A", "B", "C"], max_length=8)
    task = sz.Tagger(encoder=encoder, preprocessor=subwords, head=sz.heads.Tags(3, crf))
    found = task(subwords.prepare(subwords.as_raw(SENTENCES)))
    for words, row in zip(SENTENCES, found, strict=True):
        ids = letters().tokenize(["".join(words)]).to_list()[0]
        outputs = [
            encoder(np.array([ids[i : i + 8]])).outputs[0] for i in range(0, len(ids), 8)
        ]  # chunks that see no other
        first = np.cumsum([0, *map(len, words)])[:-1]
        if words:
            expected = task.head(np.concatenate(outputs)[first][None])[0]
            np.testing.assert_allclose(row[: len(words)], expected, atol=1e-5)


@pytest.mark.usefixtures("eagerly")
def test_a_published_bert_is_fine_tuned_and_its_classifier_too():
    bert = sz.importing.load(BERT)
    tokenizer = bert.preprocessor.tokenizer
    before = bert.encoder.get_weights()
    examples = [(["a", "b"], ["X", "O"]), (["b"], ["O"])]
    tagger = sz.Tagger(encoder=bert.encoder, preprocessor=TaggedSubwords(tokenizer, ["O", "X"]))
    tagger.compile(Adam(0.01))
    tagger.fit(examples, epochs=1, verbose=0)
    moved = [np.abs(w - b).max() for w, b in zip(bert.encoder.get_weights(), before, strict=True)]
    assert min(moved[:1]) > 0
    assert [len(tags) for tags in tagger.tag([["a", "b", "zzz"], []])] == [3, 0]
    text = sz.preprocessing.LabelledText(tokenizer, ["no", "yes"])
    assert sz.Classifier(bert.encoder, text, pooling="mean").classify(["a b"])[0] in ("no", "yes")


def test_a_hole_between_words_gets_no_tag_and_changes_nothing():
    task = make_subword_tagger()
    served = task.serve(tf.constant([["c", "a", "b", ""], ["c", "", "a", "b"]]))["tags"].numpy()
    assert served[0, 3] == served[1, 1] == b""
    np.testing.assert_array_equal(served[0, :3], served[1, [0, 2, 3]])


def test_tensors_of_users_need_no_preprocessor():
    task = make_subword_tagger()
    inputs = task.preprocessor.prepare(task.preprocessor.as_raw(SENTENCES))
    bare = sz.Tagger(encoder=task.encoder, head=task.head)
    np.testing.assert_array_equal(bare(inputs), task(inputs))


def test_parts_that_do_not_go_together_are_refused():
    task = make_subword_tagger()
    encoder, tags = task.encoder, ["B-X", "I-X", "O"]
    of_vectors = BlockEncoder(None, 8, make_blocks(8, 1, num_heads=2))
    few = CharacterTokenizer(normalization=None, vocabulary=letters_tokenizer().vocabulary[:7])
    tagger = make_tagger()
    for error, settings in {
        "needs an encoder": {"preprocessor": task.preprocessor},
        "reads subwords. .* Give `features`": {
            "encoder": of_vectors, "preprocessor": task.preprocessor
        },
        "needs `TaggedSubwords`. Received: TaggedTokens": {
            "encoder": encoder, "preprocessor": tagger.preprocessor
        },
        "needs `TaggedTokens`. Received: TaggedSubwords": {
            "features": tagger.features, "encoder": tagger.encoder,
            "preprocessor": task.preprocessor, "head": task.head,
        },
        "leave the features out": {
            "features": tagger.features, "encoder": encoder, "preprocessor": task.preprocessor
        },
        "vocabulary of 12 tokens and the tokenizer one of 7. ": {
            "encoder": encoder, "preprocessor": TaggedSubwords(few, tags, max_length=8)
        },
        "has 8 positions. Received: .*max_length=None": {
            "encoder": encoder, "preprocessor": TaggedSubwords(letters(), tags)
        },
        "has 8 positions. Received: .*max_length=9": {
            "encoder": encoder, "preprocessor": TaggedSubwords(letters(), tags, max_length=9)
        },
        "`head.tag_count` must be 2": {
            "encoder": encoder,
            "preprocessor": TaggedSubwords(letters(), ["A", "B"], max_length=8),
            "head": sz.heads.Tags(3),
        },
    }.items():  # fmt: skip
        with pytest.raises(ValueError, match=error):
            sz.Tagger(**settings)
    task.compile()
    with pytest.raises(ValueError, match="one tag"):
        task.fit([(["a", "b"], ["O"])], verbose=0)


def test_attention_is_between_the_subwords_of_a_sentence():
    found = sz.explain.attention_weights(make_subword_tagger(), ["ab", "c"])["encoder"]
    assert found.queries == found.keys == ["a", "b", "c"]
    assert found.weights.shape == (1, 2, 3, 3)
    with pytest.raises(ValueError, match="at most 8 subwords"):
        sz.explain.attention_weights(make_subword_tagger(), ["abcdefgab"])


def test_a_recurrent_encoder_of_subwords_tags_too():
    keras.utils.set_random_seed(0)
    encoder = RecurrentEncoder(letters().vocabulary_size, 5, 6)
    subwords = TaggedSubwords(letters(), ["A", "B"])
    task = sz.Tagger(encoder=encoder, preprocessor=subwords)
    together = task.marginals(SENTENCES)
    alone = [task.marginals([sentence])[0] for sentence in SENTENCES]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)
