"""Made-up words that inflect as real ones do, for languages of which few forms are known."""

from __future__ import annotations

import difflib
import random
from collections.abc import Sequence

Form = tuple[str, str, str]

_SHORTEST_STEM = 3
_KEPT = 2


def hallucinate(forms: Sequence[Form], count: int, seed: int = 0) -> list[Form]:
    """Makes forms of words that do not exist, by putting other letters into stems of real ones.

    The stem is what a word and its form share in runs of three letters or more; its letters, the
    last two of each run aside, become letters drawn from all words. What is left, endings above
    all, stays as it is: the made-up form is as regular as the real one. A model that learns from
    both learns to copy whatever stands in a stem.

    Args:
        forms: A word, its form and the features of the form, each.
        count: How many are made, at least 0.
        seed: Of the letters and of the choice.

    Returns:
        As many of these, with the features of a real one. Forms that share no stem with their
        word are never taken.

    Raises:
        ValueError: if no form shares a stem with its word.

    Reference: Anastasopoulos and Neubig, 2019, https://arxiv.org/abs/1908.05838
    Differs from the paper: the last two letters of a run are kept, on which endings hang.

    Example:
        >>> ((word, form, features),) = sz.datasets.hallucination.hallucinate(
        ...     [("walk", "walked", "V;PST")], count=1
        ... )
        >>> len(word), form == word + "ed", features
        (4, True, 'V;PST')
    """
    if count < 0:
        raise ValueError(f"`count` must be at least 0. Received: {count}.")
    with_stems = [(form, stems) for form in forms if (stems := shared_stems(form[0], form[1]))]
    if not with_stems:
        raise ValueError(
            f"`forms` must have a word that shares {_SHORTEST_STEM} letters in a row with its "
            f"form. Received: {len(forms)} forms without one."
        )
    draw = random.Random(seed)
    letters = [letter for word, *_ in forms for letter in word if letter.isalpha()]
    return [_made_up(*draw.choice(with_stems), letters, draw) for _ in range(count)]


def shared_stems(word: str, form: str) -> list[tuple[int, int, int]]:
    """Runs of at least three letters that both have, in order.

    Returns:
        The position in the word, in the form, and the length of each.

    Example:
        >>> sz.datasets.hallucination.shared_stems("festlegen", "festgelegt")
        [(0, 0, 4), (4, 6, 3)]
    """
    matcher = difflib.SequenceMatcher(None, word, form, autojunk=False)
    blocks = matcher.get_matching_blocks()
    return [(b.a, b.b, b.size) for b in blocks if b.size >= _SHORTEST_STEM]


def _made_up(
    real: Form, stems: list[tuple[int, int, int]], letters: list[str], draw: random.Random
) -> Form:
    word, form, features = list(real[0]), list(real[1]), real[2]
    for in_word, in_form, length in stems:
        for place in range(length - _KEPT):
            if word[in_word + place].isalpha():
                letter = draw.choice(letters)
                word[in_word + place] = form[in_form + place] = letter
    return "".join(word), "".join(form), features
