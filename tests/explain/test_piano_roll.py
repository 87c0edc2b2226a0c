"""A piece as a picture."""

import numpy as np
import pytest
from tiny_music import trained_frame_model

from seqzoo import explain
from seqzoo.explain import plot_piano_roll

PIECE = [[60, 64], [60], [], [67]]


def test_each_key_of_each_frame_is_a_cell_that_says_who_wrote_it(tmp_path):
    path = tmp_path / "roll.png"
    figure = plot_piano_roll(PIECE, path, given=1, title="$x$")
    (axes,) = figure.axes
    cells = np.asarray(axes.images[0].get_array())
    assert cells.shape == (67 - 60 + 1 + 4, 4)  # two keys around them
    given, drawn = (np.argwhere(cells == kind).tolist() for kind in (2, 3))
    assert given == [[2, 0], [6, 0]]  # from the lowest key on
    assert drawn == [[2, 1], [9, 3]]
    labels = [label.get_text() for label in axes.get_yticklabels()]
    assert labels == ["C4"]
    assert axes.get_yticks().tolist() == [2]
    assert [each.get_text() for each in figure.legends[0].get_texts()] == [
        "given",
        "drawn by the model",
    ]
    assert path.stat().st_size > 0


def test_a_piece_by_itself_has_no_legend_and_may_be_as_high_and_long_as_it_likes():
    figure = plot_piano_roll([[0], [127]] * 1000)
    assert not figure.legends
    assert max(figure.get_size_inches()) < 60
    assert np.asarray(figure.axes[0].images[0].get_array()).shape == (128, 2000)


def test_silence_is_refused():
    with pytest.raises(ValueError, match="Received: a piece of silence"):
        plot_piano_roll([[], []])


@pytest.mark.parametrize("given", [-1, 5])
def test_no_more_frames_are_given_than_there_are(given):
    with pytest.raises(ValueError, match=rf"`given` must be from 0 to 4, .*Received: {given}"):
        plot_piano_roll(PIECE, given=given)


def test_a_model_of_frames_has_its_roll(tmp_path):
    task = trained_frame_model().task
    said = []
    explain.run_pictures(task, ["60 62 | 61 |"], [""], [PIECE], tmp_path, said.append)
    assert [path.name for path in tmp_path.iterdir()] == ["roll.png"]
    figure = explain.explain_input(task, "60 62 | 61 |")
    assert figure.axes[0].images[0].get_array().shape[1] == 2 + 4
    assert said == []
    with pytest.raises(ValueError, match="There is no picture 'tags' of this FrameModel"):
        explain.explain_input(task, "60 |", picture="tags")
