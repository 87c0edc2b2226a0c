import numpy as np
import pytest
from tiny_answering_tasks import classified, make_classifier, tagged, trained

from seqzoo import explain
from seqzoo.encoders import TextCNN
from seqzoo.preprocessing import TOKENIZERS, LabelledText, Labels
from seqzoo.tasks import Classifier


def test_a_confusion_matrix_counts_what_is_taken_for_what(tmp_path):
    task, examples = trained("classifier").task, classified(30, seed=7)
    examples[0] = (examples[0][0], "no" if examples[0][1] == "yes" else "yes")
    figure = explain.confusion_matrix(task, examples, tmp_path / "confusion.png")
    found = task.classify([text for text, _ in examples])
    wanted = [
        sum(f == column and r == row for f, (_, r) in zip(found, examples, strict=True))
        for row in ("no", "yes")
        for column in ("no", "yes")
    ]
    assert [int(text.get_text()) for text in figure.axes[0].texts] == wanted
    assert (tmp_path / "confusion.png").stat().st_size > 1000


def test_many_labels_are_counted_in_three_columns():
    task, examples = make_classifier(multi_label=True), classified(9, multi_label=True)
    figure = explain.confusion_matrix(task, examples)
    cells = [int(text.get_text()) for text in figure.axes[0].texts]
    had = [sum(label in labels for _, labels in examples) for label in "ab"]
    assert [cells[0] + cells[1], cells[3] + cells[4]] == had
    explain.reliability_diagram(task, examples)


def test_a_reliability_diagram_has_the_calibration_error_in_its_title():
    task, examples = make_classifier(), classified(25, seed=8)
    figure = explain.reliability_diagram(task, examples, bins=4)
    probabilities = task.probabilities([text for text, _ in examples])
    names = np.array(task.preprocessor.labels.names)
    right = names[probabilities.argmax(1)] == np.array([label for _, label in examples])
    sure = probabilities.max(1)
    error = sum(
        inside.sum() / 25 * abs(sure[inside].mean() - right[inside].mean())
        for low in (0, 0.25, 0.5, 0.75)
        if (inside := (sure >= low) & (sure < low + 0.25 + 1e-9 * (low == 0.75))).any()
    )
    assert figure.axes[0].get_title() == f"expected calibration error {error:.3f}"


def test_the_letter_that_decides_has_the_largest_effect(tmp_path):
    task = trained("classifier").task
    tokens, effects, label = explain.token_effects(task, "c d a f")
    assert (tokens, label) == (["c", "d", "a", "f"], "yes")
    assert effects.argmax() == 2
    assert effects[2] > 1
    explain.attribution(task, "c d a f " * 10, tmp_path / "attribution.png")
    assert (tmp_path / "attribution.png").stat().st_size > 1000
    with pytest.raises(ValueError, match="must have 1 to 512 tokens"):
        explain.attribution(task, "")


TEXT = "Zwei\u00a0Caf\u00e9s,  x\u2028y\tz!"


@pytest.mark.parametrize("name", TOKENIZERS)
def test_effects_stand_at_the_tokens_that_the_model_reads(name):
    tokenizer = TOKENIZERS[name](normalization=None)
    tokenizer.adapt([TEXT])
    encoder = TextCNN(tokenizer.vocabulary_size, embedding_dim=3, filters=2, windows=(1,))
    task = Classifier(encoder, LabelledText(tokenizer, ["no", "yes"]), pooling="max")

    tokens, effects, label = explain.token_effects(task, TEXT)

    (ids,) = tokenizer.tokenize([TEXT]).to_list()
    assert tokens == [token.decode() for token in tokenizer.tokens(ids).numpy()]
    counts = {"character": len(TEXT), "byte": len(TEXT.encode()), "whitespace": len(TEXT.split())}
    assert len(tokens) == counts.get(name, len(ids))
    index = ["no", "yes"].index(label)
    for removed in (0, len(ids) - 1):  # the pooled windows of one token do not see the order
        left = np.array([ids[:removed] + ids[removed + 1 :], ids[1:]])
        log_odds = [
            np.log(p / (1 - p))
            for rows in ([ids], left)
            for p in task.head.readout(task({"inputs": np.array(rows)})).numpy()[:1, index]
        ]
        np.testing.assert_allclose(effects[removed], log_odds[0] - log_odds[1], atol=1e-4)


def test_labels_of_examples_are_known_in_every_form():
    task = make_classifier()
    task.preprocessor.labels = Labels(["caf\u00e9", "7"])
    examples = [("a", "cafe\u0301"), ("b", 7), ("c", b"7")]
    figure = explain.confusion_matrix(task, examples)
    cells = [int(text.get_text()) for text in figure.axes[0].texts]
    assert [cells[0] + cells[1], cells[2] + cells[3]] == [1, 2]
    explain.reliability_diagram(task, examples)
    with pytest.raises(ValueError, match="Unknown label 'x' at index 1"):
        explain.confusion_matrix(task, [("a", 7), ("b", "x")])


def test_tags_are_drawn_with_their_probabilities(tmp_path):
    task = trained("tagger").task
    tokens = tagged(1)[0][0]
    figure = explain.explain_input(task, " ".join(tokens), tmp_path / "tags.png")
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, task.marginals([tokens])[0].T)
    # A token may hold white space other than spaces and tabs.
    figure = explain.tag_probabilities(task, " a\u00a0b \t c\u2028d ")
    drawn = figure.axes[0].images[0].get_array()
    np.testing.assert_allclose(drawn, task.marginals([["a\u00a0b", "c\u2028d"]])[0].T)
    with pytest.raises(ValueError, match="at least one token"):
        explain.tag_probabilities(task, "")
