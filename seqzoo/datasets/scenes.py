"""Drawn scenes and their captions: a captioning task that needs no download.

A scene is a group of one to four equal things ("two small red circles") or two things of which one
is left or right of, above or below the other. Each has several phrasings, and what a caption says
can be read back from it, so that a caption is right or wrong: every colour, shape, size, number
and relation counts.

The rules of the task:

- Compositions are divided 8 : 1 : 1 among training, validation and test: what "two small red
  circles" are is never shown in training if it is in the test, though two, small, red and
  circles are.
- `HELD_OUT_PAIRS` of a colour and a shape appear in `test_pairs` alone, at least one in each scene.
- Two equal things are a group ("two small red circles"); where one is plainly left of or above the
  other, that is true as well, and among the captions.
- A small thing is 9 to 11 pixels wide, a large one 17 to 20, of 64. Things do not touch.
"""

from __future__ import annotations

import itertools
import random

import numpy as np

from seqzoo.datasets.drawing import COLOURS, SHAPES, Stamp, draw
from seqzoo.datasets.scene_phrases import (
    NUMBERS,
    SIZES,
    Scene,
    Thing,
    captions,
    correct,
    is_right,
    read,
)

__all__ = [
    "HELD_OUT_PAIRS",
    "PIXELS",
    "Scene",
    "Thing",
    "captions",
    "compositions",
    "correct",
    "is_right",
    "load",
    "picture",
    "read",
]

HELD_OUT_PAIRS = (("red", "ring"), ("blue", "triangle"), ("yellow", "cross"))
PIXELS = 64

_GAP = 3.0  # pixels between things
Example = tuple[bytes, list[str]]


def picture(scene: Scene, rng: np.random.Generator) -> np.ndarray:
    """Draws a scene; where things lie, but for their relation, is chance.

    Returns:
        Pixels `(64, 64, 3)` uint8.
    """
    return draw(_stamps(scene, rng), PIXELS, rng)


def _stamps(scene: Scene, rng: np.random.Generator) -> list[Stamp]:
    while True:
        things = scene.things if scene.second else [scene.first] * scene.count
        radii = [rng.uniform(*SIZES[thing.size]) for thing in things]
        positions = _pair_positions(scene, radii, rng) if scene.second else _positions(radii, rng)
        if positions is not None:
            break
    return [
        Stamp(thing.shape, thing.colour, *position, radius)
        for thing, position, radius in zip(things, positions, radii, strict=True)
    ]


def compositions(seed: int = 0) -> dict[str, list[Scene]]:
    """Returns all scenes by the split in which they are shown, groups before pairs."""
    rng = random.Random(seed)
    splits: dict[str, list[Scene]] = {"train": [], "validation": [], "test": [], "test_pairs": []}
    for kind in (_all_groups(), _all_pairs()):
        held_out = [scene for scene in kind if _is_held_out(scene)]
        rest = [scene for scene in kind if not _is_held_out(scene)]
        rng.shuffle(rest)
        tenth = len(rest) // 10
        splits["test_pairs"] += held_out
        splits["test"] += rest[:tenth]
        splits["validation"] += rest[tenth : 2 * tenth]
        splits["train"] += rest[2 * tenth :]
    return splits


def load(
    seed: int = 0,
    train_size: int = 8_000,
    validation_size: int = 400,
    test_size: int = 1_000,
    captions_each: int = 4,
) -> dict[str, list[Example]]:
    """Draws scenes: half of them groups, half pairs.

    Args:
        seed: Int. The same seed and sizes give the same pictures.
        train_size: Number of training scenes.
        validation_size: Number of validation scenes.
        test_size: Number of scenes in each of the test splits.
        captions_each: Captions of a training scene, drawn from its phrasings. The others have all.

    Returns:
        A dict of lists of `(png, captions)`: "train", "validation", "test" with compositions that
        are not in training, and "test_pairs" with pairs of colour and shape that are not.

    Raises:
        ValueError: if a size is negative or `captions_each` is below 1.
    """
    sizes = {"train": train_size, "validation": validation_size}
    sizes |= {"test": test_size, "test_pairs": test_size}
    if captions_each < 1 or min(sizes.values()) < 0:
        raise ValueError(
            "Sizes must be at least 0 and `captions_each` at least 1. Received: "
            f"{sizes}, captions_each={captions_each}."
        )
    splits = {}
    for number, (name, scenes) in enumerate(compositions(seed).items()):
        choices, rng = random.Random(seed + number), np.random.default_rng([seed, number])
        kinds = [s for s in scenes if not s.second], [s for s in scenes if s.second]
        max_captions = captions_each if name == "train" else None
        splits[name] = [
            _example(choices.choice(kinds[i % 2]), max_captions, choices, rng)
            for i in range(sizes[name])
        ]
    return splits


def _example(
    scene: Scene, max_captions: int | None, choices: random.Random, rng: np.random.Generator
) -> Example:
    import tensorflow as tf  # a loader is light until it is called

    stamps = _stamps(scene, rng)
    phrases = captions(scene, _relation(*stamps) if scene.count == 2 else None)
    chosen = (
        phrases
        if max_captions is None
        else choices.sample(phrases, min(max_captions, len(phrases)))
    )
    return tf.io.encode_png(draw(stamps, PIXELS, rng)).numpy(), chosen


def _is_held_out(scene: Scene) -> bool:
    return any(thing.pair in HELD_OUT_PAIRS for thing in scene.things)


def _all_groups() -> list[Scene]:
    return [Scene(thing, count) for thing in _THINGS for count in NUMBERS.values()]


def _all_pairs() -> list[Scene]:
    return [
        Scene(first, 1, relation, second)
        for first, second in itertools.permutations(_THINGS, 2)
        for relation in ("left of", "above")
    ]


def _positions(radii: list[float], rng: np.random.Generator) -> list[tuple[float, float]] | None:
    """Positions where things do not touch; None where chance gives none."""
    positions: list[tuple[float, float]] = []
    for radius in radii:
        for _ in range(40):
            x, y = rng.uniform(radius + 1, PIXELS - radius - 1, 2)
            apart = [
                max(abs(x - u), abs(y - v)) - radius - other
                for (u, v), other in zip(positions, radii, strict=False)
            ]
            if all(gap >= _GAP for gap in apart):
                positions.append((x, y))
                break
        else:
            return None
    return positions


def _pair_positions(
    scene: Scene, radii: list[float], rng: np.random.Generator
) -> list[tuple[float, float]] | None:
    """Positions of which it is plain which one is left of, or above, the other."""
    positions = _positions(radii, rng)
    if positions is None:
        return None
    (x, y), (u, v) = positions
    along, across = (u - x, v - y) if scene.relation == "left of" else (v - y, u - x)
    return positions if _is_plain(along, across, radii) else None


def _relation(first: Stamp, second: Stamp) -> str | None:
    """What two equal things are to each other, if that is plain."""
    x, y, radii = second.x - first.x, second.y - first.y, [first.radius, second.radius]
    if _is_plain(abs(x), y, radii):
        return "left of"
    return "above" if _is_plain(abs(y), x, radii) else None


def _is_plain(along: float, across: float, radii: list[float]) -> bool:
    return along >= sum(radii) + _GAP and along >= 2 * abs(across)


_THINGS = [Thing(*parts) for parts in itertools.product(SIZES, COLOURS, SHAPES)]
