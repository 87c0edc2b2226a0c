"""Captions of drawn scenes, and the scene that a caption describes."""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Sequence

import numpy as np

from seqzoo.datasets.drawing import COLOURS, SHAPES

SIZES = {"small": (4.5, 5.5), "large": (8.5, 10.0)}
"""Smallest and largest radius in pixels."""
NUMBERS = {"one": 1, "two": 2, "three": 3, "four": 4}
OPPOSITES = {"left of": "right of", "above": "below", "right of": "left of", "below": "above"}

_PLURALS = {shape: f"{shape}es" if shape == "cross" else f"{shape}s" for shape in SHAPES}

_GROUP = (
    "{group}",
    "there {be} {group}",
    "a picture of {group}",
    "{group} on a plain background",
)
_PAIR = (
    "{a} {relation} {b}",
    "there is {a} {relation} {b}",
    "{relation} {b} there is {a}",
    "{b} with {a} {side} it",
)
_SIDES = {
    "left of": "to the left of",
    "right of": "to the right of",
    "above": "above",
    "below": "below",
}


@dataclasses.dataclass(frozen=True)
class Thing:
    """A thing in a scene: what it is called without its number."""

    size: str
    colour: str
    shape: str

    @property
    def pair(self) -> tuple[str, str]:
        return self.colour, self.shape


@dataclasses.dataclass(frozen=True)
class Scene:
    """What is to be seen.

    Args:
        first: The thing; for a pair, the one that is left of or above the other.
        count: How many of them there are, 1 for a pair.
        relation: `"left of"` or `"above"` for a pair, None for a group.
        second: The other thing of a pair.
    """

    first: Thing
    count: int = 1
    relation: str | None = None
    second: Thing | None = None

    @property
    def things(self) -> list[Thing]:
        return [self.first] if self.second is None else [self.first, self.second]


def captions(scene: Scene, relation: str | None = None) -> list[str]:
    """All captions of a scene: every phrasing, a pair from either side.

    Args:
        scene: What is to be seen.
        relation: Of a group of two, `"left of"` or `"above"` where it is plain that one thing is
            so to the other; captions may say that of them too.
    """
    if relation is not None:
        return captions(scene) + captions(Scene(scene.first, 1, relation, scene.first))
    if scene.second is None:
        number = list(NUMBERS)[scene.count - 1]
        shape = scene.first.shape if scene.count == 1 else _PLURALS[scene.first.shape]
        group = f"{number} {scene.first.size} {scene.first.colour} {shape}"
        be = "is" if scene.count == 1 else "are"
        return [form.format(group=group, be=be) for form in _GROUP]
    sides = [
        (scene.first, scene.relation, scene.second),
        (scene.second, OPPOSITES[scene.relation or ""], scene.first),
    ]
    return [
        form.format(a=_called(a), b=_called(b), relation=relation, side=_SIDES[relation])
        for form in _PAIR
        for a, relation, b in sides
    ]


def read(caption: str) -> Scene | None:
    """Returns the scene that a caption describes; None if it is none of the phrasings."""
    for form in _FORMS:
        if match := form.fullmatch(caption):
            parts = match.groupdict()
            return _read_pair(parts) if "relation" in parts else _read_group(parts)
    return None


def is_right(caption: str, references: Sequence[str]) -> bool:
    """Whether a caption describes the same scene as one of its references, in any phrasing."""
    described = read(caption)
    return described is not None and described in map(read, references)


def correct(captions: Sequence[str], references: Sequence[Sequence[str]]) -> float:
    """Returns the share of captions that are right in every word that counts, from 0 to 1."""
    return float(np.mean([is_right(*pair) for pair in zip(captions, references, strict=True)]))


def _called(thing: Thing) -> str:
    return f"a {thing.size} {thing.colour} {thing.shape}"


def _read_group(parts: dict[str, str]) -> Scene | None:
    count = NUMBERS[parts["number"]]
    shape = parts["shape"] if count == 1 else _SINGULARS.get(parts["shape"])
    if shape not in SHAPES:  # "two circle", "one circles"
        return None
    return Scene(Thing(parts["size"], parts["colour"], shape), count)


def _read_pair(parts: dict[str, str]) -> Scene:
    relation = parts["relation"].removeprefix("to the ")
    a, b = (Thing(*parts[name].split()[1:]) for name in ("a", "b"))
    return (
        Scene(a, 1, relation, b)
        if relation in ("left of", "above")
        else Scene(b, 1, OPPOSITES[relation], a)
    )


_SINGULARS = {plural: shape for shape, plural in _PLURALS.items()}


def _any(words) -> str:
    return "|".join(words)


def _forms() -> list[re.Pattern]:
    """The phrasings as patterns."""
    thing = rf"a (?:{_any(SIZES)}) (?:{_any(COLOURS)}) (?:{_any(SHAPES)})"
    shapes = _any([*_PLURALS.values(), *SHAPES])
    group = (
        rf"(?P<number>{_any(NUMBERS)}) (?P<size>{_any(SIZES)}) (?P<colour>{_any(COLOURS)}) "
        rf"(?P<shape>{shapes})"
    )
    parts = {
        "group": group,
        "be": "(?:is|are)",
        "a": rf"(?P<a>{thing})",
        "b": rf"(?P<b>{thing})",
        "relation": rf"(?P<relation>{_any(OPPOSITES)})",
        "side": rf"(?P<relation>{_any(_SIDES.values())})",
    }
    return [re.compile(form.format(**parts)) for form in (*_GROUP, *_PAIR)]


_FORMS = _forms()
