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

    logits = np.asarray(logits, np.float64)

    def mean_loss(log_temperature: float) -> float:
        return float(np.mean(_losses(logits / np.exp(log_temperature), targets, multi_label)))

    limits = (np.log(0.05), np.log(20.0))
    return float(np.exp(minimize_scalar(mean_loss, bounds=limits, method="bounded").x))


def best_share(
    logits: np.ndarray,
    others: np.ndarray,
    targets: np.ndarray,
    multi_label: bool = False,
    weights: np.ndarray | None = None,
) -> float:
    """Returns the share of the first logits in a mean that gives targets the highest likelihood.

    Few examples move it little from a half: before any, a share s is as likely as s (1 - s).

    Args:
        logits: `(N, C)`.
        others: Likewise, of the other model.
        targets: Class ids `(N,)`, or with `multi_label` 0 and 1 `(N, C)`.
        multi_label: Whether each class is decided on its own.
        weights: Of the shape of `targets`, how much each counts; None is 1.

    Returns:
        A number between 0 and 1, neither of them.

    Example:
        >>> right, wrong = np.array([[4.0, 0.0]] * 9), np.array([[0.0, 4.0]] * 9)
        >>> round(sz.metrics.calibration.best_share(right, wrong, np.zeros(9, int)), 2)
        0.83
    """
    from scipy.optimize import minimize_scalar

    logits, others = np.asarray(logits, np.float64), np.asarray(others, np.float64)

    def loss(share: float) -> float:
        losses = _losses(share * logits + (1 - share) * others, targets, multi_label)
        total = np.sum(losses if weights is None else weights * losses)
        return float(total - np.log(share * (1 - share)))

    return float(minimize_scalar(loss, bounds=(1e-6, 1 - 1e-6), method="bounded").x)


def _losses(logits: np.ndarray, targets: np.ndarray, multi_label: bool) -> np.ndarray:
    """The negative log-likelihood of each target, `(N,)`; with `multi_label` `(N, C)`."""
    from scipy.special import log_expit, log_softmax

    if multi_label:
        return -np.where(targets > 0.5, log_expit(logits), log_expit(-logits))
    return -np.take_along_axis(log_softmax(logits, axis=1), targets[:, None], axis=1)[:, 0]


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
