"""The notebooks of language models and mixers run top to bottom, at small sizes."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "recipes" / "language_model"
NOTEBOOKS = {
    "language_model": ("train_size = 6_000\nepochs = 2\nunits = 8\n", 2),
    "from_rnn_to_transformer": (
        "train_size = 64\nepochs = 1\nunits = 8\nlengths = (8, 16)\n",
        7,
    ),
}


def read(name):
    return nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)


def pictures_of(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    return [output for output in outputs if "image/png" in output.get("data", {})]


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_top_to_bottom_and_shows_its_pictures(name, tmp_path):
    small, count = NOTEBOOKS[name]
    notebook = read(name)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert {line.split()[0] for line in small.splitlines()} == {
        line.split()[0] for line in parameters.source.splitlines()
    }
    parameters.source = small
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    assert len(pictures_of(notebook)) == count
