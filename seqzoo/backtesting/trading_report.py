"""What forecasts of returns are worth, told plainly."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from seqzoo.metrics.skill_tests import (
    Interval,
    TestResult,
    deflated_sharpe_ratio,
    diebold_mariano,
    out_of_sample_r2,
    sharpe_ratio,
    wilson_interval,
)

_STALE = 0.05  # share of returns that are exactly 0, above which quotes are stale or pegged
_CHANCE = 0.05


class TradingReport(NamedTuple):
    """The value of one-step forecasts of log-returns.

    Attributes:
        count: Returns that were forecast.
        r2: Against the random walk, which forecasts 0.
        test: Of Diebold and Mariano, against the random walk; a negative statistic is better.
        hits: Share of the directions that were right, of returns that are not 0, with its interval.
        sharpe: Annual ratio of holding the sign of the forecast, net of costs, with its interval.
        buy_and_hold: Annual ratio of holding it all the time.
        deflated: Probability that `sharpe` is above what the best of all trials has by chance.
        turnover: Mean change of the position, 2 from long to short.
        stale: Share of the returns that are exactly 0.

    Example:
        >>> returns = np.random.default_rng(0).normal(0, 0.01, 300)
        >>> report = sz.backtesting.trading_report(np.roll(returns, 1), returns)
        >>> report.lines()[-1]
        'no skill: the forecasts are not better than a random walk'
    """

    count: int
    r2: float
    test: TestResult
    hits: Interval
    sharpe: Interval
    buy_and_hold: Interval
    deflated: float
    turnover: float
    stale: float

    @property
    def has_skill(self) -> bool:
        """Whether the errors are smaller than the random walk's by more than chance."""
        return self.r2 > 0 and self.test.p_value < _CHANCE

    def lines(self) -> list[str]:
        """Returns the report in lines, the verdict last."""
        told = [
            f"{self.count} returns, R² over the random walk {self.r2:.4f}, Diebold-Mariano "
            f"{self.test.statistic:.2f} (p {self.test.p_value:.3f})",
            f"directions right {_shown(self.hits)}",
            f"Sharpe ratio net of costs {_shown(self.sharpe)}, deflated {self.deflated:.3f}, "
            f"turnover {self.turnover:.2f}; buy and hold {_shown(self.buy_and_hold)}",
        ]
        if self.stale > _STALE:
            told.append(
                f"{self.stale:.0%} of the returns are exactly 0: quotes are pegged or stale, and "
                "nobody could have traded at them"
            )
        if self.has_skill:
            return [*told, "skill: the errors are smaller than a random walk's by more than chance"]
        return [*told, "no skill: the forecasts are not better than a random walk"]


def trading_report(
    forecast: np.ndarray,
    actual: np.ndarray,
    cost: float = 1e-4,
    per_year: float = 252,
    trials: np.ndarray | None = None,
) -> TradingReport:
    """Returns what forecasts of log-returns, one step ahead, are worth.

    Prices are not taken: that today's price is near yesterday's makes any copy of it look good,
    with an R² above 0.95, and says nothing of where it goes.

    Args:
        forecast: Log-returns `(T,)`, in time.
        actual: Log-returns `(T,)`.
        cost: Share of the value that a change of the position by 1 costs.
        per_year: Steps of a year.
        trials: Sharpe ratios, for a single step, of all settings that were tried; None: one.

    Raises:
        ValueError: if there are fewer than 10 returns or one is missing.

    Example:
        >>> returns = np.random.default_rng(0).normal(0, 0.01, 300)
        >>> sz.backtesting.trading_report(0.5 * returns, returns).has_skill
        True
    """
    forecast, actual = (np.asarray(each, float).ravel() for each in (forecast, actual))
    missing = int(np.sum(~np.isfinite(forecast)) + np.sum(~np.isfinite(actual)))
    if len(forecast) != len(actual) or len(actual) < 10 or missing:
        raise ValueError(
            "Expected as many forecasts as returns, at least 10, without missing ones. Received: "
            f"{len(forecast)} and {len(actual)}, {missing} of them missing."
        )
    position = np.sign(forecast)
    turnover = np.abs(np.diff(position, prepend=0.0))
    net = position * actual - cost * turnover
    moved = actual != 0
    right = int(np.sum((position == np.sign(actual)) & moved))
    ratio = net.mean() / net.std(ddof=1) if net.std() > 0 else 0.0
    return TradingReport(
        len(actual),
        out_of_sample_r2(forecast, actual),
        diebold_mariano(np.square(actual - forecast), np.square(actual)),
        wilson_interval(right, max(int(moved.sum()), 1)),
        sharpe_ratio(net, per_year),
        sharpe_ratio(actual, per_year),
        deflated_sharpe_ratio(net, np.array([ratio]) if trials is None else np.asarray(trials)),
        float(turnover.mean()),
        float(np.mean(~moved)),
    )


def _shown(interval: Interval) -> str:
    return f"{interval.estimate:.3f} ({interval.low:.3f} to {interval.high:.3f})"
