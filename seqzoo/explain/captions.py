"""Pictures of what a captioner looks at, and of what it says."""

from __future__ import annotations

import math
import textwrap
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
from matplotlib.colors import ListedColormap
from matplotlib.figure import Figure

from seqzoo.explain import pictures
from seqzoo.explain.readable_labels import readable_labels

_SIDE = 1.5  # inches of an image
_COLUMNS = 6
_VEIL, _BLACK = 0.8, ListedColormap(["black"])  # what covers a place without weight


class Captioning(Protocol):
    """A captioner: its encoder has a `grid`, its preprocessor a `reader`."""

    encoder: Any
    preprocessor: Any

    def generate(self, inputs: list, return_hypotheses: bool = False) -> list: ...


def caption_attention(captioner: Captioning, image: Any, path: str | Path | None = None) -> Figure:
    """Draws for each word of a caption where in the image, or in which frames, it was found.

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
        pictures.save(figure, path)
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
    columns = min(len(shown), 4)
    rows = math.ceil(len(shown) / columns)
    figure = Figure(figsize=(2.2 * columns, 2.6 * rows), layout="constrained")
    for place, (pixels, caption) in enumerate(zip(shown, captions, strict=True)):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.imshow(pixels)
        axes.set_axis_off()
        (label,), families = readable_labels([caption], longest=120)
        axes.set_title(
            textwrap.fill(label, 30),
            y=-0.02,
            pad=0,
            va="top",
            fontsize=8,
            fontfamily=families,
            parse_math=False,
        )
    if path is not None:
        pictures.save(figure, path)
    return figure


def _still(reader: Any, image: Any) -> np.ndarray:
    inputs = reader(reader.as_raw([image]))
    if "images" in inputs:
        return inputs["images"].numpy()[0]
    return inputs["frames"].numpy()[0][int(inputs["mask"].numpy().sum()) // 2]


def _over_image(pixels: np.ndarray, weights: np.ndarray, labels, families) -> Figure:
    """The image, and again for each word under a veil that the weights lift."""
    columns = min(len(labels) + 1, _COLUMNS)
    rows = math.ceil((len(labels) + 1) / columns)
    figure = Figure(figsize=(_SIDE * columns, (_SIDE + 0.25) * rows), layout="constrained")
    height, width = pixels.shape[:2]
    for place in range(len(labels) + 1):
        axes = figure.add_subplot(rows, columns, place + 1)
        axes.set_axis_off()
        axes.imshow(pixels, extent=(0, width, height, 0))
        if place == 0:
            continue
        axes.imshow(
            weights[place - 1],
            cmap=_BLACK,
            alpha=_VEIL * (1 - weights[place - 1] / weights.max()),
            extent=(0, width, height, 0),
            interpolation="bilinear",
        )
        axes.set_title(labels[place - 1], fontsize=9, fontfamily=families, parse_math=False)
    return figure


def _over_frames(frames: np.ndarray, weights: np.ndarray, labels, families) -> Figure:
    count = len(frames)
    size = (0.9 * count + 1.6, 1.0 + 0.28 * len(labels))
    figure = Figure(figsize=size, layout="constrained")
    strip, table = figure.subplots(2, 1, height_ratios=[0.9, 0.28 * len(labels)])
    strip.imshow(np.concatenate(list(frames), axis=1), aspect="auto")
    strip.set_axis_off()
    table.imshow(weights, cmap="Blues", vmin=0, aspect="auto", interpolation="nearest")
    table.set_xticks(range(count), [str(place) for place in range(count)])
    table.set_yticks(range(len(labels)), labels, fontfamily=families, parse_math=False)
    table.set_xlabel("frame")
    table.tick_params(length=0)
    return figure
