"""A step whose log-probs obey constraints: a search need not know of them."""

from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.log_probs import as_log_probs, only, values_of, with_values
from seqzoo.search.constraints.changes import constrained
from seqzoo.search.constraints.constraint import Limits, Written
from seqzoo.search.rows import Rows
from seqzoo.search.step import Carried, Step


def constrain(
    constraints: tuple,
    step: Step,
    state: Any,
    encoded: Any,
    tokens: Any,
    end_id: Any,
    most: Any,
    max_length: int,
    rows: Rows,
) -> tuple[Step, Any, Any]:
    """Wraps a step, its state and what it reads from, so that constraints hold.

    Args:
        constraints: The constraints of a search, applied one after the other.
        step: See `Step`.
        state: N rows in each leaf.
        encoded: B rows in each leaf.
        tokens: Int32 `(N,)`, the start tokens.
        end_id: Int.
        most: Int32 `(B,)`, how many tokens an example may have.
        max_length: The room for them.
        rows: What differs from example to example; a forced prefix comes from it.

    Returns:
        The three again, as they were where nothing constrains them.
    """
    if not constraints and rows.prefix_ids is None:
        return step, state, encoded
    own = {
        "written": ops.full_like(ops.expand_dims(tokens, 1), -1)
        + ops.zeros((1, max_length), "int32"),
        "length": ops.full_like(tokens, -1),  # the start token, which is read first, is none
    }
    around = {"encoded": encoded, "most": most}
    if rows.prefix_ids is not None:
        around["prefix"] = ops.cast(rows.prefix_ids, "int32")
    checked = []

    def constrained_step(token_ids: Any, state: Carried, encoded: Any) -> tuple[Any, Carried]:
        inner = encoded["encoded"]
        log_probs, after = step(token_ids, state.inner, inner)
        log_probs = as_log_probs(log_probs)
        if not checked:
            _check(constraints, max_length, log_probs, end_id)
            checked.append(True)
        times = rows_per_example(ops.shape(token_ids)[0], ops.shape(encoded["most"])[0])
        written = _write(state.own, token_ids, ops.repeat(encoded["most"], times), end_id)
        given = log_probs
        log_probs = constrained(constraints, log_probs, written)
        if "prefix" in encoded:
            prefix = ops.repeat(encoded["prefix"], times, axis=0)
            log_probs = _force(given, log_probs, prefix, written.length)
        own = {"written": written.token_ids, "length": written.length}
        return log_probs, Carried(after, own)

    return constrained_step, Carried(state, own), around


def _check(constraints: tuple, max_length: int, log_probs: Any, end_id: Any) -> None:
    end = int(end_id) if isinstance(end_id, int) else None
    limits = Limits(max_length, log_probs.logits.shape[1], end, constraints)
    for constraint in constraints:
        constraint.check(limits)


def _write(own: dict[str, Any], token_ids: Any, most: Any, end_id: Any) -> Written:
    places = ops.arange(own["written"].shape[1], dtype="int32")
    here = ops.equal(places, ops.expand_dims(own["length"], 1))
    tokens = ops.where(here, ops.expand_dims(token_ids, 1), own["written"])
    return Written(tokens, own["length"] + 1, most, end_id)


def _force(given: Any, log_probs: Any, prefix: Any, length: Any) -> Any:
    """Leaves only the token of a prefix `(N, P)` where one is forced, as likely as it was."""
    if prefix.shape[1] == 0:
        return log_probs
    places = ops.arange(ops.shape(prefix)[1], dtype="int32")
    here = ops.equal(places, ops.expand_dims(length, 1))
    token_ids = ops.max(ops.where(here, prefix, -1), axis=1, initial=-1)  # (N,)
    forced = token_ids >= 0
    wanted = ops.maximum(token_ids, 0)

    def force() -> Any:
        column = ops.expand_dims(wanted, 1)
        model = values_of(given, column)
        return only(with_values(log_probs, column, forced[:, None], model), wanted, forced).logits

    return log_probs._replace(logits=ops.cond(ops.any(forced), force, lambda: log_probs.logits))
