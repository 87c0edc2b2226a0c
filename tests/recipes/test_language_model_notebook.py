"""The notebook runs top to bottom, at small sizes."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "recipes" / "language_model" / "language_model.ipynb"
SMALL = "train_size = 6_000\nepochs = 2\nunits = 8\n"


def small_notebook():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert {line.split()[0] for line in SMALL.splitlines()} == {
        line.split()[0] for line in parameters.source.splitlines()
    }
    parameters.source = SMALL
    return notebook


@pytest.mark.slow
def test_the_notebook_runs_top_to_bottom_and_shows_two_pictures(tmp_path):
    notebook = small_notebook()
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 2
    assert not [output for output in outputs if output.output_type == "error"]
