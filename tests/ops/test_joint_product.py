"""One product a step does what a product of all inputs ahead of the loop does."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from seqzoo.layers import GRU, LSTM, Bidirectional, PeepholeLSTMCell, Recurrent, SimpleRNN
from seqzoo.ops.recurrence import plan
from seqzoo.ops.tensorflow import products, scan

BATCH, TIME, FEATURES, UNITS = 3, 7, 2, 4
RNG = np.random.default_rng(0)
INPUTS = RNG.normal(size=(BATCH, TIME, FEATURES))
MASK = np.array([[1, 0, 1, 1, 0, 0, 1], [0, 1, 1, 0, 0, 1, 0], [0] * TIME], "bool")
SEGMENT_IDS = np.array([[1, 1, 2, 2, 2, 3, 3], [1, 2, 2, 3, 3, 3, 0], [0] * TIME])


def results(layer, **arguments):
    """Returns outputs, final states, and their gradients by inputs and weights."""
    inputs = tf.constant(INPUTS)
    with tf.GradientTape() as tape:
        tape.watch(inputs)
        leaves = keras.tree.flatten(layer(inputs, **arguments))
        total = tf.add_n([tf.reduce_sum(tf.sin(leaf)) for leaf in leaves])
    return leaves + tape.gradient(total, [inputs, *(w.value for w in layer.trainable_weights)])


@pytest.fixture
def joint_products(monkeypatch):
    """Lets `allow(False)` take the joint product away, and counts the loops that had it."""
    count, row = [], next(row for row in plan.KERNELS if row.name == "joint product")
    others = [kernel for kernel in plan.KERNELS if kernel is not row]
    index = plan.KERNELS.index(row)

    def run(loops, rest):
        count.append(len(loops))
        return row.run(loops, rest)

    def allow(allowed):
        rows = list(others)
        if allowed:
            rows.insert(index, row._replace(run=run))
        monkeypatch.setattr(plan, "KERNELS", tuple(rows))

    allow(True)
    return allow, count


OPTIONS = {
    "plain": {},
    "backward": {"go_backwards": True},
    "zoneout": {"zoneout": 0.3},
    "chunks": {"checkpoint_steps": 3},
    "no bias": {"use_bias": False},
    "other activations": {"activation": "softsign", "recurrent_activation": "hard_sigmoid"},
}


NOISE = {"dropout": 0.3, "zoneout": 0.2, "weight_drop": 0.2, "seed": 3}


@pytest.mark.one_of_each
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize("options", OPTIONS.values(), ids=list(OPTIONS))
@pytest.mark.parametrize("kind", [LSTM, GRU, SimpleRNN])
@pytest.mark.parametrize("segments", [False, True])
def test_values_and_gradients_are_the_same(
    kind, options, segments, training, joint_products, monkeypatch
):
    """In training, where the gradient of the kernel is added up in the loop."""
    monkeypatch.setattr(products, "summing_pays", lambda *_: True)
    monkeypatch.setattr(scan, "summing_pays", lambda *_: True)
    allow, count = joint_products
    given = {"training": training}
    if training and "zoneout" not in options:
        options = options | NOISE
    if kind is SimpleRNN:
        options = {name: each for name, each in options.items() if name != "recurrent_activation"}
    layer = kind(UNITS, return_sequences=True, return_state=True, dtype="float64", **options)
    layer.build(INPUTS.shape)
    layer.set_weights([RNG.normal(scale=0.5, size=weight.shape) for weight in layer.weights])
    given |= {"segment_ids": SEGMENT_IDS} if segments else {}
    seed = layer.seed_generator.state.numpy()
    joint = results(layer, mask=MASK, **given)
    assert count
    allow(False)
    monkeypatch.setattr(scan, "summing_pays", lambda *_: False)
    layer.seed_generator.state.assign(seed)
    for one, other in zip(joint, results(layer, mask=MASK, **given), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_both_directions(joint_products):
    allow, count = joint_products
    layer = Bidirectional(LSTM(UNITS, return_sequences=True, dtype="float64"))
    layer.build(INPUTS.shape)
    joint = results(layer, mask=MASK)
    assert count == [2]
    allow(False)
    for one, other in zip(joint, results(layer, mask=MASK), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-12)


def test_other_loops_are_left_alone(joint_products):
    _, count = joint_products
    LSTM(UNITS)(INPUTS, training=True)  # eagerly, of few rows
    LSTM(UNITS, recurrent_dropout=0.1)(np.tile(INPUTS, (9, 1, 1)), training=True)
    GRU(UNITS, reset_after=False)(INPUTS)
    Recurrent(PeepholeLSTMCell(UNITS))(INPUTS)
    LSTM(1)(INPUTS)  # inputs wider than the state are multiplied ahead of the loop
    assert not count


@pytest.mark.parametrize(
    ("rows", "dtype", "pays"),
    [
        (64, "float32", True),
        (8, "float32", False),
        (None, "float32", False),
        (64, "bfloat16", False),
    ],
)
def test_a_loop_adds_up_the_gradient_of_a_kernel_for_many_rows_of_32_bits(rows, dtype, pays):
    state = keras.KerasTensor((rows, 20))
    assert products.summing_pays(tf.zeros((30, 80), dtype), state) is pays
