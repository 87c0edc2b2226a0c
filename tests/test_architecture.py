"""The tree obeys the rules of the house, and the rules see it when a tree does not."""

from pathlib import Path

import pytest
from architecture import (
    MOST_LINES,
    circles,
    long_files,
    misplaced_tensorflow,
    names_of_several_things,
    upward_imports,
    vague_names,
)

ROOT = Path(__file__).parents[1]
PACKAGE = ROOT / "seqzoo"


RULES = [upward_imports, circles, misplaced_tensorflow, names_of_several_things, long_files]


@pytest.mark.parametrize("rule", RULES)
def test_the_package_obeys(rule):
    breaches = rule(PACKAGE)

    assert not breaches, "\n".join(["", *breaches])


@pytest.mark.parametrize("folder", ["seqzoo", "tests", "recipes", "benchmarks"])
def test_every_file_is_named_after_what_it_holds(folder):
    breaches = vague_names(ROOT / folder)

    assert not breaches, "\n".join(["", *breaches])


@pytest.fixture
def tree(tmp_path):
    def write(files: dict[str, str]) -> Path:
        for name, text in files.items():
            path = tmp_path / "seqzoo" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text)
        return tmp_path / "seqzoo"

    return write


LAWFUL = {
    "__init__.py": "def __getattr__(name):\n    from seqzoo.tasks.seq2seq import Seq2Seq\n",
    "version.py": "__version__ = '1'\n",
    "ops/masks.py": "import keras\nfrom seqzoo.version import __version__\n",
    "ops/tensorflow/scan.py": "import tensorflow as tf\n",
    "layers/cells/lstm.py": "from seqzoo.ops import masks\n",
    "layers/attention/dot.py": "from seqzoo.layers.cells.lstm import LSTMCell\n",
    "layers/recurrent/rnn.py": "from .cells.lstm import LSTMCell\nfrom .attention import dot\n",
    "tasks/seq2seq.py": "import tensorflow_text\nimport seqzoo.layers.recurrent\n",
    "cli.py": "from seqzoo.recipe import run\n",
    "recipe.py": "",
}


def test_a_lawful_tree_has_no_breach(tree):
    package = tree(LAWFUL)

    assert [rule(package) for rule in [*RULES, vague_names]] == [[]] * 6


@pytest.mark.parametrize(
    ("file", "text", "importer", "imported"),
    [
        ("ops/masks.py", "from seqzoo.search import beam", "ops", "search"),
        ("ops/masks.py", "from ..search.beam import BeamSearch", "ops", "search.beam"),
        ("ops/masks.py", "def f():\n    import seqzoo.cli", "ops", "cli"),
        ("ops/__init__.py", "from ..tasks import seq2seq", "ops", "tasks.seq2seq"),
        ("layers/cells/gru.py", "from seqzoo.layers import recurrent", "layers.cells", "layers"),
        ("layers/cells/gru.py", "import seqzoo.layers.attention", "layers.cells", "layers"),
        ("layers/attention/add.py", "from ..crf import CRF", "layers.attention", "layers"),
        ("export/saved_model.py", "from seqzoo.tasks import task", "export", "tasks"),
        ("recipe.py", "from seqzoo import cli", "recipe", "cli"),
        ("zoo/papers.py", "import seqzoo as sz", "zoo", "'seqzoo' comes"),
        ("zoo/papers.py", "from seqzoo import Seq2Seq", "zoo", "'seqzoo' comes"),
    ],
)
def test_an_upward_import_is_found(tree, file, text, importer, imported):
    (breach,) = upward_imports(tree(LAWFUL | {file: text}))

    line = 1 + text.count("\n")
    assert breach.startswith(f"seqzoo/{file}:{line}: {importer!r} imports seqzoo")
    assert imported in breach
    assert "Move what is shared down" in breach


@pytest.mark.parametrize("part", ["gadgets", "zoology"])
def test_a_part_that_the_order_does_not_know_is_found(tree, part):
    (breach,) = upward_imports(tree(LAWFUL | {f"{part}/wheel.py": ""}))

    assert breach.startswith(f"seqzoo/{part}/wheel.py: the part {part!r} has no place")


@pytest.mark.parametrize(
    ("files", "chain"),
    [
        (
            {"ops/a.py": "from seqzoo.ops.b import f", "ops/b.py": "from seqzoo.ops import a"},
            {"seqzoo.ops.a", "seqzoo.ops.b"},
        ),
        (
            {
                "heads/a.py": "from . import b",
                "heads/b.py": "def f():\n    from .c import g",
                "heads/c.py": "import seqzoo.heads.a",
            },
            {"seqzoo.heads.a", "seqzoo.heads.b", "seqzoo.heads.c"},
        ),
        (
            {"zoo/__init__.py": "from seqzoo.zoo import a", "zoo/a.py": "from seqzoo.zoo import Z"},
            {"seqzoo.zoo", "seqzoo.zoo.a"},
        ),
    ],
)
def test_a_circle_is_found(tree, files, chain):
    (breach,) = circles(tree(LAWFUL | files))

    names = breach.split(":")[0].split(" -> ")
    assert names[0] == names[-1]
    assert set(names) == chain
    assert "Move what they share" in breach


def test_a_circle_is_written_in_the_direction_of_the_imports(tree):
    files = {"ops/a.py": "from . import b", "ops/b.py": "from . import c"}
    (breach,) = circles(tree(files | {"ops/c.py": "from . import a"}))

    chain = breach.split(":")[0].split(" -> ")
    assert " ".join(name[-1] for name in chain) in ("a b c a", "b c a b", "c a b c")


@pytest.mark.parametrize(
    ("file", "text"),
    [
        ("heads/tokens.py", "import tensorflow as tf"),
        ("search/beam.py", "from tensorflow.python.ops import math_ops"),
        ("layers/recurrent/rnn.py", "def f():\n    import tensorflow_probability"),
        ("ops/scans.py", "import keras, tensorflow"),
        ("zoo/tensorflow_papers.py", "import tensorflow"),
        ("__init__.py", "import tensorflow"),
    ],
)
def test_tensorflow_where_any_backend_must_do_is_found(tree, file, text):
    (breach,) = misplaced_tensorflow(tree(LAWFUL | {file: text}))

    assert breach.startswith(f"seqzoo/{file}:{1 + text.count(chr(10))}: tensorflow")
    assert "Use keras.ops" in breach


def test_a_name_for_different_things_is_found_and_one_for_one_concept_is_not(tree):
    files = {"ops/stream.py": "", "tasks/stream.py": "", "layers/crf.py": "", "ops/crf.py": ""}
    (breach,) = names_of_several_things(tree(LAWFUL | files))

    assert breach.startswith("stream.py stands for different things in seqzoo/ops/stream.py, ")
    assert "SHARED_NAMES" in breach


@pytest.mark.parametrize("name", ["ops/utils.py", "helpers/text.py", "tasks/_common.py"])
def test_a_vague_name_is_found(tree, name):
    (breach,) = vague_names(tree(LAWFUL | {name: ""}))

    assert "name it after what it holds" in breach


def test_a_long_file_is_found(tree):
    (breach,) = long_files(
        tree(LAWFUL | {"ops/long.py": "x = 1\n" * (MOST_LINES + 1), "ops/b.py": "\n" * MOST_LINES})
    )

    assert breach.startswith(f"seqzoo/ops/long.py: {MOST_LINES + 1} lines")
