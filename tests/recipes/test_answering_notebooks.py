"""The notebooks of classifiers, taggers and forecasters run top to bottom, at small sizes."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "recipes"
NOTEBOOKS = {
    "classification/classification": ("train_size = 300\nepochs = 1\nfew_epochs = 1\n", 4),
    "tagging/tagging": ("train_size = 100\nepochs = 2\n", 2),
    "finance/finance": (
        "lookback = 5\nunits = 3\nepochs = 1\nfirst, refit = 900, 100\ncost = 1e-4\n",
        2,
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", NOTEBOOKS)
def test_a_notebook_runs_top_to_bottom_and_shows_its_pictures(name, tmp_path):
    small, count = NOTEBOOKS[name]
    notebook = nbformat.read(FOLDER / f"{name}.ipynb", as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert {line.split()[0] for line in small.splitlines()} == {
        line.split()[0] for line in parameters.source.splitlines()
    }
    parameters.source = small
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == count
    assert not [output for output in outputs if output.output_type == "error"]
