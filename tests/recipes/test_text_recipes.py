"""The recipes of text: headlines, and descriptions of meanings."""

import io
import json
import sys
from pathlib import Path

from seqzoo import cli
from seqzoo.heads import Copying, Tokens
from seqzoo.recipe import load_recipe
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/text"


def headlines(*settings):
    return set_fields(load_recipe(FOLDER / "headlines.py"), settings)


def test_headlines_have_a_default_that_is_made_whose_names_come_once():
    splits = headlines("data.size=60", "data.seed=3").load_splits(None)
    assert {name: len(pairs) for name, pairs in splits.items()} == {
        **{"train": 48, "validation": 6, "test": 6}
    }
    for text, headline in splits["test"]:
        assert set(headline.split()) - {
            "elected",
            "opens",
            "library",
            "wins",
            "fined",
            "in",
        } <= set(text.replace(",", "").split())
    names = [headline.split()[0] for pairs in splits.values() for _, headline in pairs]
    assert len(set(names)) > 55


def test_headlines_are_split_by_a_digest_of_their_texts(tmp_path):
    rows = "\n".join(f'Headline {i},"Text, number {i}"' for i in range(100))
    (tmp_path / "news_headlines.csv").write_text(f"headlines,text\n{rows}\n")
    splits = headlines().load_splits(tmp_path)
    assert sum(map(len, splits.values())) == 100
    assert {name: len(pairs) for name, pairs in splits.items()} == {
        **{"train": 73, "validation": 12, "test": 15}
    }
    assert ("Text, number 0", "Headline 0") in [each for part in splits.values() for each in part]


def test_headlines_train_export_and_predict(tmp_path, capsys, monkeypatch):
    run = str(tmp_path / "run")
    small = ["model.units=6", "model.embedding_dim=5", "training.epochs=1", "data.size=40"]
    command = ["train", str(FOLDER / "headlines.py"), "--out", run, "--seed", "0"]
    assert cli.main([*command, *(f"--set={each}" for each in small)]) == 0
    scores = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert {"rouge_1", "rouge_2", "lead_rouge_1", "baseline_rouge_1"} <= scores.keys()
    assert (tmp_path / "run/export/1/saved_model.pb").is_file()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"Zorro won.\n\n")))
    assert cli.main(["predict", run]) == 0
    first, empty = capsys.readouterr().out.splitlines()
    assert "<unk>" not in first
    assert empty == ""


def test_a_model_without_a_pointer_is_the_same_but_for_its_head():
    recipe = headlines("data.size=40", "model.units=6")
    splits = recipe.load_splits(None)
    copying = recipe.build(splits, recipe.model)
    other = headlines("model.pointer=false", "model.units=6")
    plain = other.build(splits, other.model)
    assert isinstance(copying.head, Copying)
    assert type(plain.head) is Tokens
    gate = copying.head.gate_kernel.shape[0] + 1
    assert copying.count_params() - plain.count_params() == gate


def meanings(*settings):
    return set_fields(load_recipe(FOLDER / "meanings.py"), settings)


def test_meanings_have_all_their_texts_in_one_example(tmp_path):
    for name in ("trainset", "devset", "testset_w_refs"):
        rows = '"name[A], food[B]",A has B.\n"name[C]",C\n"name[A], food[B]","B, at A."\n'
        (tmp_path / f"{name}.csv").write_text(f"mr,ref\n{rows}")
    splits = meanings().load_splits(tmp_path)
    want = [("name[A], food[B]", ["A has B.", "B, at A."]), ("name[C]", ["C"])]
    assert splits == {"train": want, "validation": want, "test": want}
    made = meanings("data.size=50").load_splits(None)
    assert {name: len(each) for name, each in made.items()} == {
        **{"train": 40, "validation": 5, "test": 5}
    }


def test_a_slot_is_missing_where_a_text_has_no_sign_of_it():
    module = sys.modules[type(meanings().model).__module__]
    meaning = "name[The Eagle], food[French], area[city centre], familyFriendly[no]"
    for text, missing in (
        ("The Eagle, in the centre, has french food and is not for children.", 0),
        ("The Eagle has food.", 3 / 4),
        ("", 1),
    ):
        assert module.missing_slots([text], [meaning]) == missing
    assert module.missing_slots(["It is a pub."], ["other[pub], name[pub]"]) == 0


def test_meanings_train_and_answer_any_meaning(tmp_path, capsys, monkeypatch):
    run = str(tmp_path / "run")
    small = ["model.units=6", "model.embedding_dim=5", "training.epochs=1", "data.size=40"]
    command = ["train", str(FOLDER / "meanings.py"), "--out", run, "--seed", "0"]
    assert cli.main([*command, *(f"--set={each}" for each in small)]) == 0
    printed = capsys.readouterr()
    scores = json.loads(printed.out.splitlines()[-1])
    assert {"bleu", "rouge_l", "missing_slots", "missing_slots_of_people"} <= scores.keys()
    assert scores["missing_slots_of_people"] == 0
    assert "64 training examples, 1 steps in an epoch" in printed.err  # 32 meanings of two texts
    lines = b"\nname[Zed Bar]\nname[A], name[A], unheard[of it]\n"
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
    assert cli.main(["predict", run]) == 0
    answers = capsys.readouterr().out.removesuffix("\n").split("\n")
    assert len(answers) == 3
    assert "<unk>" not in "".join(answers)
