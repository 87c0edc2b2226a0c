"""No text, colour bar or legend leaves its picture or covers another, at short and long inputs."""

import math
import warnings

import pytest
from drawn_pictures import PICTURES
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread
from matplotlib.text import Text

from seqzoo.explain.figures import DPI, MAX_PIXELS, save

PIXEL = 1.5  # of rounding


def drawn_texts(figure):
    """The texts that are drawn: of ticks, only those within the limits of their axis."""
    undrawn = set()
    for axes in figure.axes:
        for axis in (axes.xaxis, axes.yaxis):
            low, high = sorted(axis.get_view_interval())
            ticks = [*axis.get_major_ticks(), *axis.get_minor_ticks()]
            margin = 0.0 if axis.get_scale() == "log" else 1e-6 * (high - low)
            outside = [t for t in ticks if not low - margin <= t.get_loc() <= high + margin]
            undrawn.update(label for tick in outside for label in (tick.label1, tick.label2))
            if not axes.axison:
                undrawn.update(axis.findobj())
    return [
        text
        for text in dict.fromkeys(figure.findobj(Text))
        if text not in undrawn and text.get_visible() and text.get_text().strip()
    ]


def overlap(one, other):
    """The smaller side of what two boxes share, in pixels."""
    width = min(one.x1, other.x1) - max(one.x0, other.x0)
    height = min(one.y1, other.y1) - max(one.y0, other.y0)
    return min(width, height)


@pytest.mark.parametrize("name", PICTURES)
def test_all_of_a_picture_is_seen(name):
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # as of a layout that does not fit
        figure = PICTURES[name]()
        canvas = FigureCanvasAgg(figure)
        canvas.draw()
    renderer = canvas.get_renderer()
    texts = drawn_texts(figure)
    boxes = {text: text.get_window_extent(renderer) for text in texts}
    legends = [axes.get_legend() for axes in figure.axes] + figure.legends
    areas = [each for each in (*figure.axes, *legends) if each is not None]
    whole = [(text.get_text(), box) for text, box in boxes.items()]
    for what, box in whole + [(area, area.get_window_extent(renderer)) for area in areas]:
        assert box.x0 >= -PIXEL, f"{what!r} is cut off at the left"
        assert box.y0 >= -PIXEL, f"{what!r} is cut off at the bottom"
        assert box.x1 <= figure.bbox.x1 + PIXEL, f"{what!r} is cut off at the right"
        assert box.y1 <= figure.bbox.y1 + PIXEL, f"{what!r} is cut off at the top"
    ordered = sorted(boxes.items(), key=lambda pair: pair[1].x0)
    for index, (text, box) in enumerate(ordered):
        for other, its_box in ordered[index + 1 :]:
            if its_box.x0 >= box.x1:
                break
            shared = overlap(box, its_box)
            assert shared <= PIXEL, f"{text.get_text()!r} covers {other.get_text()!r}"
    assert min(text.get_fontsize() for text in texts) >= 6
    for axes in figure.axes:
        assert min(axes.get_window_extent().size) > 8, "axes without space"


def test_a_written_picture_has_a_size_that_can_be_opened(tmp_path):
    figure = PICTURES["tree-20x6-long"]()
    figure.set_size_inches(400, 2)
    save(figure, tmp_path / "long.png")
    save(PICTURES["tree-1"](), tmp_path / "short.png")
    assert imread(tmp_path / "long.png").shape[1] == MAX_PIXELS
    width = PICTURES["tree-1"]().get_size_inches()[0]
    assert imread(tmp_path / "short.png").shape[1] == pytest.approx(math.floor(DPI * width), abs=1)
