"""The recipes of pre-training on plain text and of fine-tuning: their data and their models."""

from pathlib import Path

import pytest

from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes"
TEXT = FOLDER / "language_model/masked_language_model.py"
CLASSES = FOLDER / "classification/fine_tuned_classifier.py"
TAGS = FOLDER / "tagging/fine_tuned_tagger.py"


def test_texts_of_all_files_are_read_and_some_held_out(tmp_path):
    (tmp_path / "a.txt").write_text("It's a line.\n\n" * 9)
    (tmp_path / "b.jsonl").write_text('{"text": "one<br />text"}\n')
    recipe = set_fields(load_recipe(TEXT), ["data.validation=0.2"])
    splits = recipe.load_splits(tmp_path)
    assert [len(splits[name]) for name in ("train", "validation")] == [8, 2]
    assert {*splits["train"], *splits["validation"]} == {"It 's a line .", "one text"}
    (tmp_path / "empty").mkdir()
    with pytest.raises(FileNotFoundError, match=r"must hold files of text: \*\.txt"):
        recipe.load_splits(tmp_path / "empty")


@pytest.mark.parametrize("path", [CLASSES, TAGS], ids=["classes", "tags"])
def test_a_folder_without_an_encoder_is_refused_in_a_line(path, tmp_path):
    recipe = set_fields(load_recipe(path), [f"model.encoder={tmp_path / 'none'}"])
    splits = {"train": [("a b", "x"), ("c", "y")]}
    if path == TAGS:
        splits = {"train": [(["a", "b"], ["x", "y"])]}
    with pytest.raises(FileNotFoundError, match="which is none"):
        recipe.build(splits, recipe.model)


def test_a_seeded_part_of_the_examples_is_trained_on():
    recipe = set_fields(load_recipe(CLASSES), ["data.train_size=30"])
    assert len(recipe.load_splits(None)["train"]) == 30
