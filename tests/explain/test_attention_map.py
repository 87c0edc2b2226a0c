"""An attention map shows the weights, and tokens that can be read."""

import itertools
import warnings
from typing import NamedTuple

import matplotlib
import numpy as np
import pytest
from matplotlib import font_manager, pyplot
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.image import imread

from seqzoo import BeamSearch, zoo
from seqzoo.explain import attention_map
from seqzoo.preprocessing import CharacterTokenizer


class Answer(NamedTuple):
    tokens: list[str]
    alignment: np.ndarray | None


class Aligned:
    """A task whose answer and alignment are given."""

    def __init__(self, source, generated, alignment="diagonal"):
        self.source, self.answer = source, Answer(generated, alignment)
        if isinstance(alignment, str):
            places = np.linspace(0, len(source) - 1, len(generated))
            distance = np.abs(places[:, None] - np.arange(len(source)))
            self.answer = Answer(generated, (distance < 1).astype("float32"))

    def source_tokens(self, text):
        return self.source

    def generate(self, inputs, return_hypotheses):
        return [[self.answer]]


def texts(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def boxes(figure, axis):
    """The rectangles of an axis's labels in pixels, with no room between letters."""
    renderer = FigureCanvasAgg(figure).get_renderer()
    figure.draw_without_rendering()
    return [label.get_window_extent(renderer) for label in axis.get_ticklabels()]


def test_weights_and_tokens_stand_where_they_belong():
    weights = np.array([[0.7, 0.2, 0.1], [0.2, 0.4, 0.4]], "float32")

    figure = attention_map(Aligned(["ein", "Haus", "<end>"], ["house", "<end>"], weights), "")

    axes, bar = figure.axes
    np.testing.assert_array_equal(axes.images[0].get_array(), weights)
    assert (axes.get_xlabel(), texts(axes.xaxis)) == ("source", ["ein", "Haus", "<end>"])
    assert (axes.get_ylabel(), texts(axes.yaxis)) == ("generated", ["house", "<end>"])
    assert axes.get_ylim()[0] > axes.get_ylim()[1]  # the first token stands on top
    assert bar.get_ylim() == pytest.approx((0, 0.7))


def test_a_single_letter_stands_upright_and_a_word_is_turned():
    axes = attention_map(Aligned(["3", ".", "im", "Mai"], ["5"]), "").axes[0]

    assert [label.get_rotation() for label in axes.get_xticklabels()] == [0, 0, 90, 90]


@pytest.mark.parametrize(("source_length", "target_length"), [(1, 1), (7, 5), (90, 120), (700, 3)])
def test_labels_neither_overlap_nor_leave_the_picture(source_length, target_length):
    task = Aligned([f"wörter{i}" for i in range(source_length)], ["gy|"] * target_length)

    figure = attention_map(task, "")

    for axis, side in ((figure.axes[0].xaxis, "x"), (figure.axes[0].yaxis, "y")):
        found = boxes(figure, axis)
        spans = sorted((getattr(box, f"{side}0"), getattr(box, f"{side}1")) for box in found)
        assert len(spans) >= min(150, source_length if side == "x" else target_length)
        assert all(here[1] <= there[0] + 1 for here, there in itertools.pairwise(spans))
        assert min(min(box.x0, box.y0) for box in found) >= 0
        assert max(box.x1 for box in found) <= figure.bbox.x1
        assert max(box.y1 for box in found) <= figure.bbox.y1


def test_a_map_of_a_very_long_text_is_still_a_picture(tmp_path):
    attention_map(Aligned(["word"] * 10_000, ["a"] * 10), "", tmp_path / "map.png")

    height, width, _ = imread(tmp_path / "map.png").shape
    assert 3000 < width < 6000
    assert 300 < height < 3000


@pytest.mark.parametrize("scripts", ["Привет", "κόσμε", "مرحبا", "שלום", "▁größe", "␣↵⇥"])
def test_many_scripts_need_no_other_font(tmp_path, scripts):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        attention_map(Aligned([scripts, "<end>"], [scripts]), "", tmp_path / "map.png")
    assert imread(tmp_path / "map.png").std() > 0


@pytest.fixture
def only_fonts(monkeypatch):
    """Leaves some families of fonts on the machine."""

    def leave(*families):
        fonts = [font for font in font_manager.fontManager.ttflist if font.name in families]
        assert fonts
        monkeypatch.setattr(font_manager.fontManager, "ttflist", fonts)

    return leave


def test_of_characters_that_no_font_has_one_warning_tells(only_fonts, tmp_path):
    only_fonts("DejaVu Sans", "Last Resort High-Efficiency")  # that one has boxes for all

    with pytest.warns(UserWarning, match="No font on this machine has.*中国文🎉") as caught:
        figure = attention_map(Aligned(["中国", "中文", "a🎉"], ["中"]), "", tmp_path / "map.png")
    figure.savefig(tmp_path / "again.png")

    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert texts(figure.axes[0].xaxis) == ["□□", "□□", "a□"]


def test_characters_of_another_installed_font_are_drawn_with_it(only_fonts, tmp_path):
    only_fonts("DejaVu Sans", "STIXGeneral")
    character = "\N{LATIN SMALL LETTER S WITH PALATAL HOOK}"  # STIX has it, DejaVu Sans has not

    with warnings.catch_warnings():
        warnings.simplefilter("error")
        figure = attention_map(Aligned([f"a{character}"], ["b"]), "", tmp_path / "map.png")

    (label,) = figure.axes[0].get_xticklabels()
    assert label.get_text() == f"a{character}"
    assert "STIXGeneral" in label.get_fontfamily()


def test_dollar_signs_are_no_formulas_and_control_characters_are_seen(tmp_path):
    tokens = ["$x_1$", "$\\bad{$", "\n\t", "a" * 21]

    figure = attention_map(Aligned(tokens, ["$"]), "", tmp_path / "map.png")

    shown = figure.axes[0].get_xticklabels()
    assert [label.get_text() for label in shown] == [*tokens[:2], "\\n\\t", "a" * 19 + "…"]
    assert not any(label.get_parse_math() for label in shown)


@pytest.mark.parametrize(
    ("task", "text", "message"),
    [
        (Aligned(["a"], ["b"], None), "a", "needs a model with attention.*bahdanau_2015"),
        (Aligned(["a"], []), "a", "returned no answer to 'a'"),
        (Aligned(["a"], ["b"]), ["a"], r"`text` must be one text. Received: \['a'\]"),
    ],
)
def test_what_cannot_be_drawn_is_explained(tmp_path, task, text, message):
    with pytest.raises(ValueError, match=message):
        attention_map(task, text, tmp_path / "map.png")

    assert list(tmp_path.iterdir()) == []


def test_the_ending_of_the_path_is_the_format(tmp_path):
    task = Aligned(["a"], ["b"])

    attention_map(task, "", tmp_path / "map.svg")
    attention_map(task, "", tmp_path / "map")

    assert b"<svg" in (tmp_path / "map.svg").read_bytes()
    assert (tmp_path / "map").read_bytes().startswith(b"\x89PNG")
    with pytest.raises(ValueError, match=r"'doc' is not supported.*png"):
        attention_map(task, "", tmp_path / "map.doc")


def test_pyplot_and_its_backend_are_left_alone(tmp_path):
    backend = matplotlib.rcParams._get_backend_or_none()

    attention_map(Aligned(["a"], ["b"]), "", tmp_path / "map.png")

    assert pyplot.get_fignums() == []
    assert matplotlib.rcParams._get_backend_or_none() == backend


@pytest.fixture(scope="module")
def tokenizer():
    tokenizer = CharacterTokenizer()
    tokenizer.adapt(["0123456789-./ "])
    return tokenizer


def test_a_task_is_drawn_with_its_own_tokens_and_weights(tokenizer, tmp_path):
    task = zoo.bahdanau_2015(
        source=tokenizer, target=tokenizer, units=5, embedding_dim=3, max_target_length=7
    )
    ((wanted, *_),) = task.generate(["3.4. 21"], return_hypotheses=True)

    figure = attention_map(task, "3.4. 21", tmp_path / "map.png")

    axes = figure.axes[0]
    np.testing.assert_allclose(axes.images[0].get_array(), wanted.alignment, atol=1e-6)
    np.testing.assert_allclose(axes.images[0].get_array().sum(1), 1, atol=1e-5)
    assert texts(axes.xaxis) == [*"3.4.␣21", "<end>"]
    assert texts(axes.yaxis) == wanted.tokens


@pytest.mark.parametrize("attention", ["location", "coverage", "multi_head"])
def test_every_kind_of_attention_is_drawn_after_a_beam_search(tokenizer, attention):
    task = zoo.luong_2015(
        source=tokenizer,
        target=tokenizer,
        units=5,
        layers=1,
        embedding_dim=3,
        max_target_length=7,
        attention=attention,
        search=BeamSearch(width=3),
    )
    ((wanted, *_),) = task.generate(["3.4. 21"], return_hypotheses=True)

    found = attention_map(task, "3.4. 21").axes[0].images[0].get_array()

    assert found.shape == (len(wanted.tokens), len("3.4. 21") + 1)
    np.testing.assert_allclose(found, wanted.alignment, atol=1e-6)
    np.testing.assert_allclose(found.sum(1), 1, atol=1e-5)


def test_a_model_without_attention_is_refused(tokenizer):
    task = zoo.sutskever_2014(
        source=tokenizer, target=tokenizer, units=5, layers=1, embedding_dim=3, max_target_length=7
    )

    with pytest.raises(ValueError, match="needs a model with attention"):
        attention_map(task, "3.4. 21")
