"""Learning curves show each quantity over the epochs, validation beside training."""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import same_color
from matplotlib.image import imread

from seqzoo.explain import learning_curves

HISTORY = {
    "loss": [3.0, 2.0, 1.5],
    "token_accuracy": [0.25, 0.5, 0.75],
    "val_loss": [2.5, 2.25, 2.0],
    "val_token_accuracy": [0.3, 0.4, 0.5],
    "val_bleu": [math.nan, 11.0, 20.5],
}
CSV = """epoch,loss,token_accuracy,val_loss,val_token_accuracy,val_bleu
4,3.0,0.25,2.5,0.3,
5,2.0,0.5,2.25,0.4,11
6,1.5,0.75,2.0,0.5,20.5
"""


def drawn(figure):
    """What each panel shows: its title, and points and colour of each line by label."""
    return {
        axes.get_title(): {
            line.get_label(): (line.get_xydata().tolist(), line.get_color()) for line in axes.lines
        }
        for axes in figure.axes
    }


@pytest.mark.parametrize("wrap", [dict, lambda curves: SimpleNamespace(history=curves)])
def test_each_quantity_has_a_panel_with_training_and_validation(wrap):
    panels = drawn(learning_curves(wrap(HISTORY)))

    assert list(panels) == ["loss", "token accuracy", "bleu"]
    assert panels["loss"]["training"][0] == [[1, 3], [2, 2], [3, 1.5]]
    assert panels["loss"]["validation"][0] == [[1, 2.5], [2, 2.25], [3, 2]]
    assert panels["token accuracy"]["training"][0] == [[1, 0.25], [2, 0.5], [3, 0.75]]
    assert list(panels["bleu"]) == ["validation"]
    assert panels["bleu"]["validation"][0] == [[2, 11], [3, 20.5]]


def test_validation_has_one_colour_in_all_panels():
    panels = drawn(learning_curves(HISTORY)).values()

    colours = [lines["validation"][1] for lines in panels]
    assert all(same_color(colour, colours[0]) for colour in colours)
    assert not same_color(colours[0], next(iter(panels))["training"][1])


def test_a_file_gives_the_epochs_too(tmp_path):
    path = tmp_path / "history.csv"
    path.write_text(CSV)

    for given in (path, str(path)):
        panels = drawn(learning_curves(given))
        assert list(panels) == ["loss", "token accuracy", "bleu"]
        assert panels["loss"]["validation"][0] == [[4, 2.5], [5, 2.25], [6, 2]]
        assert panels["bleu"]["validation"][0] == [[5, 11], [6, 20.5]]


def test_one_epoch_is_seen_and_epochs_are_whole_numbers(tmp_path):
    figure = learning_curves({"loss": [2.0]}, tmp_path / "curves.png")

    FigureCanvasAgg(figure).draw()
    (axes,) = figure.axes
    low, high = axes.get_xlim()
    seen = [label for label in axes.get_xticklabels() if low <= label.get_position()[0] <= high]
    assert [label.get_text() for label in seen] == ["1"]
    shown = imread(tmp_path / "curves.png")
    blue = np.all(np.isclose(shown[..., :3], [0x1F / 255, 0x77 / 255, 0xB4 / 255], atol=0.02), -1)
    assert blue.sum() > 20


@pytest.mark.parametrize("history", [{}, {"loss": []}, {"epoch": [1, 2]}])
def test_a_history_of_nothing_is_refused(history):
    with pytest.raises(ValueError, match=r"at least one value of one epoch.*Train first"):
        learning_curves(history)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "at least one value of one epoch"),
        ("epoch,loss\n", "at least one value of one epoch"),
        ("epoch,loss\n1,low\n", "history.csv, where.*'low'"),
        ("epoch,loss\n1,2,3\n", "history.csv, where"),
    ],
)
def test_a_file_that_is_no_history_is_refused(tmp_path, text, message):
    path = tmp_path / "history.csv"
    path.write_text(text)

    with pytest.raises(ValueError, match=message):
        learning_curves(path, tmp_path / "curves.png")

    assert not (tmp_path / "curves.png").exists()


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"nowhere\.csv"):
        learning_curves(tmp_path / "nowhere.csv")


def test_a_baseline_is_a_dashed_line_in_its_panel():
    history = {"loss": [1.0, 0.5], "accuracy": [0.4, 0.6], "val_accuracy": [0.3, 0.5]}
    loss, accuracy = learning_curves(history, baselines={"accuracy": 0.55}).axes
    assert [text.get_text() for text in loss.get_legend().get_texts()] == ["training"]
    assert accuracy.get_legend().get_texts()[-1].get_text() == "baseline"
    assert accuracy.lines[-1].get_ydata() == [0.55, 0.55]
