"""How much of what strangers send is read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, NamedTuple

import tensorflow as tf

from seqzoo.datasets.lines import LINE_BYTES


@dataclass(frozen=True)
class Limits:
    """What a served model, `generate` and `seqzoo predict` read and compute at most.

    A task holds its limits as `task.limits`, saves them and bakes them into what it exports;
    another value takes effect at the next call or export. They bound no training, no evaluation,
    and no `classify`, `tag` or `score`, whose inputs are the caller's own.

    The pixels of a picture are bounded by `max_pixels` of its reader.

    Args:
        source_bytes: Of a text, or of the tokens of a sentence together. A longer one is not read,
            and its answer is empty.
        source_tokens: Of a text, or vectors of a sequence. A longer one is cut, as the
            preprocessor's own maximum length would cut it, which counts instead where it is set:
            the end is left out, of a prompt the start. A sentence of more tokens is not read by a
            tagger, and each of its tags is "". Nor is a graph of more nodes or edges.
        frames: Of a video, where its reader sets no `max_frames`. Of a longer one so many are read,
            evenly spaced.
        rows: Of a served request that are answered at once. More are answered one part after the
            other.
        width: Of a search: beams, or samples. A wider one is refused.
        target_tokens: The `max_length` of a search. A longer one is refused.
        line_bytes: Of a line that `seqzoo predict` reads. A longer one is cut, and told.

    Raises:
        ValueError: if a limit is no positive integer.

    A text of a request `(B,)` becomes at most `source_tokens` steps of `(B, S)`.

    Example:
        >>> limits = sz.preprocessing.Limits(source_tokens=512, target_tokens=256, width=10)
        >>> limits.source_tokens
        512
    """

    source_bytes: int = 65_536
    source_tokens: int = 4096
    frames: int = 256
    rows: int = 256
    width: int = 1024
    target_tokens: int = 16_384
    line_bytes: int = LINE_BYTES

    def __post_init__(self):
        for field in fields(self):
            value = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise ValueError(
                    f"`{field.name}` must be a positive integer. Received: {field.name}={value!r}."
                )

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> Limits:
        """Makes limits of saved ones; those that another version saved may have other names."""
        known = {field.name for field in fields(cls)}
        return cls(**{name: value for name, value in config.items() if name in known})


class BoundedInputs(NamedTuple):
    """Raw inputs `(B, …)` of a served request, read as far as the limits allow.

    Attributes:
        raw: The raw inputs, those empty that are not read.
        encoded: What `pack_inputs` makes model inputs of; a tensor, or a dict of tensors, that can
            be gathered by rows.
        steps: Int32 `(B,)`, the length of each row of `encoded`.
        is_read: Boolean `(B,)`.
    """

    raw: Any
    encoded: Any
    steps: Any
    is_read: Any


def short_enough(strings: tf.Tensor, max_bytes: int) -> tf.Tensor:
    """Which rows `(B,)` of strings `(B,)` or `(B, T)` have no more bytes together."""
    sizes = tf.cast(tf.strings.length(strings), tf.int64)
    return (sizes if sizes.shape.rank == 1 else tf.reduce_sum(sizes, axis=1)) <= max_bytes


def last_real_step(mask: tf.Tensor) -> tf.Tensor:
    """The steps `(B,)` int32 of each row up to its last real one, of a boolean mask `(B, T)`."""
    steps = tf.where(mask, tf.range(1, tf.shape(mask)[1] + 1), 0)
    return tf.maximum(0, tf.reduce_max(steps, axis=1))  # the maximum of none is below 0
