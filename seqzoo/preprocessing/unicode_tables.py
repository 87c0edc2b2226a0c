"""What Python knows of Unicode's normal forms and lower case, as sorted arrays of code points."""

from __future__ import annotations

import functools
import itertools
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any, Literal, NamedTuple

import numpy as np

# Hangul syllables are composed by arithmetic (Unicode 3.12): first code point and number of
# the leading consonants, vowels and trailing consonants. Trailing number 0 is "none".
L_BASE, V_BASE, T_BASE, S_BASE = 0x1100, 0x1161, 0x11A7, 0xAC00
L_COUNT, V_COUNT, T_COUNT = 19, 21, 28
_SYLLABLES = range(S_BASE, S_BASE + L_COUNT * V_COUNT * T_COUNT)

_SIGMA, _FINAL_SIGMA = "\u03a3", "\u03c2"
_UNKNOWN = ("Cn", "Co", "Cs")  # not assigned, for private use, surrogates

Form = Literal["nfc", "nfkc", "nfd"]

PAIR = 2**21  # above every code point: first * PAIR + second is a pair in one number


class Expansions(NamedTuple):
    """Code points and what replaces each, as sorted arrays.

    `points[i]` becomes `parts[starts[i] : starts[i + 1]]`.
    """

    points: np.ndarray
    starts: np.ndarray
    parts: np.ndarray


class NormalForm(NamedTuple):
    """What Python's `unicodedata` knows of one normal form, as sorted arrays.

    `decompositions` are full ones; Hangul syllables are left whole where composition would make
    them again. `pairs[i]` are composed to `composites[i]`; a form that composes nothing has none.
    """

    unstable: str  # RE2 class of the characters that the form may not leave as they are
    decompositions: Expansions
    marks: np.ndarray
    mark_classes: np.ndarray
    pairs: np.ndarray
    composites: np.ndarray


class LowerCase(NamedTuple):
    """What Python's `str.lower` knows beyond ASCII, as sorted arrays of code points."""

    uppercase: str  # RE2 class of the characters that lower case changes
    mapping: Expansions
    cased: np.ndarray
    case_ignorable: np.ndarray


@functools.cache
def normal_form(form: Form) -> NormalForm:
    full: Any = form.upper().replace("C", "D")
    listed, syllables = _listed(), [] if _composes(form) else list(map(chr, _SYLLABLES))
    marks = [c for c in listed if unicodedata.combining(c)]
    composites = _composites(listed) if _composes(form) else {}
    expanded = sorted([*listed, *syllables])

    return NormalForm(
        unstable=_character_class(sorted(_unstable(form))),
        decompositions=_expansions({c: unicodedata.normalize(full, c) for c in expanded}),
        marks=_codes(map(ord, marks)),
        mark_classes=_codes(map(unicodedata.combining, marks)),
        pairs=np.array([first * PAIR + second for first, second in composites], np.int64),
        composites=_codes(composites.values()),
    )


@functools.cache
def unstable_in_lower_case(form: Form) -> str:
    """RE2 class of the characters that the form may not leave, or not leave in lower case."""
    unstable, lower = _unstable(form), lower_case().mapping
    parts = np.split(lower.parts, lower.starts[1:-1])
    of_lower = {
        int(point)
        for point, each in zip(lower.points, parts, strict=True)
        if not unstable.isdisjoint(each.tolist())
    }
    return _character_class(sorted(unstable | of_lower))


@functools.cache
def lower_case() -> LowerCase:
    characters = [
        c for c in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(c) not in _UNKNOWN
    ]
    changed = {c: c.lower() for c in characters if c.lower() != c}
    # `str.lower` itself tells which characters count: a sigma at the end becomes a final one behind
    # a cased character, and behind a letter and a case-ignorable character.
    alone = _in_lower_case(f"{c}{_SIGMA}" for c in characters)
    behind_letter = _in_lower_case(f"a{c}{_SIGMA}" for c in characters)
    cased = {c for c, text in zip(characters, alone, strict=True) if text[-1] == _FINAL_SIGMA}
    skipped = {
        c for c, text in zip(characters, behind_letter, strict=True) if text[-1] == _FINAL_SIGMA
    }
    return LowerCase(
        uppercase=_character_class([ord(c) for c in changed if not c.isascii()]),
        mapping=_expansions(changed),
        cased=_codes(sorted(map(ord, cased))),
        case_ignorable=_codes(sorted(map(ord, skipped - cased))),
    )


@functools.cache
def _listed() -> list[str]:
    """The characters that have a decomposition or are marks."""
    characters = map(chr, range(sys.maxunicode + 1))
    return [c for c in characters if unicodedata.decomposition(c) or unicodedata.combining(c)]


@functools.cache
def _unstable(form: Form) -> frozenset[int]:
    """The code points that a normal form may not leave as they are."""
    name: Any = form.upper()
    listed = _listed()
    unstable = {ord(c) for c in listed if unicodedata.normalize(name, c) != c}
    unstable.update(ord(c) for c in listed if unicodedata.combining(c))
    if not _composes(form):
        return frozenset(unstable.union(_SYLLABLES))
    unstable.update(second for _, second in _composites(listed))
    unstable.update(range(V_BASE, V_BASE + V_COUNT), range(T_BASE + 1, T_BASE + T_COUNT))
    return frozenset(unstable)


def _composes(form: Form) -> bool:
    return form.endswith("c")


def _in_lower_case(texts: Iterable[str]) -> list[str]:
    """Each text in lower case, all in one call: a lone surrogate keeps them apart."""
    return "\ud800".join(texts).lower().split("\ud800")


def _composites(characters: list[str]) -> dict[tuple[int, int], int]:
    """Pairs of code points and what they are composed to, sorted; no composition exclusion."""
    composites = {}
    for character in characters:
        parts = unicodedata.decomposition(character).split()
        canonical = len(parts) == 2 and not parts[0].startswith("<")
        if canonical and unicodedata.normalize("NFC", character) == character:
            composites[int(parts[0], 16), int(parts[1], 16)] = ord(character)
    return dict(sorted(composites.items()))


def _expansions(replaced: dict[str, str]) -> Expansions:
    """Arrays of characters, in the order of their code points, and what replaces them."""
    changed = {c: parts for c, parts in replaced.items() if parts != c}
    return Expansions(
        points=_codes(map(ord, changed)),
        starts=_codes(itertools.accumulate(map(len, changed.values()), initial=0)),
        parts=_codes(map(ord, itertools.chain.from_iterable(changed.values()))),
    )


def _codes(values: Iterable[int]) -> np.ndarray:
    return np.fromiter(values, np.int32)


def _character_class(points: list[int]) -> str:
    """An RE2 class of sorted code points."""
    breaks = [0, *(i for i in range(1, len(points)) if points[i] != points[i - 1] + 1), len(points)]
    ranges = [(points[i], points[j - 1]) for i, j in itertools.pairwise(breaks)]
    return "[" + "".join(f"\\x{{{low:x}}}-\\x{{{high:x}}}" for low, high in ranges) + "]"
