"""What the README says can be run."""

import re
from pathlib import Path

README = (Path(__file__).parents[1] / "README.md").read_text(encoding="utf-8")


def test_the_first_example_runs_as_it_is_printed(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    example = re.search(r"```python\n(.*?)```", README, re.DOTALL).group(1)
    exec(compile(example, "README.md", "exec"), {})
    assert (tmp_path / "serving" / "translator" / "1" / "saved_model.pb").is_file()


def test_the_example_of_a_part_runs_as_it_is_printed():
    (example,) = re.findall(r"```python\n(queries.*?)```", README, re.DOTALL)
    names = {}
    exec("import keras\nimport seqzoo as sz\n" + example, names)
    assert names["model"].output_shape == (None, None, 32)


def test_the_example_of_a_gradient_says_what_is_printed(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(import numpy as np\n\ncell.*?)```", README, re.DOTALL)
    exec("import keras\nimport seqzoo as sz\n" + example, {})
    (said,) = re.findall(r"print\(flow\)  # (.*) …", example)
    assert capsys.readouterr().out.startswith(said)
    assert (tmp_path / "flow.png").is_file()
