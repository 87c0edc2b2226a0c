import gzip
import json
from pathlib import Path

import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import cli
from seqzoo.recipe import load_recipe, run
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/translation"

GERMAN = ["Ein Hund läuft.", "Zwei Hunde laufen.", "Ein Mann liest ein Buch.", "Ein Mann läuft."]
ENGLISH = ["A dog runs.", "Two dogs run.", "A man reads a book.", "A man runs."]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    """Files named and packed as those of Multi30k are."""
    folder = tmp_path_factory.mktemp("corpus")
    for language, lines in (("de", GERMAN), ("en", ENGLISH)):
        text = "\n".join(lines).encode() + b"\n"
        (folder / f"train.{language}.gz").write_bytes(gzip.compress(text * 3))
        (folder / f"val.{language}").write_bytes(text)
        (folder / f"test_2016_flickr.{language}").write_bytes(text)
    return folder


def recipe_of(name, *settings):
    return set_fields(load_recipe(FOLDER / f"{name}.py"), settings)


def test_dates_come_from_their_embedded_default_in_five_splits():
    recipe = recipe_of(
        "dates", "data.train_size=30", "data.validation_size=2", "data.test_size=3", "data.seed=5"
    )
    splits = recipe.load_splits(None)

    assert {name: len(pairs) for name, pairs in splits.items()} == {
        **{"train": 30, "validation": 2, "test": 3, "test_formats": 3, "test_locales": 3}
    }
    assert splits == sz.datasets.dates.load(5, 30, 2, 3)


def test_dates_can_be_read_from_files(tmp_path):
    for split in ("train", "validation", "test"):
        (tmp_path / f"{split}.text").write_text("3 April 2021\n4 May 2022\n")
        (tmp_path / f"{split}.date").write_text("2021-04-03\n2022-05-04\n")

    splits = recipe_of("dates").load_splits(tmp_path)
    assert splits["test"] == [("3 April 2021", "2021-04-03"), ("4 May 2022", "2022-05-04")]


def test_multi30k_is_read_in_either_direction(corpus):
    german = recipe_of("multi30k").load_splits(corpus)
    english = recipe_of("multi30k", "data.source=en", "data.target=de").load_splits(corpus)

    assert set(german) == {"train", "validation", "test"}
    assert german["test"] == list(zip(GERMAN, ENGLISH, strict=True))
    assert english["validation"] == list(zip(ENGLISH, GERMAN, strict=True))
    assert len(german["train"]) == 12


def test_multi30k_without_data_says_where_to_get_them(capsys):
    assert cli.main(["train", str(FOLDER / "multi30k.py")]) == 2

    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--data DIR" in error
    assert "https://github.com/multi30k/dataset" in error
    assert "data.tfds=ted_hrlr_translate/pt_to_en" in error


@pytest.mark.parametrize(
    ("files", "message"),
    [
        ({"train.de": b"", "train.en": b"a\n"}, "must not be empty. Received: "),
        ({"train.de": b"a\nb\n", "train.en": b"a\n"}, "train.de with 2 and "),
        ({"train.de": b"a\n"}, "needs one of these files in "),
    ],
)
def test_broken_files_are_explained_in_a_line(tmp_path, capsys, files, message):
    data, out = tmp_path / "data", tmp_path / "run"
    data.mkdir()
    for name, content in files.items():
        (data / name).write_bytes(content)
    arguments = ["train", str(FOLDER / "multi30k.py"), "--data", str(data), "--out", str(out)]

    assert cli.main(arguments) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1
    assert not out.exists()


def test_multi30k_takes_a_translation_set_of_tfds(tmp_path):
    import tensorflow_datasets as tfds

    recipe = recipe_of(
        "multi30k",
        *("data.tfds=ted_hrlr_translate/pt_to_en", "data.source=pt", "data.target=en"),
    )
    with tfds.testing.mock_data(num_examples=3):
        splits = recipe.load_splits(tmp_path)

    assert set(splits) == {"train", "validation", "test"}
    assert len(splits["train"]) == 3
    assert all(isinstance(text, str) for pair in splits["train"] for text in pair)


@pytest.mark.parametrize(
    ("settings", "tokenizer"),
    [
        (["model.architecture=luong_2015", "model.layers=2"], "WordTokenizer"),
        (["model.architecture=sutskever_2014", "model.lowercase=false"], "WordTokenizer"),
        (["model.tokens=subword", "model.vocabulary_size=40"], "SubwordTokenizer"),
    ],
)
def test_multi30k_builds_every_model_and_kind_of_token(corpus, settings, tokenizer):
    sizes = ["model.units=6", "model.embedding_dim=5", "model.min_frequency=1"]
    recipe = recipe_of("multi30k", *sizes, *settings)
    task = recipe.build(recipe.load_splits(corpus), recipe.model)

    source, target = task.preprocessor.source, task.preprocessor.target
    assert type(source).__name__ == type(target).__name__ == tokenizer
    assert source is not target
    assert task.encoder.units == 6


def run_small(name, out, data=None):
    """Two steps of a small model, evaluation and export."""
    sizes = {
        "dates": ["train_size=40", "validation_size=3", "test_size=4"],
        "multi30k": [],
    }
    settings = ["model.units=6", "model.embedding_dim=5", "training.epochs=1"]
    settings += [f"data.{size}" for size in sizes[name]]
    settings += [f"training.batch_size={20 if data is None else 6}"]
    return run(FOLDER / f"{name}.py", out=out, data=data, settings=settings)


def served(folder, texts):
    """The best answers of an exported model."""
    answer = tf.saved_model.load(str(folder)).signatures["serving_default"](tf.constant(texts))
    return [text.decode() for text in answer["text"].numpy()[:, 0]]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["dates", "multi30k"])
def test_a_recipe_trains_evaluates_explains_exports_and_is_loaded_again(
    name, corpus, tmp_path, capsys
):
    out, recipe = tmp_path / "run", recipe_of(name)
    metrics = run_small(name, out, corpus if name == "multi30k" else None)
    *shown, last = capsys.readouterr().out.splitlines()

    assert json.loads(last) == metrics == json.loads((out / "metrics.json").read_text())
    assert set(recipe.metrics) < set(metrics)
    assert f"val_{next(iter(recipe.metrics))}" in (out / "history.csv").read_text().split("\n")[0]
    assert (out / "plots/attention.png").stat().st_size > 1000
    assert (out / "checkpoints/step-000000002.npz").is_file()
    assert sz.from_preset(out / "preset").search == recipe.search
    answers = served(out / "export/1", recipe.examples)
    assert shown == [f"{x} -> {y}" for x, y in zip(recipe.examples, answers, strict=True)]


def test_tatoeba_divides_by_source_and_tests_each_once(tmp_path):
    lines = [f"{i} dogs.\t{i} chiens\u202f!\n{i} dogs.\t{i}  clebs.\n" for i in range(20)]
    (tmp_path / "fra.txt.gz").write_bytes(gzip.compress("".join(lines).encode()))
    (tmp_path / "_about.txt").write_text("Not pairs.")
    recipe = recipe_of("tatoeba", "data.validation_size=3", "data.test_size=4")
    splits = recipe.load_splits(tmp_path)

    assert {name: len(pairs) for name, pairs in splits.items()} == {
        **{"train": 26, "validation": 3, "test": 4}
    }
    sources = [{source for source, _ in pairs} for pairs in splits.values()]
    assert len(set.union(*sources)) == sum(map(len, sources)) == 20
    number = splits["test"][0][0].split()[0]
    assert splits["test"][0] == (f"{number} dogs.", f"{number} chiens !")
    number = splits["train"][0][0].split()[0]
    assert splits["train"][1] == (f"{number} dogs.", f"{number} clebs.")
    (tmp_path / "deu.txt").write_text("a\tb\n")
    with pytest.raises(FileNotFoundError, match=r"one file of pairs.*deu\.txt, fra\.txt\.gz"):
        recipe.load_splits(tmp_path)


def test_tatoeba_has_one_vocabulary_for_both_sides():
    recipe = recipe_of("tatoeba", "model.units=4", "model.vocabulary_size=40")
    pairs = list(zip(ENGLISH, GERMAN, strict=True))
    task = recipe.build({"train": pairs}, recipe.model)
    assert task.preprocessor.source is task.preprocessor.target
    assert task.encoder.vocabulary_size == 40


def test_words_with_their_sounds_are_read_without_stress(tmp_path):
    entries = ["'bout B AW1 T", "a AH0", "a(2) EY1", "a. EY1", "aalen AA1 L AH0 N # place, dutch"]
    entries += ["record R AH0 K AO1 R D", "record(2) R EH1 K ER0 D", "record(3) R IH0 K AO1 R D"]
    entries += ["abuse AH0 B Y UW1 S", "abuse(2) AH1 B Y UW0 S", "7-up S EH1 V AH0 N AH1 P"]
    (tmp_path / "cmudict.dict").write_text("\n".join(entries) + "\n")
    recipe = recipe_of("spelling_to_sound", "data.validation=0.2", "data.test=0.2")
    splits = recipe.load_splits(tmp_path)

    known = [
        *[("'bout", "B AW T"), ("a", "AH"), ("a", "EY"), ("aalen", "AA L AH N")],
        *[("record", "R AH K AO R D"), ("record", "R EH K ER D"), ("record", "R IH K AO R D")],
        ("abuse", "AH B Y UW S"),
    ]
    words = {splits[name][0][0] for name in ("validation", "test")}
    assert len(words) == 2
    for name in ("validation", "test"):
        ((word, sounds),) = splits[name]
        assert sounds == [phones for other, phones in known if other == word]
    assert splits["train"] == [pair for pair in known if pair[0] not in words]


def test_the_nearest_of_several_sounds_counts():
    rate = recipe_of("spelling_to_sound").metrics["phone_error_rate"]
    answers = ["K AE T", "R IH K ER D", "S IY"]
    references = [["K AE T"], ["R AH K AO R D", "R EH K ER D"], ["S IY T ER"]]
    assert rate(answers, references) == pytest.approx((0 + 1 + 2) / (3 + 5 + 4))


@pytest.mark.parametrize(
    ("name", "place"), [("tatoeba", "manythings.org/anki"), ("spelling_to_sound", "cmusphinx")]
)
def test_without_data_a_recipe_says_where_to_get_them(name, place, capsys):
    assert cli.main(["train", name]) == 2
    error = capsys.readouterr().err
    assert error.count("\n") == 1
    assert "--data DIR" in error
    assert place in error
