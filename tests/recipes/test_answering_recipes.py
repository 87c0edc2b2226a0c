"""Recipes of classifiers and taggers: from files and from the embedded default."""

import gzip
import json
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import cli
from seqzoo.preprocessing import WhitespaceTokenizer, cooccurrence_vectors
from seqzoo.recipe import load_recipe, run
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes"
RECIPES = {
    "classification/movie_reviews": ["model.embedding_dim=4", "model.filters=3"],
    "classification/questions": ["model.embedding_dim=4", "model.units=3"],
    "classification/imdb": ["model.embedding_dim=4", "model.units=3"],
    "tagging/entities": ["model.embedding_dim=4", "model.units=3"],
    "tagging/part_of_speech": ["model.embedding_dim=4", "model.units=3"],
}

CONLL = "Ann\tB-person\nsleeps\tO\n\nin\tO\nNew\tB-location\nYork\tI-location\n"
CONLLU = "\n".join(
    f"{i}\t{word}\t_\t{tag}\t_\t_\t_\t_\t_\t_"
    for i, (word, tag) in enumerate([("a", "DET"), ("dog", "NOUN"), ("runs", "VERB")], start=1)
)
FILES = {
    "classification/movie_reviews": {
        "rt-polarity.pos": "".join(f"good film {i}\n" for i in range(20)),
        "rt-polarity.neg": "".join(f"bad film {i}\n" for i in range(20)),
    },
    "classification/questions": {
        "train.label": "HUM:ind Who is Ann ?\nNUM:date When was it ?\n" * 10,
        "test.label": "HUM:ind Who is Bob ?\n",
    },
    "classification/imdb": {
        "train.jsonl": '{"text": "good", "label": 1}\n{"text": "bad", "label": 0}\n' * 10,
        "test.jsonl": '{"text": "bad film", "label": 0}\n',
    },
    "tagging/entities": {f"{name}.conll": CONLL * 2 for name in ("train", "dev", "test")},
    "tagging/part_of_speech": {
        f"en_ewt-ud-{name}.conllu.gz": CONLLU + "\n\n" for name in ("train", "dev", "test")
    },
}
everywhere = pytest.mark.parametrize("name", RECIPES)


@pytest.fixture
def data(name, tmp_path):
    folder = tmp_path / "data"
    folder.mkdir()
    for file, text in FILES[name].items():
        content = text.encode()
        (folder / file).write_bytes(gzip.compress(content) if file.endswith(".gz") else content)
    return folder


@everywhere
@pytest.mark.slow
def test_a_recipe_trains_on_files_evaluates_draws_exports_and_predicts(
    name, data, tmp_path, capsys, monkeypatch
):
    out = tmp_path / "run"
    settings = [*RECIPES[name], "training.epochs=1", "training.batch_size=8"]
    metrics = run(FOLDER / f"{name}.py", out=out, data=data, settings=settings)
    *shown, last = capsys.readouterr().out.splitlines()

    recipe = load_recipe(FOLDER / f"{name}.py")
    assert json.loads(last) == metrics == json.loads((out / "metrics.json").read_text())
    assert set(recipe.metrics) < set(metrics)
    assert len(shown) == len(recipe.examples)
    is_tagger = name.startswith("tagging")
    drawn = {"tags.png"} if is_tagger else {"attribution.png", "confusion.png", "reliability.png"}
    assert drawn < {path.name for path in (out / "plots").iterdir()}

    served = tf.saved_model.load(str(out / "export/1")).signatures["serving_default"]
    task = sz.from_preset(out / "preset")
    inputs = list(recipe.examples)
    inputs = [text.split() for text in inputs] if is_tagger else inputs
    raw = task.preprocessor.pad(task.preprocessor.as_raw(inputs))
    answers = served(raw)["tags" if is_tagger else "label"].numpy().tolist()
    if is_tagger:
        answers = [b" ".join(filter(None, tags)) for tags in answers]
        assert [" ".join(tags).encode() for tags in task.tag(inputs)] == answers
    else:
        assert [label.encode() for label in task.classify(inputs)] == answers

    stdin = tmp_path / "lines"
    stdin.write_text("\n".join([recipe.examples[0], "", recipe.examples[1]]) + "\n")
    with stdin.open() as lines:
        monkeypatch.setattr("sys.stdin", lines)
        assert cli.main(["predict", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [answers[0].decode(), "", answers[1].decode()]
    picture = tmp_path / "explained.png"
    assert cli.main(["explain", str(out), recipe.examples[0], "--out", str(picture)]) == 0
    assert picture.stat().st_size > 1000


@everywhere
def test_a_recipe_has_a_default_that_needs_no_download(name):
    recipe = set_fields(load_recipe(FOLDER / f"{name}.py"), ["data.seed=3"])
    splits = recipe.load_splits(None)
    assert set(splits) == {"train", "validation", "test"}
    assert min(map(len, splits.values())) > 100
    raw, reference = splits["test"][0]
    assert isinstance(raw, list if name.startswith("tagging") else str)
    assert isinstance(reference, list if name.startswith("tagging") else str)


@pytest.mark.parametrize("name", ["tagging/entities"])
def test_a_broken_file_is_explained_in_a_line(name, data, tmp_path, capsys):
    (data / "dev.conll").write_text("Ann\tB-person\nsleeps\n")
    arguments = ["train", str(FOLDER / f"{name}.py"), "--data", str(data)]
    assert cli.main([*arguments, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err
    assert "line 2 of" in error
    assert error.count("\n") == 1
    assert not (tmp_path / "run").exists()


def test_movie_reviews_come_from_tfds_too(tmp_path):
    import tensorflow_datasets as tfds

    class TinyReviews(tfds.core.GeneratorBasedBuilder):
        """A set that needs no download."""

        VERSION = tfds.core.Version("1.0.0")

        def _info(self):
            label = tfds.features.ClassLabel(names=["neg", "pos"])
            features = {"text": tfds.features.Text(), "label": label}
            features = tfds.features.FeaturesDict(features)
            return tfds.core.DatasetInfo(builder=self, features=features)

        def _split_generators(self, manager):
            return {"train": self._generate_examples(20), "test": self._generate_examples(5)}

        def _generate_examples(self, count):
            for place in range(count):
                yield place, {"text": f"text {place}", "label": place % 2}

    recipe = set_fields(
        load_recipe(FOLDER / "classification/movie_reviews.py"), ["data.tfds=tiny_reviews"]
    )
    splits = recipe.load_splits(tmp_path)
    assert {name: len(split) for name, split in splits.items()} == {
        "train": 18,
        "validation": 2,
        "test": 5,
    }
    assert ("text 3", "pos") in splits["test"]


@pytest.mark.parametrize("name", [name for name in RECIPES if name != "classification/imdb"])
def test_other_text_gives_the_embeddings_their_words_and_their_start(name, data, tmp_path):
    plain_text = tmp_path / "plain.txt"
    plain_text.write_text("A moving dog barks.\nThe dog sleeps in Rome.\n" * 5)
    settings = [*RECIPES[name], f"data.plain_text={plain_text}"]
    recipe = set_fields(load_recipe(FOLDER / f"{name}.py"), settings)
    task = recipe.build(recipe.load_splits(data), recipe.model)

    is_tagger = name.startswith("tagging")
    words = task.preprocessor.words if is_tagger else task.preprocessor.tokenizer
    known = WhitespaceTokenizer(vocabulary=words.vocabulary)
    texts = ["a moving dog barks .", "the dog sleeps in rome ."] * 5
    vectors = cooccurrence_vectors(known, texts, 4, recipe.model.vector_window)
    part = task.features if is_tagger else task.encoder
    met = [words.vocabulary.index(word) for word in ("barks", "dog", "rome")]
    ratio = part.embedding.embeddings.numpy()[met] / vectors[met]
    np.testing.assert_allclose(ratio, ratio[0, 0], rtol=1e-5)


UNKNOWN = {
    "classification/questions": ("test.label", "ODD:odd Who is Ann ?\n"),
    "tagging/entities": ("dev.conll", "Ann\tB-ship\n"),
}


@pytest.mark.parametrize("name", UNKNOWN)
def test_a_label_that_training_has_not_is_explained_before_anything_is_written(
    name, data, tmp_path, capsys
):
    file, content = UNKNOWN[name]
    (data / file).write_text(content)
    arguments = ["train", str(FOLDER / f"{name}.py"), "--data", str(data)]
    assert cli.main([*arguments, "--out", str(tmp_path / "run")]) == 2
    error = capsys.readouterr().err.splitlines()[-1]
    assert "Unknown label" in error
    assert f"Split: {'test' if file == 'test.label' else 'validation'!r}" in error
    assert not (tmp_path / "run").exists()
