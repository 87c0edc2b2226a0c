"""The recipes of spelling: their data, and a training on the embedded default."""

import json
from pathlib import Path

import pytest

from seqzoo import cli
from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/spelling"
SPLITS = ("train", "validation", "test")
SMALL = ["model.units=6", "model.embedding_dim=4", "training.epochs=1", "training.warmup_steps=0"]


def recipe_of(name, *settings):
    return set_fields(load_recipe(FOLDER / f"{name}.py"), settings)


@pytest.mark.parametrize(
    ("language", "word", "other", "length"),
    [("fre", "été", "e\u0301te\u0301", 3), ("kor", "각", "\u1100\u1161\u11a8", 3)],
)
def test_words_in_any_normal_form_are_the_same_and_korean_is_read_in_letters(
    tmp_path, language, word, other, length
):
    for split in ("train", "dev", "test"):
        (tmp_path / f"{language}_{split}.tsv").write_text(f"{word}\te t e\n", "utf-8")
    recipe = recipe_of("sounds", f"data.language={language}", *SMALL[:2])
    splits = recipe.load_splits(tmp_path)
    assert splits == {split: [(word, "e t e")] for split in SPLITS}
    ids = recipe.build(splits, recipe.model).preprocessor.source.tokenize([word, other]).to_list()
    assert ids[0] == ids[1]
    assert len(ids[0]) == length
    assert 1 not in ids[0]


def test_finnish_words_sound_as_they_are_written():
    pairs = {}
    for part in recipe_of("sounds").load_splits(None).values():
        pairs |= dict(part)
    assert len(pairs) > 300
    assert pairs["englanti"] == "e ŋ\u02d0 l a n t i"
    assert pairs["suomi"] == "s u o m i"


def test_words_and_features_are_one_text(tmp_path):
    for split in ("train-low", "train-high", "dev", "test"):
        (tmp_path / f"german-{split}.tsv").write_text("zu tun\ttat zu\tV;PST\n", "utf-8")
    splits = recipe_of("inflection", "data.size=low").load_splits(tmp_path)
    want = [("z u ␣ t u n +V +PST", "tat zu")]
    assert splits == dict.fromkeys(SPLITS, want)
    (tmp_path / "german-dev.tsv").write_text("tun\ttat\n", "utf-8")
    with pytest.raises(ValueError, match=r"WORD<TAB>FORM<TAB>FEATURES\. Received: line 1 of "):
        recipe_of("inflection").load_splits(tmp_path)


def test_forms_of_words_that_do_not_exist_are_nine_tenths_of_what_is_learned(tmp_path):
    for split in ("train-low", "dev", "test"):
        (tmp_path / f"german-{split}.tsv").write_text("legen\tgelegt\tV.PTCP;PST\n", "utf-8")
    recipe = recipe_of("inflection", "data.size=low", "data.hallucinated=90")
    splits = recipe.load_splits(tmp_path)
    real = ("l e g e n +V.PTCP +PST", "gelegt")
    assert splits["validation"] == splits["test"] == [real]
    assert splits["train"][:9] == [real] * 9
    assert len(splits["train"]) == 99
    for source, form in splits["train"][9:]:
        first, *rest = source.split()
        assert rest == ["e", "g", "e", "n", "+V.PTCP", "+PST"]
        assert form == f"ge{first}egt"
    with pytest.raises(ValueError, match="and no DIR"):
        recipe.load_splits(None)


def test_features_in_another_order_have_the_same_answer():
    recipe = recipe_of("inflection", *SMALL[:2])
    task = recipe.build(recipe.load_splits(None), recipe.model)
    texts = ["c a r r y +V +3 +SG +PRS", "c a r r y +PRS +SG +V +3", "+SG c a r r y +V +PRS +3"]
    one, other, third = task.preprocessor.source.tokenize(texts).to_list()
    assert one == other == third


def test_regular_english_forms_are_spelt_by_rule():
    pairs = {}
    for part in recipe_of("inflection").load_splits(None).values():
        pairs |= dict(part)
    assert pairs["c a r r y +V +PST"] == "carried"
    assert pairs["p l a y +V +3 +SG +PRS"] == "plays"
    assert pairs["d a n c e +V +V.PTCP +PRS"] == "dancing"
    assert pairs["a g r e e +V +V.PTCP +PRS"] == "agreeing"
    assert pairs["h e r o +N +PL"] == "heroes"
    assert pairs["d i s h +N +PL"] == "dishes"


@pytest.mark.parametrize("name", ["sounds", "inflection"])
def test_a_recipe_trains_on_its_default_and_answers(name, tmp_path, capsys):
    command = ["train", str(FOLDER / f"{name}.py"), "--out", str(tmp_path / "run"), "--seed", "0"]
    assert cli.main([*command, *(f"--set={each}" for each in SMALL)]) == 0
    *shown, last = capsys.readouterr().out.splitlines()
    assert "exact_match" in json.loads(last)
    assert len(shown) == len(recipe_of(name).examples)
    assert (tmp_path / "run/export/1/saved_model.pb").is_file()
