"""A masked language model hides what its paper hides, learns to fill it in, and passes it on."""

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_masked_language_model, trained
from tiny_tasks import LETTERS, letter_texts, letters_tokenizer

import seqzoo as sz
from seqzoo.encoders import BlockEncoder
from seqzoo.layers import make_blocks
from seqzoo.preprocessing import MaskedText
from seqzoo.training.optimizer import Adam


def test_training_lowers_the_loss_and_fills_in_the_letter_between_its_neighbours():
    task, history = trained("masked_language_model")
    for key in ("loss", "val_loss", "val_perplexity"):
        assert history[key][-1] < 0.9 * history[key][0]
    (before, after), nothing = task.fill(["a [MASK] c d e [MASK] g", "a b"])
    assert (before[0].token, after[0].token) == ("b", "f")
    assert nothing == []
    probabilities = [filling.probability for filling in before]
    assert len(before) == 5
    assert probabilities == sorted(probabilities, reverse=True)
    assert 0 < sum(probabilities) <= 1


def test_of_the_chosen_tokens_eight_of_ten_are_hidden_and_one_is_another():
    task = make_masked_language_model(rate=0.2)
    ids = np.random.default_rng(0).integers(0, 4 + len(LETTERS), (400, 50)).astype("int32")
    x, y, weight = task._with_hidden_tokens(
        {"token_ids": tf.constant(ids)},
        tf.ones(ids.shape),
        *(tf.random.stateless_uniform(ids.shape, [number, 7]) for number in range(3)),
    )
    shown, chosen = x["token_ids"].numpy(), weight.numpy() > 0
    np.testing.assert_array_equal(y, ids)
    np.testing.assert_array_equal(shown[~chosen], ids[~chosen])
    can_be = ~np.isin(ids, (0, 2, 3))
    assert not chosen[~can_be].any()
    assert chosen[can_be].mean() == pytest.approx(0.2, abs=0.01)
    hidden = shown[chosen] == task.preprocessor.mask_id
    assert hidden.mean() == pytest.approx(0.8, abs=0.02)
    others = shown[chosen][~hidden]
    same = others == ids[chosen][~hidden]
    assert same.mean() == pytest.approx(0.5 + 0.5 / len(LETTERS), abs=0.06)
    assert set(others[~same]) <= set(range(4, 4 + len(LETTERS)))


def test_evaluation_hides_the_same_tokens_each_time():
    task, _ = trained("masked_language_model")
    texts = letter_texts(20, seed=4)
    first, second = (task.evaluate(texts, return_dict=True, verbose=0) for _ in range(2))
    assert first["loss"] == second["loss"]


def test_a_saved_and_an_exported_model_fill_in_the_same(tmp_path):
    task, _ = trained("masked_language_model")
    texts = ["a [MASK] c", "", "[MASK]", "e f [MASK] a", "zz [MASK]"]
    expected = task.fill(texts)
    task.save(tmp_path / "task.keras")
    again = sz.load(tmp_path / "task.keras")
    assert again.fill(texts) == expected
    task.export(tmp_path / "served")
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    answer = served(text=tf.constant(texts))
    assert answer["text"].numpy()[0] == b"a b c"
    found = answer["tokens"].numpy()[0, 1].astype(str).tolist()
    assert found == [filling.token for filling in expected[0][0]]
    assert not answer["probabilities"].numpy()[0, 0].any()


@pytest.mark.usefixtures("eagerly")
def test_what_the_encoder_has_learned_goes_on_in_a_classifier():
    task = make_masked_language_model()
    labels = sz.preprocessing.LabelledText(letters_tokenizer(), labels=["early", "late"])
    classifier = sz.Classifier(task.encoder, labels, pooling="mean")
    classifier.compile(Adam(0.01))
    before = task.encoder.embedding.embeddings.numpy().copy()
    classifier.fit([("a b", "early"), ("f g", "late")], epochs=1, verbose=0)
    assert np.abs(task.encoder.embedding.embeddings.numpy() - before).max() > 0
    assert classifier.classify(["a b c"])[0] in ("early", "late")


def test_logits_of_the_chosen_tokens_alone_have_the_loss_of_all():
    task = make_masked_language_model(rate=0.25)
    rng = np.random.default_rng(3)
    ids = tf.constant(rng.integers(4, 11, (6, 8)), tf.int32)
    weight = tf.cast(rng.random((6, 8)) < 0.25, tf.float32)
    x, y, counted = task._counted_alone({"token_ids": ids}, ids, weight)
    assert y.shape == counted.shape == (6, 8)  # of so short rows all; of long ones a part
    assert task._counted_alone({}, *[tf.ones((2, 400))] * 2)[1].shape == (2, 144)
    logits, all_logits = task(x), task({"token_ids": ids})
    found, expected = task.head.loss(y, logits, counted), task.head.loss(ids, all_logits, weight)
    np.testing.assert_allclose(found, expected, rtol=1e-5)


def test_sizes_and_options_that_do_not_fit_are_refused():
    text = MaskedText(letters_tokenizer())
    encoder = BlockEncoder(11, 8, make_blocks(8, 1, num_heads=2))
    with pytest.raises(ValueError, match="vocabulary_size=12"):
        sz.MaskedLanguageModel(encoder, text)
    with pytest.raises(ValueError, match="rate=1"):
        make_masked_language_model(rate=1)
    task = make_masked_language_model()
    task.compile(Adam(0.01))
    with pytest.raises(ValueError, match="learns from texts alone"):
        task.fit(["a b"], ["c"], verbose=0)
