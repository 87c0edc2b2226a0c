"""What holds for every layer: its config, its types, its gradients, its ways of running."""

import functools
import inspect
import json

import keras
import numpy as np
import pytest
from derivatives import assert_all_close, differentiate, dtype_of, float_leaves, randomize
from keras import ops
from layer_cases import LAYERS, STATEFUL, law_rows
from tracing import compiled

from seqzoo.ops.recurrence import plan
from seqzoo.ops.recurrence.linear import general_linear_recurrence

WITHOUT_LOOPS = ("attention", "regularizer", "encoder of", "graph")
LOOPS = [name for name in LAYERS if not name.startswith(WITHOUT_LOOPS)]
LOOPS += ["encoder of videos, recurrent"]
LOOPS += [f"attention {name}" for name in STATEFUL]
BUILT_ALONE = [name for name in LAYERS if name.startswith(("recurrent", "attention"))]
# Tracing takes a second and XLA several. Each kind of loop and of reading has a row here.
GRAPHED_BY_DEFAULT = ["bidirectional gru_reset_before", "decoder, input feeding"]
GRAPHED_BY_DEFAULT += ["attention pooling", "encoder of images", "encoder of videos, frames"]
GRAPHED = ["attention additive", "decoder, gated reading", "attention location"]
GRAPHED += ["attention multi_head", "decoder, location"]
COMPILED_BY_DEFAULT = ["recurrent lstm", "recurrent lru", "attention location, cumulative"]
COMPILED = [name for name in LAYERS if name.startswith("recurrent")]
COMPILED += [f"decoder, {name}" for name in ("previous, maxout", "input feeding", "no attention")]
COMPILED += [f"attention {name}" for name in ("location, cumulative", "coverage", "causal")]
COMPILED += ["attention pooling", "decoder, location", "decoder, multi-head"]
COMPILED = [name for name in COMPILED if name not in COMPILED_BY_DEFAULT]

everywhere = pytest.mark.parametrize("name", law_rows(LAYERS))


@functools.cache
def made(name, dtype="float64"):
    """Returns a layer with random weights and its arguments. No test may change them."""
    make, arguments = LAYERS[name]
    layer = make(dtype=dtype)
    layer(**arguments)
    return randomize(layer), arguments


@functools.cache
def derived(name):
    """Returns the results of the layer that `made` returns, and all gradients.

    On JAX they are those of a jitted function, and what they are compared with is not.
    """
    layer, arguments = made(name)
    return differentiate(layer, arguments, layer.trainable_variables)


def rows(nest, places):
    return keras.tree.map_structure(lambda leaf: np.asarray(leaf)[places], nest)


@everywhere
def test_a_layer_comes_back_from_its_config(name):
    layer, arguments = made(name)
    whole = json.dumps(keras.saving.serialize_keras_object(layer))
    copy = keras.saving.deserialize_keras_object(json.loads(whole))
    copy(**arguments)
    copy.set_weights(layer.get_weights())
    assert_all_close(float_leaves(copy(**arguments)), derived(name)[0], atol=1e-14)
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
        for parameter in inspect.signature(type(layer).__init__).parameters.values()
        if parameter.kind is not parameter.VAR_KEYWORD
    ]
    assert set(named) - {"self"} <= set(layer.get_config())


@everywhere
def test_half_precision_changes_results_by_rounding_only(name):
    half, arguments = made(name, "mixed_bfloat16")
    found = float_leaves(half(**arguments))
    assert {dtype_of(leaf) for leaf in found} == {"bfloat16"}
    assert {weight.dtype for weight in half.trainable_variables} <= {"float32"}
    assert_all_close([ops.cast(leaf, "float64") for leaf in found], derived(name)[0], atol=0.1)


@everywhere
def test_a_dtype_holds_throughout_and_every_weight_gets_a_gradient(name):
    layer, arguments = made(name)
    leaves, gradients = derived(name)
    assert {dtype_of(leaf) for leaf in leaves} == {"float64"}
    of_weights = gradients[len(float_leaves(arguments)) :]
    for weight, gradient in zip(layer.trainable_variables, of_weights, strict=True):
        assert weight.dtype == dtype_of(gradient) == "float64", weight.path
        assert np.isfinite(gradient).all(), weight.path
        assert np.abs(gradient).max() > 0 or is_choice(weight), weight.path


def is_choice(weight):
    """Whether it only chooses a step, which outside of training has no gradient.

    The decoder here chooses the first one at all its steps, which is a chunk of its own.
    """
    is_of_chunk = weight.name.startswith("chunk") and "decoder" not in weight.path
    return "monotonic" in weight.path and not is_of_chunk


@everywhere
def test_one_row_never_affects_another(name):
    layer, arguments = made(name)
    order = [2, 0, 2]
    apart = float_leaves(layer(**rows(arguments, order)))
    assert_all_close(apart, rows(derived(name)[0], order), atol=1e-14)


@pytest.mark.parametrize("name", law_rows(LOOPS))
def test_the_fast_loop_has_the_values_and_gradients_of_the_general_one(name, monkeypatch, tf):
    layer, arguments = made(name)
    fast = derived(name)

    monkeypatch.setattr(plan, "_on_tensorflow", lambda: False)
    monkeypatch.setattr("seqzoo.layers.cells.linear.linear_recurrence", general_linear_recurrence)
    general = differentiate(layer, arguments, layer.trainable_variables)
    for one, other in zip(fast, general, strict=True):
        assert_all_close(one, other, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "jit_compile"),
    [(n, False) for n in GRAPHED_BY_DEFAULT]
    + [(n, True) for n in COMPILED_BY_DEFAULT]
    + [pytest.param(n, False, marks=pytest.mark.slow) for n in GRAPHED]
    + [pytest.param(n, True, marks=pytest.mark.slow) for n in COMPILED],
)
def test_a_graph_of_unknown_sizes_and_xla_give_the_values_and_gradients_of_eager(
    name, jit_compile, tf
):
    layer, arguments = made(name)

    def run(arguments):
        return differentiate(layer, arguments, layer.trainable_variables)

    graph = compiled(run, jit_compile, like=[arguments])
    for found, expected in zip(graph(arguments), derived(name), strict=True):
        assert_all_close(found, expected, atol=1e-12)
    values, gradients = graph(rows(arguments, slice(0))) if not jit_compile else ([], [])
    assert all(leaf.shape[0] == 0 for leaf in values)
    assert all(np.all(gradient == 0) for gradient in gradients)


@everywhere
def test_zero_rows_give_zero_rows(name):
    layer, arguments = made(name)
    leaves = float_leaves(layer(**rows(arguments, slice(0))))
    expected = [(0, *leaf.shape[1:]) for leaf in derived(name)[0]]
    assert [tuple(leaf.shape) for leaf in leaves] == expected


@pytest.mark.parametrize("name", BUILT_ALONE)
def test_weights_begin_alike_wherever_a_layer_is_built(name, tf):
    make, arguments = LAYERS[name]
    keras.utils.set_random_seed(5)
    eager = make()
    eager(**arguments)
    keras.utils.set_random_seed(5)
    graph = make()
    tf.function(lambda: graph(**arguments))()
    assert_all_close(graph.get_weights(), eager.get_weights())
