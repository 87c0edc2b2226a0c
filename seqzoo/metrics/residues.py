"""Scores of the tags of bases and amino acids, some of which nobody knows."""

from collections.abc import Sequence

UNKNOWN_TAG = "?"
"""The tag of a letter whose tag nobody knows: it weighs nothing."""


def residue_accuracy(
    outputs: Sequence[Sequence[str]], references: Sequence[Sequence[str]]
) -> float:
    """Returns the share of the letters with a known tag whose tag is right, from 0 to 1.

    With tags of three states of a protein's structure it is Q3, with those of eight Q8. Letters
    whose reference is `?` are not counted.

    Args:
        outputs: For each sequence a tag a letter, as a list or a text.
        references: The right ones.

    Raises:
        ValueError: if there are not as many outputs as references, or no known tag.

    Example:
        >>> sz.metrics.residue_accuracy(["HHC", "CE"], ["H?C", "EE"])
        0.75
    """
    if [*map(len, outputs)] != [*map(len, references)]:
        raise ValueError(
            "Each letter of each sequence must have a tag and a reference. Received: "
            f"{sum(map(len, outputs))} tags of {len(outputs)} sequences and "
            f"{sum(map(len, references))} references of {len(references)}."
        )
    right = [
        given == true
        for tags, reference in zip(outputs, references, strict=True)
        for given, true in zip(tags, reference, strict=True)
        if true != UNKNOWN_TAG
    ]
    if not right:
        raise ValueError("At least one letter must have a known tag. Received: none.")
    return sum(right) / len(right)
