"""The head that copies, against the paper's equations in loops of NumPy in float64."""

import keras
import numpy as np
import pytest
from derivatives import assert_gradients_are_finite_differences

from seqzoo.heads import Copying
from seqzoo.ops.decoding.log_probs import written_out

B, T, S, F, V = 2, 3, 5, 4, 7
IMPOSSIBLE = [0, 1, 2]
# V + 1 stands twice in the first source; the second one ends in padding, and 5 stands twice.
SOURCES = np.array([[4, V + 1, 6, V + 1, 3], [5, 5, V + 2, 3, 0]], "int32")
Y = np.array([[V + 1, 4, 3], [V + 2, 5, 3]])
WEIGHT = np.array([[1, 0.5, 2], [1, 1, 0]], "float32")


def inputs(seed=0, rows=B, dtype="float32"):
    """Hidden states and attention weights, 0 on padding."""
    rng = np.random.default_rng(seed)
    scores = rng.exponential(size=(rows, T, S)) * (np.repeat(SOURCES, rows // B, 0) != 0)[:, None]
    weights = scores / scores.sum(-1, keepdims=True)
    return rng.normal(size=(rows, T, F)).astype(dtype), weights.astype(dtype)


def make_head(**settings):
    keras.utils.set_random_seed(3)
    head = Copying(V, **settings)
    head.build((None, None, F))
    for weight in head.weights:
        weight.assign(np.random.default_rng(1).normal(size=weight.shape))
    return head


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def by_the_paper(head, hidden, weights, sources=SOURCES):
    """P(w) = p_gen P_vocab(w) + (1 - p_gen) sum of a_i over w_i = w, equations 8 and 9."""
    kernel, bias, gate, gate_bias = (
        np.asarray(each, "float64")
        for each in (head.kernel, head.bias, head.gate_kernel, head.gate_bias)
    )
    steps = weights.shape[-1]
    result = np.zeros((*hidden.shape[:2], V + steps))
    for n, t in np.ndindex(*hidden.shape[:2]):
        logits = hidden[n, t].astype("float64") @ kernel + bias
        logits[IMPOSSIBLE] = -np.inf
        p_vocab = np.exp(logits) / np.exp(logits).sum()
        p_gen = sigmoid(hidden[n, t] @ gate + gate_bias)[0]
        result[n, t, :V] = p_gen * p_vocab
        for i, token in enumerate(sources[n * len(sources) // len(hidden)]):
            if token not in IMPOSSIBLE:
                result[n, t, token] += (1 - p_gen) * weights[n, t, i].astype("float64")
    return result


def probabilities(head, hidden, weights, sources=SOURCES):
    return np.exp(np.asarray(head.readout(head(hidden, reads=(weights, sources))), "float64"))


def test_the_probabilities_are_those_of_the_paper_and_add_up_to_1():
    head, (hidden, weights) = make_head(), inputs()

    found = probabilities(head, hidden, weights)

    np.testing.assert_allclose(found, by_the_paper(head, hidden, weights), rtol=1e-5, atol=1e-9)
    np.testing.assert_allclose(found.sum(-1), 1, rtol=1e-6)
    absent = [V, V + 2, V + 3, V + 4]
    assert not found[0][:, [*IMPOSSIBLE, *absent]].any()


@pytest.mark.parametrize("width", [1, 3])
def test_a_step_of_a_search_gives_the_same_for_several_rows_of_an_example(width):
    head, (hidden, weights) = make_head(), inputs(rows=B * width)
    log_probs = head.stepper(width)

    found = [
        written_out(log_probs(hidden[:, t], (weights[:, t], head.copyable(SOURCES))))
        for t in range(T)
    ]

    wanted = by_the_paper(head, hidden, weights)
    np.testing.assert_allclose(np.exp(np.stack(found, 1)), wanted, rtol=1e-5, atol=1e-9)
    whole = probabilities(head, hidden, weights)
    np.testing.assert_allclose(whole, wanted, rtol=1e-5, atol=1e-9)


def test_wider_padding_of_the_source_changes_nothing():
    head, (hidden, weights) = make_head(), inputs()
    wider = np.pad(weights, [(0, 0), (0, 0), (0, 3)]), np.pad(SOURCES, [(0, 0), (0, 3)])

    found = probabilities(head, hidden, *wider)

    wanted = probabilities(head, hidden, weights)
    np.testing.assert_allclose(found[..., : V + S], wanted, rtol=1e-6)
    assert not found[..., V + S :].any()


def test_what_was_not_read_or_cannot_be_copied_leaves_all_to_the_vocabulary():
    head, (hidden, weights) = make_head(), inputs()
    nothing = probabilities(head, hidden, 0 * weights)
    unknown = probabilities(head, hidden, weights, np.ones_like(SOURCES))

    np.testing.assert_allclose(nothing[..., :V].sum(-1), 1, rtol=1e-6)
    np.testing.assert_allclose(unknown[..., :V], nothing[..., :V], rtol=1e-6)
    assert not unknown[..., V:].any()


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_is_stable_where_gate_and_weights_are_extreme(dtype):
    head = Copying(V, dtype=f"mixed_{dtype}")
    head.build((None, None, F))
    head.gate_kernel.assign(np.full((F, 1), 30.0))
    hidden, weights = inputs()
    hidden[0], hidden[1] = 1, -1  # gates of exp(-120)
    weights[1, 0] = [0.0, 0.0, 1.0, 0.0, 0.0]

    outputs = head(hidden, reads=(weights, SOURCES))
    loss, total = head.loss(Y, outputs, WEIGHT)

    assert outputs.dtype == loss.dtype == "float32"
    sums = np.exp(np.asarray(head.readout(outputs), "float64")).sum(-1)
    np.testing.assert_allclose(sums, 1, rtol=1e-5)
    assert 0 < float(loss) < 1e3 * float(total)


@pytest.mark.parametrize("coverage_loss", [0.0, 0.7])
def test_the_loss_is_that_of_the_paper(coverage_loss):
    head, (hidden, weights) = make_head(coverage_loss=coverage_loss), inputs()
    wanted, read = 0.0, np.zeros((B, S))
    p = by_the_paper(head, hidden, weights)
    for t in range(T):
        for n in range(B):
            covered = np.minimum(weights[n, t], read[n]).sum()
            wanted += WEIGHT[n, t] * (-np.log(p[n, t, Y[n, t]]) + coverage_loss * covered)
        read += weights[:, t]

    outputs = head(hidden, reads=(weights, SOURCES))
    loss, total = head.loss(Y, outputs, WEIGHT)

    assert float(loss) == pytest.approx(wanted, rel=1e-5)
    assert float(total) == pytest.approx(WEIGHT.sum())
    (right, count), (nll, _) = head.measure(Y, outputs, WEIGHT)
    best = p.argmax(-1)
    assert float(right / count) == pytest.approx(((best == Y) * WEIGHT).sum() / WEIGHT.sum())
    np.testing.assert_array_equal(head.decide(outputs), best)
    own = -np.log(np.take_along_axis(p, Y[..., None], -1))[..., 0]
    assert float(nll) == pytest.approx((own * WEIGHT).sum(), rel=1e-5)


def test_a_target_that_cannot_be_answered_counts_nothing():
    head, (hidden, weights) = make_head(), inputs()
    outputs = head(hidden, reads=(weights, SOURCES))
    unknown, absent = Y.copy(), Y.copy()
    unknown[0, 0], absent[0, 0] = 1, V + 2
    without = WEIGHT.copy()
    without[0, 0] = 0

    for y in (unknown, absent):
        np.testing.assert_allclose(head.loss(y, outputs, WEIGHT), head.loss(Y, outputs, without))
        np.testing.assert_allclose(
            head.measure(y, outputs, WEIGHT), head.measure(Y, outputs, without)
        )


@pytest.mark.parametrize("coverage_loss", [0.0, 0.7])
def test_gradients_are_finite_differences(coverage_loss):
    head = Copying(V, coverage_loss=coverage_loss, dtype="float64")
    head.build((None, None, F))
    hidden, weights = inputs(dtype="float64")

    def loss(hidden, weights):
        # The coverage loss has a kink where weight and coverage are equal, as on padding.
        weights = weights * (SOURCES != 0)[:, None]
        outputs = head(hidden, reads=(weights, SOURCES))
        return head.loss(Y, outputs, WEIGHT.astype("float64"))[0]

    arguments = {"hidden": hidden, "weights": weights}
    assert_gradients_are_finite_differences(loss, arguments, head.trainable_variables)


def test_what_is_missing_or_out_of_range_is_refused_in_words():
    with pytest.raises(ValueError, match="needs `reads`, the attention weights"):
        Copying(V)(np.ones((1, 2, F)))
    with pytest.raises(ValueError, match=r"`coverage_loss` must be at least 0.*-1"):
        Copying(V, coverage_loss=-1).build((None, None, F))


def test_no_rows_are_legal():
    hidden, weights = inputs()
    outputs = make_head()(hidden[:0], reads=(weights[:0], SOURCES[:0]))
    assert outputs.shape == (0, T, V + S)
