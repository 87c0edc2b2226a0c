"""Drawn clips and what captions say of them: a captioning task of videos that needs no download.

In a clip of 6 to 9 frames one thing moves one way, or one way and then another, or grows, or
shrinks. As with `scenes`, a caption is right or wrong: size, colour, shape and every motion count.
Of all compositions of a thing and its motions, a tenth is held out for validation and a tenth for
the test.
"""

from __future__ import annotations

import dataclasses
import itertools
import random
import re
from collections.abc import Sequence

import numpy as np

from seqzoo.datasets.drawing import COLOURS, SHAPES, Stamp, draw

SIZES = {"small": (3.5, 4.5), "large": (7.0, 8.5)}
"""Smallest and largest radius in pixels; what grows or shrinks goes from the one to the other."""
DIRECTIONS = {"left": (-1, 0), "right": (1, 0), "up": (0, -1), "down": (0, 1)}
PIXELS = 48
FRAMES = (6, 9)

_FORMS = (
    "a {size} {colour} {shape} {does}",
    "there is a {size} {colour} {shape} that {does}",
    "the {shape} is {size} and {colour} and {does}",
)

Example = tuple[list[bytes], list[str]]


@dataclasses.dataclass(frozen=True)
class Clip:
    """What is to be seen.

    Args:
        size: Of the thing in the first frame.
        colour: Of the thing.
        shape: Of the thing.
        motions: One or two of `DIRECTIONS`, or "grows" or "shrinks" alone.

    Example:
        >>> clip = sz.datasets.clips.Clip("small", "red", "circle", ("left",))
        >>> clip.colour
        'red'
    """

    size: str
    colour: str
    shape: str
    motions: tuple[str, ...]


def captions(clip: Clip) -> list[str]:
    """All captions of a clip."""
    first, *then = clip.motions
    does = first if first not in DIRECTIONS else f"moves {first}"
    does += "".join(f" and then {motion}" for motion in then)
    parts = {"size": clip.size, "colour": clip.colour, "shape": clip.shape, "does": does}
    return [form.format(**parts) for form in _FORMS]


def read(caption: str) -> Clip | None:
    """Returns the clip that a caption describes; None if it is none of the phrasings.

    Example:
        >>> clip = sz.datasets.clips.Clip("small", "red", "circle", ("left",))
        >>> sz.datasets.clips.read(sz.datasets.clips.captions(clip)[0]) == clip
        True
    """
    for pattern in _PATTERNS:
        if match := pattern.fullmatch(caption):
            does = match["does"].removeprefix("moves ")
            motions = tuple(does.split(" and then "))
            return Clip(match["size"], match["colour"], match["shape"], motions)
    return None


def correct(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Returns the share of captions that are right in every word that counts, from 0 to 1."""
    described = [read(caption) for caption in captions]
    shown = [read(each[0]) for each in references]
    return float(np.mean([a is not None and a == b for a, b in zip(described, shown, strict=True)]))


def frames(clip: Clip, rng: np.random.Generator) -> list[np.ndarray]:
    """Draws a clip; where and how fast the thing moves is chance.

    Returns:
        Frames `(48, 48, 3)` uint8.

    Example:
        >>> clip = sz.datasets.clips.Clip("small", "red", "circle", ("left",))
        >>> sz.datasets.clips.frames(clip, np.random.default_rng(0))[0].shape
        (48, 48, 3)
    """
    count = int(rng.integers(FRAMES[0], FRAMES[1] + 1))
    positions, radii = _path(clip, count, rng)
    background = int(rng.integers(2**31))  # every frame has the same one
    return [
        draw(
            [Stamp(clip.shape, clip.colour, x, y, radius)],
            PIXELS,
            np.random.default_rng(background),
        )
        for (x, y), radius in zip(positions, radii, strict=True)
    ]


def compositions(seed: int = 0) -> dict[str, list[Clip]]:
    """Returns all clips by the split in which they are shown.

    Example:
        >>> {split: len(clips) for split, clips in sz.datasets.clips.compositions().items()}
        {'train': 816, 'validation': 102, 'test': 102}
    """
    rng = random.Random(seed)
    single = [(direction,) for direction in DIRECTIONS]
    motions = [*single, *itertools.permutations(DIRECTIONS, 2)]
    clips = [
        Clip(*thing, each)
        for thing in itertools.product(SIZES, COLOURS, SHAPES)
        for each in [*motions, ("grows",) if thing[0] == "small" else ("shrinks",)]
    ]
    rng.shuffle(clips)
    tenth = len(clips) // 10
    return {
        "train": clips[2 * tenth :],
        "validation": clips[tenth : 2 * tenth],
        "test": clips[:tenth],
    }


def load(
    seed: int = 0, train_size: int = 3_000, validation_size: int = 200, test_size: int = 500
) -> dict[str, list[Example]]:
    """Draws clips.

    Args:
        seed: Int. The same seed and sizes give the same clips.
        train_size: Number of training clips.
        validation_size: Number of validation clips.
        test_size: Number of test clips.

    Returns:
        A dict of lists of `(frames, captions)`, each frame a PNG: "train", "validation" and
        "test", whose compositions are not in training.

    Raises:
        ValueError: if a size is negative.

    Example:
        >>> splits = sz.datasets.clips.load(train_size=1, validation_size=0, test_size=0)
        >>> frames, captions = splits["train"][0]
        >>> captions[0]
        'a small green ring moves down and then right'
    """
    sizes = {"train": train_size, "validation": validation_size, "test": test_size}
    if min(sizes.values()) < 0:
        raise ValueError(f"Sizes must be at least 0. Received: {sizes}.")
    splits = {}
    for number, (name, clips) in enumerate(compositions(seed).items()):
        choices, rng = random.Random(seed + number), np.random.default_rng([seed, number])
        splits[name] = [_example(choices.choice(clips), rng) for _ in range(sizes[name])]
    return splits


def _example(clip: Clip, rng: np.random.Generator) -> Example:
    import tensorflow as tf  # a loader is light until it is called

    encoded = [tf.io.encode_png(frame).numpy() for frame in frames(clip, rng)]
    return encoded, captions(clip)


def _path(clip: Clip, count: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Where the thing is in each frame `(count, 2)`, and its radius `(count,)`."""
    radius = rng.uniform(*SIZES[clip.size])
    if clip.motions[0] not in DIRECTIONS:
        after = rng.uniform(*SIZES["large" if clip.size == "small" else "small"])
        margin = max(radius, after) + 1
        position = rng.uniform(margin, PIXELS - margin, 2)
        return np.tile(position, (count, 1)), np.linspace(radius, after, count)
    turns = np.array_split(np.arange(count - 1), len(clip.motions))
    steps = np.zeros((count, 2))
    for motion, part in zip(clip.motions, turns, strict=True):
        steps[part + 1] = np.array(DIRECTIONS[motion]) * rng.uniform(12, 22) / len(part)
    path = np.cumsum(steps, axis=0)
    low, high = radius + 1 - path.min(axis=0), PIXELS - radius - 1 - path.max(axis=0)
    return path + rng.uniform(low, high), np.full(count, radius)


def _pattern(form: str) -> re.Pattern:
    directions = "|".join(DIRECTIONS)
    does = rf"grows|shrinks|moves (?:{directions})(?: and then (?:{directions}))?"
    choices = {"size": "|".join(SIZES), "colour": "|".join(COLOURS), "shape": "|".join(SHAPES)}
    parts = choices | {"does": does}
    return re.compile(form.format(**{name: f"(?P<{name}>{p})" for name, p in parts.items()}))


_PATTERNS = [_pattern(form) for form in _FORMS]
