"""What `import seqzoo` gives, and what it spares."""

import dataclasses
import importlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import seqzoo as sz

IMPORT = """
import json, os, sys, time
names = ["TF_ENABLE_ONEDNN_OPTS", "TF_CPU_ALLOCATOR_USE_BFC"]
for name in names:
    os.environ.pop(name, None)
started = time.process_time()
import seqzoo as sz
seconds = time.process_time() - started
heavy = {"tensorflow", "keras", "keras_hub", "matplotlib", "numpy", "babel"} & set(sys.modules)
print(json.dumps([sorted(heavy), [os.environ.get(name) for name in names], dir(sz), seconds]))
"""


def run(code, stdin="", **environment):
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path), **environment}
    command = [sys.executable, "-c", code]
    options = {"capture_output": True, "text": True, "check": True, "env": environment}
    done = subprocess.run(command, input=stdin, **options)
    return done.stdout


def test_the_import_brings_no_heavy_library():
    heavy, settings, listed, seconds = json.loads(run(IMPORT))

    assert heavy == []
    assert settings == ["1", "1"]
    assert listed == sorted(sz.__all__)
    assert seconds < 0.1


def test_a_setting_of_the_user_stays():
    code = "import os, seqzoo; print(os.environ['TF_ENABLE_ONEDNN_OPTS'])"
    assert run(code, TF_ENABLE_ONEDNN_OPTS="0").strip() == "0"


@pytest.mark.parametrize("name", sz.__all__)
def test_every_name_of_the_public_face_is_there(name):
    assert getattr(sz, name) is not None


def test_names_are_the_objects_of_their_homes():
    from seqzoo import importing, search, tasks

    assert sz.BeamSearch is search.BeamSearch
    assert sz.Seq2Seq is tasks.Seq2Seq
    assert (sz.load, sz.from_preset) == (tasks.load, importing.from_preset)
    assert sz.zoo.bahdanau_2015 is sys.modules["seqzoo.zoo"].bahdanau_2015


def test_an_unknown_name_is_an_attribute_error():
    with pytest.raises(AttributeError, match="module 'seqzoo' has no attribute 'Beam'"):
        sz.Beam  # noqa: B018
    assert not hasattr(sz, "crf")


ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]

REACH = """
import functools, json, sys
import seqzoo as sz
unknown = []
for name in json.load(sys.stdin):
    try:
        functools.reduce(getattr, name.split("."), sz)
    except AttributeError as error:
        unknown.append(f"{name}: {error}")
print(json.dumps(unknown))
"""


def names_on(page):
    """The dotted names of the library on a page, without `sz.` or `seqzoo.`.

    Behind a backtick the name of a folder is enough. A file name is none, nor is a field of a
    recipe, such as `training.epochs`.
    """
    from seqzoo.recipe import TrainingOptions

    text = page.read_text(encoding="utf-8")
    whole = re.findall(r"(?<![\w./-])(?:sz|seqzoo)\.((?:\w+\.)*[A-Za-z_]\w*)", text)
    folders = "|".join(name for name in sz.__all__ if (ROOT / "seqzoo" / name).is_dir())
    inline = re.sub(r"```.*?```", "", text, flags=re.DOTALL)
    short = re.findall(rf"(?<=`)(?:{folders})(?:\.[A-Za-z_]\w*)+", inline)
    fields = {f"training.{field.name}" for field in dataclasses.fields(TrainingOptions)}
    return {name for name in {*whole, *short} - fields if not name.endswith("json")}


def test_every_name_on_a_page_is_there_after_the_import_alone():
    names = sorted(set().union(*map(names_on, PAGES)))
    unknown = json.loads(run(REACH, json.dumps(names)))

    assert {"ops.crf", "layers.LSTM", "BeamSearch", "zoo.bahdanau_2015"} <= {*names}
    assert not unknown, "\n".join(["", *unknown])


@pytest.mark.parametrize("folder", ["seqzoo", "seqzoo.ops"])
def test_a_folder_imports_what_it_lists_on_first_use(folder):
    module = importlib.import_module(folder)
    for name in set(module.__all__) - {"__version__"}:
        assert module.__getattr__(name) is getattr(module, name)


@pytest.mark.parametrize("folder", ["seqzoo", "seqzoo.ops"])
def test_type_checkers_see_every_name_of_a_folder(folder):
    module = importlib.import_module(folder)
    (listed,) = re.findall(
        r"\nif TYPE_CHECKING:\n((?:    .*\n)+)", Path(module.__file__).read_text(encoding="utf-8")
    )
    for name in set(module.__all__) - {"__version__"}:
        assert re.search(rf"\b{name}\b", listed)
