"""Each kind of task has its pictures, from the command line and at the end of a run."""

import importlib
import re

import numpy as np
import pytest
from matplotlib.figure import Figure
from tiny_answering_tasks import classified, make_classifier
from tiny_tasks import letters_tokenizer, make_language_model, make_translator

import seqzoo as sz
from seqzoo import explain

module = importlib.import_module("seqzoo.explain.run_pictures")  # not the function
TINY = {"units": 8, "layers": 1, "num_heads": 2, "dropout": 0.0}
pytestmark = pytest.mark.usefixtures("eagerly")


def gpt():
    return make_language_model("radford_2019", **TINY | {"window_length": 60})


def bert():
    return sz.zoo.devlin_2019(letters_tokenizer(), **TINY, window_length=60)


def transformer():
    task = sz.zoo.vaswani_2017(letters_tokenizer(), letters_tokenizer(), **TINY)
    task.search = sz.Greedy(max_length=3)
    return task


PICTURES = {
    gpt: ["probabilities", "heads"],
    bert: ["probabilities", "heads"],
    make_language_model: ["probabilities", "states"],
    transformer: ["attention", "heads", "probabilities"],
    make_translator: ["attention", "states", "probabilities"],
    make_classifier: ["attribution", "states"],
}


@pytest.fixture
def drawn(monkeypatch):
    """What was asked for, of pictures that are not drawn."""
    asked = []
    for name in ("attention_map", "attribution", "_draw_heads", "_draw_states"):
        monkeypatch.setattr(
            module, name, lambda task, text, path, name=name: asked.append((name, text, path))
        )
    monkeypatch.setattr(
        module, "_draw_probabilities", lambda task, text, path: asked.append(("p", text, path))
    )
    monkeypatch.setattr(module, "confusion_matrix", lambda *_: None)
    monkeypatch.setattr(module, "reliability_diagram", lambda *_: None)
    return asked


@pytest.mark.parametrize("make", PICTURES, ids=lambda make: make.__name__)
def test_every_task_has_its_pictures_and_a_run_draws_states_where_nothing_attends(
    make, drawn, tmp_path
):
    task = make()
    assert list(module._pictures_of(task)) == PICTURES[make]
    is_text = isinstance(task, (sz.LanguageModel, sz.MaskedLanguageModel))
    texts = ["", "a b " * 150, "c"] if is_text else classified(3)
    said = []
    explain.run_pictures(task, ["a b"], ["b a"], texts, tmp_path, said.append)

    paths = [path.name for _, _, path in drawn]
    expected = [f"{name}.png" for name in PICTURES[make]]
    if not is_text:
        expected = [name for name in expected if name != "probabilities.png"]
    if "attention.png" in expected:
        expected = [name for name in expected if name != "states.png"]
    assert (paths, said) == (expected, [])
    lengths = {path.name: len(text) for _, text, path in drawn}
    if is_text:  # the first text that is not blank, or so much of it as can be read in a picture
        assert lengths.pop("probabilities.png") == 400
        assert set(lengths.values()) == {48}
    else:
        assert set(lengths.values()) == {3}


def test_the_picture_of_a_name_is_drawn_and_the_first_without_one(tmp_path):
    task = gpt()
    first = explain.explain_input(task, "a b c", tmp_path / "text.png")
    heads = explain.explain_input(task, "a b c", tmp_path / "heads.png", "heads")
    assert isinstance(first, Figure)
    assert "bits a token" in first.texts[0].get_text()
    weights = explain.attention_weights(task, "a b c")["decoder"].weights
    drawn = [np.asarray(image.get_array()) for image in heads.axes[0].images]
    np.testing.assert_allclose(drawn, weights[0], atol=1e-6)
    assert (tmp_path / "text.png").stat().st_size > 1000
    assert (tmp_path / "heads.png").stat().st_size > 1000


@pytest.mark.parametrize(
    ("picture", "message"),
    [
        ("states", "no picture 'states' of this LanguageModel. It has: probabilities, heads."),
        ("head", "Unknown `picture` 'head'. Did you mean 'heads'?"),
    ],
)
def test_a_picture_that_a_task_has_not_is_refused_in_a_line(picture, message):
    with pytest.raises(ValueError, match=re.escape(message)) as refused:
        explain.explain_input(gpt(), "a b", picture=picture)
    assert "\n" not in str(refused.value)


def test_a_task_without_any_picture_is_refused():
    with pytest.raises(ValueError, match="no picture for the inputs of a str"):
        explain.explain_input("task", "a")
