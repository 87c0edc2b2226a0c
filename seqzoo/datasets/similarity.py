"""Splits of sequences such that no near-duplicate of a test sequence is trained on.

Two sequences are similar if enough of their k-mers, windows of k letters, are shared. What is
similar to a member of a group belongs to the group, and a group goes into one split whole.
"""

from __future__ import annotations

import random
from collections import Counter, defaultdict
from collections.abc import Hashable, Sequence
from typing import Any

from seqzoo.datasets.sequences import GAPS

_NO_GAPS = str.maketrans("", "", GAPS)


def similarity_groups(sequences: Sequence[str], k: int = 8, share: float = 0.5) -> list[int]:
    """Returns the number of the group of each sequence: similar ones are in one group.

    Two sequences are similar if the k-mers that both have are at least `share` of those of the
    shorter one, each k-mer counted once. Case and gaps make no difference. Equal sequences are
    similar, however short. The groups are the connected ones: of a and b, and b and c similar, all
    three are in one. A sequence and its reverse complement are not compared: where a model answers
    both alike, give the one of the two that comes first in the alphabet.

    Args:
        sequences: Of bases or amino acids.
        k: Letters of a window: 8 for bases, 4 for amino acids. In sequences of n letters, chance
            alone shares n / 4**k of the bases' k-mers and n / 20**k of the amino acids'.
        share: From above 0 to 1.

    Raises:
        ValueError: if `k` or `share` is out of its range.

    Example:
        >>> sequences = ["ACGTTGCAAC", "TTTTTTTTTT", "GACGTTGCAA", "tttttttttt"]
        >>> sz.datasets.similarity.similarity_groups(sequences, k=4)
        [0, 1, 0, 1]
    """
    if k < 1 or not 0 < share <= 1:
        raise ValueError(
            f"`k` must be at least 1 and `share` from above 0 to 1. Received: k={k}, share={share}."
        )
    windows = [_windows(sequence.upper().translate(_NO_GAPS), k) for sequence in sequences]
    parents = list(range(len(sequences)))

    def root(index: int) -> int:
        while parents[index] != index:
            parents[index] = parents[parents[index]]
            index = parents[index]
        return index

    holders: defaultdict[str, list[int]] = defaultdict(list)
    for index, of_index in enumerate(windows):
        shared = Counter(other for window in of_index for other in holders[window])
        for other, count in shared.items():
            if count >= share * min(len(of_index), len(windows[other])):
                first, second = sorted((root(index), root(other)))
                parents[second] = first
        for window in of_index:
            holders[window].append(index)
    numbers: dict[int, int] = {}
    return [numbers.setdefault(root(index), len(numbers)) for index in range(len(sequences))]


def _windows(sequence: str, k: int) -> set[str]:
    """The k-mers of a sequence; of a shorter one itself."""
    return {sequence[start : start + k] for start in range(max(1, len(sequence) - k + 1))}


def grouped_folds(
    groups: Sequence[int], labels: Sequence[Hashable], folds: int = 10, seed: int = 0
) -> list[int]:
    """Returns the fold of each example: a group is in one fold, and folds are alike in labels.

    Each group, the largest first and those of one size in an order by chance, goes to the fold that
    has the fewest examples of its labels.

    Args:
        groups: The number of the group of each example.
        labels: The label of each; all the same to balance the sizes alone.
        folds: How many.
        seed: Int.

    Raises:
        ValueError: if there are fewer groups than folds, or not one label for each example.

    Example:
        >>> sz.datasets.similarity.grouped_folds([0, 0, 1, 2, 3], "aabab", folds=2)
        [0, 0, 0, 1, 1]
    """
    if len(groups) != len(labels):
        raise ValueError(
            "Each example must have a group and a label. Received: "
            f"{len(groups)} groups and {len(labels)} labels."
        )
    members: defaultdict[int, list[int]] = defaultdict(list)
    for index, group in enumerate(groups):
        members[group].append(index)
    if not 2 <= folds <= len(members):
        raise ValueError(
            f"`folds` must be from 2 to {len(members)}, the groups of similar sequences. Received: "
            f"folds={folds}. Give more sequences, or take fewer folds."
        )
    draw = random.Random(seed)
    order = sorted(members.values(), key=lambda each: (-len(each), draw.random()))
    held: list[Counter[Hashable]] = [Counter() for _ in range(folds)]
    chosen = [0] * len(groups)
    for each in order:
        own = Counter(labels[index] for index in each)
        fold = min(
            range(folds),
            key=lambda fold: (sum(held[fold][x] * n for x, n in own.items()), held[fold].total()),
        )
        held[fold] += own
        for index in each:
            chosen[index] = fold
    return chosen


def fold_splits(examples: Sequence[Any], folds: Sequence[int], fold: int) -> dict[str, list[Any]]:
    """Returns "train", "validation" and "test": a fold is tested on, the next one validated on.

    Args:
        examples: Any examples.
        folds: The fold of each, of `grouped_folds`.
        fold: The fold that is tested on, from 0 on.

    Raises:
        ValueError: if there is no such fold, there are fewer than three, or not one for each
            example.

    Example:
        >>> sz.datasets.similarity.fold_splits("abcd", [0, 1, 2, 0], fold=2)
        {'train': ['b'], 'validation': ['a', 'd'], 'test': ['c']}
    """
    if len(examples) != len(folds):
        raise ValueError(
            f"Each example must have a fold. Received: {len(examples)} examples and {len(folds)} "
            "folds."
        )
    count = max(folds, default=-1) + 1
    if count < 3 or not 0 <= fold < count:
        raise ValueError(
            f"`fold` must be one of at least three folds, from 0 to {count - 1}. Received: "
            f"fold={fold}."
        )
    parts = {fold: "test", (fold + 1) % count: "validation"}
    splits: dict[str, list[Any]] = {"train": [], "validation": [], "test": []}
    for example, own in zip(examples, folds, strict=True):
        splits[parts.get(own, "train")].append(example)
    return splits
