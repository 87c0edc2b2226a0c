"""The notebook on captions runs top to bottom, at small sizes."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

NOTEBOOK = Path(__file__).parents[2] / "recipes" / "captioning" / "captioning.ipynb"
SMALL = "train_size = 32\nword_epochs = 1\nepochs = 1\n"


@pytest.mark.slow
def test_the_notebook_runs_top_to_bottom_and_shows_three_pictures(tmp_path):
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    (parameters,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    assert {line.split()[0] for line in SMALL.splitlines()} == {
        line.split()[0] for line in parameters.source.splitlines()
    }
    parameters.source = SMALL
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == 3
    assert not [output for output in outputs if output.output_type == "error"]
