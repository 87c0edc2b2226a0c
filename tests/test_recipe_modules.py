"""The modules beside a recipe that it imports: a run knows them, and is not resumed with others."""

import sys

import pytest

from seqzoo.files.digests import sha256
from seqzoo.recipe.folder import RunFolder
from seqzoo.recipe.provenance import module_digests
from seqzoo.recipe.record import Provenance, RunOptions, RunRecord, read_record
from seqzoo.recipe.training_run import Run

RECIPE = """
from own_model import build
import own_package.parts as parts
import own_numbers, os, numpy.linalg

def load(folder, data):
    import own_late
    return {}

import dataclasses
from seqzoo.recipe import Recipe

@dataclasses.dataclass(frozen=True)
class Data:
    size: int = 3

recipe = Recipe(load=load, build=build, name="r", data=Data(), model=Data())
"""
FILES = {
    "own_model.py": "from own_layers import *\ndef build(splits, model): ...\n",
    "own_layers.py": "import own_model  # in a circle\n",
    "own_package/__init__.py": "",
    "own_package/parts.py": "from . import more\nfrom .. import nothing\n",
    "own_package/more.py": "",
    "own_package/unused.py": "",
    "own_numbers.py": "",
    "own_late.py": "",
    "own_unused.py": "",
    "own_broken.py": "this is no Python",
}
IMPORTED = {
    "own_model",
    "own_layers",
    "own_package",
    "own_package.parts",
    "own_package.more",
    "own_numbers",
    "own_late",
}


@pytest.fixture
def recipe(tmp_path, monkeypatch):
    """The path of a recipe with modules beside it, from whose folder Python imports."""
    folder = tmp_path / "recipes"
    (folder / "own_package").mkdir(parents=True)
    for name, text in FILES.items():
        (folder / name).write_text(text)
    (folder / "recipe.py").write_text(RECIPE)
    (folder / "own_package" / "parts.py").write_text("from . import more\n")
    monkeypatch.syspath_prepend(folder)
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    yield folder / "recipe.py"
    for name in [name for name in sys.modules if name.startswith("own_")]:
        del sys.modules[name]


def test_the_modules_of_a_recipe_are_those_in_its_folder_that_it_imports(recipe):
    digests = module_digests(recipe.read_bytes(), recipe.parent)
    assert digests.keys() == IMPORTED
    assert digests["own_numbers"] == sha256(b"")
    assert digests["own_model"] == sha256(FILES["own_model.py"].encode())


def test_what_is_imported_from_elsewhere_is_none_of_them(recipe, tmp_path):
    for folder in ("elsewhere", "recipes/site-packages"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "own_other.py").write_text("")
        sys.path.insert(0, str(tmp_path / folder))
        sys.modules.pop("own_other", None)
        __import__("own_other")
        sys.path.pop(0)
        assert module_digests(b"import own_other, own_broken", recipe.parent).keys() == {
            "own_broken"
        }
    assert module_digests(b"import own_numbers\nand no Python", recipe.parent) == {}


def start(recipe, out, **options):
    return Run.start(recipe, out, {}, resume=True, **options)


@pytest.mark.parametrize("name", ["own_model.py", "own_layers.py", "own_package/more.py"])
def test_a_run_is_not_resumed_with_a_changed_module_unless_that_is_accepted(recipe, tmp_path, name):
    out = tmp_path / "run"
    this = start(recipe, out)
    made_of = Provenance("r", sha256(this.source), None, False, {}, this.modules)
    this.folder.create(this.source, RunRecord(this.options, made_of))
    assert start(recipe, out).modules == this.modules
    assert start(out / "recipe.py", out).provenance.modules == this.modules  # by the copy too

    (recipe.parent / name).write_text(FILES[name] + "# changed\n")
    with pytest.raises(ValueError, match=rf"Received: .*{name} has changed since .*run was made"):
        start(recipe, out)
    assert start(recipe, out, accept_changes=True).modules != this.modules
    (recipe.parent / name).write_text(FILES[name])
    start(recipe, out)
    (recipe.parent / "own_late.py").unlink()
    with pytest.raises(ValueError, match="the module 'own_late' is gone since"):
        start(recipe, out)


def test_a_record_of_a_recipe_without_modules_is_as_it_was_before_there_were_any(tmp_path):
    record = RunRecord(RunOptions(), Provenance("r", "0" * 64, None, False, {"train": "3 ab"}))
    assert b"modules" not in record.content()
    RunFolder(tmp_path / "run").create(b"", record)
    assert read_record(tmp_path / "run" / "run.json") == record
