import random

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.training.environment import devices, make_strategy, set_seed, use_precision


def draw():
    return [random.random(), np.random.rand(), float(keras.random.uniform(()))]


def test_a_seed_is_that_of_python_numpy_and_keras():
    drawn = []
    for seed in (3, 3, 4):
        set_seed(seed, deterministic=False)
        drawn.append(draw())

    assert drawn[0] == drawn[1]
    assert all(one != other for one, other in zip(drawn[0], drawn[2], strict=True))


def test_a_precision_is_that_of_layers_made_inside():
    with use_precision("mixed_bfloat16"):
        inside = keras.layers.Dense(3)

    assert inside.dtype_policy.name == "mixed_bfloat16"
    assert keras.layers.Dense(3).dtype_policy.name == "float32"


def test_a_precision_ends_with_an_error_too():
    with pytest.raises(KeyError), use_precision("mixed_bfloat16"):
        raise KeyError

    assert keras.layers.Dense(3).dtype_policy.name == "float32"


def test_strategies_are_made_by_name():
    assert make_strategy("auto").num_replicas_in_sync == 1
    assert isinstance(make_strategy("mirrored"), tf.distribute.MirroredStrategy)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("mirorred", "Unknown `strategy` 'mirorred'. Did you mean 'mirrored'?"),
        ("tpu", "The strategy 'tpu' needs a TPU. Received: none"),
    ],
)
def test_a_strategy_that_is_unknown_or_lacks_its_devices_is_refused(name, message):
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        make_strategy(name)


def test_devices_are_told_in_words():
    assert devices() == "CPU"
