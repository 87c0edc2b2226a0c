"""The whale optimization algorithm as a sampler of Optuna."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from seqzoo.extras import import_optuna
from seqzoo.tuning.space import Choice, Float, Int
from seqzoo.tuning.whale import replayed


def whale_sampler(
    distributions: Mapping[str, Any], whales: int = 4, iterations: int = 5, seed: int = 0
) -> Any:
    """Returns a sampler for `optuna.create_study` that moves as a `Whale`.

    Trials that failed or were pruned, or have not ended when the next one begins, count as the
    worst. One may go on after `whales * iterations` trials, with a swarm that is together.

    Args:
        distributions: Of Optuna by the names that trials suggest; the swarm needs all from the
            first trial on.
        whales: Positive int, at least 2.
        iterations: Positive int.
        seed: Of all that is drawn.

    Raises:
        MissingPackageError: if Optuna is not installed, as by `pip install 'seqzoo[tuning]'`.
        ValueError: if there is no distribution, or a number is out of its range.

    Example:
        >>> import optuna
        >>> optuna.logging.set_verbosity(optuna.logging.ERROR)
        >>> x = optuna.distributions.FloatDistribution(-1, 1)
        >>> sampler = sz.tuning.whale_sampler({"x": x}, whales=4, iterations=8)
        >>> study = optuna.create_study(sampler=sampler)
        >>> study.optimize(lambda trial: (trial.suggest_float("x", -1, 1) - 0.3) ** 2, n_trials=32)
        >>> abs(study.best_params["x"] - 0.3) < 0.1
        True
    """
    optuna = import_optuna()
    if not distributions:
        raise ValueError("A sampler needs at least one distribution. Received: none.")
    replayed([], len(distributions), whales, iterations, seed)  # checks them before the study

    class WhaleSampler(optuna.samplers.BaseSampler):
        def infer_relative_search_space(self, study, trial):
            return dict(distributions)

        def sample_relative(self, study, trial, search_space):
            sign = -1 if study.direction == optuna.study.StudyDirection.MAXIMIZE else 1
            before = [
                each
                for each in study.get_trials(deepcopy=False)
                if each.number < trial.number and "fixed_params" not in each.system_attrs
            ]
            values = [
                sign * each.value if each.state.name == "COMPLETE" else math.nan for each in before
            ]
            position = replayed(values, len(distributions), whales, iterations, seed)
            pairs = zip(distributions.items(), position, strict=True)
            return {name: _value(each, float(number)) for (name, each), number in pairs}

        def sample_independent(self, study, trial, param_name, param_distribution):
            raise ValueError(
                f"Trials may suggest what the sampler was given, {', '.join(distributions)}. "
                f"Received: {param_name!r}. Give its distribution to `whale_sampler`."
            )

    return WhaleSampler()


def _value(distribution: Any, position: float) -> Any:
    """The value of a distribution at a position from -1 to 1."""
    if hasattr(distribution, "choices"):
        return Choice(distribution.choices).value(position)
    low, high, step = distribution.low, distribution.high, distribution.step
    if low == high:
        return low
    if step is not None and not distribution.log:
        return low + step * Int(0, round((high - low) / step)).value(position)
    kind = Int if isinstance(low, int) else Float
    return kind(low, high, distribution.log).value(position)
