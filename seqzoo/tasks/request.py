"""A request to a generating task, read once, and the answers to it."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, ExampleOptions, Hypotheses, PerSource, Sample
from seqzoo.search.constraints import BannedPhrases, BannedTokens, SuppressedAtStart
from seqzoo.search.options import check_max_length

_LONG = 256  # steps: above it, a batch gets fewer rows
_CHUNK = 1024  # texts that are tokenised together


class Generated(NamedTuple):
    """One hypothesis.

    Attributes:
        text: The detokenised text.
        score: What the search ranked it by: the higher, the better.
        tokens: Readable tokens, the end token included.
        token_log_probs: Float array `(T,)`, one for each token.
        alignment: Float array `(T, S)`, the weights on the source tokens with which each token
            was chosen; None where the decoder does not attend.
    """

    text: str
    score: float
    tokens: list[str]
    token_log_probs: np.ndarray
    alignment: np.ndarray | None


class InitialDecodingState(NamedTuple):
    """What a search starts from.

    Attributes:
        state: The decoder's first state, B * width rows in each leaf.
        memory: What its step reads from, B rows in each leaf.
        start_id: Int, the start token, or int32 `(B,)`, the last token of each prompt.
        source_mask: Boolean `(B, S)`, True on real source steps; None where there is no source.
    """

    state: Any
    memory: Any
    start_id: Any
    source_mask: Any = None


# The search.


def complete_search(search: Any, max_length: int, preprocessor: Any = None) -> Any:
    """Returns the search with all that it leaves to the task.

    Args:
        search: A search.
        max_length: The maximum length of a sequence, in tokens, where the search has none.
        preprocessor: Makes ids of the texts in constraints.

    Raises:
        ValueError: if a text in a constraint holds a token that is not known.
    """
    length = search.max_length
    if length is None:
        search = dataclasses.replace(search, max_length=max_length)
    elif isinstance(length, PerSource) and length.at_most is None:
        filled = dataclasses.replace(length, at_most=max_length)
        search = dataclasses.replace(search, max_length=filled)
    check_max_length(search.max_length)
    constraints = tuple(_with_ids(each, preprocessor) for each in search.constraints)
    return dataclasses.replace(search, constraints=constraints)


def _with_ids(constraint: Any, preprocessor: Any) -> Any:
    if isinstance(constraint, BannedPhrases):
        phrases = tuple(
            _token_ids("BannedPhrases.phrases", phrase, preprocessor)
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
    ids = _token_ids(name, text, preprocessor)
    if len(ids) != 1:
        raise ValueError(
            f"`{name}` must hold texts of one token. Received: {text!r}, which has {len(ids)}. "
            "Ban several tokens in a row by `BannedPhrases`."
        )
    return ids[0]


def _token_ids(name: str, text: str, preprocessor: Any) -> tuple[int, ...]:
    """The ids of a target text, which is normalised as all texts are.

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


# What differs from example to example.


def option_specs(task: Any, search: Any) -> dict[str, tf.TensorSpec]:
    """Returns the inputs `(B,)` of the signature `with_options`, beside the raw ones.

    `prefix` is a text that the answer begins with, "" for none; it counts up to its first token
    that is not known. The others are as in `search.ExampleOptions`: `max_length`, and
    `min_length` and `alpha` of a beam, `seed` and `temperature` of samples; -1 leaves a length to
    the search, NaN `alpha` and `temperature`.
    """
    kinds = {"max_length": tf.int32}
    if hasattr(task.preprocessor, "target"):
        kinds["prefix"] = tf.string
    if isinstance(search, BeamSearch):
        kinds |= {"min_length": tf.int32, "alpha": tf.float32}
    if isinstance(search, Sample):
        kinds |= {"seed": tf.int32, "temperature": tf.float32}
    return {name: tf.TensorSpec([None], kind, name=name) for name, kind in kinds.items()}


def served_options(task: Any, inputs: Mapping[str, tf.Tensor]) -> ExampleOptions:
    """Returns the options of a served request, in the graph, of the inputs of `option_specs`."""
    inputs = dict(inputs)
    prefix, seeds = inputs.pop("prefix", None), inputs.pop("seed", None)
    ids = None if prefix is None else _known_prefix(task.preprocessor.target, prefix)
    return ExampleOptions(prefix_ids=ids, seeds=seeds, **inputs)


def _known_prefix(tokenizer: Tokenizer, texts: tf.Tensor) -> tf.Tensor:
    """Returns ids `(B, P)`, -1 from the first token on that is not known."""
    ids = tokenizer.tokenize(texts).to_tensor(-1)
    unknown = tf.cast(ids == Tokenizer.unknown_id, tf.int32)
    return tf.where(tf.cumsum(unknown, axis=1) > 0, -1, ids)


def _forced_prefixes(
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
    rows = [_token_ids("prefixes", text, preprocessor) for text in prefixes]
    longest = check_max_length(search.max_length)
    for text, ids in zip(prefixes, rows, strict=True):
        if len(ids) > longest:
            raise ValueError(
                f"`prefixes` must be at most `max_length` long. Received: {text!r}, {len(ids)} "
                f"tokens, max_length={longest}."
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


# The inputs, and their batches.


class Tokenised(NamedTuple):
    """Raw inputs that were read once.

    Attributes:
        lengths: Int array `(B,)`, in steps.
        token_ids: Ragged ids `(B, None)`; None where inputs are read batch by batch, as images.
    """

    lengths: np.ndarray
    token_ids: tf.RaggedTensor | None


def read_inputs(preprocessor: Any, raw: Any) -> Tokenised:
    """Reads raw inputs: texts are tokenised once for all that is done with them."""
    if isinstance(preprocessor.encode_inputs(raw[:0]), tf.RaggedTensor):
        return tokenise_in_chunks(preprocessor.encode_inputs, raw)
    return Tokenised(preprocessor.lengths(raw), None)


def tokenise_in_chunks(encode: Any, raw: tf.Tensor) -> Tokenised:
    """Tokenises raw texts by `encode`, which makes ragged ids `(N, None)` of some of them."""
    rows = [encode(raw[start : start + _CHUNK]) for start in range(0, max(1, len(raw)), _CHUNK)]
    token_ids = tf.concat(rows, axis=0)
    return Tokenised(token_ids.row_lengths().numpy(), token_ids)


def request_batches(
    task: Any, raw: tf.Tensor, search: Any, prefixes: Sequence[str] | None, batch_size: int
) -> Iterator[tuple[np.ndarray, dict[str, tf.Tensor]]]:
    """Yields the indices of inputs of like length and what is known of them, by name.

    Raises:
        ValueError: as in `GenerationTask.generate`, before the first batch.
    """
    forced = _forced_prefixes(task.preprocessor, search, prefixes, len(raw))
    seeds = np.arange(len(raw), dtype="int32") + getattr(search, "seed", 0)
    lengths, token_ids = read_inputs(task.preprocessor, raw)
    for indices in batches_of_like_length(lengths, batch_size):
        batch = {"raw": tf.gather(raw, indices), "seeds": tf.constant(seeds[indices], tf.int32)}
        if token_ids is not None:
            batch["inputs"] = task.preprocessor.pack_inputs(tf.gather(token_ids, indices))
        if forced is not None:
            batch["prefix_ids"] = tf.constant(forced[indices])
        yield indices, batch


def batches_of_like_length(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the indices of inputs of like length; long ones in small batches."""
    order = np.argsort(lengths, kind="stable")
    start = 0
    while start < len(order):
        rows = min(batch_size, len(order) - start)
        longest = lengths[order[start + rows - 1]]
        if longest > _LONG:
            rows = max(1, min(rows, math.floor(batch_size * _LONG / longest)))
        yield order[start : start + rows]
        start += rows


# The answers.


class AnswerGraphs:
    """The traced functions of a task that answer batches of requests. No part of the model."""

    def __init__(self):
        self._functions: dict[Any, Any] = {}

    def answer(
        self,
        task: Any,
        search: Any,
        batch: dict[str, tf.Tensor],
        replace_unknown: bool | Mapping[str, str] = False,
    ) -> list[list[Generated]]:
        """Returns the hypotheses of each input of a batch of `request_batches`, best first."""
        known = isinstance(replace_unknown, Mapping)
        replacement = tuple(sorted(replace_unknown.items())) if known else replace_unknown
        key = search, tuple(batch), replacement
        if key not in self._functions:
            self._functions[key] = _answer_function(task, search, batch, replace_unknown)
        outputs = self._functions[key](batch)
        arrays = tf.nest.map_structure(lambda x: None if x is None else x.numpy(), outputs)
        text, hypotheses, tokens = arrays
        hypotheses = Hypotheses(*hypotheses)
        return [_unpack(row, text, hypotheses, tokens) for row in range(len(text))]


def _answer_function(task: Any, search: Any, batch: dict[str, tf.Tensor], replace_unknown: Any):
    """A graph that makes texts, hypotheses and readable tokens of batches like this one."""
    replace = task._replacement(replace_unknown)
    specs = {name: tf.TensorSpec([None] * len(x.shape), x.dtype) for name, x in batch.items()}
    specs["raw"] = task.preprocessor.raw_spec

    @tf.function(input_signature=[specs], autograph=False)
    def run(batch):
        raw = batch["raw"]
        inputs = batch["inputs"] if "inputs" in batch else task.preprocessor.prepare(raw)
        options = ExampleOptions(seeds=batch["seeds"], prefix_ids=batch.get("prefix_ids"))
        text, hypotheses = task._answer(raw, inputs, search, options, replace)
        return text, tuple(hypotheses), task.preprocessor.target_tokens(hypotheses.token_ids)

    return run


def _unpack(row: int, text, hypotheses: Hypotheses, tokens) -> list[Generated]:
    answers = []
    for n, length in enumerate(hypotheses.lengths[row]):
        if length == 0 and n > 0:
            continue
        alignments = hypotheses.alignments
        answers.append(
            Generated(
                text=text[row, n].decode("utf-8"),
                score=float(hypotheses.scores[row, n]),
                tokens=[token.decode("utf-8") for token in tokens[row, n, :length]],
                token_log_probs=hypotheses.token_log_probs[row, n, :length],
                alignment=None if alignments is None else alignments[row, n, :length],
            )
        )
    return answers
