"""The rows of a served request, answered in groups of like length."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import tensorflow as tf

ALIKE = 256  # steps: rows up to so many are of like length
# A row begins a group where it is so many times longer than the one before, in the order of length,
# and would pad those before it with so many steps together. Fewer cost less than a group does.
TIMES, PADDING = 4, 4096


def answer_in_groups(
    steps: tf.Tensor,
    max_rows: int,
    answer: Callable[[tf.Tensor], Mapping[str, tf.Tensor]],
    specs: Mapping[str, tf.TensorSpec],
) -> dict[str, tf.Tensor]:
    """Answers rows in the order of their length, in the graph, each as if it had come alone.

    A long row makes the short ones neither slow nor large: rows of a group are at most `ALIKE`
    steps long, or at most twice as long as the shortest of them, and the longer they are, the
    fewer. A row that is far longer than those before it begins a group, see `PADDING`.

    Args:
        steps: Int32 `(B,)`, the length of each row.
        max_rows: Positive int, of a group whose rows have up to `ALIKE` steps.
        answer: Returns tensors `(R, …)` by name for indices `(R,)` of rows.
        specs: What it returns; only the number of rows differs from group to group.

    Returns:
        The answers `(B, …)` by name, in the order of the rows.
    """
    order = tf.argsort(steps, stable=True)
    in_order = tf.gather(steps, order)
    total = tf.size(steps)
    shorter, longer = in_order[:-1], in_order[1:]
    padding = tf.range(1, tf.maximum(1, total)) * (longer - shorter)
    is_apart = (longer > TIMES * shorter) & (padding > PADDING)
    starts = tf.cast(tf.where(is_apart)[:, 0] + 1, tf.int32)

    def group_end(start):
        shortest = tf.reduce_max(in_order[start : start + 1])  # of none, where there is no row
        longest = tf.maximum(ALIKE, 2 * tf.maximum(shortest, 0))
        count = tf.maximum(1, max_rows * ALIKE // longest)
        alike = tf.searchsorted(in_order, [longest], side="right")[0]
        apart = tf.reduce_min(tf.where(starts > start, starts, total))
        return tf.minimum(tf.minimum(alike, apart), start + count)

    def one_group(start, index, parts):
        end = group_end(start)
        answers = answer(order[start:end])
        parts = {name: part.write(index, answers[name]) for name, part in parts.items()}
        return end, index + 1, parts

    parts: Any = {
        name: tf.TensorArray(
            spec.dtype, 1, dynamic_size=True, infer_shape=False, element_shape=spec.shape
        )
        for name, spec in specs.items()
    }
    # Once at least: a request without rows has an answer too.
    _, _, parts = tf.while_loop(
        lambda start, index, parts: (start < total) | (index == 0),
        one_group,
        (tf.constant(0), tf.constant(0), parts),
        parallel_iterations=1,
    )
    place = tf.argsort(order)  # of each row among those in order
    return {
        name: tf.gather(tf.ensure_shape(part.concat(), specs[name].shape), place)
        for name, part in parts.items()
    }
