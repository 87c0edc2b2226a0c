"""Tasks that tell sequence mixers apart, generated: keeping count, and finding what was read.

In the first two a model follows a state that every step changes (attention and linear recurrences
with positive decays cannot at lengths that they were not trained on); in the others it finds what
stood before (a recurrence has to hold it in a state of fixed size). Each has one generator; the
same arguments give the same arrays.
"""

import itertools
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

BLANK = 0
"""What stands where there is nothing to read, in `repetition` and `multi_query_recall`."""

Seed = int | Sequence[int]


class Sequences(NamedTuple):
    """Sequences with an answer at some of their steps.

    Attributes:
        inputs: Ids, int32 `(N, T)`.
        targets: Ids, int32 `(N, T)`: the answer at each step; 0 where none is asked for.
        counted: Booleans `(N, T)`, True where an answer is asked for.
    """

    inputs: np.ndarray
    targets: np.ndarray
    counted: np.ndarray


def parity(size: int, length: int, seed: Seed = 0) -> Sequences:
    """Makes random bits; the answer at each step is whether the ones so far are odd.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least 1.
        seed: Int or ints.

    Returns:
        `Sequences`: bits, and parities at every step.

    Raises:
        ValueError: if `size` is negative or `length` is below 1.
    Reference: Grazzi et al., 2024, https://arxiv.org/abs/2411.12537; there the models answer at
    the last step.

    Example:
        >>> sequences = sz.datasets.recall.parity(2, 5)
        >>> sequences.inputs.shape
        (2, 5)
    """
    _check(size, length=(length, 1))
    bits = np.random.default_rng(seed).integers(0, 2, (size, length), dtype="int32")
    return _at_every_step(bits, np.cumsum(bits, axis=1) % 2)


def permutation_words(size: int, length: int, letters: int = 3, seed: Seed = 0) -> Sequences:
    """Makes random permutations; the answer at each step is the product of all so far.

    Permutations of `letters` things have the ids of `itertools.permutations(range(letters))` in
    its order, 0 being the one that moves nothing; p has `p[i]` where i goes. The product is that of
    doing one after the other, the first step's first.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least 1.
        letters: From 2 on. 3 is S3, of 6 permutations; 5 is S5, of 120.
        seed: Int or ints.

    Returns:
        `Sequences`: permutations, and products at every step.

    Raises:
        ValueError: if `size` is negative, `length` is below 1 or `letters` below 2.
    Reference: Merrill et al., 2024, The illusion of state, https://arxiv.org/abs/2404.08819
    """
    _check(size, length=(length, 1), letters=(letters, 2))
    permutations = list(itertools.permutations(range(letters)))
    number = {permutation: i for i, permutation in enumerate(permutations)}
    product = np.array(
        [[number[tuple(q[i] for i in p)] for q in permutations] for p in permutations], "int32"
    )  # [p, q]: p first, then q
    words = np.random.default_rng(seed).integers(
        0, len(permutations), (size, length), dtype="int32"
    )
    targets = words.copy()
    for step in range(1, length):
        targets[:, step] = product[targets[:, step - 1], words[:, step]]
    return _at_every_step(words, targets)


def repetition(size: int, length: int, symbols: int = 16, seed: Seed = 0) -> Sequences:
    """Makes random symbols that are to be said again after a delimiter.

    The inputs are `length` symbols, the delimiter `symbols + 1`, and the symbols again but the
    last; the answer from the delimiter on is the next symbol. `long_memory.copying` gives blanks
    to read meanwhile.

    Args:
        size: Number of sequences, N.
        length: Symbols to repeat; at least 1. T is twice that.
        symbols: Number of symbols, with ids from 1 on.
        seed: Int or ints.

    Returns:
        `Sequences` with answers at the last `length` steps.

    Raises:
        ValueError: if `size` is negative, `length` or `symbols` is below 1.
    Reference: Jelassi et al., 2024, Repeat after me, https://arxiv.org/abs/2402.01032
    """
    _check(size, length=(length, 1), symbols=(symbols, 1))
    said = np.random.default_rng(seed).integers(1, symbols + 1, (size, length), dtype="int32")
    delimiter = np.full((size, 1), symbols + 1, "int32")
    inputs = np.concatenate([said, delimiter, said[:, :-1]], axis=1)
    targets = np.concatenate([np.full_like(said, BLANK), said], axis=1)
    return Sequences(inputs, targets, targets > 0)


def induction(size: int, length: int, symbols: int = 16, seed: Seed = 0) -> Sequences:
    """Makes random symbols with a trigger among them that comes again at the end.

    The answer at the last step is the symbol that stood after the first trigger.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least 3.
        symbols: Number of symbols, with ids from 0 on; the trigger is `symbols`.
        seed: Int or ints.

    Returns:
        `Sequences` with one answer each.

    Raises:
        ValueError: if `size` is negative, `length` is below 3 or `symbols` below 1.
    Reference: Olsson et al., 2022, https://arxiv.org/abs/2209.11895, in the form of Gu and Dao,
    2023, https://arxiv.org/abs/2312.00752
    """
    _check(size, length=(length, 3), symbols=(symbols, 1))
    rng = np.random.default_rng(seed)
    inputs = rng.integers(0, symbols, (size, length), dtype="int32")
    rows, first = np.arange(size), rng.integers(0, length - 2, size)
    inputs[rows, first] = inputs[:, -1] = symbols
    targets, counted = np.zeros_like(inputs), np.zeros(inputs.shape, "bool")
    targets[:, -1], counted[:, -1] = inputs[rows, first + 1], True
    return Sequences(inputs, targets, counted)


def multi_query_recall(
    size: int,
    length: int,
    pairs: int,
    symbols: int = 64,
    power: float = 0.01,
    seed: Seed = 0,
) -> Sequences:
    """Makes pairs of a key and a value, and then the keys again: the answer is the key's value.

    Every key comes again once, at an even distance from the last pair that is drawn by a power
    law, so that most come soon; between them stand blanks.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least `4 * pairs`.
        pairs: Pairs of a key and a value; at least 1 and at most `symbols`.
        symbols: Number of keys, with ids from 1 on, and of values, with ids from `symbols + 1` on.
            The keys of a sequence differ from each other.
        power: Positive; the probability of distance d is as `(d / 2 + 1) ** (power - 1)`.
        seed: Int or ints.

    Returns:
        `Sequences` with an answer at each key that comes again.

    Raises:
        ValueError: if `size` is negative, `length` too short or `pairs` out of range.
    Reference: Arora et al., 2023, Zoology, https://arxiv.org/abs/2312.04927. There random tokens
    may stand in place of blanks, and ids start from 0.
    """
    _check(size, pairs=(pairs, 1), symbols=(symbols, pairs), length=(length, 4 * pairs))
    rng = np.random.default_rng(seed)
    every = np.tile(np.arange(1, symbols + 1, dtype="int32"), (size, 1))
    keys = rng.permuted(every, axis=1)[:, :pairs]
    values = rng.integers(symbols + 1, 2 * symbols + 1, (size, pairs), dtype="int32")
    slots = (length - 2 * pairs) // 2
    # The largest of the logarithms plus Gumbel noise: a draw by weights, without repetition.
    noise = rng.gumbel(size=(size, slots)) + (power - 1) * np.log(np.arange(1, slots + 1))
    chosen = np.argsort(-noise, axis=1)[:, :pairs]
    inputs = np.full((size, length), BLANK, "int32")
    targets, counted = np.zeros_like(inputs), np.zeros(inputs.shape, "bool")
    inputs[:, 0 : 2 * pairs : 2], inputs[:, 1 : 2 * pairs : 2] = keys, values
    rows, asked = np.arange(size)[:, None], 2 * pairs + 2 * chosen
    inputs[rows, asked], targets[rows, asked], counted[rows, asked] = keys, values, True
    return Sequences(inputs, targets, counted)


def _at_every_step(inputs: np.ndarray, targets: np.ndarray) -> Sequences:
    return Sequences(inputs, targets.astype("int32"), np.ones(inputs.shape, "bool"))


def _check(size: int, **sizes: tuple[int, int]) -> None:
    """Raises ValueError for a size below its minimum, `name=(value, minimum)`."""
    for name, (value, minimum) in {"size": (size, 0), **sizes}.items():
        if value < minimum:
            raise ValueError(f"`{name}` must be at least {minimum}. Received: {name}={value}.")
