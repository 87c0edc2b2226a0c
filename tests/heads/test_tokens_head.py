"""The token head against NumPy in float64."""

import keras
import numpy as np
import pytest
from keras import ops
from tracing import gradients_of

from seqzoo.heads import Tokens
from seqzoo.ops.decoding.log_probs import written_out

BATCH, TIME, FEATURES, VOCABULARY = 2, 3, 5, 7
IMPOSSIBLE, POSSIBLE = [0, 2], [1, 3, 4, 5, 6]


def batch():
    """Targets, logits and weights; the first row has one step of padding."""
    rng = np.random.default_rng(4)
    y = rng.choice(POSSIBLE, size=(BATCH, TIME))
    logits = 3 * rng.normal(size=(BATCH, TIME, VOCABULARY))
    logits[..., IMPOSSIBLE] = -3e38
    weight = rng.uniform(0.5, 2, size=(BATCH, TIME))
    weight[0, 2] = 0
    return y, logits.astype("float32"), weight.astype("float32")


def log_softmax(logits):
    logits = logits.astype("float64")
    return logits - np.log(np.exp(logits).sum(-1, keepdims=True))


def make_head(**settings):
    head = Tokens(VOCABULARY, **settings)
    head.build((None, None, FEATURES))
    return head


@pytest.mark.parametrize("smoothing", [0.0, 0.1, 0.6])
def test_the_loss_is_the_weighted_sum_of_the_smoothed_cross_entropies(smoothing):
    y, logits, weight = batch()
    target = ((1 - smoothing) * np.eye(VOCABULARY)[y] + smoothing / 5)[..., POSSIBLE]
    losses = -(target * log_softmax(logits)[..., POSSIBLE]).sum(-1)

    loss_sum, weight_sum = make_head(label_smoothing=smoothing).loss(y, logits, weight)

    assert float(loss_sum) == pytest.approx((losses * weight).sum(), rel=1e-5)
    assert float(weight_sum) == pytest.approx(weight.sum(), rel=1e-6)
    assert loss_sum.dtype == weight_sum.dtype == "float32"
    by_keras = keras.losses.CategoricalCrossentropy(
        from_logits=True, label_smoothing=smoothing, reduction="sum"
    )(np.eye(VOCABULARY)[y][..., POSSIBLE], logits[..., POSSIBLE], sample_weight=weight)
    assert float(loss_sum) == pytest.approx(float(by_keras), rel=1e-5)


def test_padding_adds_nothing_to_the_sums():
    y, logits, weight = batch()
    wider = [np.pad(part, ((0, 1), (0, 4), (0, 0))[: part.ndim]) for part in (y, logits, weight)]
    head = make_head(label_smoothing=0.1)

    np.testing.assert_allclose(head.loss(*wider), head.loss(y, logits, weight), rtol=1e-6)
    np.testing.assert_allclose(head.measure(*wider), head.measure(y, logits, weight), rtol=1e-6)
    assert [float(part) for part in head.loss(y, logits, 0 * weight)] == [0, 0]


def test_the_metrics_measure_accuracy_and_perplexity_without_smoothing():
    y, logits, weight = batch()
    y[1] = logits[1].argmax(-1)  # some are right
    nll = -np.take_along_axis(log_softmax(logits), y[..., None], -1)[..., 0]
    wanted = {
        "token_accuracy": ((logits.argmax(-1) == y) * weight).sum() / weight.sum(),
        "perplexity": np.exp((nll * weight).sum() / weight.sum()),
    }
    head = make_head(label_smoothing=0.1)

    metrics = head.make_metrics()
    for metric, sums in zip(metrics, head.measure(y, logits, weight), strict=True):
        metric.update_state(*sums)

    assert 0 < wanted["token_accuracy"] < 1
    assert {each.name: float(each.result()) for each in metrics} == pytest.approx(wanted, rel=1e-5)
    assert head.make_metrics()[0] is not metrics[0]


def test_the_readout_is_normalised_and_in_float32_whatever_comes_in():
    _, logits, _ = batch()

    log_probs = make_head().readout(logits)
    rough = make_head().readout(ops.cast(logits, "bfloat16"))

    wanted = log_softmax(logits)
    wanted[..., IMPOSSIBLE] = -np.inf
    np.testing.assert_allclose(log_probs, wanted, rtol=1e-5)
    assert rough.dtype == "float32"
    np.testing.assert_allclose(np.exp(rough).sum(-1), 1, rtol=1e-5)


def test_the_logits_are_a_linear_map_of_hidden_states_of_any_rank():
    hidden = np.random.default_rng(5).normal(size=(BATCH, TIME, FEATURES)).astype("float32")
    head = make_head()
    head.bias.assign(np.arange(VOCABULARY))
    wanted = hidden.astype("float64") @ np.asarray(head.kernel) + np.arange(VOCABULARY)
    wanted[..., IMPOSSIBLE] = -3e38

    np.testing.assert_allclose(head(hidden), wanted, rtol=1e-4)
    np.testing.assert_allclose(head(hidden[:, 0]), wanted[:, 0], rtol=1e-4)
    other = make_head(impossible=())
    other.set_weights(head.get_weights())
    wanted = hidden.astype("float64") @ np.asarray(head.kernel) + np.arange(VOCABULARY)
    np.testing.assert_allclose(other(hidden), wanted, rtol=1e-4)


def losses_of(arrays, y, weight, smoothing):
    """The loss of hidden states, kernel and bias in NumPy, of the possible columns alone."""
    hidden, kernel, bias = arrays
    log_probs = log_softmax(hidden @ kernel[:, POSSIBLE] + bias[POSSIBLE])
    target = ((1 - smoothing) * np.eye(VOCABULARY)[y] + smoothing / 5)[..., POSSIBLE]
    return -((target * log_probs).sum(-1) * weight).sum()


def slopes(function, arrays, step=1e-5):
    """The derivative of a function of arrays by every number in them, by differences."""
    found = [np.zeros_like(array) for array in arrays]
    for which, array in enumerate(arrays):
        for index in np.ndindex(array.shape):
            sides = []
            for move in (step, -step):
                moved = [each.copy() for each in arrays]
                moved[which][index] += move
                sides.append(function(moved))
            found[which][index] = (sides[0] - sides[1]) / (2 * step)
    return found


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
def test_the_gradient_is_that_of_the_possible_tokens_alone(smoothing):
    y, _, weight = batch()
    hidden = np.random.default_rng(5).normal(size=(BATCH, TIME, FEATURES))
    head = make_head(label_smoothing=smoothing, dtype="float64")
    arrays = [hidden, *(np.array(each) for each in head.get_weights())]

    def loss(leaves):
        return head.loss(y, head(leaves[0]), weight)[0], leaves[0]

    _, gradients = gradients_of(loss, [ops.convert_to_tensor(hidden)], head.trainable_weights)
    wanted = slopes(lambda moved: losses_of(moved, y, weight, smoothing), arrays)
    for found, expected in zip(gradients, wanted, strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-7)


@pytest.mark.parametrize("smoothing", [0.0, 0.3])
@pytest.mark.parametrize("dtype", ["float32", "mixed_bfloat16", "mixed_float16"])
def test_weights_of_impossible_tokens_have_a_gradient_of_0(dtype, smoothing):
    y, _, weight = batch()
    y[0, 2] = 0  # padding
    hidden = 9 * np.random.default_rng(5).normal(size=(BATCH, TIME, FEATURES))
    head = make_head(label_smoothing=smoothing, dtype=dtype)

    def loss(_):
        outputs = head(ops.cast(hidden, head.compute_dtype))
        return head.loss(y, outputs, weight)[0], outputs

    outputs, (kernel, bias) = gradients_of(loss, [], head.trainable_weights)
    assert np.isfinite(np.asarray(ops.cast(outputs, "float32"))).all()
    for gradient in map(np.asarray, (kernel, bias)):
        assert np.isfinite(gradient).all()
        assert np.abs(gradient[..., POSSIBLE]).min() > 0
        assert not gradient[..., IMPOSSIBLE].any()


def test_a_target_that_is_impossible_counts_nothing_whatever_its_weight():
    y, logits, weight = batch()
    head = make_head(label_smoothing=0.1)
    wanted = head.loss(y, logits, weight), head.measure(y, logits, weight)
    longer = [np.concatenate([part, part[:, :2]], axis=1) for part in (y, logits, weight)]
    longer[0][:, 3:], longer[2][:, 3:] = IMPOSSIBLE, 1.5
    np.testing.assert_allclose(head.loss(*longer), wanted[0], rtol=1e-6)
    np.testing.assert_allclose(head.measure(*longer), wanted[1], rtol=1e-6)


@pytest.mark.parametrize("impossible", [IMPOSSIBLE, ()])
def test_log_probs_for_a_search_leave_impossible_tokens_out(impossible):
    hidden = np.random.default_rng(3).normal(size=(4, 5)).astype("float32")
    head = make_head(impossible=impossible)
    logits = np.asarray(head(hidden))
    given = head.stepper()(hidden)
    log_probs = np.asarray(written_out(given))
    assert np.isneginf(log_probs[:, list(given.impossible)]).all()
    assert given.not_yet_impossible(tuple(head.impossible)) == ()
    expected = log_softmax(logits)
    expected[:, list(impossible)] = -np.inf
    np.testing.assert_allclose(log_probs, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(log_probs, head.readout(logits), rtol=1e-5, atol=1e-6)


def test_a_config_of_before_there_were_impossible_tokens_makes_a_head():
    config = make_head(impossible=(1,)).get_config()
    assert Tokens.from_config(config).impossible == [1]
    del config["impossible"]
    assert Tokens.from_config(config).impossible == (0, 2)


@pytest.mark.parametrize("impossible", [(7,), (-1,), range(7)])
def test_impossible_tokens_are_ids_and_not_all_of_them(impossible):
    with pytest.raises(ValueError, match=r"ids from 0 to 6 and leave a token. Received: imp"):
        make_head(impossible=impossible)


def test_decisions_are_the_most_probable_tokens_and_0_at_masked_steps():
    _, logits, weight = batch()
    head = make_head()
    np.testing.assert_array_equal(head.decide(logits), logits.argmax(-1))
    wanted = np.where(weight > 0, logits.argmax(-1), 0)
    np.testing.assert_array_equal(head.decide(logits, weight > 0), wanted)


def test_the_loss_of_rough_logits_is_summed_in_float32():
    y, logits, weight = batch()
    rough = ops.cast(logits, "bfloat16")

    found = make_head(dtype="mixed_bfloat16").loss(y, rough, weight)

    assert [part.dtype for part in found] == ["float32", "float32"]
    wanted = make_head().loss(y, ops.cast(rough, "float32"), weight)
    np.testing.assert_allclose(found, wanted, rtol=1e-6)
    assert make_head(dtype="mixed_bfloat16")(ops.ones((1, FEATURES))).dtype == "bfloat16"


def tied():
    embedding = keras.layers.ReversibleEmbedding(VOCABULARY, FEATURES)
    embedding.build((None,))
    head = Tokens(VOCABULARY)
    head.tie(embedding)
    head.build((None, FEATURES))
    return embedding, head


def test_a_tied_head_reads_the_embedding_and_gives_its_gradient_to_that_weight():
    embedding, head = tied()
    ids = np.array([1, 3, 3])
    upstream = np.random.default_rng(6).normal(size=(3, VOCABULARY)).astype("float32")

    def weighed(leaves):
        logits = head(embedding(ids))
        return ops.sum(logits * upstream), logits

    logits, (gradient,) = gradients_of(weighed, [], [embedding.embeddings])

    table = np.asarray(embedding.embeddings).astype("float64")
    possible = np.asarray(logits)[:, POSSIBLE]
    np.testing.assert_allclose(possible, (table[ids] @ table.T)[:, POSSIBLE], rtol=1e-4, atol=1e-6)
    wanted = upstream.T @ table[ids]  # as a kernel
    np.add.at(wanted, ids, upstream @ table)  # as a table
    np.testing.assert_allclose(gradient, wanted, rtol=1e-4, atol=1e-6)
    assert not hasattr(head, "kernel")


def test_a_tied_embedding_must_be_as_wide_as_the_hidden_states():
    _, head = tied()
    with pytest.raises(ValueError, match="embeddings of 5 and hidden states of 6"):
        head.build((None, FEATURES + 1))


@pytest.mark.parametrize("smoothing", [-0.1, 1.0])
def test_a_label_smoothing_out_of_range_is_refused(smoothing):
    with pytest.raises(ValueError, match=f"below 1. Received: label_smoothing={smoothing}"):
        make_head(label_smoothing=smoothing)


def test_a_users_functional_model_trains_saves_and_loads_the_head(tmp_path):
    ids = keras.Input((None,), dtype="int32")
    outputs = Tokens(VOCABULARY, impossible=(0,))(keras.layers.Embedding(VOCABULARY, FEATURES)(ids))
    model = keras.Model(ids, outputs)
    model.compile("sgd", keras.losses.SparseCategoricalCrossentropy(from_logits=True))
    y, _, _ = batch()
    before = [np.asarray(weight) for weight in model.weights]

    model.fit(y, y, verbose=0)
    model.save(tmp_path / "model.keras")
    again = keras.saving.load_model(tmp_path / "model.keras")

    assert all(np.any(now != old) for now, old in zip(model.get_weights(), before, strict=True))
    np.testing.assert_allclose(again(y), model(y), rtol=1e-6)
