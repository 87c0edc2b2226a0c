"""The code on the pages of docs/ runs, and prints what the pages say."""

import contextlib
import inspect
import io
import re
from pathlib import Path

import keras
import pytest
import tensorflow as tf

import seqzoo as sz

DOCS = Path(__file__).parents[1] / "docs"

NOT_RUN = {
    "scale.md": "several workers, and data of its own",
    "serving.md": "a model that was exported",
    "from_tfa_seq2seq.md": "tests/test_migration_page.py",
    "long_memory.md": "tests/test_long_memory_page.py",
}
"""Pages whose code does not run here, and what it needs or which test runs it."""

BLOCKS = re.compile(r"^```python\n(.*?)^```(?:\n\n```text\n(.*?)^```)?", re.DOTALL | re.MULTILINE)

PAGES = sorted(
    str(page.relative_to(DOCS))
    for page in DOCS.rglob("*.md")
    if "```python" in page.read_text(encoding="utf-8")
)


def ascii_form(strings, form, lowercase):
    """The normal form of ASCII, as which all texts on pages are; that of Unicode takes seconds."""
    return tf.strings.lower(strings) if lowercase else strings


def run(page, folder, monkeypatch):
    """Runs the code of a page in a folder, compares what is printed, and returns all names."""
    monkeypatch.chdir(folder)
    monkeypatch.setattr("seqzoo.preprocessing.text_normalization.normalize", ascii_form)
    found = {}
    for code, expected in BLOCKS.findall(page.read_text(encoding="utf-8")):
        keras.utils.set_random_seed(0)
        with contextlib.redirect_stdout(io.StringIO()) as printed:
            exec(compile(code, page.name, "exec"), found)
        if expected:
            assert printed.getvalue() == expected, code
    return found


def rows():
    """The pages that are run; those that train a model take seconds each, and are slow tests."""
    for name in PAGES:
        trains = ".fit(" in (DOCS / name).read_text(encoding="utf-8")
        if name not in NOT_RUN:
            yield pytest.param(name, marks=pytest.mark.slow if trains else ())


@pytest.mark.parametrize("name", [*rows()])
def test_the_code_of_a_page_prints_what_it_says(name, tmp_path, monkeypatch):
    run(DOCS / name, tmp_path, monkeypatch)


def test_the_pages_that_are_not_run_are_there():
    assert NOT_RUN.keys() <= {*PAGES}


def test_every_public_folder_and_module_has_its_reference():
    reference = "".join(page.read_text(encoding="utf-8") for page in DOCS.glob("reference/*.md"))
    shown = {*re.findall(r"^::: seqzoo\.(\S+)$", reference, re.MULTILINE)}
    folders = {name for name in sz.__all__ if inspect.ismodule(getattr(sz, name))}
    modules = {
        f"{name}.{each}" for name in ("datasets", "ops") for each in getattr(sz, name).__all__
    }

    assert folders - {"datasets", "ops"} | modules - {"ops.decoding"} == shown
