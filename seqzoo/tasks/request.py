"""A request to a generating task, read once, and the answers to it."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.graph_examples import GraphPairs
from seqzoo.preprocessing.limits import BoundedInputs, Limits
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import BeamSearch, ExampleOptions, Hypotheses, Sample
from seqzoo.search.constraints import BannedPhrases, BannedTokens, SuppressedAtStart
from seqzoo.search.options import check_max_length
from seqzoo.tasks.length_groups import ALIKE, PADDING, TIMES
from seqzoo.tasks.search_completion import target_ids, token_ids
from seqzoo.tasks.traced_functions import TracedFunctions

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

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(260, embedding_dim=4, units=5)
        >>> decoder = sz.decoders.RecurrentDecoder(260, embedding_dim=4, units=6)
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer())
        >>> search = sz.BeamSearch(width=2, n_best=2, max_length=4)
        >>> translator = sz.Seq2Seq(encoder, decoder, text)
        >>> best, second = translator.generate(["ab"], search, return_hypotheses=True)[0]
        >>> best.score >= second.score, best.alignment.shape[1]  # a, b and the end of the source
        (True, 3)
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


def served_options(task: Any, inputs: Mapping[str, tf.Tensor], raw: tf.Tensor) -> ExampleOptions:
    """Returns the options of a served request, in the graph.

    Args:
        task: The task.
        inputs: Those of `option_specs`.
        raw: The raw inputs `(B,)`.
    """
    inputs = dict(inputs)
    prefix, seeds = inputs.pop("prefix", None), inputs.pop("seed", None)
    ids = None
    if prefix is not None:
        if hasattr(task.preprocessor, "target_ids"):
            raw = task.preprocessor.encode_within(raw, task.limits).raw
        ids = _known_prefix(target_ids(task.preprocessor, raw, prefix))
    return ExampleOptions(prefix_ids=ids, seeds=seeds, **inputs)


def _known_prefix(token_ids: tf.RaggedTensor) -> tf.Tensor:
    """Returns ids `(B, P)`, -1 from the first token on that is not known."""
    ids = token_ids.to_tensor(-1)
    unknown = tf.cast(ids == Tokenizer.unknown_id, tf.int32)
    return tf.where(tf.cumsum(unknown, axis=1) > 0, -1, ids)


def _forced_prefixes(
    preprocessor: Any, search: Any, prefixes: Sequence[str] | None, raw: tf.Tensor
) -> np.ndarray | None:
    """The ids `(B, P)` of texts that answers must begin with, -1 behind them; None for None.

    Raises:
        ValueError: if there are not as many as inputs, or one cannot be met.
    """
    if prefixes is None:
        return None
    if isinstance(prefixes, (str, bytes)) or len(prefixes) != len(raw):
        raise ValueError(
            f"`prefixes` must be a list with a text for each of the {len(raw)} inputs. Received: "
            f"{prefixes!r}. Give '' where nothing is forced."
        )
    rows = [
        token_ids("prefixes", text, preprocessor, raw[index : index + 1])
        for index, text in enumerate(prefixes)
    ]
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


def _read_within(preprocessor: Any, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
    """Reads raw inputs as far as limits allow, and warns of those that are not read."""
    ragged = isinstance(preprocessor.encode_inputs(raw[:0]), tf.RaggedTensor)
    size = _CHUNK if ragged else max(1, len(raw))
    starts = range(0, max(1, len(raw)), size)
    chunks = [preprocessor.encode_within(raw[start : start + size], limits) for start in starts]
    read: Any = tf.nest.map_structure(lambda *parts: tf.concat(parts, axis=0), *chunks)
    unread = np.flatnonzero(~read.is_read.numpy())
    if len(unread):
        size = f"{limits.source_bytes:,} bytes"
        if isinstance(preprocessor, GraphPairs):
            size += f", or {limits.source_tokens:,} nodes or edges,"
        warnings.warn(
            f"{len(unread)} of {len(raw)} inputs have more than {size} and get no answer, that at "
            f"index {unread[0]} among them. Shorten them, or let the task read more: `task.limits "
            "= sz.preprocessing.Limits(source_bytes=…, source_tokens=…)`.",
            stacklevel=4,
        )
    return read


def tokenise_in_chunks(encode: Any, raw: tf.Tensor, *beside: tf.Tensor) -> Tokenised:
    """Tokenises raw texts by `encode`, which makes ragged ids `(N, None)` of some of them."""
    starts = range(0, max(1, len(raw)), _CHUNK)
    rows = [encode(*(each[start : start + _CHUNK] for each in (raw, *beside))) for start in starts]
    token_ids = tf.concat(rows, axis=0)
    return Tokenised(token_ids.row_lengths().numpy(), token_ids)


def request_batches(
    task: Any, raw: tf.Tensor, search: Any, prefixes: Sequence[str] | None, batch_size: int
) -> Iterator[tuple[np.ndarray, dict[str, tf.Tensor]]]:
    """Yields the indices of inputs of like length and what is known of them, by name.

    Raises:
        ValueError: as in `GenerationTask.generate`, before the first batch.
    """
    forced = _forced_prefixes(task.preprocessor, search, prefixes, raw)
    seeds = np.arange(len(raw), dtype="int32") + getattr(search, "seed", 0)
    raw, encoded, steps, is_read = _read_within(task.preprocessor, raw, task.limits_of(search))
    is_tokenised = isinstance(encoded, tf.RaggedTensor)
    lengths = steps.numpy() if is_tokenised else task.preprocessor.lengths(raw)
    for indices in batches_of_like_length(lengths, batch_size):
        batch = {"raw": tf.gather(raw, indices), "is_read": tf.gather(is_read, indices)}
        batch["seeds"] = tf.constant(seeds[indices], tf.int32)
        if is_tokenised:
            batch["inputs"] = task.preprocessor.pack_inputs(tf.gather(encoded, indices))
        if forced is not None:
            batch["prefix_ids"] = tf.constant(forced[indices])
        yield indices, batch


def batches_of_like_length(lengths: np.ndarray, batch_size: int) -> Iterator[np.ndarray]:
    """Yields the indices of inputs of like length; long ones in small batches.

    The rule is that of `length_groups`, which does the same in a graph.
    """
    order = np.argsort(lengths, kind="stable")
    in_order = lengths[order]
    shorter, longer = in_order[:-1], in_order[1:]
    padding = np.arange(1, max(1, len(order))) * (longer - shorter)
    starts = 1 + np.flatnonzero((longer > TIMES * shorter) & (padding > PADDING))
    start = 0
    while start < len(order):
        longest = max(ALIKE, 2 * in_order[start])
        alike = np.searchsorted(in_order, longest, side="right")
        apart = min(starts[starts > start], default=len(order))
        end = min(alike, apart, start + max(1, batch_size * ALIKE // longest))
        yield order[start:end]
        start = end


# The answers.


def answer_batch(
    task: Any,
    traced: TracedFunctions,
    search: Any,
    batch: dict[str, tf.Tensor],
    replace_unknown: bool | Mapping[str, str] = False,
) -> list[list[Generated]]:
    """Returns the hypotheses of each input of a batch of `request_batches`, best first.

    Args:
        task: The task.
        traced: Its functions.
        search: A complete search.
        batch: See `request_batches`.
        replace_unknown: As in `GenerationTask.generate`.
    """
    known = isinstance(replace_unknown, Mapping)
    replacement = tuple(sorted(replace_unknown.items())) if known else replace_unknown
    key = search, tuple(batch), replacement, task.limits
    run = traced.get(task, key, lambda: _answer_function(task, search, batch, replace_unknown))
    arrays = tf.nest.map_structure(lambda x: None if x is None else x.numpy(), run(batch))
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
        text, hypotheses = task._bounded_answer(
            raw, inputs, batch["is_read"], search, options, replace
        )
        words = task.copied_words(raw)
        tokens = task.preprocessor.target_tokens(hypotheses.token_ids, *words)
        return text, tuple(hypotheses), tokens

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
