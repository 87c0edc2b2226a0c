"""Whether a forecast has skill or only luck: tests and intervals for series such as returns."""

from __future__ import annotations

import math
from statistics import NormalDist
from typing import NamedTuple

import numpy as np

_EULER = 0.5772156649015329
_NORMAL = NormalDist()


class TestResult(NamedTuple):
    """A statistic and its two-sided probability where there is no difference.

    Example:
        >>> sz.metrics.TestResult(statistic=0.0, p_value=1.0).p_value
        1.0
    """

    statistic: float
    p_value: float


class Interval(NamedTuple):
    """An estimate and the ends of its interval.

    Example:
        >>> sz.metrics.wilson_interval(5, 10).estimate
        0.5
    """

    estimate: float
    low: float
    high: float


def out_of_sample_r2(forecast: np.ndarray, actual: np.ndarray, benchmark=0.0) -> float:
    """Returns 1 - squared error / squared error of a benchmark; of returns, 0 is a random walk.

    Reference: Campbell and Thompson, 2008, https://doi.org/10.1093/rfs/hhm055

    Example:
        >>> sz.metrics.out_of_sample_r2(np.array([1.0, 0.0]), np.array([1.0, -1.0]))
        0.5
    """
    own, other = np.square(actual - forecast).sum(), np.square(actual - benchmark).sum()
    return 1 - float(own / other)


def diebold_mariano(losses: np.ndarray, others: np.ndarray, horizon: int = 1) -> TestResult:
    """Returns the test of Diebold and Mariano, whether two forecasts have the same mean loss.

    The statistic is negative where the first is better. It has the correction of Harvey for few
    values, and is compared with Student's t distribution.

    Args:
        losses: Of the first forecast `(T,)`, in time, such as squared errors.
        others: Of the second one `(T,)`.
        horizon: Steps ahead; losses that lie closer together may be correlated.

    Raises:
        ValueError: if there are too few of them, or no difference at any time.

    Reference: Diebold and Mariano, 1995, https://doi.org/10.1080/07350015.1995.10524599; Harvey et
    al., 1997, https://doi.org/10.1016/S0169-2070(96)00719-4

    Example:
        >>> better, worse = np.array([1.0, 2.0, 1.0, 2.0]), np.array([2.0, 2.5, 1.5, 3.0])
        >>> test = sz.metrics.diebold_mariano(better, worse)
        >>> test.statistic < 0, test.p_value < 0.05
        (True, True)
    """
    from scipy.stats import t as student_t

    gap, count = losses - others, len(losses)
    if count <= horizon + 1 or not np.any(gap):
        raise ValueError(
            f"A test needs more than {horizon + 1} losses, and forecasts that differ. Received: "
            f"{count} losses, {'different' if np.any(gap) else 'equal'} forecasts."
        )
    centred = gap - gap.mean()
    covariances = [np.mean(centred[lag:] * centred[: count - lag]) for lag in range(horizon)]
    variance = (covariances[0] + 2 * sum(covariances[1:])) / count
    if variance <= 0:  # of a horizon beyond 1, where the estimate may be negative
        variance = covariances[0] / count
    few = math.sqrt((count + 1 - 2 * horizon + horizon * (horizon - 1) / count) / count)
    statistic = few * gap.mean() / math.sqrt(variance)
    return TestResult(float(statistic), float(2 * student_t.sf(abs(statistic), count - 1)))


def wilson_interval(hits: int, count: int, level: float = 0.95) -> Interval:
    """Returns a share, such as that of directions that were right, and Wilson's interval of it.

    Reference: Wilson, 1927, https://doi.org/10.1080/01621459.1927.10502953

    Example:
        >>> [round(each, 4) for each in sz.metrics.wilson_interval(55, 100)]
        [0.55, 0.4524, 0.6439]
    """
    z = _NORMAL.inv_cdf((1 + level) / 2)
    share = hits / count
    middle = (share + z**2 / (2 * count)) / (1 + z**2 / count)
    half = z * math.sqrt(share * (1 - share) / count + z**2 / (4 * count**2)) / (1 + z**2 / count)
    return Interval(share, middle - half, middle + half)


def sharpe_ratio(returns: np.ndarray, per_year: float = 252, level: float = 0.95) -> Interval:
    """Returns the annual Sharpe ratio of returns `(T,)` and an interval of it.

    The interval takes skewness and heavy tails of the returns into account, and no correlation in
    time.

    Reference: Mertens, 2002; Bailey and López de Prado, 2012, https://doi.org/10.2139/ssrn.1821643

    Example:
        >>> sharpe = sz.metrics.sharpe_ratio(np.random.default_rng(0).normal(0, 0.01, 500))
        >>> sharpe.low < 0 < sharpe.high
        True
    """
    ratio, error = _sharpe(returns), _sharpe_error(returns, _sharpe(returns))
    z, year = _NORMAL.inv_cdf((1 + level) / 2), math.sqrt(per_year)
    return Interval(year * ratio, year * (ratio - z * error), year * (ratio + z * error))


def deflated_sharpe_ratio(returns: np.ndarray, trials: np.ndarray) -> float:
    """Returns the probability that a Sharpe ratio above 0 is no result of having tried many.

    The best of many trials without skill has a Sharpe ratio above 0, which grows with their number
    and their spread; this is the probability that the chosen one has a true ratio above that.

    Args:
        returns: Of the trial that was chosen `(T,)`.
        trials: Sharpe ratios of all trials, the chosen one among them, for a single period.

    Reference: Bailey and López de Prado, 2014, https://doi.org/10.2139/ssrn.2460551

    Example:
        >>> returns = np.random.default_rng(0).normal(0.001, 0.01, 500)
        >>> few = sz.metrics.deflated_sharpe_ratio(returns, np.array([0.1, 0.0]))
        >>> many = sz.metrics.deflated_sharpe_ratio(returns, np.linspace(-0.1, 0.1, 200))
        >>> many < few
        True
    """
    count, ratio = len(trials), _sharpe(returns)
    highest = 0.0
    if count > 1:
        likely = _NORMAL.inv_cdf(1 - 1 / count), _NORMAL.inv_cdf(1 - 1 / (count * math.e))
        highest = float(np.std(trials, ddof=1)) * ((1 - _EULER) * likely[0] + _EULER * likely[1])
    return _NORMAL.cdf((ratio - highest) / _sharpe_error(returns, ratio))


def _sharpe(returns: np.ndarray) -> float:
    spread = returns.std(ddof=1)
    return float(returns.mean() / spread) if spread > 0 else 0.0


def _sharpe_error(returns: np.ndarray, ratio: float) -> float:
    centred = returns - returns.mean()
    spread = centred.std() or 1.0
    skewness, kurtosis = np.mean(centred**3) / spread**3, np.mean(centred**4) / spread**4
    variance = 1 - skewness * ratio + (kurtosis - 1) / 4 * ratio**2
    return math.sqrt(max(float(variance), 1e-12) / (len(returns) - 1))
