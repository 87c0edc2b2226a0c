"""The whale optimization algorithm as an oracle of KerasTuner."""

from __future__ import annotations

import math
from typing import Any

from seqzoo.extras import import_keras_tuner
from seqzoo.tuning.whale import replayed


def whale_oracle(
    objective: Any = None,
    whales: int = 4,
    iterations: int = 5,
    seed: int = 0,
    hyperparameters: Any = None,
    **kwargs: Any,
) -> Any:
    """Returns an oracle for `keras_tuner.Tuner` that moves as a `Whale`.

    It makes `whales * iterations` trials. Hyperparameters are those that the model has asked for
    when the first trial begins, each coded from the lowest to the highest as -1 to 1; later ones
    have their defaults. A trial that failed, or has not ended when the next one begins, counts as
    the worst.

    Args:
        objective: As in KerasTuner, such as `"val_loss"`.
        whales: Positive int, at least 2.
        iterations: Positive int.
        seed: Of all that is drawn.
        hyperparameters: `keras_tuner.HyperParameters`, if they are not the model's own.
        **kwargs: To `keras_tuner.Oracle`.

    Raises:
        MissingPackageError: if KerasTuner is not installed, as by `pip install 'seqzoo[tuning]'`.
        ValueError: if a number is out of its range.

    Example:
        >>> import keras_tuner
        >>> def build(hp):
        ...     return hp.Float("x", -1.0, 1.0)
        >>> class Square(keras_tuner.Tuner):
        ...     def run_trial(self, trial, **settings):
        ...         return (trial.hyperparameters.get("x") - 0.3) ** 2
        >>> oracle = sz.tuning.whale_oracle(whales=4, iterations=8)
        >>> import tempfile
        >>> tuner = Square(oracle, build, directory=tempfile.mkdtemp())
        >>> tuner.search(verbose=0)
        >>> abs(tuner.get_best_hyperparameters()[0].get("x") - 0.3) < 0.1
        True
    """
    keras_tuner = import_keras_tuner()

    class WhaleOracle(keras_tuner.Oracle):
        def populate_space(self, trial_id):
            space = self.hyperparameters.space
            if not hasattr(self, "names"):
                kinds = keras_tuner.engine.hyperparameters
                self.names = [hp.name for hp in space if not isinstance(hp, kinds.Fixed)]
            sign = -1 if self.objective.direction == "max" else 1
            trials = [self.trials[each] for each in self.start_order]
            errors = [math.nan if t.score is None else sign * t.score for t in trials]
            if not self.names:
                return {"status": "STOPPED", "values": None}
            position = replayed(errors, len(self.names), whales, iterations, seed)
            shares = dict(zip(self.names, (position + 1) / 2, strict=True))
            values = {hp.name: hp.default for hp in space}
            values |= {
                hp.name: hp.prob_to_value(float(shares[hp.name]))
                for hp in space
                if hp.name in shares
            }
            return {"status": "RUNNING", "values": values}

    return WhaleOracle(
        objective=objective,
        max_trials=whales * iterations,
        hyperparameters=hyperparameters,
        seed=seed,
        **kwargs,
    )
