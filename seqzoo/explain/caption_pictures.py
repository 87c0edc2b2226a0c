"""Pictures of what a captioner attends to, and sheets of images with their captions."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from seqzoo.explain.figures import (
    cell_size,
    label_axis,
    label_size,
    line_height,
    readable_labels,
    save,
    text_width,
    wrap,
)

_COVER, _BLACK = 0.8, ListedColormap(["black"])  # how a region without weight is covered
_FLATTEST, _TALLEST = 0.3, 2.0  # height of an image's tile by its width
_GAP = 0.08  # inches between tiles


class Captioning(Protocol):
    """A captioner: its encoder has a `grid`, its preprocessor a `reader`."""

    encoder: Any
    preprocessor: Any

    def generate(self, inputs: list, return_hypotheses: bool = False) -> list: ...


def caption_attention(captioner: Captioning, image: Any, path: str | Path | None = None) -> Figure:
    """Draws the attention of each word of a caption to the parts of an image, or to frames.

    The image is captioned with the captioner's own search, and the best caption is drawn. Of an
    image, each word stands above the image, which shows through where the weight is large; all
    words have one scale. Of a video, the frames stand side by side, and below them the weights of
    each word.

    Args:
        captioner: A trained `Captioner` whose decoder attends.
        image: A raw image or video.
        path: File to write, such as "words.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if the model has no attention, if its inputs are features, which cannot be
            shown, or if the image cannot be read.
    Reference: Xu et al., 2015, figure 2, https://arxiv.org/abs/1502.03044
    """
    reader = captioner.preprocessor.reader
    inputs = reader(reader.as_raw([image]))
    if "features" in inputs:
        raise ValueError("Features cannot be shown. Give a captioner that takes images.")
    (answers,) = captioner.generate([image], return_hypotheses=True)
    if answers[0].alignment is None:
        raise ValueError(
            "A picture of attention needs a model with attention. Received: one whose decoder has "
            "none. Build it with one, such as `zoo.xu_2015`."
        )
    labels, families = readable_labels(answers[0].tokens)
    if "frames" in inputs:
        frames = inputs["frames"].numpy()[0][: int(inputs["mask"].numpy().sum())]
        figure = _over_frames(frames, answers[0].alignment[:, : len(frames)], labels, families)
    else:
        pixels = inputs["images"].numpy()[0]
        weights = answers[0].alignment.reshape(-1, *captioner.encoder.grid)
        figure = _over_image(pixels, weights, labels, families)
    if path is not None:
        save(figure, path)
    return figure


def contact_sheet(
    images: Sequence[Any],
    captions: Sequence[str],
    captioner: Captioning,
    path: str | Path | None = None,
) -> Figure:
    """Draws images with their captions below them.

    Args:
        images: Raw images, or videos, of which the middle frame is drawn.
        captions: A text for each.
        captioner: A captioner; its reader reads the images.
        path: File to write, such as "sheet.png"; None writes none.

    Returns:
        The figure, which is no part of pyplot's state.

    Raises:
        ValueError: if there is no image, an image cannot be read, or the numbers differ.
    """
    if len(images) != len(captions) or not len(images):
        raise ValueError(
            "There must be at least one image, and a caption for each. Received: "
            f"{len(images)} images and {len(captions)} captions."
        )
    shown = [_still(captioner.preprocessor.reader, image) for image in images]
    labels, families = readable_labels(list(captions), 120)
    titles = [wrap(label, 2.1, 8, families) for label in labels]
    style: dict[str, Any] = {"y": -0.02, "pad": 0, "va": "top", "fontsize": 8}
    figure, tiles = _tiles(shown, titles, max_columns=4, side=2.2, size=8, above=False)
    for axes, pixels, title in zip(tiles, shown, titles, strict=True):
        axes.imshow(pixels)
        axes.set_anchor("N")
        axes.set_title(title, fontfamily=families, parse_math=False, **style)
    if path is not None:
        save(figure, path)
    return figure


def _still(reader: Any, image: Any) -> np.ndarray:
    inputs = reader(reader.as_raw([image]))
    if "images" in inputs:
        return inputs["images"].numpy()[0]
    return inputs["frames"].numpy()[0][int(inputs["mask"].numpy().sum()) // 2]


def _tiles(
    images: Sequence[np.ndarray],
    titles: Sequence[str],
    max_columns: int,
    side: float,
    size: float,
    above: bool,
) -> tuple[Figure, list[Axes]]:
    """A figure of tiles of one size, with space for the longest title above or below each."""
    columns = min(len(images), max_columns)
    rows = math.ceil(len(images) / columns)
    shape = max(pixels.shape[0] / pixels.shape[1] for pixels in images)
    picture = side * min(max(shape, _FLATTEST), _TALLEST)
    text = line_height(size) * (1 + max(title.count("\n") for title in titles)) + _GAP
    width, height = side + _GAP, picture + text + _GAP
    total = (columns * width + _GAP, rows * height + _GAP)
    figure = Figure(figsize=total)
    tiles = []
    for index in range(len(images)):
        left = _GAP + width * (index % columns)
        bottom = total[1] - height * (1 + index // columns) + (0 if above else text)
        area = (left / total[0], bottom / total[1], side / total[0], picture / total[1])
        tiles.append(figure.add_axes(area))
        tiles[-1].set_axis_off()
    return figure, tiles


def _over_image(pixels: np.ndarray, weights: np.ndarray, labels, families) -> Figure:
    """The image, and again for each word under a cover that is lifted by the weights."""
    titles = ["", *(wrap(label, 1.45, 9, families) for label in labels)]
    figure, tiles = _tiles(
        [pixels] * len(titles), titles, max_columns=6, side=1.5, size=9, above=True
    )
    height, width = pixels.shape[:2]
    for axes in tiles:
        axes.imshow(pixels, extent=(0, width, height, 0))
    for axes, title, of_word in zip(tiles[1:], titles[1:], weights, strict=True):
        axes.imshow(
            of_word,
            cmap=_BLACK,
            alpha=_COVER * (1 - of_word / of_word.max()),
            extent=(0, width, height, 0),
            interpolation="bilinear",
        )
        axes.set_title(title, fontsize=9, pad=3, fontfamily=families, parse_math=False)
    return figure


def _over_frames(frames: np.ndarray, weights: np.ndarray, labels, families) -> Figure:
    count, shape = len(frames), frames.shape[1] / frames.shape[2]
    cell, row = cell_size(count, 0.9), cell_size(len(labels), 0.28)
    width, height = max(1.5, cell * count), max(0.3, row * len(labels))
    picture = min(max(cell * shape, 0.3), 2 * cell)
    size = (width + text_width(labels, label_size(row), families), picture + height)
    figure = Figure(figsize=(size[0] + 0.3, size[1] + 0.8), layout="constrained")
    film, table = figure.subplots(2, 1, height_ratios=[picture, height])
    film.imshow(np.concatenate(list(frames), axis=1), aspect="auto")
    film.set_axis_off()
    table.imshow(weights, cmap="Blues", vmin=0, aspect="auto", interpolation="nearest")
    numbers = [str(index) for index in range(count)]
    label_axis(table.xaxis, numbers, cell / (0.6 * len(numbers[-1])), families)
    label_axis(table.yaxis, labels, row, families)
    table.set_xlabel("frame")
    return figure
