"""What the package is built of, and what it says where a package is missing."""

import subprocess
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest

from seqzoo import listing
from seqzoo.extras import (
    MissingPackageError,
    import_biopython,
    import_huggingface_hub,
    import_keras_tuner,
    import_optuna,
    import_pretty_midi,
    import_tensorflow_text,
    import_tfds,
)

ROOT = Path(__file__).parents[1]


@pytest.mark.parametrize(
    ("import_package", "name", "way"),
    [
        (import_huggingface_hub, "huggingface_hub", r"pip install 'seqzoo\[hub\]'"),
        (import_biopython, "Bio", r"pip install 'seqzoo\[biology\]'"),
        (import_keras_tuner, "keras_tuner", r"pip install 'seqzoo\[tuning\]'"),
        (import_optuna, "optuna", r"pip install 'seqzoo\[tuning\]'"),
        (import_pretty_midi, "pretty_midi", r"pip install 'seqzoo\[music\]'"),
        (import_tfds, "tensorflow_datasets", r"pip install 'seqzoo\[tfds\]'"),
        (import_tensorflow_text, "tensorflow_text", "pip install tensorflow-text.*WordTokenizer"),
    ],
)
def test_a_missing_package_is_named_with_the_way_to_get_it(monkeypatch, import_package, name, way):
    class Nowhere:
        def find_spec(self, wanted, path=None, target=None):
            if wanted == name:
                raise ModuleNotFoundError(f"No module named {wanted!r}", name=wanted)

    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(sys, "meta_path", [Nowhere(), *sys.meta_path])
    with pytest.raises(MissingPackageError, match=f"need the package {name}.*Install it: {way}"):
        import_package()


def test_recipes_in_the_package_come_before_those_beside_it(tmp_path, monkeypatch):
    for folder in ("recipes/a", "seqzoo/recipes/b"):
        (tmp_path / folder).mkdir(parents=True)
        (tmp_path / folder / "words.py").write_text("")
    monkeypatch.setattr(listing, "_ZOO", tmp_path / "seqzoo/zoo")
    monkeypatch.chdir(tmp_path / "seqzoo")
    assert listing.find_recipe("words") == Path("recipes/b/words.py")
    monkeypatch.chdir("/")
    assert listing.find_recipe("words") == tmp_path / "seqzoo/recipes/b/words.py"


@pytest.mark.slow
def test_wheel_and_sdist_carry_the_recipes_and_a_wheel_lists_them(tmp_path):
    listed = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    for name in listed:
        if (ROOT / name).is_file():
            (tmp_path / "source" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / "source" / name).write_bytes((ROOT / name).read_bytes())
    code = (
        "from setuptools import build_meta\n"
        "build_meta.build_sdist('../built')\n"
        "build_meta.build_wheel('../built')"
    )
    (tmp_path / "built").mkdir()
    subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path / "source", check=True, capture_output=True
    )
    recipes = {name for name in listed if name.startswith("recipes/") and name.endswith(".py")}

    (wheel,) = (tmp_path / "built").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
        archive.extractall(tmp_path / "site")
    assert {f"seqzoo/{name}" for name in recipes} <= {*names}
    assert all(name.startswith("seqzoo") for name in names)
    (sdist,) = (tmp_path / "built").glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        packed = {name.partition("/")[2] for name in archive.getnames()}
    assert {name for name in listed if name.split("/")[0] in ("tests", "recipes", "docs")} <= packed
    done = subprocess.run(
        [sys.executable, "-c", "from seqzoo.cli import main; main(['list'])"],
        cwd=tmp_path,
        env={"PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert "dates" in done.stdout.partition("Recipes (seqzoo train NAME)")[2], done.stderr
