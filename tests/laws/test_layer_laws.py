"""What holds for every layer: its config, its types, its gradients, its ways of running."""

import functools
import inspect
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from derivatives import assert_all_close, differentiate, float_leaves, randomize
from layer_cases import LAYERS

from seqzoo.ops import scans

LOOPS = [name for name in LAYERS if not name.startswith("attention")]
GRAPHED = [name for name in LAYERS if name.startswith("attention")]
GRAPHED += ["recurrent gru_reset_before", "encoder both", "decoder, input feeding"]
COMPILED = [name for name in LAYERS if name.startswith("bidirectional")]
COMPILED += [f"decoder, {name}" for name in ("previous, maxout", "input feeding", "no attention")]
BUILT_ALONE = [name for name in LAYERS if name.startswith(("recurrent", "attention"))]

everywhere = pytest.mark.parametrize("name", LAYERS)


def rows(nest, places):
    return keras.tree.map_structure(lambda leaf: leaf[places], nest)


@functools.cache
def made(name, dtype="float32"):
    """Returns a layer with random weights and its arguments. No test may change them."""
    make, arguments = LAYERS[name]
    layer = make(dtype=dtype)
    layer(**arguments)
    return randomize(layer), arguments


def widest(leaf):
    """The shape of a leaf in a graph that knows no more than its features."""
    return tf.TensorSpec([None] * min(leaf.ndim, 2) + list(leaf.shape[2:]), leaf.dtype)


@everywhere
def test_a_layer_comes_back_from_its_config(name):
    layer, arguments = made(name)
    expected = float_leaves(layer(**arguments))
    whole = json.dumps(keras.saving.serialize_keras_object(layer))
    copy = keras.saving.deserialize_keras_object(json.loads(whole))
    copy(**arguments)
    copy.set_weights(layer.get_weights())
    assert_all_close(float_leaves(copy(**arguments)), expected)
    assert json.dumps(keras.saving.serialize_keras_object(copy)) == whole


@everywhere
def test_a_config_is_not_changed_by_making_a_layer_of_it(name):
    layer, _ = made(name)
    config = layer.get_config()
    type(layer).from_config(config)
    assert config == layer.get_config()


@everywhere
def test_a_config_holds_every_argument_of_the_constructor(name):
    layer, _ = made(name)
    named = [
        parameter.name
        for parameter in inspect.signature(type(layer)).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    assert set(named) <= set(layer.get_config())


@everywhere
@pytest.mark.parametrize(
    ("policy", "compute", "weights", "tolerance"),
    [("float64", "float64", "float64", 1e-5), ("mixed_bfloat16", "bfloat16", "float32", 0.1)],
)
def test_a_dtype_holds_throughout_and_changes_results_by_rounding_only(
    name, policy, compute, weights, tolerance
):
    layer, arguments = made(name)
    expected = float_leaves(layer(**arguments))
    other, _ = made(name, policy)
    found = float_leaves(other(**arguments))
    assert {leaf.dtype for leaf in found} == {tf.as_dtype(compute)}
    assert {weight.dtype for weight in other.trainable_variables} <= {weights}
    assert_all_close([tf.cast(leaf, "float32") for leaf in found], expected, atol=tolerance)


@everywhere
def test_every_weight_gets_a_gradient(name):
    layer, arguments = made(name)
    with tf.GradientTape() as tape:
        total = tf.add_n([tf.reduce_sum(leaf**2) for leaf in float_leaves(layer(**arguments))])
    gradients = tape.gradient(total, [weight.value for weight in layer.trainable_variables])
    for weight, gradient in zip(layer.trainable_variables, gradients, strict=True):
        assert gradient is not None, weight.path
        gradient = tf.convert_to_tensor(gradient).numpy()
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0, weight.path


@everywhere
def test_one_row_never_affects_another(name):
    layer, arguments = made(name)
    together = float_leaves(layer(**arguments))
    together = [leaf.numpy() for leaf in together]
    for order in ([2, 0, 2, 1], [1]):
        apart = float_leaves(layer(**rows(arguments, order)))
        assert_all_close(apart, rows(together, order), atol=1e-6)


@pytest.mark.parametrize(
    ("name", "jit_compile"), [(n, False) for n in GRAPHED] + [(n, True) for n in COMPILED]
)
def test_a_graph_of_unknown_sizes_and_xla_give_the_values_and_gradients_of_eager(name, jit_compile):
    layer, arguments = made(name)

    def run(arguments):
        return differentiate(layer, arguments, layer.trainable_variables)

    signature = [keras.tree.map_structure(widest, arguments)]
    graph = tf.function(run, input_signature=signature, jit_compile=jit_compile)
    for places in [slice(None)] if jit_compile else [slice(None), slice(0)]:
        some = rows(arguments, places)
        (values, gradients), expected = graph(some), run(some)
        assert_all_close(values, expected[0], atol=1e-5)
        assert_all_close(gradients, expected[1], atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("name", LOOPS)
def test_the_fast_loop_has_the_values_and_gradients_of_the_general_one(name, monkeypatch):
    layer, arguments = made(name, "float64")
    fast = differentiate(layer, arguments, layer.trainable_variables)
    for user in ("layers", "decoders"):
        monkeypatch.setattr(f"seqzoo.{user}.recurrent.scan", scans.general_scan)
    general = differentiate(layer, arguments, layer.trainable_variables)
    assert_all_close(fast[0], general[0], atol=1e-12)
    assert_all_close(fast[1], general[1], atol=1e-12)


@pytest.mark.parametrize("name", BUILT_ALONE)
def test_weights_begin_alike_wherever_a_layer_is_built(name):
    make, arguments = LAYERS[name]
    keras.utils.set_random_seed(5)
    eager = make()
    eager(**arguments)
    keras.utils.set_random_seed(5)
    graph = make()
    tf.function(lambda: graph(**arguments))()
    assert_all_close(graph.get_weights(), eager.get_weights())
