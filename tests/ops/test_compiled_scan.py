"""Loops that XLA compiles as a whole do what they do op by op."""

import keras
import numpy as np
import pytest

from seqzoo.layers import Bidirectional, Recurrent
from seqzoo.layers.cells import CELLS, make_cell

tf = pytest.importorskip("tensorflow")
compiled_scan = pytest.importorskip("seqzoo.ops.tensorflow.compiled_scan")

ROWS, TIME, FEATURES, UNITS = 9, 8, 3, 4
OPTIONS = {
    "plain": {},
    "noise": {"dropout": 0.3, "recurrent_dropout": 0.2, "zoneout": 0.2, "weight_drop": 0.1},
    "cut gradients": {"gradient_steps": 3},
    "chunks": {"checkpoint_steps": 3},
}


@pytest.fixture(autouse=True)
def _small_loops_are_compiled(monkeypatch):
    monkeypatch.setattr(compiled_scan, "MIN_VALUES", 1)
    monkeypatch.setattr(compiled_scan, "MIN_STEPS", 1)


def assert_compiled_is_the_same(make, monkeypatch, segments=False, rows=ROWS):
    """Compares a training step of a layer, compiled and not: results and gradients."""
    rng = np.random.default_rng(0)
    x = tf.constant(rng.normal(size=(ROWS, TIME, FEATURES)), tf.float32)
    given = {"mask": tf.constant(rng.random((ROWS, TIME)) < 0.8)}
    if segments:
        given["segment_ids"] = tf.constant(rng.integers(1, 3, (ROWS, TIME)).cumsum(axis=1))
    signature = tf.nest.map_structure(
        lambda tensor: tf.TensorSpec([rows, *tensor.shape[1:]], tensor.dtype), (x, given)
    )
    results, counts = [], []
    for pays in (True, False):
        keras.utils.set_random_seed(1)
        layer = make()
        layer.build(x.shape)
        for place, weight in enumerate(layer.trainable_weights):
            drawn = np.random.default_rng(place).normal(size=weight.shape)
            weight.assign(0.3 * drawn)

        @tf.function(input_signature=signature)
        def step(x, given, layer=layer):
            with tf.GradientTape() as tape:
                tape.watch(x)
                leaves = keras.tree.flatten(layer(x, **given, training=True))
                total = tf.add_n([tf.reduce_sum(leaf**2) for leaf in leaves])
            sources = [x, *(weight.value for weight in layer.trainable_weights)]
            return leaves + tape.gradient(total, sources)

        with monkeypatch.context() as patch:
            if not pays:
                patch.setattr(compiled_scan, "compiling_pays", lambda *_: False)
            graph = step.get_concrete_function().graph.as_graph_def()
            results.append(step(x, given))
        counts.append(sum(node.attr["_XlaMustCompile"].b for node in graph.node))
    assert counts[0] > counts[1]
    for one, other in zip(*results, strict=True):
        np.testing.assert_allclose(one, other, rtol=2e-4, atol=2e-5)


@pytest.mark.parametrize(
    "options",
    [
        OPTIONS["plain"],
        OPTIONS["noise"],
        pytest.param(OPTIONS["cut gradients"], marks=pytest.mark.slow),
        pytest.param(OPTIONS["chunks"], marks=pytest.mark.slow),
    ],
    ids=list(OPTIONS),
)
def test_a_loop_from_the_end(options, monkeypatch):
    def make():
        cell = make_cell("lstm", UNITS)
        ways = {"reverse": True, "return_sequences": True, "return_state": True}
        return Recurrent(cell, **ways, seed=2, **options)

    assert_compiled_is_the_same(make, monkeypatch, segments=not options)


@pytest.mark.one_of_each
@pytest.mark.parametrize("rows", [ROWS, None])
@pytest.mark.parametrize("options", [{}, OPTIONS["noise"]], ids=["plain", "noise"])
def test_both_directions(options, rows, monkeypatch):
    assert_compiled_is_the_same(
        lambda: Bidirectional(make_cell("lstm", UNITS), seed=2, **options), monkeypatch, rows=rows
    )


@pytest.mark.one_of_each
@pytest.mark.parametrize("rows", [ROWS, None])
@pytest.mark.parametrize("name", [name for name in CELLS if CELLS[name].has_recurrent_projections])
def test_every_cell(name, rows, monkeypatch):
    """Rows that are not known before the loop runs are those of Keras's `fit` on arrays."""
    assert_compiled_is_the_same(
        lambda: Recurrent(make_cell(name, UNITS), return_sequences=True), monkeypatch, rows=rows
    )


def test_second_derivatives(monkeypatch):
    x = tf.random.stateless_normal((ROWS, TIME, FEATURES), (0, 1))
    layer = Recurrent(make_cell("lstm", UNITS), return_sequences=True)
    layer.build(x.shape)

    @tf.function
    def slope_of_slopes():
        sources = [x, layer.cell.recurrent_kernel.value]
        with tf.GradientTape() as outer:
            outer.watch(x)
            with tf.GradientTape() as inner:
                inner.watch(x)
                total = tf.reduce_sum(layer(x, training=True) ** 3)
            slopes = inner.gradient(total, sources)
            total = tf.add_n([tf.reduce_sum(slope**2) for slope in slopes])
        return outer.gradient(total, sources)

    results = slope_of_slopes()
    monkeypatch.setattr(compiled_scan, "compiling_pays", lambda *_: False)
    expected = tf.function(slope_of_slopes.python_function)()
    for one, other in zip(results, expected, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-4, atol=1e-6)
