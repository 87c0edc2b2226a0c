"""Tags that mark spans: which may follow each other, which scheme a corpus has, and conversion.

A tag is `O`, outside of all spans, or a letter, a hyphen and the type of the span:

- IOB1, `"iob1"`: `I-` is a token of a span; `B-` begins a span right behind another of its type;
- IOB2, `"bio"` or `"iob2"`: `B-` begins every span, `I-` continues it;
- BIOES, `"bioes"`: `E-` is the last token of a span too, and `S-` is a span of one token.

Types are compared in the Unicode normal form NFC, as labels are.

References: Ramshaw and Marcus, 1995, https://aclanthology.org/W95-0107 (IOB1);
Ratinov and Roth, 2009, https://aclanthology.org/W09-1119
"""

from __future__ import annotations

import itertools
import unicodedata
from collections.abc import Iterable, Sequence
from typing import Any, Literal, NamedTuple

from seqzoo.ops.option_names import check_known

SCHEMES = {"bio": "BIO", "bioes": "BIOES", "iob1": "IOB"}
"""The letters of each scheme by its name."""

Scheme = Literal["bio", "bioes", "iob1", "iob2"]

_OTHER_NAMES = {"iob2": "bio"}

_OUTSIDE = ("O", "")


class _Span(NamedTuple):
    """A span of the tokens from `start` up to `end`, which is behind its last."""

    start: int
    end: int
    kind: str


def forbidden_pairs(tags: Sequence[str], scheme: Scheme) -> list[tuple[int | None, int | None]]:
    """Returns the pairs of tag ids of which the second may not follow the first.

    Args:
        tags: The tags in the order of their ids.
        scheme: `"bio"`, `"bioes"` or `"iob1"`.

    Returns:
        Pairs as `layers.CRF` takes them: None is the start or the end of a sentence.

    Raises:
        ValueError: if a tag is none of the scheme.
    """
    scheme = _known("scheme", scheme)
    parts = [_parts(tag, scheme) for tag in tags]
    ends: list[tuple[int | None, tuple[str, str]]] = [*enumerate(parts), (None, _OUTSIDE)]
    return [
        (first, second)
        for first, before in ends
        for second, after in ends
        if not _may_follow(before, after, scheme) and (first, second) != (None, None)
    ]


def scheme_of_pairs(tags: Sequence[str], pairs: Iterable[Sequence[int | None]]) -> Scheme | None:
    """Returns the scheme whose forbidden pairs these are; None where it is none of them."""
    pairs = set(map(tuple, pairs))
    for scheme in SCHEMES:
        try:
            forbidden = forbidden_pairs(tags, scheme)  # pyright: ignore[reportArgumentType]
        except ValueError:  # a tag is none of this scheme
            continue
        if set(forbidden) == pairs:
            return scheme  # pyright: ignore[reportReturnType]
    return None


def detect_scheme(sentences: Iterable[Sequence[str]]) -> Scheme | None:
    """Returns the scheme that all sentences follow.

    Where several fit, it is the first of `"bio"`, `"bioes"` and `"iob1"`.

    Args:
        sentences: The tags of each sentence.

    Returns:
        The name of the scheme, or None where the tags follow none of them, as parts of speech do.

    Example:
        >>> sz.preprocessing.detect_scheme([["B-PER", "I-PER", "O"], ["O", "B-LOC"]])
        'bio'
        >>> sz.preprocessing.detect_scheme([["S-LOC", "O"]])
        'bioes'
    """
    left: list[Any] = list(SCHEMES)
    for tags in sentences:
        left = [scheme for scheme in left if breach(tags, scheme) is None]
    return left[0] if left else None


def convert_tags(tags: Sequence[str], source: Scheme, target: Scheme) -> list[str]:
    """Returns the tags of one sentence in another scheme; they mark the same spans.

    Args:
        tags: The tags of one sentence.
        source: The scheme that they follow; see `detect_scheme`.
        target: The scheme of the result.

    Raises:
        ValueError: if the tags do not follow the scheme `source`.

    Example:
        >>> sz.preprocessing.convert_tags(["I-PER", "I-PER", "O", "I-LOC"], "iob1", "bio")
        ['B-PER', 'I-PER', 'O', 'B-LOC']
    """
    source, target = _known("source", source), _known("target", target)
    wrong = breach(tags, source)
    if wrong is not None:
        raise ValueError(
            f"The tags must follow the scheme {source!r}. Received: {list(tags)}, where {wrong}. "
            "Correct them, or give the scheme that they follow; `detect_scheme` finds it."
        )
    converted, before = ["O"] * len(tags), _Span(0, 0, "")
    for span in _spans([_parts(tag, source) for tag in tags]):
        letters = ["I"] * (span.end - span.start)
        if target != "iob1" or (before.end == span.start and before.kind == span.kind):
            letters[0] = "B"
        if target == "bioes":
            letters[-1] = "E" if len(letters) > 1 else "S"
        converted[span.start : span.end] = [f"{letter}-{span.kind}" for letter in letters]
        before = span
    return converted


def _known(argument: str, scheme: str) -> Any:
    scheme = _OTHER_NAMES.get(scheme, scheme)
    check_known(argument, scheme, SCHEMES)
    return scheme


def breach(tags: Sequence[str], scheme: Scheme) -> str | None:
    """Returns where tags first break a scheme, in words; None where they follow it."""
    try:
        parts = [_parts(tag, scheme) for tag in tags]
    except ValueError as error:
        return str(error)
    pairs = itertools.pairwise([_OUTSIDE, *parts, _OUTSIDE])
    for index, (before, after) in enumerate(pairs):
        if not _may_follow(before, after, scheme):
            return pair_in_words(tags, index)
    return None


def pair_in_words(tags: Sequence[str], index: int) -> str:
    """Describes the tag at an index after the one before it; both ends of a sentence count."""
    if index == 0:
        return f"{tags[0]!r} begins the sentence"
    if index == len(tags):
        return f"{tags[-1]!r} ends the sentence"
    return f"{tags[index]!r} follows {tags[index - 1]!r} at token {index + 1}"


def _spans(parts: Sequence[tuple[str, str]]) -> list[_Span]:
    """Returns the spans of tags that follow any of the schemes."""
    spans: list[_Span] = []
    before = _OUTSIDE
    for index, (letter, kind) in enumerate(parts):
        if letter != "O":
            if letter in "BS" or before[0] == "O" or before[1] != kind:
                spans.append(_Span(index, index + 1, kind))
            else:
                spans[-1] = spans[-1]._replace(end=index + 1)
        before = letter, kind
    return spans


def _parts(tag: str, scheme: Scheme) -> tuple[str, str]:
    letter, hyphen, kind = unicodedata.normalize("NFC", tag).partition("-")
    is_span = len(letter) == 1 and letter in SCHEMES[scheme] and letter != "O" and hyphen and kind
    if tag != "O" and not is_span:
        letters = ", ".join(f"{each}-TYPE" for each in SCHEMES[scheme] if each != "O")
        raise ValueError(
            f"A tag of the scheme {scheme!r} is O or one of {letters}. Received: {tag!r}. Correct "
            "it, or take scheme=None."
        )
    return letter, kind


def _may_follow(before: tuple[str, str], after: tuple[str, str], scheme: Scheme) -> bool:
    continues = before[0] in "BI" and before[1] == after[1]
    if scheme == "iob1":
        return after[0] != "B" or continues
    if after[0] in "IE":
        return continues
    return scheme == "bio" or before[0] not in "BI"  # in BIOES a span must end
