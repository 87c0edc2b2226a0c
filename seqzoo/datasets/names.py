"""Names of countries, languages, scripts and currencies, and the language that they are written in.

The names are those of Unicode CLDR, read through Babel: `"Niederländisch"` is German. Nothing is
downloaded.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from babel import Locale

LANGUAGES = ("cs", "de", "en", "es", "fi", "fr", "hu", "it", "nl", "pl", "pt", "sv", "tr")
_KINDS = ("territories", "languages", "scripts", "currencies")
_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def load(
    seed: int = 0, languages: Sequence[str] = LANGUAGES, multi_label: bool = False
) -> dict[str, list]:
    """Makes pairs of a name and its language.

    What is named (a country, say) is in one split alone, and no name of one split is a name of
    another.

    Args:
        seed: Int. The same seed gives the same splits (with the same release of Babel).
        languages: Codes of CLDR locales.
        multi_label: Whether a name has the list of all languages that write it so, in place of
            leaving out names of several languages.

    Returns:
        A dict of "train", "validation" and "test", lists of pairs.

    Example:
        >>> examples = sz.datasets.names.load(languages=("de", "fr"))["train"]
        >>> len(examples[0])
        2
    """
    of_name: dict[str, set[str]] = {}
    thing_of: dict[str, tuple[str, str]] = {}
    for language in languages:
        for thing, name in _names(language):
            of_name.setdefault(name, set()).add(language)
            thing_of.setdefault(name, thing)
    things = sorted(set(thing_of.values()))
    random.Random(seed).shuffle(things)
    position = {thing: number / len(things) for number, thing in enumerate(things)}
    splits: dict[str, list] = {split: [] for split in _SHARES}
    for name in sorted(of_name):
        if multi_label or len(of_name[name]) == 1:
            labels = sorted(of_name[name])
            split = _split_at(position[thing_of[name]])
            splits[split].append((name, labels if multi_label else labels[0]))
    return splits


def _names(language: str) -> list[tuple[tuple[str, str], str]]:
    """Pairs of a thing, by its kind and CLDR code, and its name in a language."""
    locale = Locale.parse(language)
    return [
        ((kind, code), name)
        for kind in _KINDS
        for code, name in sorted(getattr(locale, kind).items())
        if name and not name.isdecimal() and name.lower() != code.lower()
    ]


def _split_at(position: float) -> str:
    for split, share in _SHARES.items():
        if position < share:
            return split
        position -= share
    return list(_SHARES)[-1]  # the shares add up to 1 but for rounding
