"""Pictures of captions show the image, every word and its weights."""

import numpy as np
import pytest
from matplotlib.image import imread
from tiny_captioners import captioned_clips, captioned_pictures, make_captioner, trained_captioner

from seqzoo import Greedy
from seqzoo.explain import caption_attention, contact_sheet, explain_input

PICTURE = captioned_pictures(1)[0][0]


def test_each_word_is_drawn_over_the_image_with_its_weights(tmp_path):
    task, _ = trained_captioner()
    ((wanted, *_),) = task.generate([PICTURE], return_hypotheses=True)

    figure = caption_attention(task, PICTURE, tmp_path / "words.png")

    assert [axes.get_title() for axes in figure.axes] == ["", *wanted.tokens]
    for axes, weights in zip(figure.axes[1:], wanted.alignment, strict=True):
        image, veil = axes.images
        np.testing.assert_array_equal(image.get_array(), PICTURE)
        np.testing.assert_allclose(veil.get_array(), weights.reshape(2, 2), atol=1e-6)
        assert image.get_extent() == veil.get_extent()
    assert imread(tmp_path / "words.png").std() > 0


def test_the_weights_on_frames_stand_below_them(tmp_path):
    task = make_captioner("yao_2015", search=Greedy(max_length=4))
    clip = max((clip for clip, _ in captioned_clips(9)), key=len)
    ((wanted, *_),) = task.generate([clip], return_hypotheses=True)

    strip, table = explain_input(task, clip, tmp_path / "frames.png").axes

    np.testing.assert_array_equal(strip.images[0].get_array(), np.concatenate(clip, axis=1))
    np.testing.assert_allclose(table.images[0].get_array(), wanted.alignment, atol=1e-6)
    assert [label.get_text() for label in table.get_yticklabels()] == wanted.tokens
    assert imread(tmp_path / "frames.png").std() > 0


def test_a_sheet_holds_every_image_and_its_caption(tmp_path):
    task = make_captioner("vinyals_2015")
    images = [pixels for pixels, _ in captioned_pictures(5)]
    captions = ["a red left", "$x$", "word " * 60, "", "a"]

    figure = contact_sheet(images, captions, task, tmp_path / "sheet.png")

    assert len(figure.axes) == 5
    assert [axes.get_title().replace("\n", " ")[:10] for axes in figure.axes] == [
        text[:10] for text in captions
    ]
    for axes, pixels in zip(figure.axes, images, strict=True):
        np.testing.assert_array_equal(axes.images[0].get_array(), pixels)
    assert imread(tmp_path / "sheet.png").std() > 0


def test_what_cannot_be_drawn_is_explained():
    task = make_captioner("vinyals_2015")
    with pytest.raises(ValueError, match=r"needs a model with attention.*xu_2015"):
        caption_attention(task, PICTURE)
    with pytest.raises(ValueError, match=r"missing\.png"):
        caption_attention(task, "missing.png")
    with pytest.raises(ValueError, match="2 images and 1 captions"):
        contact_sheet([PICTURE, PICTURE], ["a"], task)
