"""The heads of notes against loops over keys in float64, and against all chords that there are."""

import itertools

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled, gradients_of

from seqzoo.heads import NADE, Bernoulli, ChordBiases
from seqzoo.heads.notes import _by_key, _by_sounding_key

K, F, U = 4, 3, 5
RNG = np.random.default_rng(0)
CHORDS = np.array(list(itertools.product((0, 1), repeat=K)))  # all 16
KINDS = {
    "bernoulli": lambda: Bernoulli(K, dtype="float64"),
    "nade": lambda: NADE(K, U, dtype="float64"),
    "nade of the paper": lambda: NADE(K, U, "sigmoid", dtype="float64"),
}
UNITS = {"relu": lambda x: np.maximum(x, 0), "sigmoid": lambda x: 1 / (1 + np.exp(-x))}
everywhere = pytest.mark.parametrize("kind", KINDS)


def make(kind):
    """A head with weights that are far from the initial ones."""
    head = KINDS[kind]()
    head.build((None, None, F))
    for weight in head.weights:
        weight.assign(RNG.normal(size=weight.shape))
    return head


def probabilities(head, hidden, chord):
    """P that each key sounds, given those of the chord below it: a loop over the keys."""
    weights = {weight.name: np.asarray(weight, float) for weight in head.weights}
    result = []
    for k in range(K):
        logit = weights["bias"][k] + hidden @ weights["kernel"][:, k]
        if isinstance(head, NADE):
            units = weights["unit_bias"] + hidden @ weights["unit_kernel"]
            for below in range(k):
                if chord[below]:
                    units = units + weights["keys_in"][below]
            logit += weights["keys_out"][k] @ UNITS[head.activation](units)
        result.append(1 / (1 + np.exp(-logit)))
    return np.array(result)


def log_prob(head, hidden, chord):
    p = probabilities(head, hidden, chord)
    return np.sum(np.log(np.where(chord, p, 1 - p)))


@everywhere
def test_the_probability_of_a_chord_is_that_of_its_keys_one_by_one(kind):
    head, hidden = make(kind), RNG.normal(size=(2, 3, F))
    y = RNG.integers(0, 2, (2, 3, K))
    want = [
        [log_prob(head, h, v) for h, v in zip(*row, strict=True)]
        for row in zip(hidden, y, strict=True)
    ]
    np.testing.assert_allclose(head.log_prob(y, head(hidden)), want, rtol=1e-10)
    weight, mask = RNG.random((2, 3, K)), np.array([[True, False, True], [False, True, True]])
    loss, frames = head.loss(y, head(hidden), weight, mask)
    total = 0.0
    for b, t in np.argwhere(mask):
        p = probabilities(head, hidden[b, t], y[b, t])
        total -= np.sum(weight[b, t] * np.log(np.where(y[b, t], p, 1 - p)))
    np.testing.assert_allclose(loss, total, rtol=1e-10)
    np.testing.assert_allclose(frames, weight[mask].sum() / K, rtol=1e-10)


@everywhere
def test_the_probabilities_of_all_chords_sum_to_1(kind):
    head, hidden = make(kind), RNG.normal(size=(1, 1, F))
    every = head(np.repeat(hidden, len(CHORDS), axis=1))
    assert np.exp(head.log_prob(CHORDS[None], every)).sum() == pytest.approx(1, rel=1e-10)


@everywhere
def test_a_sample_is_that_of_a_loop_over_the_keys_with_the_same_noise(kind):
    head, hidden = make(kind), RNG.normal(size=(2, 3, F))
    noise = RNG.random((2, 3, K))
    found = np.asarray(head.sample(head(hidden), noise))
    assert found.dtype == "int32"
    for place in np.ndindex(2, 3):
        chord = np.zeros(K, int)
        for k in range(K):
            chord[k] = noise[place][k] < probabilities(head, hidden[place], chord)[k]
        np.testing.assert_array_equal(found[place], chord)


@everywhere
def test_chords_are_drawn_as_often_as_they_are_probable(kind):
    head, hidden = make(kind), RNG.normal(size=F)
    count = 20_000
    outputs = keras.tree.map_structure(
        lambda each: np.repeat(each, count, axis=1), tuple_of(head(hidden[None, None]))
    )
    outputs = outputs[0] if kind == "bernoulli" else ChordBiases(*outputs)
    drawn = np.asarray(head.sample(outputs, RNG.random((1, count, K))))[0]
    shares = np.bincount(drawn @ 2 ** np.arange(K)[::-1], minlength=2**K) / count
    want = np.exp([log_prob(head, hidden, chord) for chord in CHORDS])
    np.testing.assert_allclose(shares, want, atol=5 * np.sqrt(0.25 / count))


def tuple_of(outputs):
    return tuple(outputs) if isinstance(outputs, tuple) else (outputs,)


@everywhere
def test_a_low_temperature_draws_what_is_decided_and_a_high_one_tosses_coins(kind):
    head, outputs = make(kind), None
    outputs = head(RNG.normal(size=(1, 500, F)))
    noise = RNG.random((1, 500, K))
    np.testing.assert_array_equal(head.sample(outputs, noise, 1e-6), head.decide(outputs))
    np.testing.assert_array_equal(head.sample(outputs, noise, 1e9), noise < 0.5)


def test_both_ways_to_the_logits_agree_and_so_do_their_gradients():
    y = np.concatenate([RNG.integers(0, 2, (6, K)), np.zeros((1, K)), np.ones((1, K))])
    leaves = [ops.convert_to_tensor(RNG.normal(size=shape)) for shape in ((8, U), (K, U), (K, U))]
    slopes = ops.convert_to_tensor(RNG.normal(size=(8, K)))

    def results(way):
        def number(leaves):
            logits = way(ops.convert_to_tensor(y), *leaves, ops.sigmoid)
            return ops.sum(logits * slopes), logits

        return gradients_of(number, leaves)

    ways = [_by_key] if keras.backend.backend() == "jax" else [_by_key, _by_sounding_key]
    (logits, gradients), (others, other_gradients) = results(ways[0]), results(ways[-1])
    np.testing.assert_allclose(others, logits, rtol=1e-10)
    for one, other in zip(other_gradients, gradients, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("xla", [False, True])
def test_a_graph_and_xla_give_the_same(xla):
    head, y = make("nade"), RNG.integers(0, 2, (2, 3, K))
    outputs, noise = head(RNG.normal(size=(2, 3, F))), RNG.random((2, 3, K))

    def both(keys, units, noise):
        biases = ChordBiases(keys, units)
        return head.log_prob(y, biases), head.sample(biases, noise)

    found = compiled(both, jit_compile=xla)(*outputs, ops.convert_to_tensor(noise))
    want = both(*outputs, noise)
    np.testing.assert_allclose(found[0], want[0], rtol=1e-9)
    np.testing.assert_array_equal(found[1], want[1])


@everywhere
def test_no_frames_have_a_loss_of_0_and_no_samples(kind):
    head = make(kind)
    outputs = head(np.zeros((0, 3, F)))
    loss, weight = head.loss(np.zeros((0, 3, K)), outputs, np.zeros((0, 3, K)))
    assert (float(loss), float(weight)) == (0, 0)
    assert np.asarray(head.decide(outputs)).shape == (0, 3, K)


def test_sizes_below_1_are_refused():
    with pytest.raises(ValueError, match=r"`key_count` must be at least 1\. Received: key_count=0"):
        Bernoulli(0).build((None, None, F))
    with pytest.raises(ValueError, match=r"`units` must be at least 1\. Received: units=0"):
        NADE(K, 0).build((None, None, F))
