"""What holds for int8 kernels: they are those of NumPy, and every layer reads them."""

import keras
import mixer_cases
import numpy as np
import pytest
from derivatives import assert_all_close, float_leaves, randomize
from keras import ops
from layer_cases import LAYERS, Case, law_rows

from seqzoo.layers.mixers import make_mixer
from seqzoo.layers.quantization import int8_weights, is_quantized, quantize_layer, read_once

WITHOUT_PRODUCTS = ("table", "scale", "positions", "peephole", "gain", "bias")
WITHOUT_PRODUCTS += ("shares", "inner", "rate_logit", "removal", "skip", "_scores")
"""Parts of the names of weights of several axes that no input is multiplied by."""

INPUTS = {"inputs": np.random.default_rng(3).normal(size=(3, 4, mixer_cases.FEATURES))}


def mixer(row, **options):
    name, own = mixer_cases.ROWS[row]
    return make_mixer(name, **own, **options)


ROWS = LAYERS | {
    f"mixer {row}": Case(lambda row=row, **options: mixer(row, **options), INPUTS)
    for row in mixer_cases.ROWS
}


def rounded(weight):
    """What int8 leaves of a weight: 127 steps on either side of 0, up to the largest value."""
    # Each word of a table has steps of its own, and each output channel of a kernel.
    axes = -1 if weight.name == "embeddings" else tuple(range(len(weight.shape) - 1))
    value = ops.convert_to_numpy(weight.value).astype("float64")
    step = np.abs(value).max(axis=axes, keepdims=True) / 127
    return np.round(value / np.where(step == 0, 1, step)) * step


def is_product(weight):
    is_matrix = len(weight.shape) > 1 and keras.backend.is_float_dtype(weight.dtype)
    return is_matrix and not any(word in weight.name for word in WITHOUT_PRODUCTS)


@pytest.mark.parametrize("name", law_rows(ROWS))
def test_a_layer_of_int8_kernels_computes_with_what_int8_leaves_of_them(name):
    make, arguments = ROWS[name]
    layer = make(dtype="float64")
    layer(**arguments)
    before = list(randomize(layer).weights)
    products = [each for each in before if is_product(each)]
    for weight in products:
        weight.assign(rounded(weight))  # which int8 holds without an error
    wanted = float_leaves(layer(**arguments))

    changed = [quantize_layer(each) for each in layer._flatten_layers()]

    left = {id(each) for each in layer.weights}
    assert {each.path for each in products} == {w.path for w in before if id(w) not in left}
    assert any(changed) == bool(products)
    with read_once(layer._flatten_layers()):
        found = float_leaves(layer(**arguments))
    assert_all_close(found, wanted, atol=1e-5)  # Keras adds 1e-7 to the steps of embeddings
    assert_all_close(float_leaves(layer(**arguments)), found, atol=1e-12)


@pytest.mark.parametrize("name", ["recurrent lstm", "attention multi_head"])
def test_kernels_change_by_half_a_step_at_most(name):
    make, arguments = ROWS[name]
    layer = make(dtype="float64")
    layer(**arguments)
    randomize(layer)
    cell = getattr(layer, "cell", layer)
    kernel = cell.kernel if cell is not layer else layer.query_kernel
    before, wanted = ops.convert_to_numpy(kernel.value), rounded(kernel)

    assert quantize_layer(cell)
    assert not quantize_layer(cell)

    (stored, *_) = int8_weights(cell)
    values, scale = (ops.convert_to_numpy(each) for each in (stored.values, stored.scale))
    step = np.abs(before).max(axis=0) / 127
    assert values.dtype == "int8"
    np.testing.assert_allclose(scale, step, rtol=1e-12)
    np.testing.assert_allclose(np.asarray(stored), wanted, atol=1e-12)
    assert (np.abs(np.asarray(stored) - before) <= step / 2 + 1e-12).all()
    assert is_quantized(cell)


def test_a_channel_of_zeros_stays_one_and_what_is_not_finite_is_refused():
    layer = keras.layers.Dense(2)
    layer.build((None, 3))
    layer.kernel.assign([[0.0, 1.0], [0.0, -2.0], [0.0, 0.5]])
    assert quantize_layer(layer)
    np.testing.assert_allclose(np.asarray(layer.kernel)[:, 0], 0)
    other = keras.layers.Dense(2)
    other.build((None, 3))
    other.kernel.assign(np.full((3, 2), np.nan))
    with pytest.raises(ValueError, match="kernel holds values that are not finite"):
        quantize_layer(other)
