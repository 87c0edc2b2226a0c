"""Recipes for a stranger's own data: what is found in it, what is refused, and that they train."""

import dataclasses
import importlib
import json
import os
import subprocess
import sys

import numpy as np
import pytest

from seqzoo import cli
from seqzoo.listing import find_recipe, own_recipes
from seqzoo.new_recipe import new_recipe
from seqzoo.recipe import load_recipe
from seqzoo.tasks import Captioner, Classifier, LanguageModel, Seq2Seq, Tagger

TEXTS = [
    f"{word} {end}" for word in ["a fine film", "the long book", "one dull day"] for end in "abcd"
]
LABELS = ["good", "bad", "so"] * 4
REVIEWS = "review,mood\n" + "".join(f'"{t}",{x}\n' for t, x in zip(TEXTS, LABELS, strict=True))
CONLL = (
    "".join(
        f"Ann\tB-PER\n{word}\tO\n\n" for word in ["saw", "heard", "met", "knew", "told", "left"]
    )
    * 2
)
CONLLU = "".join(
    f"# text\n1\t{w}\t_\t{'NOUN' if i % 2 else 'VERB'}" + "\t_" * 6 + "\n\n"
    for i, w in enumerate(["saw", "dogs", "heard", "cats", "met", "birds", "knew", "fish"])
)


def picture(path, value):
    path.write_bytes(bytes(keras_png(value)))


def keras_png(value):
    import tensorflow as tf

    return tf.io.encode_png(np.full((8, 8, 3), value, np.uint8)).numpy()


def write(folder, files):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(keras_png(content) if isinstance(content, int) else content.encode())


def lines(texts):
    return "".join(f"{text}\n" for text in texts)


def each_in_a_file(folder, texts):
    return {f"{folder}/{index}.txt": text for index, text in enumerate(texts)}


IMAGES = {f"images/{index}.png": index for index in range(12)}
CASES = {
    "csv": ("classifier", {"d.csv": REVIEWS}, 'tables.read(path, "review", "mood")'),
    "semicolons": (
        "classifier",
        {"d.csv": REVIEWS.replace(",", ";")},
        'tables.read(path, "review", "mood")',
    ),
    "tabs": (
        "classifier",
        {"d.txt": lines(f"{t}\t{x}" for t, x in zip(TEXTS, LABELS, strict=True))},
        'tables.read(path, "1", "2", header=False)',
    ),
    "json": (
        "classifier",
        {
            "d.jsonl": lines(
                json.dumps({"n": 1, "q": t, "label": 3 + (i % 2)}) for i, t in enumerate(TEXTS)
            )
        },
        'tables.read(path, "q", "label")',
    ),
    "lines": (
        "classifier",
        {"d.label": lines(f"{x} {t}" for t, x in zip(TEXTS, LABELS, strict=True))},
        "labelled_text.load_lines(path)",
    ),
    "split files": (
        "classifier",
        {"d/train.csv": REVIEWS, "d/dev.csv": "review,mood\nx,so\n", "d/README.md": "#"},
        'validation=tables.read(path / "dev.csv", "review", "mood")',
    ),
    "folders": (
        "classifier",
        each_in_a_file("d/good", TEXTS[:6]) | each_in_a_file("d/bad", TEXTS[6:]),
        "labelled_text.load_folders(path)",
    ),
    "split folders": (
        "classifier",
        each_in_a_file("d/train/good", TEXTS[:6])
        | each_in_a_file("d/train/bad", TEXTS[6:])
        | each_in_a_file("d/test/bad", ["x"]),
        'test=labelled_text.load_folders(path / "test")',
    ),
    "label files": (
        "classifier",
        {"d/film.good": lines(TEXTS[:6]), "d/film.bad": lines(TEXTS[6:])},
        "labelled_text.load_file_per_label(files)",
    ),
    "conll": ("tagger", {"d.conll": CONLL}, "conll.load(path)"),
    "conllu": ("tagger", {"d.conllu": CONLLU}, "conll.load_conllu(path)"),
    "treebank": (
        "tagger",
        {"d/x-ud-train.conllu": CONLLU, "d/x-ud-dev.conllu": CONLLU[:40], "d/LICENSE.txt": "x"},
        'conll.load_conllu(path / "x-ud-train.conllu")',
    ),
    "pairs": (
        "translator",
        {"d.tsv": lines(f"{t}\t{t.upper()}\t{i}" for i, t in enumerate(TEXTS))},
        'tables.read(path, "1", "2", header=False)',
    ),
    "languages": (
        "translator",
        {
            "d/train.de": lines(TEXTS),
            "d/train.en": lines(TEXTS),
            "d/val.de": "x\n",
            "d/val.en": "y\n",
        },
        'parallel_text.load(path, "de", "en", splits=("train", "validation"))',
    ),
    "text": ("language-model", {"d.txt": lines(TEXTS)}, "plain_text.load_whole(path, 0.1, 0.1)"),
    "lines of splits": (
        "language-model",
        {f"d/ptb.{name}.txt": lines(TEXTS) for name in ("train", "valid", "test")},
        "plain_text.load(path)",
    ),
    "texts": ("language-model", each_in_a_file("d", TEXTS), "plain_text.load_files(path)"),
    "column of text": ("language-model", {"d.csv": REVIEWS}, 'tables.read(path, "review")'),
    "captions": (
        "captioner",
        {f"d/{name}": it for name, it in IMAGES.items()}
        | {
            "d/captions.csv": "image,caption\n" + lines(f"{i}.png,{t}" for i, t in enumerate(TEXTS))
        },
        'captioned_images.load_table(path / "captions.csv", "image", "caption")',
    ),
    "captions beside": (
        "captioner",
        {f"d/{i}.png": i for i in range(12)} | each_in_a_file("d", TEXTS),
        "captioned_images.load_beside(path)",
    ),
}
TASKS = {
    "classifier": Classifier,
    "tagger": Tagger,
    "translator": Seq2Seq,
    "language-model": LanguageModel,
    "captioner": Captioner,
}


def data_of(files, folder):
    write(folder, files)
    return folder / next(iter(files)).split("/")[0]


@pytest.mark.parametrize("case", CASES)
def test_the_examples_of_each_kind_of_data_are_read_without_being_asked(case, tmp_path):
    kind, files, code = CASES[case]
    path = new_recipe(kind, [data_of(files, tmp_path)], tmp_path / "r.py", tell=lambda line: None)

    assert code in path.read_text()
    splits = load_recipe(path).load_splits(None)
    texts = [each if isinstance(each, str) else each[0] for each in splits["train"]]
    assert len(texts) == 1 if "load_whole" in code else len(texts) > 3
    for name in splits.keys() - {"train"}:
        held_out = [each if isinstance(each, str) else each[0] for each in splits[name]]
        assert kind == "language-model" or not any(text in texts for text in held_out)


@pytest.mark.parametrize("case", ["csv", "conll", "text", "captions"])
def test_a_recipe_of_each_kind_builds_its_task_with_defaults_for_the_rest(case, tmp_path, eagerly):
    kind, files, _ = CASES[case]
    path = new_recipe(kind, [data_of(files, tmp_path)], tmp_path / "r.py", tell=lambda line: None)
    recipe = load_recipe(path)
    splits = recipe.load_splits(None)
    task = recipe.build(splits, recipe.model)
    recipe = recipe.completed(task)

    assert recipe.name == "r"
    assert isinstance(task, TASKS[kind])
    assert (recipe.search is None) == (kind in ("classifier", "tagger"))
    assert len(recipe.examples_of(splits)) >= 1
    assert ("entity_f1" in recipe.metrics) == (case == "conll")
    assert (recipe.training.monitor == "val_entity_f1") == (case == "conll")
    assert ('scheme="bio"' in path.read_text()) == (case == "conll")


@pytest.mark.parametrize(
    ("kind", "content", "named", "message"),
    [
        ("classifier", "text\na\nb\n", {}, r"d\.csv, which has 1 in line 1, 'text'"),
        ("classifier", "text,label\na,x\nb,x\n", {}, r"'label' of .*, which holds 'x' in each row"),
        ("classifier", "price,label\n1,x\n2,y\n", {}, r"'price' of .*numbers, '1' in line 2"),
        (
            "classifier",
            lines(["id,text", *(f"{i},a {i}" for i in range(9))]),
            {},
            r"No column of .*'id' has 9 different values",
        ),
        ("classifier", REVIEWS, {"text": "reviw"}, r"Received: 'reviw'\. Did you mean 'review'\?"),
        ("classifier", "text,label\n", {}, r"d\.csv has a line of names and no row"),
        ("classifier", REVIEWS, {"source": "x"}, "--source is not for a classifier, which takes"),
        ("classifier", "text,label\na,x,y\n", {}, r"must have 2 columns.*line 2 of .*d\.csv"),
        ("classifier", "text,label\na,x\nb,y\n", {}, r"of .*d\.csv must be more than the splits"),
        ("translator", "en,id\na b,1\nc d,2\n", {}, r"'id' of .*d\.csv, which holds numbers, '1'"),
        ("captioner", "image,caption\na.png,x\n", {}, r"images of .*d\.csv must be in its folder"),
        ("captioner", "name,caption\na,x\n", {}, r"No column of .*d\.csv holds names of images"),
        ("tagger", "1\tx" + "\t_" * 8, {"tag": "pos"}, "--tag must be one of upos, xpos, deprel"),
        ("tagger", "a\tb\n", {"tag": "pos"}, "--tag must be the number of a column, from 1"),
        ("tagger", "a\n", {}, r"at least 2 columns\. Received: line 1 of .*d\.csv"),
    ],
)
def test_data_that_do_not_suit_are_refused_with_file_line_and_column(
    kind, content, named, message, tmp_path
):
    (tmp_path / "d.csv").write_text(content)
    with pytest.raises((ValueError, OSError), match=message):
        new_recipe(kind, [tmp_path / "d.csv"], tmp_path / "r.py", named, tell=lambda line: None)
    assert not (tmp_path / "r.py").exists()


def test_named_columns_are_taken_and_so_are_numbers_as_text(tmp_path):
    (tmp_path / "d.csv").write_text(lines(f"{i},{i % 2},{i % 3}" for i in range(30)))
    told = []
    columns = {"text": "1", "label": "3"}
    new_recipe("classifier", [tmp_path / "d.csv"], tmp_path / "r.py", columns, tell=told.append)
    assert 'tables.read(path, "1", "3", header=False)' in (tmp_path / "r.py").read_text()
    assert "splits, by seed 0: 24 train, 3 validation, 3 test" in told


def test_what_is_found_is_told(tmp_path):
    write(tmp_path, {"d.csv": "text,label\n" + lines(f"t{i},{'ab'[i > 38]}" for i in range(40))})
    told = []
    new_recipe("classifier", [tmp_path / "d.csv"], tmp_path / "r.py", tell=told.append)
    assert told[0] == "text: column 'text', such as 't0' (--text names another)"
    assert told[-2].startswith("97% of the labels are 'a': look at macro_f1")
    assert told[-1] == f"wrote {tmp_path / 'r.py'}; train it by: seqzoo train {tmp_path / 'r.py'}"


def test_two_aligned_files_are_pairs(tmp_path):
    write(tmp_path, {"a.de": lines(TEXTS), "a.en": lines(TEXTS)})
    files = [tmp_path / "a.de", tmp_path / "a.en"]
    path = new_recipe("translator", files, tmp_path / "r.py", tell=lambda line: None)
    assert 'parallel_text.load_aligned(path, "a.de", "a.en")' in path.read_text()
    assert len(load_recipe(path).load_splits(None)["train"]) == 10


def test_a_recipe_that_a_person_has_changed_is_not_written_over(tmp_path):
    write(tmp_path, {"d.csv": REVIEWS})
    arguments = ("classifier", [tmp_path / "d.csv"], tmp_path / "r.py")
    new_recipe(*arguments, tell=lambda line: None)
    new_recipe(*arguments, tell=lambda line: None)  # the same text
    (tmp_path / "r.py").write_text("mine")
    with pytest.raises(FileExistsError, match=r"r\.py is there already, with another text"):
        new_recipe(*arguments, tell=lambda line: None)
    assert (tmp_path / "r.py").read_text() == "mine"


def test_new_loads_no_tensorflow(tmp_path):
    (tmp_path / "d.csv").write_text(REVIEWS)
    code = (
        "import sys; from seqzoo.cli import main\n"
        "assert main(['new', 'classifier', 'd.csv']) == 0\n"
        "sys.exit('tensorflow' in sys.modules or 'keras' in sys.modules)"
    )
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "d_classifier.py").is_file()
    assert done.stdout == ""


@pytest.mark.parametrize("case", ["csv", "conll"])
def test_embeddings_begin_with_vectors_of_the_own_or_another_text(case, tmp_path):
    kind, files, _ = CASES[case]
    path = new_recipe(kind, [data_of(files, tmp_path)], tmp_path / "r.py", tell=lambda line: None)
    (tmp_path / "plain.txt").write_text("a fine film\nAnn left\n")
    recipe = load_recipe(path)
    splits = recipe.load_splits(None)
    for vectors in ("own", str(tmp_path / "plain.txt")):
        task = recipe.build(splits, dataclasses.replace(recipe.model, vectors=vectors))
        part = task.encoder if kind == "classifier" else task.features
        table = part.embedding.embeddings.numpy()
        size = min(table.shape)
        assert not table[0, :size].any()  # vectors leave padding at 0
        assert table[4:, :size].any(axis=1).all()


def test_a_classifier_of_few_texts_begins_with_vectors_of_these(tmp_path, monkeypatch):
    kind, files, _ = CASES["csv"]
    module = importlib.import_module("seqzoo.new_recipe.recipe_text")
    for most, vectors in ((1_000_000, "own"), (1, "")):
        monkeypatch.setattr(module, "_OWN_TOKENS", most)
        path = tmp_path / f"r{most}.py"
        new_recipe(kind, [data_of(files, tmp_path)], path, tell=lambda line: None)
        assert load_recipe(path).model.vectors == vectors


@pytest.mark.parametrize("case", ["pairs", "captions"])
def test_a_beam_of_a_new_recipe_waits_for_a_hypothesis_that_is_ahead(case, tmp_path):
    kind, files, _ = CASES[case]
    path = new_recipe(kind, [data_of(files, tmp_path)], tmp_path / "r.py", tell=lambda line: None)
    assert load_recipe(path).search.stop == "settled"


@pytest.mark.slow
@pytest.mark.parametrize("case", ["csv", "conll", "pairs", "text", "captions"])
def test_a_kind_and_its_data_train_in_one_command(case, tmp_path, monkeypatch, capsys):
    kind, files, _ = CASES[case]
    data = data_of(files, tmp_path)
    monkeypatch.chdir(tmp_path)
    arguments = [kind, data.name, "--set", "training.epochs=1", "--out", "run"]
    assert cli.main(["train", *arguments]) == 0
    assert "loss" in json.loads(capsys.readouterr().out.splitlines()[-1])
    assert cli.main(["evaluate", "run"]) == 0
    alone = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert cli.main(["evaluate", "run", "run"]) == 0
    twice = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert twice == pytest.approx(alone, rel=1e-3)
    assert (tmp_path / "run/export/1/saved_model.pb").is_file()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["classifier"], "needs data: seqzoo train classifier DATA.csv"),
        (["clasifier", "d.csv"], "Did you mean 'classifier'?"),
        (["datse"], "no recipe, 'datse'. Did you mean 'dates'?"),
        (["dates", "--text", "a"], "--text is for `seqzoo train KIND DATA`"),
        (["classifier", "d.csv", "--data", "."], "Leave out --data"),
        (["classifier", "d.csv"], "No file or folder 'd.csv'"),
    ],
)
def test_what_cannot_be_trained_is_one_line(arguments, message, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    assert cli.main(["train", *arguments]) == 2
    error = capsys.readouterr().err
    assert message in error
    assert error.count("\n") == 1


def test_recipes_of_seqzoo_are_found_by_name_and_have_the_names_of_their_files(
    tmp_path, monkeypatch
):
    monkeypatch.chdir(tmp_path)  # where no folder ./recipes comes before them
    for path in own_recipes().rglob("*.py"):
        assert find_recipe(path.stem).samefile(path)
        assert load_recipe(path).name == path.stem
