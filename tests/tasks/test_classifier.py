import numpy as np
import pytest
import tensorflow as tf
from scipy.special import log_softmax
from tiny_answering_tasks import classified, make_classifier, trained

from seqzoo.layers.pooling import POOLINGS
from seqzoo.training.optimizer import Adam


@pytest.mark.parametrize("pooling", POOLINGS)
def test_every_pooling_learns(pooling):
    task = make_classifier(pooling=pooling)
    task.compile(Adam(0.05), run_eagerly=True)
    batch = task.preprocessor(*map(tf.constant, zip(*classified(30), strict=True)))
    losses = [task.train_on_batch(*batch)[0] for _ in range(6)]
    assert losses[-1] < 0.9 * losses[0]


def test_calibration_finds_the_temperature_of_the_highest_likelihood():
    task = make_classifier()
    examples = [*classified(30, seed=3), ("a", "no"), ("c", "yes")]
    texts, labels = zip(*examples, strict=True)
    targets = np.array([label == "yes" for label in labels], int)
    logits = np.log(task.probabilities(list(texts)))

    def loss(temperature):
        return -log_softmax(logits / temperature, axis=1)[np.arange(len(targets)), targets].mean()

    found = task.calibrate(examples)

    grid = np.exp(np.linspace(np.log(0.05), np.log(20), 400))
    assert loss(found) <= min(map(loss, grid)) + 1e-6
    np.testing.assert_allclose(task.head.temperature, found, rtol=1e-6)
    # softmax(log p / T)
    wanted = np.exp(log_softmax(logits / found, axis=1))
    np.testing.assert_allclose(task.probabilities(list(texts)), wanted, rtol=1e-3, atol=1e-6)


def test_many_labels_have_thresholds_that_validation_sets_and_files_keep(tmp_path):
    import seqzoo as sz

    task = make_classifier(multi_label=True)
    examples = classified(60, multi_label=True)
    task.compile(Adam(0.05))
    task.fit(examples, epochs=2, batch_size=20, verbose=0)

    thresholds = task.tune_thresholds(examples)

    assert list(thresholds) == ["a", "b"]
    texts = [text for text, _ in examples]
    probabilities = task.probabilities(texts)
    wanted = probabilities >= np.array(list(thresholds.values()), np.float32)
    found = task.classify(texts)
    assert found == [[label for label, has in zip("ab", row, strict=True) if has] for row in wanted]
    served = task.serve(tf.constant(texts[:3]))
    assert served["labels"].shape == (3, 2)
    task.save(tmp_path / "task.keras")
    assert sz.load(tmp_path / "task.keras").classify(texts) == found


def f1(decided, targets):
    hits = (decided & targets).sum()
    return 2 * hits / max(decided.sum() + targets.sum(), 1)


def test_thresholds_have_the_best_f1_of_all():
    from seqzoo.metrics.calibration import best_thresholds

    rng = np.random.default_rng(0)
    probabilities = rng.uniform(size=(40, 3)).astype("float32")
    targets = (rng.uniform(size=(40, 3)) < probabilities).astype("float32")
    targets[:, 2] = 0
    found = best_thresholds(probabilities, targets)
    assert found[2] == 0.5
    for label in (0, 1):
        of_label, is_one = probabilities[:, label], targets[:, label] > 0
        best = max(f1(of_label >= step, is_one) for step in np.linspace(0, 1, 2001))
        assert f1(of_label >= found[label], is_one) == pytest.approx(best)


@pytest.mark.parametrize(
    ("examples", "message"),
    [
        ([("a", "maybe")], "Unknown label 'maybe' at index 0. Known from the training: no, yes"),
        ([("a", ["yes"])], "must have one label, since multi_label=False"),
        ([("b", "no"), ("a", None)], "not empty, or an integer. Received: None at index 1"),
        ([("a", "")], "not empty, or an integer. Received: '' at index 0"),
        ([("a", float("nan"))], "not empty, or an integer. Received: nan at index 0"),
        (["a", "b"], "Expected a list of pairs of an input and its label"),
        ([], "There are no examples"),
        ([(3, "yes")], "Expected a list of texts. Received 3 at index 0"),
    ],
)
def test_wrong_examples_are_explained(examples, message):
    task = trained("classifier").task
    for method in (task.fit, task.evaluate):
        with pytest.raises(ValueError, match=message):
            method(examples, verbose=0)


def as_dataset(*sides):
    return tf.data.Dataset.from_tensor_slices(sides)


@pytest.mark.parametrize(
    ("dataset", "message"),
    [
        (as_dataset(["a"], ["maybe"]), "Unknown label 'maybe' at index 0. Known from the training"),
        (as_dataset(["a", "b"], [0, 1]), "Unknown label '0' at index 0"),
        (as_dataset(["a"], [0.5]), "or an integer. Received: 0.5 at index 0"),
        (as_dataset(["a"], [""]), "Received: '' at index 0"),
        (as_dataset([3], ["yes"]), "Expected a list of texts. Received 3 at index 0"),
        (as_dataset(["a"], [["yes"]]), r"Take batches apart with `dataset.unbatch\(\)`"),
        (as_dataset(["a"], ["yes"]).map(lambda x, y: {"x": x}), "Expected a column 'text'"),
        (as_dataset(["a"], ["yes"], [-1]), "`sample_weight` is a number of at least 0"),
        (as_dataset(["a"], ["yes"]).repeat(), "Received an endless dataset"),
        (as_dataset(["a"], ["yes"]).take(0), "There are no examples"),
    ],
)
def test_datasets_are_checked_as_lists_are(dataset, message):
    task = trained("classifier").task
    for method in (task.fit, task.evaluate, task.calibrate):
        with pytest.raises(ValueError, match=message):
            method(dataset, **({} if method == task.calibrate else {"verbose": 0}))


def test_targets_beside_a_dataset_are_refused():
    with pytest.raises(ValueError, match="A dataset holds the targets itself"):
        trained("classifier").task.evaluate(as_dataset(["a"]), ["yes"], verbose=0)


@pytest.mark.parametrize("multi_label", [False, True])
def test_integer_labels_stand_for_their_digits_in_lists_and_datasets(multi_label):
    preprocessor = make_classifier().preprocessor
    numbered = type(preprocessor)(preprocessor.tokenizer, ["0", "1", "2"], multi_label)
    labels = [[2, 0], [], [1]] if multi_label else [2, 0, 1]
    texts = ["a", "b", "c"]
    sides = (texts, tf.ragged.constant(labels, tf.int64) if multi_label else labels)
    wanted = [[1, 0, 1], [0, 0, 0], [0, 1, 0]] if multi_label else labels
    for examples in (list(zip(texts, labels, strict=True)), as_dataset(*sides)):
        (batch,) = numbered.examples(examples).ragged_batch(3)
        np.testing.assert_array_equal(numbered.encode(*batch)[1], wanted)


def test_one_class_alone_is_refused():
    preprocessor = make_classifier().preprocessor
    fresh = type(preprocessor)(preprocessor.tokenizer)
    with pytest.raises(ValueError, match="There must be at least two different labels"):
        fresh.adapt([("a", "yes"), ("b", "yes")])


def test_other_wrong_uses_are_explained():
    task = trained("classifier").task
    with pytest.raises(ValueError, match="Received one text: 'a b'"):
        task.classify("a b")
    with pytest.raises(ValueError, match="multi_label=True"):
        task.tune_thresholds([("a", "yes")])
    with pytest.raises(ValueError, match="needs to know its classes"):
        type(task)(task.encoder)
    with pytest.raises(ValueError, match="class_count=2"):
        type(task)(task.encoder, task.preprocessor, head=type(task.head)(3))


def test_class_weights_make_the_loss_that_of_repeated_examples():
    y, logits = np.array([0, 1, 1]), np.random.default_rng(0).normal(size=(3, 2)).astype("float32")
    from seqzoo.heads import Classes

    weighted, plain = Classes(2, class_weights=[3.0, 1.0]), Classes(2)
    total, weight = weighted.loss(y, logits, np.ones(3))
    repeated, count = plain.loss(y[[0, 0, 0, 1, 2]], logits[[0, 0, 0, 1, 2]], np.ones(5))
    np.testing.assert_allclose([total, weight], [repeated, count], rtol=1e-6)


@pytest.mark.parametrize(("keep", "wanted"), [("start", "abc"), ("end", "efg"), ("both", "abg")])
def test_a_long_text_is_cut_where_it_is_told(keep, wanted):
    preprocessor = make_classifier().preprocessor
    cut = type(preprocessor)(preprocessor.tokenizer, ["no", "yes"], max_length=3, keep=keep)
    assert cut.tokens("a b c d e f g") == list(wanted)
    assert cut.tokens("a b") == ["a", "b"]
