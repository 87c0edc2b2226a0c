"""The step function that a search drives, and the state that it carries along."""

from typing import Any, NamedTuple, Protocol

import keras
from keras import ops


class Step(Protocol):
    """One step of a decoder, down to log-probs.

    A search adds the log-probs up and never normalises them. NaN counts as -inf, an impossible
    token. Each leaf of `encoded` has a row for each example that still goes on, and each leaf of
    `state` has K for each of these, beam after beam: 1 at the first step, where all hypotheses
    begin as one, and then the width of the search. Leaves in a `Kept` have one for each example.
    A leaf `alignment` `(N, S)` at the top of a state (a dict's key or a named tuple's field) is
    collected for `Hypotheses.alignments`.
    """

    def __call__(self, token_ids: Any, state: Any, encoded: Any) -> tuple[Any, Any]:
        """Takes token ids `(N,)` to log-probs `(N, V)`, or `LogProbs`, and the next state."""
        ...


class Carried(NamedTuple):
    """The state of a step that was wrapped: the state of what is inside, and the wrapper's own."""

    inner: Any
    own: dict[str, Any]


def first_tokens(start_id: Any, state: Any, width: int) -> Any:
    """Repeats the start tokens for each of the `(N,)` rows of the state."""
    start_id = ops.cast(ops.convert_to_tensor(start_id), "int32")
    leaves = _of_hypotheses(state)
    if len(start_id.shape) == 1:
        tokens = ops.repeat(start_id, width)  # (B,) -> (N,)
        if leaves:
            _check_rows(ops.shape(leaves[0])[0], ops.shape(tokens)[0], width)
        return tokens
    if not leaves:
        raise ValueError(
            "The batch size shows neither in `state`, which has no leaf, nor in `start_id`, "
            "which is one number. Pass `start_id` of shape (batch,)."
        )
    rows = ops.shape(leaves[0])[0]
    _check_rows(rows, rows // width * width, width)
    return ops.broadcast_to(start_id, (rows,))


def _of_hypotheses(state: Any) -> list[Any]:
    pairs = zip(keras.tree.flatten(state), are_kept(state), strict=True)
    return [leaf for leaf, is_kept in pairs if not is_kept]


def _check_rows(rows: Any, wanted: Any, width: int) -> None:
    if isinstance(rows, int) and isinstance(wanted, int) and rows != wanted:
        raise ValueError(
            f"`state` must have a row for each of the {width} beams of each example. Received: "
            f"{rows} rows for {wanted // width} examples. Start the decoder with "
            "batch_size=batch * width."
        )


class Kept(NamedTuple):
    """Leaves of a state that have a row for each of B examples, and that no search reorders.

    For what is written once and read by all later hypotheses of an example, such as the keys and
    values of every step of a Transformer: which of them are a hypothesis's own is said by another
    leaf, and that one alone is reordered.
    """

    leaves: Any


def are_kept(state: Any) -> list[bool]:
    """Tells of each leaf of a state whether it stands in a `Kept`."""

    def mark(node: Any) -> Any:
        return keras.tree.map_structure(lambda _: True, node) if isinstance(node, Kept) else None

    return [leaf is True for leaf in keras.tree.flatten(keras.tree.traverse(mark, state))]


def alignment_of(state: Any) -> Any | None:
    """The alignment `(N, S)` in a state, in float32; None if it has none."""
    while isinstance(state, Carried):
        state = state.inner
    named = state if isinstance(state, dict) else getattr(state, "_asdict", dict)()
    alignment = named.get("alignment")
    return None if alignment is None else ops.cast(alignment, "float32")


def as_before(after: Any, before: Any) -> Any:
    """The state after a step, in the structure and the shapes of the one before it.

    At the border of a Keras call a named tuple may come back as a plain sequence, and a loop
    that is traced wants static shapes to stay as they were known at its start.
    """
    leaves = [
        new if new.shape == old.shape else ops.reshape(new, ops.shape(old))
        for new, old in zip(keras.tree.flatten(after), keras.tree.flatten(before), strict=True)
    ]
    return keras.tree.pack_sequence_as(before, leaves)
