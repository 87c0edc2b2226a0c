"""Trained models by name: those of this package, and those of packages that offer some.

Another package offers its folders of presets, each with a `card.json`, by an entry point of the
group `seqzoo.presets`, whose value is the name of the package that the folders stand in.
"""

from __future__ import annotations

import difflib
import importlib.util
import json
from collections.abc import Iterator
from importlib.metadata import entry_points
from pathlib import Path
from typing import Any, NamedTuple

__all__ = ["Preset", "find_preset", "is_address", "presets"]

_GROUP = "seqzoo.presets"
_CARD = "card.json"


class Preset(NamedTuple):
    """A trained model, and what is known about it.

    Attributes:
        name: That `from_preset` takes.
        folder: Where its files are.
        card: What it does (`about`), the `model`, its `data` and `data_licence`, its `licence`,
            `figures` of a `metric` for each split with those of `baselines`, and `other_figures`,
            `seed`, `minutes` of training, `weaknesses`, the `recipe` and the `command` that makes
            it again, and `examples`, pairs of an input and its answer.

    Example:
        >>> preset = sz.presets()["dates"]
        >>> preset.name, preset.card["licence"]
        ('dates', 'Apache-2.0')
    """

    name: str
    folder: Path
    card: dict[str, Any]


def presets() -> dict[str, Preset]:
    """Returns the trained models that are installed, by name. It loads none of them.

    Raises:
        ValueError: if a card cannot be read.

    Example:
        >>> "dates" in sz.presets()
        True
    """
    folders = (folder for home in _homes() for folder in sorted(home.iterdir()))
    found = [folder for folder in folders if (folder / _CARD).is_file()]
    return {folder.name: Preset(folder.name, folder, _card_of(folder)) for folder in found}


def find_preset(name: str) -> Path:
    """Returns the folder of a trained model.

    Raises:
        FileNotFoundError: if there is none of the name.

    Example:
        >>> sz.trained.find_preset("dates").name
        'dates'
    """
    known = presets()
    if name in known:
        return known[name].folder
    close = difflib.get_close_matches(name, known, n=1)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    raise FileNotFoundError(
        f"There is no folder {name!r}, and no trained model of this name.{hint} Known: "
        f"{', '.join(sorted(known))}. Check the path; give a folder that `save_preset` wrote."
    )


def is_address(text: str) -> bool:
    """Tells whether a text is the address of a repository of Hugging Face, and no path.

    Example:
        >>> sz.trained.is_address("hf://owner/name"), sz.trained.is_address("owner/name")
        (True, False)
    """
    return text.startswith("hf://")


def _homes() -> Iterator[Path]:
    yield Path(__file__).parent
    for point in entry_points(group=_GROUP):
        try:
            found = importlib.util.find_spec(point.value)
        except ModuleNotFoundError:  # the package that the entry point was in is gone
            continue
        yield from map(Path, (found and found.submodule_search_locations) or ())


def _card_of(folder: Path) -> dict[str, Any]:
    path = folder / _CARD
    try:
        card = json.loads(path.read_text(encoding="utf-8"))
        return {**card, "about": str(card["about"])}
    except (ValueError, KeyError, TypeError) as error:
        raise ValueError(
            f"{path} must be a JSON object with `about`. ({error}) Repair its package."
        ) from error
