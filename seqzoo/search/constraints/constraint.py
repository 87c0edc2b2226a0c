"""What a constraint is."""

from typing import Any, NamedTuple, Protocol

from seqzoo.ops.decoding.log_probs import LogProbs


class GeneratedTokens(NamedTuple):
    """The tokens that N hypotheses hold so far.

    Attributes:
        token_ids: Int32 `(N, T)`, -1 behind the last one.
        length: Int32 `(N,)`, how many tokens these are.
        max_length: Int32 `(N,)`, how many they may become.
        end_id: Int.
    """

    token_ids: Any
    length: Any
    max_length: Any
    end_id: Any


class SearchLimits(NamedTuple):
    """What a constraint must fit.

    Attributes:
        max_length: The maximum length of a sequence, in tokens.
        vocabulary: How many tokens there are; None where that is unknown while tracing.
        end_id: Int; None where it is no Python number.
        constraints: All constraints of the search.
    """

    max_length: int
    vocabulary: int | None
    end_id: int | None
    constraints: tuple[Any, ...]


class Constraint(Protocol):
    """A frozen dataclass that changes the log-probs of a step.

    What it returns is what the search ranks, adds up and reports, and is never normalised again.
    It may be lower than what the step gave, or higher up to 0.
    """

    def check(self, limits: SearchLimits) -> None:
        """Raises a `ValueError` if it cannot be met."""
        ...

    def __call__(self, log_probs: LogProbs, generated: GeneratedTokens) -> LogProbs:
        """Returns the log-probs of the next token."""
        ...


def check_token_ids(name: str, token_ids: Any, limits: SearchLimits) -> None:
    """Raises an error for what is no token."""
    for token in token_ids:
        if isinstance(token, str):
            raise ValueError(
                f"`{name}` must hold token ids where a search is called by itself. Received: "
                f"{token!r}. A task takes texts, and makes ids of them."
            )
        if token < 0 or (limits.vocabulary is not None and token >= limits.vocabulary):
            size = "the vocabulary" if limits.vocabulary is None else f"{limits.vocabulary} tokens"
            raise ValueError(f"`{name}` must hold ids of {size}, from 0. Received: {token}.")
