"""What is set on validation examples once a classifier is trained."""

import numpy as np


def best_temperature(logits: np.ndarray, targets: np.ndarray, multi_label: bool = False) -> float:
    """Returns the temperature whose probabilities give targets the highest likelihood.

    Args:
        logits: `(N, C)`.
        targets: Class ids `(N,)`, or with `multi_label` 0 and 1 `(N, C)`.
        multi_label: Whether each class is decided on its own.

    Returns:
        A number from 0.05 to 20. 1 leaves the probabilities as they are.
    Reference: Guo et al., 2017, https://arxiv.org/abs/1706.04599
    """
    from scipy.optimize import minimize_scalar
    from scipy.special import log_expit, log_softmax

    logits = np.asarray(logits, np.float64)

    def mean_loss(log_temperature: float) -> float:
        scaled = logits / np.exp(log_temperature)
        if multi_label:
            return -float(np.mean(np.where(targets > 0.5, log_expit(scaled), log_expit(-scaled))))
        gold = np.take_along_axis(log_softmax(scaled, axis=1), targets[:, None], axis=1)
        return -float(np.mean(gold))

    limits = (np.log(0.05), np.log(20.0))
    return float(np.exp(minimize_scalar(mean_loss, bounds=limits, method="bounded").x))


def best_thresholds(probabilities: np.ndarray, targets: np.ndarray) -> np.ndarray:
    """Returns for each label the threshold with the highest F1, `(C,)`.

    It lies half-way between two probabilities. A label that no example has keeps 0.5.

    Args:
        probabilities: `(N, C)`.
        targets: 0 or 1, `(N, C)`.

    Example:
        >>> probabilities = np.array([[0.9], [0.5], [0.25], [0.1]])
        >>> targets = np.array([[1], [1], [0], [0]])
        >>> sz.metrics.calibration.best_thresholds(probabilities, targets).tolist()
        [0.375]
    """
    from sklearn.metrics import precision_recall_curve

    thresholds = np.full(probabilities.shape[1], 0.5, np.float32)
    for label in np.flatnonzero(targets.any(axis=0)):
        of_label = probabilities[:, label]
        precision, recall, steps = precision_recall_curve(targets[:, label], of_label)
        f1 = 2 * precision * recall / np.maximum(precision + recall, 1e-12)
        best = steps[np.argmax(f1[:-1])]
        below = of_label[of_label < best]
        thresholds[label] = (best + (below.max() if below.size else 0.0)) / 2
    return thresholds
