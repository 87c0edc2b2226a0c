"""Scores of tags: of spans over seqeval, as the CoNLL scorer counts them, and of tokens."""

from collections.abc import Sequence

from seqzoo.metrics.classes import label_text

Tags = Sequence[Sequence[str]]


def entity_f1(outputs: Tags, references: Tags) -> float:
    """Returns the micro F1 of spans whose ends and type are right, from 0 to 1.

    Spans are read as the CoNLL 2000 scorer reads them: an `I-` that follows no span of its type
    begins one.

    Args:
        outputs: The tags of each sentence.
        references: The right ones, as many for each sentence.

    Example:
        >>> outputs, references = [["B-PER", "I-PER", "O", "B-LOC"]], [["B-PER", "I-PER", "O", "O"]]
        >>> round(sz.metrics.entity_f1(outputs, references), 3)
        0.667
    """
    from seqeval.metrics import f1_score

    return float(f1_score(*_checked(references, outputs), zero_division=0))


def entity_precision(outputs: Tags, references: Tags) -> float:
    """Returns the share of the predicted spans that are right; see `entity_f1`.

    Example:
        >>> sz.metrics.entity_precision([["B-PER", "O", "B-LOC"]], [["B-PER", "O", "O"]])
        0.5
    """
    from seqeval.metrics import precision_score

    return float(precision_score(*_checked(references, outputs), zero_division=0))


def entity_recall(outputs: Tags, references: Tags) -> float:
    """Returns the share of the right spans that were predicted; see `entity_f1`.

    Example:
        >>> sz.metrics.entity_recall([["B-PER", "O", "O"]], [["B-PER", "O", "B-LOC"]])
        0.5
    """
    from seqeval.metrics import recall_score

    return float(recall_score(*_checked(references, outputs), zero_division=0))


def tag_accuracy(outputs: Tags, references: Tags) -> float:
    """Returns the share of tokens whose tag is right, from 0 to 1.

    Example:
        >>> sz.metrics.tag_accuracy([["O", "B-LOC"], ["O", "O"]], [["O", "B-LOC"], ["O", "B-PER"]])
        0.75
    """
    from seqeval.metrics import accuracy_score

    return float(accuracy_score(*_checked(references, outputs)))


def _checked(references: Tags, outputs: Tags) -> tuple[list[list[str]], list[list[str]]]:
    if len(outputs) != len(references) or not len(references):
        raise ValueError(
            "Each of at least one sentence must have tags and a reference. Received: "
            f"{len(outputs)} and {len(references)}."
        )
    for index, (output, reference) in enumerate(zip(outputs, references, strict=True)):
        if len(output) != len(reference):
            raise ValueError(
                f"A sentence must have as many tags as its reference. Received: {len(output)} and "
                f"{len(reference)} at index {index}."
            )
    first, second = ([list(map(label_text, tags)) for tags in s] for s in (references, outputs))
    return first, second
