"""A search with all that it leaves to its task: lengths, limits, and ids of texts."""

from __future__ import annotations

import dataclasses
from typing import Any

from seqzoo.preprocessing.limits import Limits
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import PerSource
from seqzoo.search.constraints import BannedPhrases, BannedTokens, SuppressedAtStart
from seqzoo.search.options import check_max_length


def complete_search(
    search: Any,
    max_length: int,
    preprocessor: Any,
    limits: Limits,
    max_positions: int | None = None,
) -> Any:
    """Returns the search with all that it leaves to the task.

    Args:
        search: A search.
        max_length: The maximum length of a sequence, in tokens, where the search has none.
        preprocessor: Makes ids of the texts in constraints.
        limits: Those of the task.
        max_positions: The tokens that the position table of the model holds; None: any number.

    Raises:
        ValueError: if a text in a constraint holds a token that is not known, or the search is
            wider or goes on for longer than the limits, or the position table, allow.
    """
    max_length = max_length if max_positions is None else min(max_length, max_positions)
    length = search.max_length
    if length is None:
        search = dataclasses.replace(search, max_length=max_length)
    elif isinstance(length, PerSource) and length.at_most is None:
        filled = dataclasses.replace(length, at_most=max_length)
        search = dataclasses.replace(search, max_length=filled)
    _check_within("width", search.width, limits.width)
    _check_within("max_length", check_max_length(search.max_length), limits.target_tokens)
    if max_positions is not None and check_max_length(search.max_length) > max_positions:
        raise ValueError(
            f"`max_length` is {check_max_length(search.max_length)} but the position table of the "
            f"model holds {max_positions}. Lower it, or make the model with more positions."
        )
    constraints = tuple(_with_ids(each, preprocessor) for each in search.constraints)
    return dataclasses.replace(search, constraints=constraints)


def _check_within(name: str, value: int, limit: int) -> None:
    if value > limit:
        raise ValueError(
            f"The {name} of a search must be at most {limit:,}. Received: {value:,}. Take less, or "
            "set `limits` of the task."
        )


def _with_ids(constraint: Any, preprocessor: Any) -> Any:
    if isinstance(constraint, BannedPhrases):
        phrases = tuple(
            token_ids("BannedPhrases.phrases", phrase, preprocessor)
            if isinstance(phrase, str)
            else phrase
            for phrase in constraint.phrases
        )
        return dataclasses.replace(constraint, phrases=phrases)
    if isinstance(constraint, (BannedTokens, SuppressedAtStart)):
        name = f"{type(constraint).__name__}.token_ids"
        given = constraint.token_ids
        ids = tuple(_one_id(name, t, preprocessor) if isinstance(t, str) else t for t in given)
        return dataclasses.replace(constraint, token_ids=ids)
    return constraint


def _one_id(name: str, text: str, preprocessor: Any) -> int:
    ids = token_ids(name, text, preprocessor)
    if len(ids) != 1:
        raise ValueError(
            f"`{name}` must hold texts of one token. Received: {text!r}, which has {len(ids)}. "
            "Ban several tokens in a row by `BannedPhrases`."
        )
    return ids[0]


def target_ids(preprocessor: Any, raw: Any, texts: Any) -> Any:
    """The ids, ragged `(B, None)`, of target texts `(B,)` without the end.

    Those of words that may be copied depend on the raw inputs `(B,)`; no others do.
    """
    of_pairs = getattr(preprocessor, "target_ids", None)
    return preprocessor.target.tokenize(texts) if of_pairs is None else of_pairs(raw, texts)


def token_ids(name: str, text: str, preprocessor: Any, raw: Any = ("",)) -> tuple[int, ...]:
    """The ids of a target text, which is normalised as all texts are.

    Args:
        name: Of what holds the text.
        text: The text.
        preprocessor: Makes ids of it.
        raw: The raw input `(1,)` that it belongs to, where it belongs to one.

    Raises:
        ValueError: if a token is not known, or there is no preprocessor to tell.
    """
    if preprocessor is None:
        raise ValueError(
            f"`{name}` must hold token ids, as the task has no preprocessor. Received: {text!r}."
        )
    ids = tuple(int(i) for i in target_ids(preprocessor, raw, [text]).numpy()[0])
    if Tokenizer.unknown_id in ids:
        raise ValueError(
            f"`{name}` must hold tokens of the vocabulary. Received: {text!r}, whose token "
            f"{ids.index(Tokenizer.unknown_id) + 1} is not known."
        )
    return ids
