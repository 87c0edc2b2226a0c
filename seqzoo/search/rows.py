"""What may differ from example to example within one search."""

from dataclasses import dataclass
from typing import Any, NamedTuple

from keras import ops


class Rows(NamedTuple):
    """What a caller may say of each of the B examples; None leaves it to the search.

    Attributes:
        source_mask: Boolean `(B, S)`, True on real source steps. It gives the source lengths that
            `PerSource` asks for, and the steps that a coverage penalty counts.
        prefix_ids: Int32 `(B, P)`, tokens that the sequences must begin with; -1 where nothing is
            forced. A forced token has the log-prob that the step gives it, and wins over every
            constraint that would ban it.
        min_length: Int32 `(B,)`, in place of the search's own; one below 0 counts as that.
        max_length: Int32 `(B,)`, likewise; one above the search's own counts as that too.
        seeds: Int32 `(B,)`, of the noise of a search that samples.
        alpha: Float32 `(B,)`, the strength of a beam's length penalty, in place of the search's
            own; one that is not finite counts as that, and one beyond 10 as 10.
        temperature: Float32 `(B,)`, of a search that samples, likewise; one that is not positive
            and finite counts as the search's own, one below 0.001 as 0.001.
    """

    source_mask: Any = None
    prefix_ids: Any = None
    min_length: Any = None
    max_length: Any = None
    seeds: Any = None
    alpha: Any = None
    temperature: Any = None


@dataclass(frozen=True)
class PerSource:
    """A length that grows with the source: `times * source_length + plus`, rounded down.

    Args:
        times: Float, target tokens for each source token, the end tokens included.
        plus: Int, in tokens.
        at_most: Positive int, in tokens; as `max_length`, it is also the room that a search makes
            for every example. None leaves it to the task.
    """

    times: float
    plus: int = 0
    at_most: int | None = None


def row_lengths(name: str, option: Any, given: Any, rows: Rows, like: Any) -> Any:
    """The lengths `(B,)` that an option of a search stands for.

    Args:
        name: Of the option.
        option: Int or `PerSource`.
        given: Int32 `(B,)` in place of the option, or None.
        rows: What is known of the examples.
        like: A tensor `(B,)`.
    """
    if given is None:
        return _own_lengths(name, option, rows, like)
    given = ops.cast(given, "int32")
    if isinstance(option, PerSource) and rows.source_mask is None:
        return given
    return ops.where(given < 0, _own_lengths(name, option, rows, like), given)


def _own_lengths(name: str, option: Any, rows: Rows, like: Any) -> Any:
    if not isinstance(option, PerSource):
        return ops.full_like(like, option, dtype="int32")
    if rows.source_mask is None:
        raise ValueError(
            f"`{name}` hangs on the source length, which is not known here. Received: "
            f"{name}={option!r}. Pass `Rows(source_mask=…)`, or set it to an int."
        )
    sources = ops.sum(ops.cast(rows.source_mask, "float32"), axis=1)
    lengths = ops.cast(ops.floor(option.times * sources + option.plus), "int32")
    return lengths if option.at_most is None else ops.minimum(lengths, option.at_most)
