"""Tags that mark spans, and which of them may follow each other.

A tag is `O`, outside of all spans, or a letter, a hyphen and the type of the span:

- BIO: `B-` begins a span, `I-` goes on with it;
- BIOES: `E-` ends it too, and `S-` is a span of one token.

Reference: Ratinov and Roth, 2009, https://aclanthology.org/W09-1119
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from seqzoo.ops.option_names import check_known

SCHEMES = {"bio": "BIO", "bioes": "BIOES"}
Scheme = Literal["bio", "bioes"]

_OPENS, _GOES_ON = "BS", "IE"


def forbidden_pairs(tags: Sequence[str], scheme: Scheme) -> list[tuple[int | None, int | None]]:
    """Returns the pairs of tag ids of which the second may not follow the first.

    Args:
        tags: The tags in the order of their ids.
        scheme: `"bio"` or `"bioes"`.

    Returns:
        Pairs as `layers.CRF` takes them: None is the start or the end of a sentence.

    Raises:
        ValueError: if a tag is none of the scheme.
    """
    check_known("scheme", scheme, SCHEMES)
    parts = [_parts(tag, scheme) for tag in tags]
    ends: list[tuple[int | None, tuple[str, str]]] = [*enumerate(parts), (None, ("O", ""))]
    return [
        (first, second)
        for first, before in ends
        for second, after in ends
        if not _may_follow(before, after, scheme) and (first, second) != (None, None)
    ]


def _parts(tag: str, scheme: Scheme) -> tuple[str, str]:
    letter, hyphen, kind = tag.partition("-")
    is_span = len(letter) == 1 and letter in SCHEMES[scheme] and letter != "O" and hyphen and kind
    if tag != "O" and not is_span:
        letters = ", ".join(f"{each}-TYPE" for each in SCHEMES[scheme] if each != "O")
        raise ValueError(
            f"A tag of the scheme {scheme!r} is O or one of {letters}. Received: {tag!r}. Correct "
            "it, or take scheme=None."
        )
    return letter, kind


def _may_follow(before: tuple[str, str], after: tuple[str, str], scheme: Scheme) -> bool:
    is_open = before[0] in ("BI" if scheme == "bioes" else "")
    if after[0] in _GOES_ON:
        return before[0] in "BI" and before[1] == after[1]
    return not is_open
