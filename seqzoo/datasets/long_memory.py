"""Tasks that ask for a long memory, generated: what matters stands far before where it is needed.

They are the tests by which recurrent layers have been compared since 1997. A model that forgets
ends at the figure that each docstring names. `sequential_digits` is the one with real data; it
reads what scikit-learn carries and downloads nothing.
"""

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

ADDING_BASELINE = 1 / 6
"""Mean squared error of the answer 1 in `adding`: the variance of the sum of two uniform numbers.

Le et al., 2015, write 0.1767, Arjovsky et al., 2016, 0.167.
"""

BLANK, DELIMITER = 0, 9
COPY_SYMBOLS, COPY_WIDTH = 8, 10
"""In `copying`, ids from 1 to `COPY_SYMBOLS` are symbols, and `COPY_WIDTH` of them are copied."""

# Of `temporal_order`: four that mean nothing, the two that count, the first and the last step's.
DISTRACTORS, X, Y, BEGIN, TRIGGER = range(4), 4, 5, 6, 7

Seed = int | Sequence[int]
Arrays = tuple[np.ndarray, np.ndarray]


def adding(size: int, length: int, seed: Seed = 0) -> Arrays:
    """Makes sequences of numbers, two of which are marked; the target is their sum.

    One mark stands in the first half, one in the second.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least 2.
        seed: Int or ints. The same seed, size and length give the same sequences.

    Returns:
        Float32 `(N, T, 2)`, numbers from 0 to 1 and then marks (1, elsewhere 0), and the sums,
        float32 `(N,)`.

    Raises:
        ValueError: if `size` is negative or `length` is below 2.
    Reference: Hochreiter and Schmidhuber, 1997, task 4; in the form of Arjovsky et al., 2016,
    https://arxiv.org/abs/1511.06464

    Example:
        >>> inputs, sums = sz.datasets.long_memory.adding(size=2, length=5)
        >>> inputs.shape, sums.shape
        ((2, 5, 2), (2,))
    """
    _check(size, length, 2, "a mark in each half")
    rng = np.random.default_rng(seed)
    rows, half = np.arange(size), length // 2
    inputs = np.zeros((size, length, 2), "float32")
    inputs[..., 0] = rng.random((size, length), dtype="float32")
    first, second = rng.integers(0, half, size), rng.integers(half, length, size)
    inputs[rows, first, 1] = inputs[rows, second, 1] = 1
    return inputs, inputs[rows, first, 0] + inputs[rows, second, 0]


def copying(size: int, blanks: int, seed: Seed = 0) -> Arrays:
    """Makes ten symbols that are to be written again when a delimiter comes.

    The input is ten symbols, `blanks - 1` blanks, the delimiter and ten blanks; the target is
    `blanks + 10` blanks and then the ten symbols.

    Args:
        size: Number of sequences, N.
        blanks: Steps from the last symbol to the delimiter; at least 1.
        seed: Int or ints. The same seed, size and blanks give the same sequences.

    Returns:
        Inputs and targets, int32 `(N, blanks + 20)`: ids from 0 (`BLANK`) to 9 (`DELIMITER`).

    Raises:
        ValueError: if `size` is negative or `blanks` is below 1.
    Reference: Arjovsky et al., 2016, https://arxiv.org/abs/1511.06464; after task 2 of Hochreiter
    and Schmidhuber, 1997.

    Example:
        >>> inputs, targets = sz.datasets.long_memory.copying(size=1, blanks=3)
        >>> inputs.shape, targets.shape
        ((1, 23), (1, 23))
    """
    _check(size, blanks, 1, "the delimiter", name="blanks")
    symbols = np.random.default_rng(seed).integers(1, COPY_SYMBOLS + 1, (size, COPY_WIDTH))
    inputs = np.full((size, blanks + 2 * COPY_WIDTH), BLANK, "int32")
    targets = inputs.copy()
    inputs[:, :COPY_WIDTH] = targets[:, -COPY_WIDTH:] = symbols
    inputs[:, COPY_WIDTH + blanks - 1] = DELIMITER
    return inputs, targets


def copying_baseline(blanks: int) -> float:
    """Cross-entropy (nats a step) of a model that knows when to write in `copying`, not what.

    Example:
        >>> round(sz.datasets.long_memory.copying_baseline(blanks=30), 3)
        0.416
    """
    return COPY_WIDTH * math.log(COPY_SYMBOLS) / (blanks + 2 * COPY_WIDTH)


def temporal_order(size: int, length: int, seed: Seed = 0) -> Arrays:
    """Makes symbols among which two count, X or Y each; the class is which ones, in their order.

    The first of the two stands in the second tenth of the sequence, the other in the sixth.
    Guessing is right in one of four.

    Args:
        size: Number of sequences, N.
        length: Steps of each, T; at least 10.
        seed: Int or ints. The same seed, size and length give the same sequences.

    Returns:
        Ids from 0 to 7, int32 `(N, T)`, and classes, int32 `(N,)`: XX, XY, YX, YY are 0 to 3.

    Raises:
        ValueError: if `size` is negative or `length` is below 10.
    Reference: Hochreiter and Schmidhuber, 1997, task 6a; there, lengths are drawn from 100 to 110.

    Example:
        >>> ids, classes = sz.datasets.long_memory.temporal_order(size=2, length=20)
        >>> ids.shape, classes.shape
        ((2, 20), (2,))
    """
    _check(size, length, 10, "a step in each tenth")
    rng = np.random.default_rng(seed)
    rows = np.arange(size)
    inputs = rng.choice(DISTRACTORS, (size, length)).astype("int32")
    inputs[:, 0], inputs[:, -1] = BEGIN, TRIGGER
    first = rng.integers(length // 10, 2 * length // 10, size)
    second = rng.integers(5 * length // 10, 6 * length // 10, size)
    is_y = rng.integers(0, 2, (2, size), dtype="int32")
    inputs[rows, first], inputs[rows, second] = X + is_y[0] * (Y - X), X + is_y[1] * (Y - X)
    return inputs, 2 * is_y[0] + is_y[1]


def sequential_digits(seed: int = 0, permuted: bool = False) -> dict[str, Arrays]:
    """Reads scikit-learn's handwritten digits, one pixel a step, line by line.

    These are 1,797 images of 8 x 8, a small stand-in for the sequential MNIST of Le et al., 2015.

    Args:
        seed: Int. Which images are in which split, and the order of the pixels if `permuted`.
        permuted: Whether the pixels come in a random order, the same one for all images, so that
            near ones are far from each other in time.

    Returns:
        `"train"` (1,197 images), `"validation"` (300) and `"test"` (300): float32 `(N, 64, 1)`
        from 0 to 1, and the digits, int32 `(N,)`.

    Raises:
        ImportError: without scikit-learn; it comes with the extra `benchmarks`.
    Reference: Alpaydin and Kaynak, 1998, https://doi.org/10.24432/C50P49 (its test images);
    Le et al., 2015, https://arxiv.org/abs/1504.00941

    Example:
        >>> inputs, digits = sz.datasets.long_memory.sequential_digits()["test"]
        >>> inputs.shape, digits.shape
        ((300, 64, 1), (300,))
    """
    digits = _load_digits()
    rng = np.random.default_rng(seed)
    order = rng.permutation(len(digits.target))
    inputs = (digits.data / 16).astype("float32")[order]
    labels = digits.target.astype("int32")[order]
    if permuted:
        inputs = inputs[:, rng.permutation(inputs.shape[1])]
    parts = {"train": slice(600, None), "validation": slice(300), "test": slice(300, 600)}
    return {name: (inputs[part, :, None], labels[part]) for name, part in parts.items()}


def _load_digits() -> Any:
    try:
        from sklearn.datasets import load_digits  # pyright: ignore[reportMissingImports]
    except ImportError as error:
        raise ImportError(
            "`sequential_digits` reads the images that scikit-learn carries, and scikit-learn is "
            "not there. Install the extra: pip install 'seqzoo[benchmarks]'."
        ) from error
    return load_digits()


def _check(size: int, steps: int, least: int, why: str, name: str = "length") -> None:
    if size < 0:
        raise ValueError(f"`size` must be at least 0. Received: size={size}.")
    if steps < least:
        raise ValueError(f"`{name}` must be at least {least}, for {why}. Received: {name}={steps}.")
