"""Greedy search."""

from dataclasses import dataclass
from typing import Any

from keras import ops

from seqzoo.ops.decoding.beams import top_sums
from seqzoo.ops.decoding.log_probs import LogProbs
from seqzoo.search.constraints.constraint import Constraint
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.options import ExampleOptions, PerSource
from seqzoo.search.sequential import SequentialDecoding
from seqzoo.search.step import Step


@dataclass(frozen=True)
class Greedy:
    """Takes the most probable token at every step; of equal ones the smaller id.

    The score is the mean of the token log-probs, as from a beam with its default penalty:
    `BeamSearch(width=1, stop="first")` returns the same. A row that comes to a step where no
    token is possible returns an empty sequence.

    Args:
        max_length: Positive int or `PerSource`, in tokens, the end token included. None leaves it
            to the task.
        constraints: What changes the log-probs first, in this order; see `search.constraints`.

    Call arguments:
        step: See `Step`.
        state: The decoder's first state, with B rows in each leaf.
        memory: Passed on to `step`; B rows in each leaf.
        start_id: Int, the start token, which is never generated; or `(B,)`, the last tokens of
            prompts. Neither is padding, 0, ever generated.
        end_id: Int.
        options: What differs from example to example; see `ExampleOptions`.

    Returns:
        `Hypotheses` with N = 1.

    Raises:
        ValueError: if `max_length` is None or below 1.

    Example:
        >>> table = np.log(np.array([[1, 1, 1, 2, 5]] * 4 + [[1, 1, 1, 5, 2]], "float32") / 10)
        >>> step = lambda ids, state, memory: (keras.ops.take(table, ids, axis=0), state)
        >>> best = sz.Greedy(max_length=5)(step, np.zeros((1, 1)), (), start_id=2, end_id=3)
        >>> best.token_ids.numpy().tolist()
        [[[4, 3, 0, 0, 0]]]
    """

    max_length: int | PerSource | None = None
    constraints: tuple[Constraint, ...] = ()

    @property
    def width(self) -> int:
        """Rows of the state for each example."""
        return 1

    def sequential(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008  it holds nothing
    ) -> SequentialDecoding:
        """The search as single steps, for texts that are shown as they grow; called alike."""
        return SequentialDecoding(
            self, _most_probable, step, state, memory, start_id, end_id, options
        )

    def __call__(
        self,
        step: Step,
        state: Any,
        memory: Any,
        start_id: Any,
        end_id: Any,
        options: ExampleOptions = ExampleOptions(),  # noqa: B008
    ) -> Hypotheses:
        return self.sequential(step, state, memory, start_id, end_id, options).run()


def _most_probable(
    log_probs: LogProbs, time: Any, examples: Any, never: tuple[int, ...]
) -> tuple[Any, Any]:
    nothing = ops.expand_dims(ops.zeros_like(log_probs.log_sums), 1)
    never = log_probs.not_yet_impossible(never)
    logits, token_ids = top_sums(nothing, log_probs.logits, 1, never)
    chosen = logits[:, 0] - log_probs.log_sums
    return token_ids[:, 0], ops.where(ops.isnan(chosen), -float("inf"), chosen)
