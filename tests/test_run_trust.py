"""Runs that somebody else made: they answer from data alone, and no code of theirs is executed."""

import contextlib
import dataclasses
import io
import json
import os
import shutil
import sys
from pathlib import Path

import numpy as np
import pytest
from tiny_tasks import trained_translator

from seqzoo import BeamSearch, cli
from seqzoo.files.digests import sha256
from seqzoo.recipe import Run, RunFolder, open_trained
from seqzoo.recipe.provenance import split_digests
from seqzoo.recipe.record import Provenance, RunOptions, RunRecord

EVIL = b"from pathlib import Path\nPath(__file__).with_name('executed').touch()\n"
SAFE = (ValueError, OSError)
MADE_OF = Provenance("letters", sha256(EVIL), "generated", False, {})
RECORD = RunRecord(RunOptions(), MADE_OF)


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A run of a trained translator, whose recipe leaves a file when it is executed."""
    folder = RunFolder(tmp_path_factory.mktemp("made") / "run")
    folder.create(EVIL, RECORD)
    task = trained_translator().task
    before, task.search = task.search, BeamSearch(width=3, max_length=8)
    task.save_preset(folder.preset)
    task.search = before
    return folder


@pytest.fixture
def run(made, tmp_path):
    """A copy of that run without its signature, as if somebody had sent it."""
    shutil.copytree(made.path, tmp_path / "run")
    (tmp_path / "run/signature").unlink()
    return RunFolder(tmp_path / "run")


def executed(folder):
    return (folder.path / "executed").exists()


@pytest.mark.usefixtures("eagerly")
def test_a_run_answers_explains_and_exports_from_data_alone(run, monkeypatch, capsys):
    task, beam = trained_translator().task, BeamSearch(width=3, max_length=8)
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"a b c\n\n")))
    assert cli.main(["predict", str(run.path)]) == 0
    assert capsys.readouterr().out == f"{task.generate(['a b c'], beam)[0]}\n\n"
    picture, exported = str(run.path / "map.png"), []
    assert cli.main(["explain", str(run.path), "a b", "--out", picture]) == 0
    monkeypatch.setattr(type(task), "export", lambda self, *_, search: exported.append(search))
    assert cli.main(["export", str(run.path), "served"]) == 0
    assert exported == [beam]
    assert not executed(run)


def test_what_needs_code_says_which_file_it_would_execute_and_is_allowed_by_name(
    run, monkeypatch, capsys
):
    command = ["evaluate", str(run.path)]
    assert cli.main(command) == 2
    error = capsys.readouterr().err
    assert f"it would execute {run.recipe}." in error
    assert "--trust or SEQZOO_TRUST=1" in error
    assert error.count("\n") == 1
    assert not executed(run)
    for value in ("", "0", "yes"):
        monkeypatch.setenv("SEQZOO_TRUST", value)
        assert cli.main(command) == 2
        assert not executed(run)
    assert cli.main([*command, "--trust"]) == 2
    assert "must hold one `recipe = Recipe(...)`" in capsys.readouterr().err  # it was executed
    assert executed(run)
    (run.path / "executed").unlink()
    monkeypatch.setenv("SEQZOO_TRUST", "1")
    assert cli.main(command) == 2
    assert executed(run)


@pytest.mark.parametrize(
    "changes", [{"answers": None}, {"own_classes": True}, None], ids=["answers", "classes", "old"]
)
def test_answers_and_classes_of_a_recipe_of_its_own_need_code_and_so_do_old_runs(run, changes):
    made_of = dataclasses.replace(MADE_OF, **changes) if changes else None
    run.record_file.write_bytes(RunRecord(RunOptions(), made_of).content())
    with pytest.raises(ValueError, match="it would execute"):
        open_trained(run.path, answers=True)
    if changes == {"answers": None}:  # which an export does not need
        assert open_trained(run.path).name == "letters"
    assert not executed(run)


def test_own_runs_are_recognised_until_their_code_or_their_record_changes(made, tmp_path):
    def copy(name):
        return RunFolder(Path(shutil.copytree(made.path, tmp_path / name)))

    assert copy("moved").trusted_recipe(RECORD) == EVIL
    changed = copy("code")
    changed.recipe.write_bytes(EVIL + b"#")
    with pytest.raises(ValueError, match=r"is not the file that the run was made with.*--accept-"):
        changed.trusted_recipe(changed.record())
    other = dataclasses.replace(MADE_OF, recipe_digest=sha256(EVIL + b"#"))
    changed.record_file.write_bytes(RunRecord(RunOptions(), other).content())
    with pytest.raises(ValueError, match="it would execute"):
        changed.trusted_recipe(changed.record())


def test_the_key_is_private_and_without_one_no_run_is_recognised(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path / "configuration"))
    folder, key = RunFolder(tmp_path / "run"), tmp_path / "configuration/seqzoo/key"
    folder.create(EVIL, RECORD)
    assert folder.trusted_recipe(RECORD) == EVIL
    assert key.stat().st_mode & 0o777 == 0o600
    assert [path.name for path in key.parent.iterdir()] == ["key"]
    content = key.read_bytes()
    for spoil in (
        lambda: key.chmod(0o644),
        lambda: key.write_bytes(content[:-1]),
        lambda: key.write_bytes(content[::-1]),
        lambda: key.unlink(),
    ):
        spoil()
        with pytest.raises(ValueError, match="it would execute"):
            folder.trusted_recipe(RECORD)
        if key.exists():
            key.write_bytes(content)
            key.chmod(0o600)
            assert folder.trusted_recipe(RECORD) == EVIL
    key.parent.rmdir()
    key.parent.write_text("no folder can be here")
    folder.write(EVIL, RECORD)
    assert not folder.signature.exists()


def link(path, target):
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
    path.symlink_to(target)


def with_record(folder, text):
    folder.record_file.write_text(text)


def with_fields(folder, **fields):
    values = json.loads(RECORD.content())
    provenance = values["provenance"] | fields.pop("provenance", {})
    values |= fields | {"provenance": provenance}
    digest = values.pop("digest")
    from seqzoo.recipe.record import _digest

    with_record(folder, json.dumps(values | {"digest": _digest(values) if fields else digest}))


OUTSIDE = "/etc"
TRICKS = {
    "a link to a recipe elsewhere": lambda f: link(f.recipe, "/etc/passwd"),
    "a preset elsewhere": lambda f: link(f.preset, OUTSIDE),
    "weights elsewhere": lambda f: link(f.preset / "model.weights.h5", "/dev/zero"),
    "checkpoints elsewhere": lambda f: link(f.checkpoints, "../.."),
    "a record elsewhere": lambda f: link(f.record_file, "/dev/zero"),
    "pictures elsewhere": lambda f: (f.plots.mkdir(), link(f.plots / "x.png", "/nowhere")),
    "a link to itself": lambda f: link(f.record_file, f.record_file),
    "a record that nests": lambda f: with_record(f, '{"settings":' + "[" * 100_000),
    "a record of a huge number": lambda f: with_record(f, '{"seed": ' + "9" * 10_000 + "}"),
    "a record of 2 MB": lambda f: with_record(f, " " * 2_000_000 + "{}"),
    "a record of bytes": lambda f: f.record_file.write_bytes(b"\xff\xfe\x00"),
    "a record that is a list": lambda f: with_record(f, "[]"),
    "a record that is a folder": lambda f: (f.record_file.unlink(), f.record_file.mkdir()),
    "a record that is a pipe": lambda f: (f.record_file.unlink(), os.mkfifo(f.record_file)),
    "settings that are a text": lambda f: with_fields(f, settings="model.units=1"),
    "settings of numbers": lambda f: with_fields(f, settings=[1]),
    "a seed that is none": lambda f: with_fields(f, seed=-1),
    "a seed that is true": lambda f: with_fields(f, seed=True),
    "a strategy by another name": lambda f: with_fields(f, strategy=["auto"]),
    "a precision by another name": lambda f: with_fields(f, precision="float8"),
    "a field of a class": lambda f: with_fields(f, __class__="x"),
    "answers of code": lambda f: with_fields(f, seed=1, provenance={"answers": "os.system"}),
    "answers of lists": lambda f: with_fields(f, seed=1, provenance={"answers": [{}]}),
    "another digest": lambda f: with_fields(f, provenance={"recipe": "other"}),
    "no preset": lambda f: shutil.rmtree(f.preset),
    "a preset without its config": lambda f: (f.preset / "config.json").unlink(),
}


@pytest.mark.parametrize("trick", TRICKS)
def test_a_hostile_run_folder_is_a_value_error_or_an_os_error_and_runs_no_code(run, trick):
    TRICKS[trick](run)
    for command in (open_trained, Run.open):
        with pytest.raises(SAFE) as caught:
            command(run.path)
        assert len(str(caught.value)) < 1000
    assert not executed(run)
    assert not (Path(OUTSIDE) / "executed").exists()


def test_links_may_lead_elsewhere_where_they_are_allowed(run, tmp_path):
    shutil.move(run.preset, tmp_path / "preset")
    link(run.preset, tmp_path / "preset")
    with pytest.raises(ValueError, match=r"preset is a link that leads out of the run's folder"):
        open_trained(run.path)
    assert open_trained(run.path, trust=True).name == "letters"


def test_a_bit_that_flips_in_a_record_is_seen_wherever_it_means_anything(run):
    content, rng = bytearray(run.record_file.read_bytes()), np.random.default_rng(0)
    for bit in rng.choice(8 * len(content), 300, replace=False):
        flipped = bytearray(content)
        flipped[bit // 8] ^= 1 << (bit % 8)
        run.record_file.write_bytes(flipped)
        with contextlib.suppress(ValueError):
            assert run.record() == RECORD  # between two words


def test_other_examples_give_a_split_another_digest(tmp_path):
    (tmp_path / "a.png").write_bytes(b"one")
    splits = {
        "train": [("a b", "c"), ("d", "e")],
        "images": [(str(tmp_path / "a.png"), np.arange(3)), ({"x": b"y"}, ["z"])],
        "large": [f"{number}" for number in range(30_000)],
    }
    before = split_digests(splits)
    assert split_digests(splits) == before

    def changed(name, split):
        return split_digests(splits | {name: split})[name] != before[name]

    assert changed("train", [("a", "b c"), ("d", "e")])
    assert changed("train", [("d", "e"), ("a b", "c")])
    assert changed("images", [(str(tmp_path / "a.png"), np.arange(3.0)), ({"x": b"y"}, ["z"])])
    assert changed("large", [*splits["large"][:-1], "x"])
    assert changed("large", splits["large"][:-1])
    (tmp_path / "a.png").write_bytes(b"two")
    assert changed("images", splits["images"])
