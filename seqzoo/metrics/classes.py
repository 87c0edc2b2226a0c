"""Scores of labels, over scikit-learn.

A label is a text, in any Unicode normal form, or an integer, which stands for its digits.
"""

import unicodedata
from collections.abc import Sequence
from typing import Any

import numpy as np


def accuracy(outputs: Sequence[Any], references: Sequence[Any]) -> float:
    """Returns the share of inputs whose label, or whole set of labels, is right, from 0 to 1.

    Args:
        outputs: A label, or a list of labels, for each input.
        references: The right ones.

    Example:
        >>> sz.metrics.accuracy(["a", "b", "b", "a"], ["a", "b", "a", "a"])
        0.75
    """
    from sklearn.metrics import accuracy_score

    return float(accuracy_score(*_as_arrays(references, outputs)))


def macro_f1(outputs: Sequence[Any], references: Sequence[Any]) -> float:
    """Returns the mean of the F1 of the labels, each counting alike, from 0 to 1.

    Example:
        >>> round(sz.metrics.macro_f1(["a", "b", "b", "b"], ["a", "b", "b", "a"]), 3)
        0.733
    """
    from sklearn.metrics import f1_score

    arrays = _as_arrays(references, outputs)
    return float(f1_score(*arrays, average="macro", zero_division=0))


def micro_f1(outputs: Sequence[Any], references: Sequence[Any]) -> float:
    """Returns the F1 of all decisions together, from 0 to 1.

    Example:
        >>> sz.metrics.micro_f1([["a", "b"], ["c"]], [["a"], ["c"]])
        0.8
    """
    from sklearn.metrics import f1_score

    arrays = _as_arrays(references, outputs)
    return float(f1_score(*arrays, average="micro", zero_division=0))


def matthews_correlation(outputs: Sequence[Any], references: Sequence[Any]) -> float:
    """Returns the correlation of the labels with the right ones, from -1 to 1.

    Of two labels it is what biology calls CC. It is 0 where all outputs are one label.

    Reference: Gorodkin, 2004, https://doi.org/10.1016/j.compbiolchem.2004.09.006

    Example:
        >>> round(sz.metrics.matthews_correlation(["+", "+", "-", "-"], ["+", "-", "-", "-"]), 3)
        0.577
    """
    from sklearn.metrics import matthews_corrcoef

    return float(matthews_corrcoef(*_as_arrays(references, outputs)))


def _as_arrays(references: Sequence[Any], outputs: Sequence[Any]) -> tuple[Any, Any]:
    if len(outputs) != len(references) or not len(references):
        raise ValueError(
            "Each of at least one output must have one reference. Received: "
            f"{len(outputs)} outputs and {len(references)} references."
        )
    if isinstance(references[0], (str, int, np.integer)):
        return list(map(label_text, references)), list(map(label_text, outputs))
    from sklearn.preprocessing import MultiLabelBinarizer

    true, given = ([set(map(label_text, labels)) for labels in s] for s in (references, outputs))
    binarizer = MultiLabelBinarizer().fit(true + given)
    return binarizer.transform(true), binarizer.transform(given)


def label_text(label: Any) -> str:
    """Returns a label as the text that it is compared by."""
    return unicodedata.normalize("NFC", str(label))
