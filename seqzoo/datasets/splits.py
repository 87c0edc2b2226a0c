"""Examples divided into training, validation and test splits, no input being in two of them."""

from __future__ import annotations

import hashlib
import warnings
from array import array
from collections.abc import Iterable, Sequence
from typing import Any, cast

import numpy as np

Part = float | Iterable[Any]


def divide(
    examples: Iterable[Any],
    validation: Part = 0.1,
    test: Part = 0.1,
    seed: int = 0,
    labelled: bool = False,
) -> dict[str, Sequence[Any]]:
    """Divides examples into "train", "validation" and "test".

    Which split an example is drawn for depends on its input and the seed alone, so that equal
    inputs are always in the same. Where a split is given, its inputs are removed from the training
    examples, with a warning that counts them. Inputs are compared without regard to spaces.

    Args:
        examples: Pairs of an input and its target, or texts; `tables.Rows` or any sequence. Of a
            large table the training split is a `streams.Stream`: memory holds but the others. A
            `Stream` stays as it is, and the other splits must be given.
        validation: Share of the distinct inputs to draw, from 0 to 1, or their number; or the
            examples themselves. 0 makes no such split.
        test: Likewise.
        seed: Int.
        labelled: Whether targets are labels, or lists of tags. An example that was drawn is then
            trained on if no training example has its label.

    Raises:
        ValueError: if nothing is left for the training, or all labels are equal.
    """
    drawn, given = {}, {}
    for name, part in (("test", test), ("validation", validation)):
        (drawn if isinstance(part, int | float) else given)[name] = part
    given = {name: list(part) for name, part in given.items()}
    if hasattr(examples, "shuffled"):
        if any(drawn.values()):
            raise ValueError(
                f"No split can be drawn from a stream. Received: {drawn}. Give the examples of the "
                "split, or 0 for none."
            )
        return {"train": cast(Any, examples), **given}
    held_out = {_hash(each, seed) for part in given.values() for each in part}
    hashes = np.array(array("Q", (_hash(each, seed) for each in examples)), np.uint64)
    where = f" of {examples.path}" if hasattr(examples, "path") else ""
    limits = _limits(np.setdiff1d(hashes, np.array([*held_out], np.uint64)), drawn, where)

    parts: dict[str, Any] = {name: [] for name in ("train", "validation", "test")}
    is_large = getattr(examples, "is_large", False)
    trained_on: dict[Any, None] = {}  # labels
    removed = trained = 0

    def split_of(example: Any) -> str | None:
        value = _hash(example, seed)
        if value in held_out:
            return None
        return next((name for name, limit in limits.items() if value <= limit), "train")

    for example in examples:
        name = split_of(example)
        if name is None:
            removed += 1
            continue
        if name == "train":
            trained += 1
            trained_on.update(dict.fromkeys(_labels(example) if labelled else ()))
        if name != "train" or not is_large:
            parts[name].append(example)
    held = [each for name in drawn for each in parts[name]]
    rare = [each for each in held if labelled and not trained_on.keys() >= _labels(each)]
    again = {_hash(each, seed) for each in rare}
    moved = [each for each in held if _hash(each, seed) in again]
    for name in drawn:
        parts[name] = [each for each in parts[name] if _hash(each, seed) not in again]
    parts = {name: given.get(name, part) for name, part in parts.items()}
    if is_large and trained:
        from seqzoo.datasets import streams  # it loads TensorFlow

        parts["train"] = streams.of_rows(
            cast(Any, examples),
            lambda each: split_of(each) == "train" or _hash(each, seed) in again,
            size=trained + len(moved),
        )
    else:
        parts["train"] += moved
    for example in moved if labelled else ():
        trained_on.update(dict.fromkeys(_labels(example)))
    _check(parts, limits, trained_on if labelled else None, removed, where)
    return {name: part for name, part in parts.items() if name == "train" or len(part)}


def _hash(example: Any, seed: int) -> int:
    """64 bits of the input of an example."""
    given = example if isinstance(example, str | bytes) else example[0]
    if isinstance(given, str):
        given = " ".join(given.split())
    elif isinstance(given, list | tuple):
        given = "\n".join(given)
    content = given.encode("utf-8", "surrogatepass") if isinstance(given, str) else given
    key = seed.to_bytes(8, "little", signed=True)
    return int.from_bytes(hashlib.blake2b(content, digest_size=8, key=key).digest(), "little")


def _labels(example: Any) -> set[str]:
    """The label of an example, or the tags of its tokens."""
    return {example[1]} if isinstance(example[1], str) else set(example[1])


def _limits(distinct: np.ndarray, drawn: dict[str, Any], where: str) -> dict[str, int]:
    """The largest hash of each split that is drawn, of distinct hashes in ascending order."""
    limits, end = {}, 0
    for name, part in drawn.items():
        if part < 0:
            raise ValueError(f"`{name}` must be at least 0. Received: {name}={part}.")
        if not part:
            continue
        end += max(1, round(part * len(distinct))) if part < 1 else int(part)
        if end >= len(distinct):
            raise ValueError(
                f"The examples{where} must be more than the splits take. Received: "
                f"{len(distinct)} distinct inputs, {name}={part}. Give more, or draw fewer."
            )
        limits[name] = int(distinct[end - 1])
    return limits


def _check(parts: dict, drawn: Any, labels: Any, removed: int, where: str) -> None:
    for name in ("train", *drawn):
        if not len(parts[name]):
            raise ValueError(f"No example{where} is left for the split {name!r}. Give more.")
    if labels is not None and len(labels) < 2:
        raise ValueError(
            f"There must be at least two labels. Received: {', '.join(map(repr, labels))} alone, "
            f"in all examples{where}. Check which column holds the labels."
        )
    if removed:
        warnings.warn(
            f"{removed:,} examples{where} have an input that is in the validation or test split "
            "too. They are removed from the training.",
            stacklevel=3,
        )
