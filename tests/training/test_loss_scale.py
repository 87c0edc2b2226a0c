"""A loss scale in 16 bits: steps that overflow are left out, and what is learned is that of 32."""

import keras
import numpy as np
import pytest
from tiny_tasks import make_bigram, reversal_pairs

from seqzoo.training import Adam
from seqzoo.training.environment import use_precision

PAIRS = reversal_pairs(24)


def make(precision, parts=1, **settings):
    with use_precision(precision):
        task = make_bigram(**settings)
        task.compile(keras.optimizers.SGD(0.5, global_clipnorm=1.0), accumulation_steps=parts)
    return task


def fit(task, epochs=1, **settings):
    return task.fit(PAIRS, batch_size=8, epochs=epochs, verbose=0, **settings).history


def scale_of(task):
    return float(task.optimizer.dynamic_scale)


def test_mixed_float16_comes_with_a_loss_scale_and_the_others_without():
    assert isinstance(make("mixed_float16").optimizer, keras.optimizers.LossScaleOptimizer)
    for precision in ("float32", "mixed_bfloat16"):
        assert isinstance(make(precision).optimizer, keras.optimizers.SGD)


@pytest.mark.parametrize("parts", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_a_step_that_overflows_changes_no_weight_and_halves_the_scale(parts):
    task = make("mixed_float16", parts)
    task.optimizer.build(task.trainable_variables)
    task.optimizer.dynamic_scale.assign(2.0**30)  # float16 ends at 65,504
    before = task.get_weights()
    history = fit(task, steps_per_epoch=1)

    assert scale_of(task) == 2.0**29
    for one, other in zip(task.get_weights(), before, strict=True):
        np.testing.assert_array_equal(one, other)
    assert np.isfinite(history["loss"]).all()
    assert history["gradient_norm"] == [0.0]  # of no step
    assert history["idle_steps"] == [1.0]

    fit(task, epochs=12)  # until a scale is found that fits
    assert scale_of(task) <= 2.0**22
    assert any((a != b).any() for a, b in zip(task.get_weights(), before, strict=True))


@pytest.mark.parametrize("parts", [pytest.param(1, marks=pytest.mark.slow), 3])
def test_what_is_learned_is_close_to_that_of_32_bits(parts):
    wanted, found = make("float32", parts), make("mixed_float16", parts)
    start = wanted.get_weights()
    losses = [fit(task, epochs=5)["loss"] for task in (wanted, found)]

    np.testing.assert_allclose(losses[1], losses[0], rtol=5e-3)
    assert scale_of(found) == 2.0**15  # none of the 15 steps was left out
    for one, other, at_first in zip(found.get_weights(), wanted.get_weights(), start, strict=True):
        moved = np.abs(other - at_first).max()
        assert moved > 0.02
        np.testing.assert_allclose(one, other, atol=0.02 * moved)


def test_gradients_that_16_bits_cannot_hold_are_learned_from():
    def moved(initial_scale):
        with use_precision("mixed_float16"):
            task = make_bigram()
        task.hidden.kernel.assign(1e-7 * task.hidden.kernel)
        task.head.kernel.assign(1e-7 * task.head.kernel)  # so is the gradient of what is below it
        before = task.hidden.kernel.numpy()
        inner = Adam(0.1, epsilon=1e-12)
        scaled = keras.optimizers.LossScaleOptimizer(inner, initial_scale=initial_scale)
        task.compile(scaled, auto_scale_loss=False)
        fit(task, steps_per_epoch=1)
        return np.abs(task.hidden.kernel.numpy() - before).max()

    assert moved(1.0) == 0
    assert moved(2.0**15) > 0.05
