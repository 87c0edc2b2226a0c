import json
from pathlib import Path

import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import cli
from seqzoo.recipe import load_recipe, run
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/language_model"
NAMES = ["penn_treebank", "tiny_shakespeare"]
LINES = [" the cat sat on the <unk> ", " a dog ran ", "", " the dog sat on the cat "]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Files named as those of the data sets are, each in a folder."""
    folder = tmp_path_factory.mktemp("corpus")
    names = {
        "penn_treebank": "ptb.{}.txt",
        "wikitext2": "wiki.{}.tokens",
    }
    for name, pattern in names.items():
        (folder / name).mkdir()
        for split in ("train", "valid", "test"):
            path = folder / name / pattern.format(split)
            path.write_text("\n".join(LINES * (6 if split == "train" else 1)) + "\n")
    (folder / "tiny_shakespeare").mkdir()
    (folder / "tiny_shakespeare/input.txt").write_text("ROMEO:\nO, she doth teach!\n" * 20)
    return folder


def recipe_of(name, *settings):
    return set_fields(load_recipe(FOLDER / f"{name}.py"), settings)


@pytest.mark.parametrize("name", NAMES)
def test_there_is_a_text_that_needs_no_download(name):
    splits = recipe_of(name).load_splits(None)
    train, validation = (sum(map(len, splits[name])) for name in ("train", "validation"))
    assert train > 4 * validation > 40_000


def test_the_files_are_read_line_by_line_or_whole(corpus):
    lines = recipe_of("penn_treebank").load_splits(corpus / "wikitext2")
    assert lines["validation"] == lines["test"] == LINES
    parts = recipe_of("tiny_shakespeare").load_splits(corpus / "tiny_shakespeare")
    assert [len(parts[split][0]) for split in ("train", "validation")] == [468, 52]
    assert set(parts) == {"train", "validation"}


@pytest.mark.slow
@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_trains_evaluates_exports_and_is_loaded_again(name, corpus, tmp_path, capsys):
    out, recipe = tmp_path / "run", recipe_of(name)
    settings = ["model.units=6", "model.embedding_dim=5", "model.window_length=8"]
    settings += ["training.epochs=2", "training.batch_size=3", "training.warmup_steps=2"]
    metrics = run(FOLDER / f"{name}.py", out=out, data=corpus / name, settings=settings)
    *shown, last = capsys.readouterr().out.splitlines()

    assert json.loads(last) == metrics == json.loads((out / "metrics.json").read_text())
    prefix = "validation_" if name == "tiny_shakespeare" else ""
    assert {f"{prefix}perplexity", f"{prefix}bits_per_character"} < set(metrics)
    header = (out / "history.csv").read_text().split("\n")[0].split(",")
    assert header[:3] == ["epoch", "loss", "token_accuracy"]
    assert "val_perplexity" in header
    task = sz.from_preset(out / "preset")
    assert task.search == recipe.search
    served = tf.saved_model.load(str(out / "export/1")).signatures["serving_default"]
    answers = served(text=tf.constant(recipe.examples))["text"].numpy()[:, 0]
    assert "\n".join(shown).startswith(f"{recipe.examples[0]} -> {answers[0].decode()}")

    assert cli.main(["evaluate", str(out), "--split", "validation"]) == 0
    found = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert found["loss"] > 0


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({}, "The split 'train' needs a file in "),
        ({"ptb.train.txt": "a", "train.txt": "b"}, "One file must hold the split 'train'"),
        ({"train.txt": ""}, "must not be empty"),
    ],
)
def test_broken_folders_are_explained_in_a_line(tmp_path, capsys, files, message):
    data = tmp_path / "data"
    data.mkdir()
    for name, content in files.items():
        (data / name).write_text(content)
    arguments = ["train", str(FOLDER / "penn_treebank.py"), "--data", str(data)]

    assert cli.main([*arguments, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_a_text_that_is_too_short_or_missing_is_explained(tmp_path):
    load_whole = sz.datasets.plain_text.load_whole
    (tmp_path / "a.txt").write_text("abc")
    with pytest.raises(ValueError, match="too short to hold out its parts: 'validation'"):
        load_whole(tmp_path)
    with pytest.raises(ValueError, match=r"both together below 1\. Received: validation=0.5"):
        load_whole(tmp_path, 0.5, 0.5)
    (tmp_path / "b.txt").write_text("abc")
    with pytest.raises(FileNotFoundError, match=r"must hold one .* Received: a.txt, b.txt"):
        load_whole(tmp_path)
    with pytest.raises(FileNotFoundError, match="No file"):
        load_whole(tmp_path / "c.txt")
    with pytest.raises(FileNotFoundError, match="which is no folder"):
        sz.datasets.plain_text.load(tmp_path / "nowhere")
