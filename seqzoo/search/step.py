"""The step function that a search drives, and the state that it carries along."""

from typing import Any, NamedTuple, Protocol

import keras
from keras import ops

from seqzoo.ops.beams import beam_rows, take_rows, unfinished
from seqzoo.ops.log_probs import LogProbs, as_log_probs


class Step(Protocol):
    """One step of a decoder, down to log-probs.

    A search adds the log-probs up and never normalises them. NaN counts as -inf, an impossible
    token. Each leaf of `encoded` has a row for each example that still goes on, and each leaf of
    `state` has K for each of these, beam after beam: 1 at the first step, where all hypotheses
    begin as one, and then the width of the search. A leaf
    `alignment` `(N, S)` at the top of a state (a dict's key or a named tuple's field) is
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
    leaves = keras.tree.flatten(state)
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


def _check_rows(rows: Any, wanted: Any, width: int) -> None:
    if isinstance(rows, int) and isinstance(wanted, int) and rows != wanted:
        raise ValueError(
            f"`state` must have a row for each of the {width} beams of each example. Received: "
            f"{rows} rows for {wanted // width} examples. Start the decoder with "
            "batch_size=batch * width."
        )


class Stepped(NamedTuple):
    """What a step gave for the A strands that go on, and where these stand.

    A strand is what is searched on its own: an example, or a group of its hypotheses.

    Attributes:
        log_probs: `LogProbs` of the A * alive hypotheses that were stepped.
        state: The state after the step, likewise A * alive rows in each leaf.
        strands: Int32 `(A,)`, their places among all strands.
        places: Int32 `(B * groups,)`, the place of each strand among the A; any where its example
            is over.
    """

    log_probs: LogProbs
    state: Any
    strands: Any
    places: Any


def step_unfinished(
    step: Step, over: Any, token_ids: Any, state: Any, encoded: Any, alive: int, groups: int = 1
) -> Stepped:
    """Steps the examples that are not over.

    Args:
        step: See `Step`.
        over: Boolean `(B * groups,)`, not True everywhere.
        token_ids: Int32 `(B * groups, width)`, each group's hypotheses.
        state: B * groups * width rows in each leaf.
        encoded: B rows in each leaf.
        alive: How many of a group's hypotheses to step, the first ones.
        groups: Strands of an example, which go on together.
    """
    width = token_ids.shape[1]
    if groups > 1:
        over = ops.all(ops.reshape(over, (-1, groups)), axis=1)
    examples, places = unfinished(over)
    strands = _strands(examples, groups)
    beams = ops.expand_dims(ops.arange(alive, dtype="int32"), 0)
    rows = ops.reshape(beam_rows(beams, width, strands), (-1,))
    tokens = ops.reshape(take_rows(token_ids[:, :alive], strands), (-1,))  # -> (A * alive,)
    before = take_rows(state, rows)
    log_probs, after = step(tokens, before, take_rows(encoded, examples))
    return Stepped(
        as_log_probs(log_probs), as_before(after, before), strands, _strands(places, groups)
    )


def _strands(examples: Any, groups: int) -> Any:
    if groups == 1:
        return examples
    inside = ops.expand_dims(ops.arange(groups, dtype="int32"), 0)
    return ops.reshape(ops.expand_dims(examples * groups, 1) + inside, (-1,))


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
