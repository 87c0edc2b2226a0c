"""What searches share: options of single examples, lengths and their penalties."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from keras import ops

from seqzoo.ops.gather import gather, pick_in_rows
from seqzoo.ops.option_names import check_known

STRONGEST = 10.0  # an `alpha` of an example, so that its penalties stay finite


class ExampleOptions(NamedTuple):
    """Per-example options: what a caller may set for each of the B examples.

    None leaves it to the search.

    Attributes:
        source_mask: Boolean `(B, S)`, True on real source steps. It gives the source lengths that
            `PerSource` needs, and the steps that a coverage penalty counts.
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

    Example:
        >>> table = np.log(np.full((5, 5), 0.2, "float32"))
        >>> step = lambda ids, state, memory: (keras.ops.take(table, ids, axis=0), state)
        >>> options = sz.search.ExampleOptions(prefix_ids=np.array([[4, 1]]))
        >>> best = sz.Greedy(max_length=3)(step, np.zeros((1, 1)), (), 2, 3, options)
        >>> best.token_ids.numpy().tolist()
        [[[4, 1, 1]]]
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
        at_most: Positive int, in tokens; as `max_length`, it is also the maximum length of every
            example. None leaves it to the task.

    It needs the source lengths: `source_mask` `(B, S)`, which tasks pass.

    Example:
        >>> search = sz.Greedy(max_length=sz.search.PerSource(times=1.5, plus=5, at_most=100))
        >>> search.max_length
        PerSource(times=1.5, plus=5, at_most=100)
    """

    times: float
    plus: int = 0
    at_most: int | None = None


class LengthLimits(NamedTuple):
    """The minimum and maximum tokens of each example, `(B,)` int32, the end token included."""

    min_length: Any
    max_length: Any


def length_limits(search: Any, longest: int, options: ExampleOptions, like: Any) -> LengthLimits:
    """The limits that a search and the options of its examples set.

    Every example may have at least one token and at most `longest`, and its minimum is at most
    its maximum.
    """
    max_length = max_lengths(search, longest, options, like)
    min_length = _lengths("min_length", search.min_length, options.min_length, options, like)
    return LengthLimits(ops.minimum(min_length, max_length), max_length)


def max_lengths(search: Any, longest: int, options: ExampleOptions, like: Any) -> Any:
    """The maximum length of each example, `(B,)`, from 1 to `longest`."""
    lengths = _lengths("max_length", search.max_length, options.max_length, options, like)
    return ops.clip(lengths, 1, longest)


def _lengths(name: str, option: Any, given: Any, options: ExampleOptions, like: Any) -> Any:
    """The lengths `(B,)` that an option of a search stands for.

    Args:
        name: Of the option.
        option: Int or `PerSource`.
        given: Int32 `(B,)` in place of the option, or None.
        options: Those of the examples.
        like: A tensor `(B,)`.
    """
    if given is None:
        return _own_lengths(name, option, options, like)
    given = ops.cast(given, "int32")
    if isinstance(option, PerSource) and options.source_mask is None:
        return given
    return ops.where(given < 0, _own_lengths(name, option, options, like), given)


def _own_lengths(name: str, option: Any, options: ExampleOptions, like: Any) -> Any:
    if not isinstance(option, PerSource):
        return ops.full_like(like, option, dtype="int32")
    if options.source_mask is None:
        raise ValueError(
            f"`{name}` depends on the source length, which is not known here. Received: "
            f"{name}={option!r}. Pass `ExampleOptions(source_mask=…)`, or set it to an int."
        )
    sources = ops.sum(ops.cast(options.source_mask, "float32"), axis=1)
    lengths = ops.cast(ops.floor(option.times * sources + option.plus), "int32")
    return lengths if option.at_most is None else ops.minimum(lengths, option.at_most)


def check_at_least(name: str, value: float, smallest: float) -> None:
    if not value >= smallest:  # NaN is refused too
        raise ValueError(f"`{name}` must be at least {smallest}. Received: {name}={value!r}.")


def check_max_length(max_length: int | PerSource | None) -> int:
    """Returns the maximum length of all examples, in tokens."""
    if isinstance(max_length, PerSource) and max_length.at_most is not None:
        max_length = max_length.at_most
    if max_length is None or isinstance(max_length, PerSource):
        raise ValueError(
            "`max_length` is not set, so a search could run forever. Set it, "
            "`dataclasses.replace(search, max_length=100)`, or let the task do so. "
            f"Received: max_length={max_length!r}."
        )
    check_at_least("max_length", max_length, 1)
    return max_length


def check_min_length(min_length: int | PerSource, max_length: int) -> None:
    if isinstance(min_length, PerSource):
        return
    check_at_least("min_length", min_length, 0)
    if min_length > max_length:
        raise ValueError(
            "`min_length` must be at most `max_length`. Received: "
            f"min_length={min_length}, max_length={max_length}."
        )


LENGTH_PENALTIES: dict[str, Callable[[np.ndarray, float], np.ndarray]] = {
    "none": lambda length, alpha: np.ones_like(length),
    "average": lambda length, alpha: length**alpha,
    "gnmt": lambda length, alpha: ((5 + length) / 6) ** alpha,
}
"""What a sum of log-probs is divided by, as a function of the length in tokens.

`gnmt` is equation 14 of Wu et al., 2016, https://arxiv.org/abs/1609.08144
"""


def search_penalties(search: Any, max_length: int, options: ExampleOptions) -> Any:
    """The table of penalties of a beam, for all examples or for each of its beam groups."""
    penalties = length_penalties(search.length_penalty, search.alpha, max_length)
    if options.alpha is None:
        return ops.convert_to_tensor(penalties)
    own = ops.cast(options.alpha, "float32")
    own = ops.where(ops.isfinite(own), ops.clip(own, -STRONGEST, STRONGEST), search.alpha)
    bases = length_penalties(search.length_penalty, 1.0, max_length)
    own = ops.exp(own[:, None] * ops.convert_to_tensor(np.log(bases)))  # (B, max_length + 1)
    return ops.repeat(own, search.groups, axis=0)


def length_penalties(name: str, alpha: float, max_length: int) -> np.ndarray:
    """The penalty for each length from 0 to `max_length`, float32 (that of 0 is never used).

    One table, so that every way of running a search divides by the same numbers.
    """
    check_known("length_penalty", name, LENGTH_PENALTIES)
    lengths = np.maximum(np.arange(max_length + 1, dtype="float64"), 1)
    with np.errstate(all="ignore"):
        table = LENGTH_PENALTIES[name](lengths, alpha).astype("float32")
    if not np.all(np.isfinite(table) & (table > 0)):
        raise ValueError(
            f"`alpha` must give a finite positive penalty up to `max_length`={max_length}. "
            f"Received: alpha={alpha!r}."
        )
    return table


def penalties_at(penalties: Any, lengths: Any) -> Any:
    """The penalties of lengths `()` or `(B,)`, of a table for all or for each example."""
    if len(penalties.shape) == 1:
        return gather(penalties, lengths)
    own = lengths + ops.zeros_like(penalties[:, :1], dtype="int32")[:, 0]
    return pick_in_rows(penalties, own[:, None])[:, 0]
