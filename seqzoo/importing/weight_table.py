"""A table that says for each weight of a model which published tensors it is made of."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import numpy as np

from seqzoo.importing.model_folder import ModelFolder
from seqzoo.preprocessing.published import PublishedTokenizer


class Row(NamedTuple):
    """One weight of a model.

    Attributes:
        ours: The variable.
        theirs: The shapes of the published tensors, by name.
        read: Makes the value of the variable of these tensors, in their order.
        write: Makes the tensors of the value.
    """

    ours: Any
    theirs: dict[str, tuple[int, ...]]
    read: Callable[..., np.ndarray]
    write: Callable[[np.ndarray], Sequence[np.ndarray]]


def same(ours: Any, name: str) -> Row:
    """A weight that is the tensor."""
    return Row(ours, {name: tuple(ours.shape)}, lambda x: x, lambda x: [x])


def joined(ours: Any, names: Sequence[str], widths: Sequence[int] | None = None) -> Row:
    """A kernel or bias of several tensors side by side, each `(outputs, inputs)` or `(outputs,)`.

    Args:
        ours: The variable, `(inputs, all outputs)` or `(all outputs,)`.
        names: Of the tensors.
        widths: Outputs of each; None is an equal share.
    """
    shape = tuple(ours.shape)
    widths = [shape[-1] // len(names)] * len(names) if widths is None else list(widths)
    ends = np.cumsum(widths)[:-1].tolist()
    theirs = {name: (width, *shape[:-1]) for name, width in zip(names, widths, strict=True)}
    return Row(
        ours,
        theirs,
        lambda *parts: np.concatenate([part.T for part in parts], axis=-1),
        lambda x: [part.T for part in np.split(x, ends, axis=-1)],
    )


def transposed(ours: Any, name: str) -> Row:
    """A kernel `(inputs, outputs)` of a tensor `(outputs, inputs)`."""
    return joined(ours, [name])


def vocabulary(ours: Any, name: str, tokenizer: PublishedTokenizer) -> Row:
    """An embedding `(vocabulary, width)`, whose rows stand in another order.

    A token that the published model does not have gets zeros.
    """
    order, width = tokenizer.original_ids, ours.shape[1]
    count = len(tokenizer.pieces)

    def read(table):
        return np.where((order >= 0)[:, None], table[np.maximum(order, 0)], np.float32(0))

    def write(rows):
        return [rows[tokenizer.from_original(np.arange(count))]]

    return Row(ours, {name: (count, width)}, read, write)


def logit_kernel(ours: Any, name: str, tokenizer: PublishedTokenizer) -> Row:
    """A kernel of logits `(width, vocabulary)` of a tensor `(published vocabulary, width)`."""
    turned = np.broadcast_to(np.float32(0), ours.shape[::-1])
    row = vocabulary(turned, name, tokenizer)
    return row._replace(ours=ours, read=lambda x: row.read(x).T, write=lambda x: row.write(x.T))


def logit_bias(ours: Any, name: str, tokenizer: PublishedTokenizer) -> Row:
    """A bias of logits `(vocabulary,)` of a tensor `(1, published vocabulary)`."""
    column = np.broadcast_to(np.float32(0), (*ours.shape, 1))
    row = vocabulary(column, name, tokenizer)
    return Row(
        ours,
        {name: (1, len(tokenizer.pieces))},
        lambda x: row.read(x.T)[:, 0],
        lambda x: [row.write(x[:, None])[0].T],
    )


def rows(folder: ModelFolder, table: Sequence[Row], ignored: str) -> list[np.ndarray]:
    """Returns the values of all variables of a table, in its order.

    Args:
        folder: Of the published model.
        table: Of the model here.
        ignored: Regular expression of the names that no weight is made of.

    Raises:
        ValueError: where a tensor is missing, is one too many or has another shape.
    """
    required = {name: shape for row in table for name, shape in row.theirs.items()}
    prefix = _missing_prefix(required, folder.shapes)
    found = {prefix + name: name for name in folder.shapes}
    for name, shape in required.items():
        if name not in found:
            raise ValueError(
                f"The weights in {folder.path} must hold {name} of shape {shape}, as "
                f"{folder.config.path} says. It is missing: both files must be of one model."
            )
        received = folder.shapes[found[name]]
        if received != shape:
            raise ValueError(
                f"{name} in {folder.path} must have the shape {shape}, as {folder.config.path} "
                f"says. Received: {received}. Both files must be of one model."
            )
    for name in found:
        if name not in required and not re.fullmatch(ignored, name):
            raise ValueError(
                f"The weights in {folder.path} hold {name}, which a model of "
                f"{folder.config.path} does not have. Both files must be of one model."
            )
    return [row.read(*(folder.tensor(found[name]) for name in row.theirs)) for row in table]


def _missing_prefix(required: dict, shapes: dict) -> str:
    """Returns what the names of a folder lack in front: a model without its head has no prefix."""
    if any(name in shapes for name in required):
        return ""
    prefixes = {name.split(".")[0] + "." for name in required}
    for prefix in sorted(prefixes):
        if any(prefix + name in required for name in shapes):
            return prefix
    return ""
