"""Requests to an assistant, with the places, languages, currencies and dates in them marked.

Sentences are made of patterns, their names of Unicode CLDR through Babel. A name is in one split
alone, so that a tagger has to read the words around it. Nothing is downloaded.
"""

from __future__ import annotations

import datetime
import random
import re

from babel import Locale
from babel.dates import format_date

from seqzoo.datasets.conll import Sentences

PATTERNS = (
    "what time is it in {place} ?",
    "book a flight from {place} to {place} on {date} .",
    "how do you say thank you in {language} ?",
    "translate this letter from {language} into {language} , please .",
    "how many {currency} do I get for ten {currency} ?",
    "I want to pay in {currency} when I land in {place} .",
    "is {language} spoken in {place} ?",
    "remind me of the meeting on {date} .",
    "which trains leave for {place} before {date} ?",
    "will it rain in {place} on {date} ?",
    "show me films in {language} that came out after {date} .",
    "do people in {place} still use {currency} ?",
    "{place} or {place} , where is it warmer ?",
    "teach me some {language} before {date} .",
    "play something .",
)
_DATES = ("d MMMM y", "MMMM d, y", "d MMMM", "EEEE", "EEEE d MMMM")
_SHARES = {"train": 0.7, "validation": 0.15, "test": 0.15}


def load(
    seed: int = 0, train_size: int = 4000, validation_size: int = 500, test_size: int = 500
) -> dict[str, Sentences]:
    """Makes sentences with BIO tags of the types place, language, currency and date.

    Args:
        seed: Int. The same seed and sizes give the same sentences (with the same release of
            Babel).
        train_size: Number of sentences to train on.
        validation_size: Number of sentences to validate with.
        test_size: Number of sentences to test with.

    Returns:
        A dict of lists of pairs of tokens and tags.
    """
    rng = random.Random(seed)
    names = _divided_names(rng)
    sizes = {"train": train_size, "validation": validation_size, "test": test_size}
    return {
        split: [_sentence(rng, names[split]) for _ in range(size)] for split, size in sizes.items()
    }


def _divided_names(rng: random.Random) -> dict[str, dict[str, list[str]]]:
    locale = Locale.parse("en")
    kinds = {
        "place": locale.territories,
        "language": locale.languages,
        "currency": locale.currencies,
    }
    divided: dict[str, dict[str, list[str]]] = {split: {} for split in _SHARES}
    for kind, of_code in kinds.items():
        names = sorted({name for name in of_code.values() if re.search("[a-z]", name)})
        rng.shuffle(names)
        start = 0.0
        for split, share in _SHARES.items():
            first, last = round(start * len(names)), round((start + share) * len(names))
            divided[split][kind] = names[first:last]
            start += share
    return divided


def _sentence(rng: random.Random, names: dict[str, list[str]]) -> tuple[list[str], list[str]]:
    tokens: list[str] = []
    tags: list[str] = []
    for word in rng.choice(PATTERNS).split():
        kind = word.strip("{}")
        if kind == word:
            tokens.append(word)
            tags.append("O")
            continue
        name = _date(rng) if kind == "date" else rng.choice(names[kind])
        parts = re.findall(r"\w+(?:['\u2019.-]\w+)*|\S", name)
        tokens += parts
        tags += [f"B-{kind}"] + [f"I-{kind}"] * (len(parts) - 1)
    return tokens, tags


def _date(rng: random.Random) -> str:
    day = datetime.date(2000, 1, 1) + datetime.timedelta(rng.randrange(20_000))
    return format_date(day, rng.choice(_DATES), locale="en")
