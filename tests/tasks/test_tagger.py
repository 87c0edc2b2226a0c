import itertools

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_tagger, tagged, trained

from seqzoo.training.optimizer import Adam


@pytest.mark.parametrize("builder", ["ma_2016", "lample_2016"])
@pytest.mark.parametrize("crf", [True, False])
def test_every_head_and_reader_learns(builder, crf):
    task = make_tagger(builder, crf=crf, unknown_rate=0.1)
    task.compile(Adam(0.05), run_eagerly=True)
    tokens, tags = zip(*tagged(30), strict=True)
    batch = task.preprocessor(tf.ragged.constant(tokens), tf.ragged.constant(tags))
    losses = [task.train_on_batch(*batch[:2], sample_weight=batch[2])[0] for _ in range(10)]
    assert losses[-1] < 0.8 * losses[0]


def test_answers_hold_no_tag_that_the_scheme_forbids():
    task = make_tagger()  # not trained, so that it would
    sentences = [tokens for tokens, _ in tagged(40, seed=5)]
    for tags in task.tag(sentences):
        for before, after in itertools.pairwise(["O", *tags]):
            assert after != "I-X" or before != "O"


def test_n_best_paths_begin_with_the_answer_and_hold_all_probability():
    task = trained("tagger").task
    sentences = [["c", "a", "b"], [], ["g"]]
    paths = task.tag_n_best(sentences, n=40)
    assert [each[0].tags for each in paths] == task.tag(sentences)
    for each in paths:
        log_probs = [path.log_prob for path in each]
        assert log_probs == sorted(log_probs, reverse=True)
        assert np.exp(log_probs).sum() == pytest.approx(1, abs=1e-4)
    assert paths[1] == [([], pytest.approx(0, abs=1e-6))]
    # Two tags may begin a sentence, and after O two may follow, after the others three.
    assert [len(each) for each in paths] == [13, 1, 2]


def test_a_hole_between_tokens_gets_no_tag_and_changes_nothing():
    task = trained("tagger").task
    served = task.serve(tf.constant([["c", "a", "b", ""], ["c", "", "a", "b"]]))["tags"].numpy()
    assert served[0, 3] == served[1, 1] == b""
    np.testing.assert_array_equal(served[0, :3], served[1, [0, 2, 3]])


def test_class_weights_weigh_sentences_by_their_tags():
    from seqzoo.heads import Tags

    rng = np.random.default_rng(0)
    hidden = rng.normal(size=(2, 3, 4)).astype("float32")
    y = np.array([[0, 0, 1], [1, 1, 0]])
    weight = np.array([[1, 1, 1], [1, 1, 0]], "float32")
    plain, weighted = Tags(2), Tags(2, class_weights=[2.0, 1.0])
    outputs = plain(hidden)
    weighted(hidden)
    weighted.set_weights(plain.get_weights())
    rows = [plain.loss(y[i : i + 1], outputs[i : i + 1], weight[i : i + 1])[0] for i in (0, 1)]

    total, count = weighted.loss(y, outputs, weight)

    np.testing.assert_allclose(total, rows[0] * 5 / 3 + rows[1] * 2 / 2, rtol=1e-5)
    assert float(count) == 7


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([(["a", "b"], ["O"])], "2 tokens and 1 tags in the sentence at place 0"),
        ([(["a"], ["B-Y"])], "Unknown label 'B-Y' in the sentence at place 0"),
        ([("a b", ["O", "O"])], "Received a text at place 0: 'a b'"),
        ([(["a", ""], ["O", "O"])], "A token is a text that is not empty. Received: ''"),
        ([], "There are no sentences"),
    ],
)
def test_wrong_examples_are_explained(examples, message):
    task = trained("tagger").task
    for method in (task.fit, task.evaluate):
        with pytest.raises(ValueError, match=message):
            method(examples, verbose=0)


def test_sizes_that_do_not_fit_are_explained():
    task = trained("tagger").task
    with pytest.raises(ValueError, match=r"`head.tag_count` must be 3, as in the preprocessor"):
        type(task)(task.features, task.encoder, task.preprocessor, head=type(task.head)(4))
    with pytest.raises(ValueError, match="vocabulary_size=None, embedding_dim=11"):
        type(task)(make_tagger(embedding_dim=7).features, task.encoder, task.preprocessor)


def test_a_sentence_without_tokens_changes_no_loss():
    task = make_tagger()  # whose loss is no small difference of large numbers
    task.compile(Adam(), run_eagerly=True)
    examples = tagged(5)
    with_empty = [*examples[:2], ([], []), *examples[2:]]
    assert task.evaluate(with_empty, verbose=0) == pytest.approx(
        task.evaluate(examples, verbose=0), rel=1e-5
    )
