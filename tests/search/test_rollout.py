"""Rollouts against loops in NumPy: every step reads the values of the one before."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import ops
from scipy import stats

from seqzoo.ops.decoding.noise import uniform
from seqzoo.search import rollout

B, K, T, F = 3, 2, 5, 4
RNG = np.random.default_rng(0)
KERNEL = (RNG.normal(size=(F, F)) * 0.4).astype("float32")
DECAY = np.float32(0.7)
FIRST = RNG.normal(size=(B, F)).astype("float32")
BIAS = RNG.normal(size=(B, F)).astype("float32")


def step(previous, state, memory):
    """A level that follows the values, and outputs of both; B rows of memory for N of values."""
    level = DECAY * state["level"] + (1 - DECAY) * previous
    beams = ops.shape(previous)[0] // ops.shape(memory)[0]
    mean = ops.tanh(ops.matmul(previous, KERNEL) + level + ops.repeat(memory, beams, axis=0))
    return {"mean": mean}, {"level": level, "time": state["time"] + 1}


def start(first):
    return {"level": np.zeros_like(first), "time": np.zeros(len(first), "int32")}


def mean(outputs, uniforms):
    return outputs["mean"]


def around(outputs, uniforms):
    return outputs["mean"] + uniforms[:, :F] - uniforms[:, F:]


def in_numpy(first, bias, noise):
    """The values `(N, T, F)` in float64; noise `(T, N, F)` is added to each mean."""
    previous, level, values = first.astype(float), np.zeros(first.shape), []
    for t in range(T):
        level = float(DECAY) * level + (1 - float(DECAY)) * previous
        previous = np.tanh(previous @ KERNEL.astype(float) + level + bias) + noise[t]
        values.append(previous)
    return np.stack(values, axis=1)


def sampled(first=FIRST, bias=BIAS, n_samples=K, seeds=7):
    first = np.repeat(first, n_samples, axis=0)
    drawn = {"uniforms_per_step": 2 * F, "n_samples": n_samples, "seeds": seeds}
    return np.asarray(rollout(step, start(first), bias, first, T, around, **drawn))


def test_the_mean_is_fed_back():
    found = rollout(step, start(FIRST), BIAS, FIRST, T, mean)
    np.testing.assert_allclose(found, in_numpy(FIRST, BIAS, np.zeros((T, B, F))), atol=1e-6)


def test_samples_are_fed_back_and_their_noise_is_a_hash_of_seed_sample_and_step():
    noise = np.zeros((T, B * K, F))
    for t in range(T):
        for i in range(B):
            for k in range(K):
                u = np.asarray(uniform([7 + i], [k], t, np.arange(2 * F)[None]), float)[0]
                noise[t, K * i + k] = u[:F] - u[F:]
    want = in_numpy(np.repeat(FIRST, K, axis=0), np.repeat(BIAS, K, axis=0), noise)
    np.testing.assert_allclose(sampled(), want, atol=1e-6)


def test_samples_do_not_depend_on_the_batch_and_differ_by_seed_and_number():
    whole = sampled()
    alone = sampled(FIRST[1:2], BIAS[1:2], seeds=np.array([8], "int32"))
    np.testing.assert_allclose(alone, whole[K : 2 * K], atol=1e-6)
    more = sampled(n_samples=K + 1).reshape(B, K + 1, T, F)
    np.testing.assert_allclose(more[:, :K].reshape(B * K, T, F), whole, atol=1e-6)
    assert (whole[0] != whole[1]).all()
    assert (sampled(seeds=8) != whole).all()


def test_samples_of_a_random_walk_spread_as_it_does():
    def draw(outputs, uniforms):
        return outputs + ops.erfinv(2 * uniforms - 1) * np.float32(2**0.5)

    first, drawn = np.zeros((4000, 1), "float32"), {"uniforms_per_step": 1, "n_samples": 4000}
    values = rollout(lambda p, s, m: (p, s), (), (), first, 6, draw, seeds=3, **drawn)
    values = np.asarray(values, float)[..., 0]
    for t in range(6):
        assert stats.kstest(values[:, t], "norm", (0, (t + 1) ** 0.5)).pvalue > 1e-3
    steps = np.diff(values, axis=1)
    assert np.abs(np.corrcoef(steps.T) - np.eye(5)).max() < 4 / 4000**0.5


def test_values_may_be_a_nest():
    def both(previous, state, memory):
        return (previous["frame"] + 1, previous["stop"] | (previous["frame"][:, 0] > 1)), state

    def draw(outputs, uniforms):
        return {"frame": outputs[0], "stop": outputs[1]}

    first = {"frame": np.zeros((2, 3), "float32"), "stop": np.array([False, True])}
    found = rollout(both, (), (), first, 4, draw)
    assert found["frame"].shape == (2, 4, 3)
    assert np.asarray(found["frame"])[0, :, 0].tolist() == [1, 2, 3, 4]
    assert np.asarray(found["stop"]).tolist() == [[False, False, True, True], [True] * 4]


def test_no_rows_are_legal():
    nothing = np.zeros((0, F), "float32")
    assert rollout(step, start(nothing), BIAS, nothing, T, mean).shape == (0, T, F)


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="graphs of TensorFlow")
def test_graphs_xla_and_saved_models_give_what_eager_execution_gives(tmp_path):
    spec = [tf.TensorSpec([None, F]), tf.TensorSpec([None, F]), tf.TensorSpec([None], tf.int32)]

    def values(first, bias, seeds):
        rows = tf.repeat(first, K, axis=0)
        zeros = {"level": tf.zeros_like(rows), "time": tf.zeros_like(rows[:, 0], tf.int32)}
        drawn = {"uniforms_per_step": 2 * F, "n_samples": K, "seeds": seeds}
        return rollout(step, zeros, bias, rows, T, around, **drawn)

    arguments = FIRST, BIAS, np.array([7, 8, 9], "int32")
    want = sampled()
    graph = tf.function(values, input_signature=spec)
    np.testing.assert_allclose(graph(*arguments), want, atol=1e-6)
    compiled = tf.function(values, jit_compile=True)
    np.testing.assert_allclose(compiled(*arguments), want, atol=1e-6)
    module = tf.Module()
    module.values = graph
    tf.saved_model.save(module, str(tmp_path))
    np.testing.assert_allclose(
        tf.saved_model.load(str(tmp_path)).values(*arguments), want, atol=1e-6
    )


@pytest.mark.skipif(keras.backend.backend() != "tensorflow", reason="a gradient through a loop")
@pytest.mark.parametrize("compiled", [False, True])
def test_gradients_flow_through_what_is_fed_back(compiled):
    @tf.function(jit_compile=compiled)
    def gradient(first):
        with tf.GradientTape() as tape:
            tape.watch(first)
            total = tf.reduce_sum(
                rollout(lambda p, s, m: (p * p, s), (), (), first, 3, lambda o, u: o)
            )
        return tape.gradient(total, first)

    x = np.array([[0.5], [1.1]], "float32")  # of x**2 + x**4 + x**8
    np.testing.assert_allclose(gradient(tf.constant(x)), 2 * x + 4 * x**3 + 8 * x**7, rtol=1e-5)


def test_what_cannot_be_is_refused():
    with pytest.raises(ValueError, match=r"`steps` must be at least 1\. Received: steps=0"):
        rollout(step, (), (), FIRST, 0, mean)
    with pytest.raises(ValueError, match=r"2 rows for each example\. Received: 3 rows"):
        rollout(step, (), (), FIRST, 1, around, 2 * F, n_samples=2)
    with pytest.raises(ValueError, match=r"keep their shapes.* Received: \(3, 2\) after \(3, 4\)"):
        rollout(step, start(FIRST), BIAS, FIRST, 1, lambda o, u: o["mean"][:, :2])
