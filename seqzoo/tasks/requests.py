"""What users ask of a search, in words, as what the search takes."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search.constraints import BannedPhrases, BannedTokens, SuppressedAtStart
from seqzoo.search.options import check_max_length
from seqzoo.search.rows import PerSource


class Complete(NamedTuple):
    """A search that knows all that it needs, and the room for its sequences in tokens."""

    search: Any
    room: int


def complete_search(search: Any, longest: int | None = None, preprocessor: Any = None) -> Complete:
    """Fills in what a search leaves to the task.

    Args:
        search: A search.
        longest: The room for a sequence, in tokens, where the search does not say.
        preprocessor: Makes ids of the texts in constraints.

    Raises:
        ValueError: if a text in a constraint holds a token that is not known.
    """
    length = search.max_length
    if length is None:
        search = dataclasses.replace(search, max_length=longest)
    elif isinstance(length, PerSource) and length.at_most is None:
        filled = dataclasses.replace(length, at_most=longest)
        search = dataclasses.replace(search, max_length=filled)
    constraints = tuple(_with_ids(each, preprocessor) for each in search.constraints)
    if constraints != search.constraints:
        search = dataclasses.replace(search, constraints=constraints)
    return Complete(search, check_max_length(search.max_length))


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


def token_ids(name: str, text: str, preprocessor: Any) -> tuple[int, ...]:
    """The ids of a target text.

    Raises:
        ValueError: if a token is not known, or there is no preprocessor to tell.
    """
    if preprocessor is None:
        raise ValueError(
            f"`{name}` must hold token ids, as the task has no preprocessor. Received: {text!r}."
        )
    ids = tuple(int(i) for i in preprocessor.target.tokenize([text]).numpy()[0])
    if Tokenizer.unknown_id in ids:
        raise ValueError(
            f"`{name}` must hold tokens of the vocabulary. Received: {text!r}, whose token "
            f"{ids.index(Tokenizer.unknown_id) + 1} is not known."
        )
    return ids


def forced_prefixes(
    preprocessor: Any, search: Any, prefixes: Sequence[str] | None, count: int
) -> np.ndarray | None:
    """The ids `(B, P)` of texts that answers must begin with, -1 behind them; None for None.

    Raises:
        ValueError: if there are not as many as inputs, or one cannot be met.
    """
    if prefixes is None:
        return None
    if isinstance(prefixes, (str, bytes)) or len(prefixes) != count:
        raise ValueError(
            f"`prefixes` must be a list with a text for each of the {count} inputs. Received: "
            f"{prefixes!r}. Give '' where nothing is forced."
        )
    rows = [token_ids("prefixes", text, preprocessor) for text in prefixes]
    room = check_max_length(search.max_length)
    for text, ids in zip(prefixes, rows, strict=True):
        if len(ids) > room:
            raise ValueError(
                f"`prefixes` must be at most `max_length` long. Received: {text!r}, {len(ids)} "
                f"tokens, max_length={room}."
            )
        _refuse_banned(text, ids, search.constraints)
    return tf.ragged.constant(rows, dtype="int32", ragged_rank=1).to_tensor(-1).numpy()


def _refuse_banned(text: str, ids: tuple[int, ...], constraints: tuple) -> None:
    for constraint in constraints:
        banned = []
        if isinstance(constraint, BannedTokens):
            banned = [(token,) for token in constraint.token_ids]
        elif isinstance(constraint, SuppressedAtStart):
            banned = [(t,) for t in constraint.token_ids if ids[:1] == (t,)]
        elif isinstance(constraint, BannedPhrases):
            banned = list(constraint.phrases)
        for phrase in banned:
            if any(ids[i : i + len(phrase)] == phrase for i in range(len(ids))):
                raise ValueError(
                    f"`prefixes` and `constraints` contradict each other: {text!r} is forced, and "
                    f"{constraint} bans the tokens {phrase}. Leave one of them out."
                )
