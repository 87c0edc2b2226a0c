"""The notebooks of music, biology, spelling, text and graphs: what they hold, and that they run."""

import re
from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

FOLDER = Path(__file__).parents[2] / "recipes"
NOTEBOOKS = {
    "music": ("train_size = 20\nepochs = 1\nunits = 8\n", 4),
    "biology": ("train_size = 60\nepochs = 6\ntagger_epochs = 1\n", 4),
    "spelling": ("train_size = 50\nepochs = 1\nform_epochs = 1\nunits = 8\n", 3),
    "text": ("train_size = 40\nepochs = 1\nmeaning_epochs = 1\nunits = 8\n", 3),
    "graphs": ("train_size = 20\nnamings = 2\nepochs = 1\nunits = 32\nsteps = 2\n", 3),
}
"""By family, small sizes for a run, and the number of pictures."""

MOST_BYTES = 400_000
MOST_LINES = 24  # of a cell
NOT_SHOWN = re.compile(r"/(tmp|home|work|root|usr)/|Warning|WARNING|Traceback|W0000")


def read(family):
    path = FOLDER / family / f"{family}.ipynb"
    assert path.stat().st_size < MOST_BYTES
    return nbformat.read(path, as_version=4)


def outputs_of(notebook):
    outputs = [output for cell in notebook.cells for output in cell.get("outputs", ())]
    assert not [output for output in outputs if output.output_type == "error"]
    return outputs


def pictures(notebook):
    return [out for out in outputs_of(notebook) if "image/png" in out.get("data", {})]


def parameters_of(notebook):
    (cell,) = [c for c in notebook.cells if "parameters" in c.metadata.get("tags", ())]
    return cell


@pytest.mark.parametrize("family", NOTEBOOKS)
def test_a_notebook_holds_what_it_printed_and_drew_when_it_ran_from_top_to_bottom(family):
    small, count = NOTEBOOKS[family]
    notebook = read(family)
    nbformat.validate(notebook)
    code = [cell for cell in notebook.cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in code] == [*range(1, len(code) + 1)]
    assert max(cell.source.count("\n") for cell in code) < MOST_LINES
    assert len(pictures(notebook)) == count
    texts = [
        out.get("text") or out.get("data", {}).get("text/plain") for out in outputs_of(notebook)
    ]
    assert not NOT_SHOWN.search("\n".join(texts))
    assert {out.name for out in outputs_of(notebook) if out.output_type == "stream"} == {"stdout"}
    names = [
        [line.split()[0] for line in text.splitlines()]
        for text in (small, parameters_of(notebook).source)
    ]
    assert names[0] == names[1]


@pytest.mark.slow
@pytest.mark.parametrize("family", NOTEBOOKS)
def test_a_notebook_runs_top_to_bottom_and_shows_its_pictures(family, tmp_path):
    small, count = NOTEBOOKS[family]
    notebook = read(family)
    parameters_of(notebook).source = small
    NotebookClient(notebook, timeout=600, resources={"metadata": {"path": tmp_path}}).execute()
    assert len(pictures(notebook)) == count
