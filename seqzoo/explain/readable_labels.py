"""Tokens as labels that any font and any script can show."""

from __future__ import annotations

import functools
import unicodedata
import warnings
from collections.abc import Sequence

import matplotlib
from matplotlib.font_manager import FontProperties, findfont, fontManager
from matplotlib.ft2font import FT2Font

_LONGEST = 20  # characters
_BOX = "□"
_LAST = "DejaVu Sans"  # comes with Matplotlib, and has the box
_NO_LETTERS = "Last Resort"  # a font of boxes for every character


def readable_labels(tokens: Sequence[str], longest: int = _LONGEST) -> tuple[list[str], list[str]]:
    """Returns a label for each token, and the families of the fonts that show them.

    Control characters are written as escapes, and what is above `longest` is cut. Characters
    that Matplotlib's own fonts lack are looked for in the fonts of the machine;
    those that none has become boxes, of which one warning tells.
    """
    labels = [_shorten("".join(map(_visible, token)), longest) for token in tokens]
    needed = set().union(*labels)
    families, missing = _families_for(frozenset(needed))
    if missing:
        warnings.warn(
            f"No font on this machine has the characters {''.join(sorted(missing))!r}; they are "
            "drawn as boxes. Install a font that has them, such as one of the Noto fonts.",
            stacklevel=4,
        )
        boxes = str.maketrans(dict.fromkeys(missing, _BOX))
        labels = [label.translate(boxes) for label in labels]
    return labels, families


def _visible(character: str) -> str:
    if unicodedata.category(character) == "Cc":
        return character.encode("unicode_escape").decode()
    return character


def _shorten(label: str, longest: int) -> str:
    return label if len(label) <= longest else label[: longest - 1] + "…"


def _families_for(needed: frozenset[str]) -> tuple[list[str], set[str]]:
    """The families that show the characters, the configured ones first, and what none shows."""
    families = [*matplotlib.rcParams["font.family"], _LAST]
    missing = set(needed)
    for family in families:
        missing -= _characters_in(findfont(FontProperties(family=[family])))
    installed = {
        font.name: font.fname
        for font in fontManager.ttflist
        if (font.weight, font.style) == (400, "normal") and not font.name.startswith(_NO_LETTERS)
    }
    for family, file in sorted(installed.items()) if missing else ():
        found = missing & _characters_in(file)
        if found:
            families.append(family)
            missing -= found
    return families, missing


@functools.cache
def _characters_in(file: str) -> frozenset[str]:
    """The characters that a font can show; none if it is one of pictures, which do not scale."""
    font = FT2Font(file)
    return frozenset(map(chr, font.get_charmap())) if font.scalable else frozenset()
