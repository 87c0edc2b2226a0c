"""A step whose log-probs obey constraints: a search need not know of them."""

from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.ops.decoding.log_probs import as_log_probs, only, values_of, with_values
from seqzoo.search.constraints.changes import constrained
from seqzoo.search.constraints.constraint import GeneratedTokens, SearchLimits
from seqzoo.search.options import ExampleOptions
from seqzoo.search.step import Step, WrappedState


def constrain(
    constraints: tuple,
    step: Step,
    state: Any,
    memory: Any,
    tokens: Any,
    end_id: Any,
    max_lengths: Any,
    longest: int,
    options: ExampleOptions,
) -> tuple[Step, Any, Any]:
    """Wraps a step, its state and what it reads from, so that constraints hold.

    Args:
        constraints: The constraints of a search, applied one after the other.
        step: See `Step`.
        state: N rows in each leaf.
        memory: B rows in each leaf.
        tokens: Int32 `(N,)`, the start tokens.
        end_id: Int.
        max_lengths: Int32 `(B,)`, how many tokens an example may have.
        longest: The largest of these that there may be.
        options: Per-example options; a forced prefix comes from them.

    Returns:
        The three again, as they were where nothing constrains them.
    """
    if not constraints and options.prefix_ids is None:
        return step, state, memory
    own = {
        "generated": ops.full_like(ops.expand_dims(tokens, 1), -1)
        + ops.zeros((1, longest), "int32"),
        "length": ops.full_like(tokens, -1),  # the start token, which is read first, is none
    }
    wrapped = {"memory": memory, "max_length": max_lengths}
    if options.prefix_ids is not None:
        wrapped["prefix"] = ops.cast(options.prefix_ids, "int32")
    checked = []

    def constrained_step(token_ids: Any, state: WrappedState, wrapped: Any) -> tuple:
        log_probs, after = step(token_ids, state.inner, wrapped["memory"])
        log_probs = as_log_probs(log_probs)
        if not checked:
            _check(constraints, longest, log_probs, end_id)
            checked.append(True)
        times = rows_per_example(ops.shape(token_ids)[0], ops.shape(wrapped["max_length"])[0])
        max_length = ops.repeat(wrapped["max_length"], times)
        generated = _append(state.own, token_ids, max_length, end_id)
        given = log_probs
        log_probs = constrained(constraints, log_probs, generated)
        if "prefix" in wrapped:
            prefix = ops.repeat(wrapped["prefix"], times, axis=0)
            log_probs = _force(given, log_probs, prefix, generated.length)
        own = {"generated": generated.token_ids, "length": generated.length}
        return log_probs, WrappedState(after, own)

    return constrained_step, WrappedState(state, own), wrapped


def _check(constraints: tuple, max_length: int, log_probs: Any, end_id: Any) -> None:
    end = int(end_id) if isinstance(end_id, int) else None
    limits = SearchLimits(max_length, log_probs.logits.shape[1], end, constraints)
    for constraint in constraints:
        constraint.check(limits)


def _append(own: dict[str, Any], token_ids: Any, max_length: Any, end_id: Any) -> GeneratedTokens:
    positions = ops.arange(own["generated"].shape[1], dtype="int32")
    here = ops.equal(positions, ops.expand_dims(own["length"], 1))
    tokens = ops.where(here, ops.expand_dims(token_ids, 1), own["generated"])
    return GeneratedTokens(tokens, own["length"] + 1, max_length, end_id)


def _force(given: Any, log_probs: Any, prefix: Any, length: Any) -> Any:
    """Leaves only the token of a prefix `(N, P)` where one is forced, as likely as it was."""
    if prefix.shape[1] == 0:
        return log_probs
    positions = ops.arange(ops.shape(prefix)[1], dtype="int32")
    here = ops.equal(positions, ops.expand_dims(length, 1))
    token_ids = ops.max(ops.where(here, prefix, -1), axis=1, initial=-1)  # (N,)
    forced = token_ids >= 0
    required = ops.maximum(token_ids, 0)

    def force() -> Any:
        column = ops.expand_dims(required, 1)
        model = values_of(given, column)
        changed = with_values(log_probs, column, forced[:, None], model)
        return only(changed, required, forced).logits

    return log_probs._replace(logits=ops.cond(ops.any(forced), force, lambda: log_probs.logits))
