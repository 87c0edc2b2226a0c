"""Pictures of coloured shapes, drawn with NumPy."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

COLOURS = {
    "red": (214, 40, 40),
    "green": (38, 160, 65),
    "blue": (45, 85, 215),
    "yellow": (240, 205, 40),
    "purple": (140, 50, 170),
    "orange": (245, 130, 30),
}
SHAPES = ("circle", "square", "triangle", "cross", "ring")

_FINER = 3  # rows and columns of samples in a pixel, against jagged edges


class Stamp(NamedTuple):
    """One shape on a picture.

    Attributes:
        shape: One of `SHAPES`.
        colour: One of `COLOURS`.
        x: Its centre, in pixels from the left edge.
        y: Likewise from the upper edge.
        radius: Half of its width, in pixels.
    """

    shape: str
    colour: str
    x: float
    y: float
    radius: float


def draw(stamps: list[Stamp], size: int, rng: np.random.Generator) -> np.ndarray:
    """Draws shapes on a light or dark background with some noise, each colour a little off.

    Args:
        stamps: What to draw, the first below the others.
        size: Pixels of a side.
        rng: Where the background, the noise and the colours come from.

    Returns:
        Pixels `(size, size, 3)` uint8.
    """
    background = rng.uniform(10, 60) if rng.random() < 0.5 else rng.uniform(190, 245)
    picture = np.full((size, size, 3), background) + rng.uniform(-8, 8, 3)
    for stamp in stamps:
        colour = np.array(COLOURS[stamp.colour]) + rng.uniform(-12, 12, 3)
        _paint(picture, stamp, colour)
    picture += rng.normal(0, 4, (size, size, 1))
    return np.clip(np.rint(picture), 0, 255).astype("uint8")


def _paint(picture: np.ndarray, stamp: Stamp, colour: np.ndarray) -> None:
    """Blends a colour into the pixels that a shape covers, by the share that it covers."""
    size = len(picture)
    rows, columns = (
        slice(max(0, int(at - stamp.radius)), min(size, int(at + stamp.radius) + 2))
        for at in (stamp.y, stamp.x)
    )
    x, y = (
        (np.arange(part.start * _FINER, part.stop * _FINER) + 0.5) / _FINER
        for part in (columns, rows)
    )
    inside = _inside(
        stamp.shape,
        (x[None, :] - stamp.x) / stamp.radius,
        (y[:, None] - stamp.y) / stamp.radius,
    )
    height, width = len(y) // _FINER, len(x) // _FINER
    cover = inside.reshape(height, _FINER, width, _FINER).mean(axis=(1, 3))[:, :, None]
    picture[rows, columns] += cover * (colour - picture[rows, columns])


def _inside(shape: str, x: np.ndarray, y: np.ndarray) -> np.ndarray:
    """Which points lie in a shape that reaches from -1 to 1."""
    if shape in ("circle", "ring"):
        distance = np.hypot(x, y)
        return distance <= 1 if shape == "circle" else (distance <= 1) & (distance >= 0.55)
    box = (np.abs(x) <= 1) & (np.abs(y) <= 1)
    if shape == "square":
        return (np.abs(x) <= 0.88) & (np.abs(y) <= 0.88)
    if shape == "triangle":
        return box & (2 * np.abs(x) <= y + 1)
    if shape == "cross":
        return box & ((np.abs(x) <= 0.34) | (np.abs(y) <= 0.34))
    raise ValueError(f"Unknown shape {shape!r}. Known: {', '.join(SHAPES)}.")
