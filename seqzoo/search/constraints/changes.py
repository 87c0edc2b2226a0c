"""What constraints change of the log-probs of a step, written all at once.

To write into log-probs `(N, V)` costs TensorFlow a copy of them, however few are changed: 320 rows
of 32,000 take 3 ms. So what constraints ban is gathered, and written together with what the last
penalty among them changes. Bans and penalties give the same in any order, as what is impossible
stays so.
"""

from typing import Any, NamedTuple

from keras import ops

from seqzoo.ops.decoding.log_probs import LogProbs, with_values
from seqzoo.search.constraints.constraint import Constraint, GeneratedTokens

_IMPOSSIBLE = -float("inf")


class Bans(NamedTuple):
    """Tokens that may not come next: ids `(N, J)`, and which of these are meant `(N, J)`."""

    token_ids: Any
    chosen: Any


class Changes(NamedTuple):
    """`Bans` with log-probs `(N, J)` in place of -inf."""

    token_ids: Any
    chosen: Any
    values: Any


def no_bans(generated: GeneratedTokens) -> Bans:
    """Of no token."""
    return Bans(generated.token_ids[:, :0], ops.cast(generated.token_ids[:, :0], "bool"))


def banned(log_probs: LogProbs, bans: Bans) -> LogProbs:
    """Makes tokens impossible."""
    return _write(log_probs, None, [bans])


def constrained(
    constraints: tuple[Constraint, ...], log_probs: LogProbs, generated: GeneratedTokens
) -> LogProbs:
    """The log-probs after constraints, one after the other."""
    changes: Changes | None = None
    bans: list[Bans] = []
    for constraint in constraints:
        if hasattr(constraint, "bans"):
            bans.append(constraint.bans(generated))
        elif hasattr(constraint, "changes"):
            log_probs = _write(log_probs, changes, [])
            changes = constraint.changes(log_probs, generated)
        else:
            log_probs = constraint(_write(log_probs, changes, bans), generated)
            changes, bans = None, []
    return _write(log_probs, changes, bans)


def _write(log_probs: LogProbs, changes: Changes | None, bans: list[Bans]) -> LogProbs:
    parts = [] if changes is None else [changes]
    if bans:
        token_ids, chosen = (ops.concatenate(part, axis=1) for part in zip(*bans, strict=True))
        values = ops.full_like(token_ids, _IMPOSSIBLE, dtype="float32")
        if changes is not None:
            same = ops.equal(changes.token_ids[:, :, None], token_ids[:, None, :])
            again = ops.any(same & chosen[:, None, :], axis=2)
            parts = [changes._replace(chosen=changes.chosen & ~again)]
        parts.append(Changes(token_ids, chosen, values))
    if not parts:
        return log_probs
    joined = (ops.concatenate(part, axis=1) for part in zip(*parts, strict=True))
    written = with_values(log_probs, *joined)
    # Bans make no token possible again; other changes may.
    return written if changes is not None else written._replace(impossible=log_probs.impossible)
