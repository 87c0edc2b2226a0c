"""Greedy search."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import top_sums
from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.search.chain import Chain
from seqzoo.search.constraints.constraint import Constraint
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.rows import PerSource, Rows
from seqzoo.search.step import Step


@dataclass(frozen=True)
class Greedy:
    """Takes the most probable token at every step; of equal ones the smaller id.

    The score is the mean of the token log-probs, as from a beam with its default penalty:
    `BeamSearch(width=1, stop="first")` returns the same. A row that comes to a step where no
    token is possible returns an empty place.

    Args:
        max_length: Positive int or `PerSource`, in tokens, the end token included. None leaves it
            to the task.
        constraints: What changes the log-probs first, in this order; see `search.constraints`.

    Call arguments:
        step: See `Step`.
        state: The decoder's first state, with B rows in each leaf.
        encoded: Passed on to `step`; B rows in each leaf.
        start_id: Int or `(B,)`, the token before the first.
        end_id: Int.
        rows: What differs from example to example; see `Rows`.

    Returns:
        `Hypotheses` with N = 1.

    Raises:
        ValueError: if `max_length` is None or below 1.
    """

    max_length: int | PerSource | None = None
    constraints: tuple[Constraint, ...] = ()

    @property
    def width(self) -> int:
        """Rows of the state for each example."""
        return 1

    def chain(
        self,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows = Rows(),  # noqa: B008  it holds nothing
    ) -> Chain:
        """The search as single steps, for what is shown as it comes. Takes what a call takes."""
        return Chain(self, _most_probable, step, state, encoded, start_id, end_id, rows)

    def __call__(
        self,
        step: Step,
        state: Any,
        encoded: Any,
        start_id: Any,
        end_id: Any,
        rows: Rows = Rows(),  # noqa: B008
    ) -> Hypotheses:
        return self.chain(step, state, encoded, start_id, end_id, rows).run()


def _most_probable(log_probs: LogProbs, time: Any, examples: Any) -> Any:
    nothing = ops.expand_dims(ops.zeros_like(log_probs.log_sums), 1)
    return top_sums(nothing, log_probs.logits, 1)[1][:, 0]
