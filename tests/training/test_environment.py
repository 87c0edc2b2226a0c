import random

import keras
import numpy as np
import pytest

from seqzoo.training.environment import devices, set_seed, use_precision


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


def test_devices_are_told_in_words():
    assert devices() == "CPU"
