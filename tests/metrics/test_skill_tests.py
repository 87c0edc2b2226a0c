"""Tests and intervals of skill against SciPy, statistics of chance, and published figures."""

import numpy as np
import pytest
from scipy import stats

from seqzoo import metrics


def test_diebold_mariano_of_one_step_is_a_t_test_of_the_differences():
    rng = np.random.default_rng(0)
    losses, others = rng.gamma(2, size=40), rng.gamma(2.2, size=40)
    want = stats.ttest_1samp(losses - others, 0)
    found = metrics.diebold_mariano(losses, others)
    assert found.statistic == pytest.approx(want.statistic)  # Harvey: n - 1 in place of n
    assert found.p_value == pytest.approx(want.pvalue)


def test_diebold_mariano_of_two_forecasts_without_a_difference_rejects_as_often_as_it_says():
    rng, rejected = np.random.default_rng(0), 0
    for _ in range(400):
        errors, others = rng.normal(size=(2, 121))
        overlapping = [np.square(each[1:] + each[:-1]) for each in (errors, others)]
        rejected += metrics.diebold_mariano(*overlapping, horizon=2).p_value < 0.05
    assert 0.02 < rejected / 400 < 0.09


def test_equal_forecasts_and_few_losses_are_refused():
    with pytest.raises(ValueError, match="equal forecasts"):
        metrics.diebold_mariano(np.ones(9), np.ones(9))
    with pytest.raises(ValueError, match="more than 4 losses"):
        metrics.diebold_mariano(np.arange(4.0), np.ones(4), horizon=3)


@pytest.mark.parametrize(("hits", "count"), [(0, 7), (55, 100), (7, 7)])
def test_wilsons_interval_is_that_of_scipy(hits, count):
    want = stats.binomtest(hits, count).proportion_ci(0.9, method="wilson")
    found = metrics.wilson_interval(hits, count, level=0.9)
    np.testing.assert_allclose([found.low, found.high], [want.low, want.high], atol=1e-12)


def test_the_interval_of_a_sharpe_ratio_holds_the_true_one_as_often_as_it_says():
    rng, inside = np.random.default_rng(0), 0
    for _ in range(400):
        returns = stats.skewnorm.rvs(4, size=400, random_state=rng)
        returns = (returns - stats.skewnorm.mean(4)) / stats.skewnorm.std(4) + 0.1
        sharpe = metrics.sharpe_ratio(returns, per_year=1)
        inside += sharpe.low < 0.1 < sharpe.high
    assert 0.92 < inside / 400 < 0.98


def test_the_deflated_sharpe_ratio_is_that_of_the_example_of_its_paper():
    # Bailey and López de Prado, 2014: 100 trials, five years of days, an annual ratio of 2.5, a
    # variance of the annual ratios of 1/2, skewness -3, kurtosis 10: 0.9004.
    days, per_day = 1250, 2.5 / np.sqrt(250)
    returns = moments_of(days, per_day, skewness=-3.0, kurtosis=10.0)
    trials = np.random.default_rng(0).normal(size=100)
    trials = (trials - trials.mean()) / trials.std(ddof=1) * np.sqrt(0.5 / 250)
    assert metrics.deflated_sharpe_ratio(returns, trials) == pytest.approx(0.9004, abs=5e-4)


def moments_of(count, ratio, skewness, kurtosis):
    """Returns of three values, with these moments about their mean."""
    # A value far below, one above, and the rest at 0: solved for skewness and kurtosis.
    from scipy.optimize import fsolve

    def moments(parameters):
        low, high, p, q = parameters
        values, weights = np.array([-low, high, 0]), np.array([p, q, 1 - p - q])
        return [
            values @ weights,
            values**2 @ weights - 1,
            values**3 @ weights - skewness,
            values**4 @ weights - kurtosis,
        ]

    low, high, p, q = fsolve(moments, (4.0, 0.6, 0.05, 0.4))
    rows = np.round(np.array([p, q]) * 1_000_000).astype(int)
    values = np.concatenate(
        [np.full(rows[0], -low), np.full(rows[1], high), np.zeros(1_000_000 - rows.sum())]
    )
    return Sized(values + ratio, count)


class Sized(np.ndarray):
    """Many values that count as few."""

    def __new__(cls, values, count):
        array = np.asarray(values).view(cls)
        array.count = count
        return array

    def __array_finalize__(self, other):
        self.count = getattr(other, "count", None)

    def __len__(self):
        return self.count


def test_a_forecast_of_nothing_has_no_r2_over_the_random_walk():
    returns = np.random.default_rng(0).normal(size=50)
    assert metrics.out_of_sample_r2(np.zeros(50), returns) == 0
    assert metrics.out_of_sample_r2(returns, returns) == 1
