import dataclasses
import io
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import cli
from seqzoo.datasets import scenes
from seqzoo.recipe import Run, TrainedModel, load_recipe, run

FOLDER = Path(__file__).parents[2] / "recipes/captioning"
SMALL = ["model.units=8", "model.embedding_dim=6", "training.epochs=1", "training.batch_size=8"]
DRAWN = ["data.train_size=16", "data.validation_size=2", "data.test_size=8"]


@pytest.fixture(scope="module")
def flickr(tmp_path_factory):
    """A folder in the layout of Flickr8k, its photographs drawn."""
    folder = tmp_path_factory.mktemp("flickr")
    (folder / "images").mkdir()
    drawn = scenes.load(train_size=16, validation_size=2, test_size=12)
    lines = []
    for split, name in (("train", "train"), ("validation", "dev"), ("test", "test")):
        names = []
        for place, (png, captions) in enumerate(drawn[split]):
            names.append(f"{name}{place}.jpg")
            pixels = tf.io.decode_png(png)
            (folder / "images" / names[-1]).write_bytes(tf.io.encode_jpeg(pixels).numpy())
            lines += [f"{names[-1]}#{i}\t{text} ." for i, text in enumerate(captions)]
        (folder / f"Set.{name}Images.txt").write_text("\n".join(names))
    (folder / "Set.token.txt").write_text("\n".join(lines))
    return folder


def served(folder, recipe, splits):
    """The best answers of an exported model to the recipe's examples."""
    signature = tf.saved_model.load(str(folder)).signatures["serving_default"]
    examples = recipe.examples_of(splits)
    (name,) = signature.structured_input_signature[1]
    if name == "image":
        encoded = [e if isinstance(e, bytes) else Path(e).read_bytes() for e in examples]
        answer = signature(image=tf.constant(encoded))
    else:
        answer = signature(frames=tf.ragged.constant(examples, tf.string).to_tensor(""))
    return [text.decode() for text in answer["text"].numpy()[:, 0]]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        ("scenes", DRAWN),
        ("clips", DRAWN),
        ("flickr8k", ["model.pixels=32", "model.min_frequency=1", "model.blind=true"]),
    ],
)
def test_a_recipe_trains_evaluates_explains_exports_and_is_loaded_again(
    name, settings, flickr, tmp_path, capsys
):
    out, recipe = tmp_path / "run", load_recipe(FOLDER / f"{name}.py")
    data = flickr if name == "flickr8k" else None
    metrics = run(FOLDER / f"{name}.py", out=out, data=data, settings=[*SMALL, *settings])
    *shown, last = capsys.readouterr().out.splitlines()

    assert json.loads(last) == metrics == json.loads((out / "metrics.json").read_text())
    assert set(recipe.metrics) < set(metrics)
    for picture in ("attention.png", "captions.png", "learning_curves.png"):
        assert (out / "plots" / picture).stat().st_size > 1000
    assert sz.from_preset(out / "preset").search == recipe.search
    answers = served(out / "export/1", recipe, Run.open(out).load_splits())
    assert [line.split(" -> ", 1)[1] for line in shown] == answers


@pytest.mark.usefixtures("eagerly")
def test_the_command_line_captions_files_of_images(tmp_path, monkeypatch, capsys):
    """Of a model that is not trained: what trains, evaluates and exports is tested above."""
    recipe = load_recipe(FOLDER / "scenes.py")
    recipe = dataclasses.replace(recipe, data=dataclasses.replace(recipe.data, train_size=16))
    model = dataclasses.replace(recipe.model, units=8, embedding_dim=6)
    task = recipe.build(recipe.load_splits(None), model)
    recipe = recipe.completed(task)
    trained = TrainedModel("scenes", task, recipe.search, recipe.respond)
    monkeypatch.setattr("seqzoo.recipe.open_trained", lambda *_, **__: trained)
    out = str(tmp_path)
    tf.io.write_file(str(tmp_path / "a.png"), tf.io.encode_png(np.full((9, 7, 3), 90, "uint8")))
    (tmp_path / "text.jpg").write_text("no picture")
    capsys.readouterr()

    def ask(*lines):
        content = "".join(f"{line}\n" for line in lines).encode()
        monkeypatch.setattr("sys.stdin", Stdin(content))
        return cli.main(["predict", out, "--beam", "2", "--n-best", "2", "--scores"])

    assert ask(tmp_path / "a.png", "", tmp_path / "a.png") == 0
    first, empty, again = capsys.readouterr().out.split("\n")[:3]
    assert first == again
    assert len(first.split("\t")) == 4
    assert empty == ""

    assert ask(tmp_path / "text.jpg") == 2
    error = capsys.readouterr().err
    assert "text.jpg is no whole JPEG" in error
    assert error.count("\n") == 1

    picture = tmp_path / "words.png"
    assert cli.main(["explain", out, str(tmp_path / "a.png"), "--out", str(picture)]) == 0
    assert picture.stat().st_size > 1000
    assert cli.main(["explain", out, "missing.png", "--out", str(picture)]) == 2
    assert "missing.png cannot be read" in capsys.readouterr().err


class Stdin:
    """Bytes as the command reads them."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)


def test_an_encoder_learns_words_and_what_it_sees_is_trained_on(flickr):
    recipe = load_recipe(FOLDER / "flickr8k.py")
    model = dataclasses.replace(
        recipe.model, pixels=32, units=6, embedding_dim=5, min_frequency=1, word_epochs=1
    )
    splits = recipe.load_splits(flickr)
    task = recipe.build(splits, model)
    before = [np.array(weight) for weight in task.encoder.backbone.get_weights()]
    prepared = recipe.prepare(task, splits, model)

    assert any(map(np.any, map(np.not_equal, before, task.encoder.backbone.get_weights())))
    assert not task.encoder.backbone.trainable_weights
    images, captions = zip(*splits["train"], strict=True)
    seen = np.stack([features for features, _ in prepared["train"]])
    np.testing.assert_allclose(seen[: len(images)], task.features(images), rtol=1e-3, atol=1e-4)
    pixels = task.preprocessor.reader.read(images).pixels
    mirrored = task.features(list(np.ascontiguousarray(pixels[:, :, ::-1])))
    np.testing.assert_allclose(seen[len(images) :], mirrored, rtol=1e-3, atol=1e-4)
    assert [each for _, each in prepared["train"]] == [*captions, *captions]
    assert prepared["validation"] == splits["validation"]


def test_flickr8k_without_data_says_where_to_get_them(capsys):
    assert cli.main(["train", str(FOLDER / "flickr8k.py")]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--data DIR" in error
    assert "data.tfds=coco_captions" in error
