"""What the README says can be run."""

import contextlib
import io
import re
from pathlib import Path

import pytest

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")
EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


def test_the_first_example_runs_as_it_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    exec(compile(EXAMPLES[0], "README.md", "exec"), {})
    assert (tmp_path / "serving" / "translator" / "1" / "saved_model.pb").is_file()


@pytest.fixture(scope="module")
def names(tmp_path_factory):
    """What the examples of layers leave behind, run one after the other, and what they printed."""
    printed, found = io.StringIO(), {}
    with contextlib.chdir(tmp_path_factory.mktemp("readme")), contextlib.redirect_stdout(printed):
        exec("import seqzoo as sz", found)
        for example in EXAMPLES[2:]:
            exec(compile(example, "README.md", "exec"), found)
        found["flow_is_drawn"] = Path("flow.png").is_file()
    return found | {"printed": printed.getvalue()}


def test_the_example_of_a_part_runs_as_it_is_printed(names):
    assert names["context"].shape == (None, None, 32)


def test_the_example_of_recurrent_layers_runs_as_it_is_printed(names):
    assert names["outputs"].shape == (4, 50, 64)
    assert names["output"].shape == (1, 64)


def test_the_example_of_a_language_model_runs_as_it_is_printed(names):
    assert names["scored"].tokens == [*names["lines"][-1].split(), "<end>"]
    assert names["sentiment"].classify(["the cat sat"])[0] in ("bad", "good")
    assert len(names["entities"].tag([["the", "dog", "ran"]])[0]) == 3


def test_the_example_of_a_stack_of_blocks_runs_as_it_is_printed(names):
    kinds = [type(block.mixer).__name__ for block in names["blocks"]]
    assert kinds == ["Mamba", "Mamba", "SelfAttention"]
    assert names["hybrid"].generate(["the dog"])[0].startswith("the dog")


def test_the_example_of_a_gradient_says_what_is_printed(names):
    (said,) = re.findall(r"print\(flow\)  # (.*) …", README)
    assert said in names["printed"]
    assert names["flow_is_drawn"]
