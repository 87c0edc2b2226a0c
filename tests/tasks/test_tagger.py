import itertools

import numpy as np
import pytest
import tensorflow as tf
from tiny_answering_tasks import make_tagger, tagged, trained

import seqzoo as sz
from seqzoo.datasets import streams
from seqzoo.training.optimizer import Adam


@pytest.mark.one_of_each
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
    mask = weight > 0
    rows = [
        plain.loss(*(part[i : i + 1] for part in (y, outputs, weight, mask)))[0] for i in (0, 1)
    ]

    total, count = weighted.loss(y, outputs, weight, mask)

    np.testing.assert_allclose(total, rows[0] * 5 / 3 + rows[1] * 2 / 2, rtol=1e-5)
    assert float(count) == 7


def test_the_loss_of_a_task_takes_the_steps_of_a_sentence_from_its_mask():
    task = make_tagger(class_weights=[0.0, 1.0, 1.0])  # nothing for B-X
    task.compile(run_eagerly=True)
    examples = [(["a", "b", "c"], ["B-X", "I-X", "O"]), (["c"], ["O"])]
    (x, y, weight), *_ = task.make_evaluation_batches(examples)
    zero = weight * [[1.0, 0.0, 1.0]]  # nothing for the second step
    paths = task.tag_n_best([tokens for tokens, _ in examples], n=40)
    losses = [
        -next(p.log_prob for p in each if p.tags == tags)
        for each, (_, tags) in zip(paths, examples, strict=True)
    ]

    found = task.evaluate(examples, verbose=0, return_dict=True)["loss"]
    assert found == pytest.approx((losses[0] * 2 / 3 + losses[1]) / 3, rel=1e-4)
    loss = task.compute_loss(x, y, task(x), zero)
    assert float(loss) == pytest.approx((losses[0] * 1 / 3 + losses[1]) / 2, rel=1e-4)


IOB1 = [(["x"], ["O"]), (["d", "a", "b"], ["O", "I-X", "I-X"])]


def as_dataset(sentences):
    sides = (tf.ragged.constant(side) for side in zip(*sentences, strict=True))
    return tf.data.Dataset.from_tensor_slices(tuple(sides))


def as_stream(sentences):
    return streams.from_dataset(as_dataset(sentences))


@pytest.mark.parametrize("form", [list, as_dataset, as_stream])
def test_tags_that_the_scheme_forbids_are_refused_before_training(form):
    task = make_tagger()
    task.compile()
    message = (
        r"The sentence at index 1, 'd a b', has tags that the scheme 'bio' forbids: "
        r"\['O', 'I-X', 'I-X'\], where 'I-X' follows 'O' at token 2. They follow the scheme "
        r"'iob1': convert all with `preprocessing.convert_tags\(tags, 'iob1', 'bio'\)`"
    )
    before = task.get_weights()
    with pytest.raises(ValueError, match=message):
        task.fit(form(IOB1), verbose=0)
    with pytest.raises(ValueError, match=message):
        task.evaluate(form(IOB1), verbose=0)
    with pytest.raises(ValueError, match=message):
        task.fit(tagged(4), validation_data=form(IOB1), verbose=0)
    for one, other in zip(before, task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)


def test_forbidden_pairs_of_a_user_are_refused_in_their_own_words():
    task = make_tagger()
    head = type(task.head)(3, forbidden=[(2, None), (0, 0)])
    task = type(task)(task.features, task.encoder, task.preprocessor, head)
    message = "has tags that the tagger forbids: .* where 'O' ends the sentence. Correct them"
    with pytest.raises(ValueError, match=message):
        task.make_evaluation_batches([(["a"], ["B-X"]), (["c"], ["O"])])
    with pytest.raises(ValueError, match="'B-X' follows 'B-X' at token 2"):
        task.make_evaluation_batches([(["a", "a"], ["B-X", "B-X"])])
    task.make_evaluation_batches([(["a"], ["B-X"]), ([], [])])


def tensor_tagger():
    """One whose users feed ids, and two batches of them: in the second, I follows O in row 1."""
    task = make_tagger(crf=False)
    task = type(task)(task.features, task.encoder, head=task.head)
    task.compile(run_eagerly=True)
    ids, mask = np.full((4, 3), 5), np.array([[1, 1, 0], [1, 1, 1], [1, 0, 1], [1, 1, 1]], bool)
    x = {"inputs": ids, "mask": mask, "pieces": ids[..., None]}
    tags = np.array([[0, 1, 1], [2, 2, 0], [0, 2, 1], [2, 2, 1]])  # B-X, I-X and O are 0, 1 and 2
    return task, x, tags


def test_forbidden_tags_in_tensors_are_refused_before_training():
    task, x, tags = tensor_tagger()
    message = (
        r"at index 3 has tags that the tagger forbids: \[2, 2, 1\], where 1 follows 2 at token 3"
    )
    before = task.get_weights()
    for x_of, tags_of in ((x, tags), (tf.nest.map_structure(tf.constant, x), tf.constant(tags))):
        with pytest.raises(ValueError, match=message):
            task.fit(x_of, tags_of, verbose=0)
        with pytest.raises(ValueError, match=message):
            task.evaluate(x_of, tags_of, verbose=0)
        good = tf.nest.map_structure(lambda each: each[:3], x_of), tags_of[:3]
        with pytest.raises(ValueError, match=message):
            task.fit(*good, validation_data=(x_of, tags_of), verbose=0)
    for one, other in zip(before, task.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    good = tf.nest.map_structure(lambda each: each[:3], x), tags[:3]  # a hole is no step
    assert task.evaluate(*good, verbose=0, return_dict=True)["loss"] < 10


def test_forbidden_tags_in_a_dataset_of_batches_are_refused():
    task, x, tags = tensor_tagger()
    message = r"at index 1 of a batch has tags that the tagger forbids: \[2, 2, 1\]"
    batches = tf.data.Dataset.from_tensor_slices((x, tags)).batch(2)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        task.fit(batches, verbose=0, shuffle=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        task.fit(batches.take(1), validation_data=batches, verbose=0, shuffle=False)
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        task.evaluate(batches, verbose=0)
    named = make_tagger()
    named.compile(run_eagerly=True)
    message = r"of a batch has tags that the scheme 'bio' forbids: \['O', 'O', 'I-X'\]"
    with pytest.raises(tf.errors.InvalidArgumentError, match=message):
        named.evaluate(batches, verbose=0)
    assert task.evaluate(batches.take(1), verbose=0, return_dict=True)["loss"] < 10


def test_converted_tags_are_taken():
    convert = sz.preprocessing.convert_tags
    converted = [(tokens, convert(tags, "iob1", "bio")) for tokens, tags in IOB1]
    assert float(make_tagger().raw_examples(converted).cardinality()) == 2


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([(["a", "b"], ["O"])], "2 tokens and 1 tags in the sentence at index 0"),
        ([(["a"], ["B-Y"])], "Unknown label 'B-Y' in the sentence at index 0"),
        ([("a b", ["O", "O"])], "Received a text at index 0: 'a b'"),
        ([(["a", ""], ["O", "O"])], "A token is a text that is not empty. Received: ''"),
        ([(["a"], [None])], "Received: None in the sentence at index 0"),
        ([(["a"], [""])], "not empty, or an integer. Received: '' in the sentence at index 0"),
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


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (as_dataset([(["a"], ["B-Y"])]), "Unknown label 'B-Y' in the sentence at index 0"),
        (as_dataset([(["a", "b"], ["O"])]), "2 tokens and 1 tags in the sentence at index 0"),
        (as_dataset([(["a", ""], ["O", "O"])]), "A token is a text that is not empty"),
        (as_dataset([(["a"], [3])]), "Unknown label '3' in the sentence at index 0"),
        (as_dataset([(["a"], [0.5])]), r"Received: 0.5 in the sentence at index 0"),
        (as_dataset([(["a"], ["O"])]).repeat(), "Received an endless dataset"),
        (as_dataset(tagged(4)).map(lambda x, y: {"x": x, "y": y}), "Expected a column 'tokens'"),
        (as_dataset(tagged(4)).map(lambda x, y: x), "Make pairs with `dataset.map`"),
        (as_dataset(tagged(4)).take(0), "There are no sentences"),
    ],
)
def test_datasets_are_checked_as_lists_are(dataset, message):
    task = trained("tagger").task
    for method in (task.fit, task.evaluate):
        with pytest.raises(ValueError, match=message):
            method(dataset, verbose=0)


def test_integer_tags_stand_for_their_digits_in_lists_and_datasets():
    task = make_tagger()
    numbered = type(task.preprocessor)(task.preprocessor.words, tags=["0", "1"])
    listed = [(["a", "b"], [1, 0]), (["c"], [0])]
    for form in (list, as_dataset):
        found = list(numbered.examples(form(listed)).map(lambda x, y: numbered.labels.ids(y)))
        assert [ids.numpy().tolist() for ids in found] == [[1, 0], [0]]
