"""Exact hard attention: against the enumeration of all alignments, and in every search."""

import itertools

import keras
import numpy as np
import pytest
import tensorflow as tf
from derivatives import assert_all_close, assert_gradients_are_finite_differences, randomize
from tiny_tasks import make_translator, reversal_pairs

import seqzoo as sz
from seqzoo import BeamSearch, Greedy, Sample
from seqzoo.decoders import Decoder, HardAttentionDecoder, RecurrentDecoder
from seqzoo.encoders import Encoded, RecurrentEncoder
from seqzoo.heads import Mixture, PositionStates, Tokens

BATCH, TIME, SOURCE, UNITS, EMBEDDING, VALUES, VOCABULARY = 3, 4, 5, 6, 8, 9, 7
RNG = np.random.default_rng(0)
TOKENS = np.concatenate([np.full((BATCH, 1), 2), RNG.integers(3, VOCABULARY, (BATCH, TIME - 1))], 1)
TARGETS = np.concatenate([TOKENS[:, 1:], np.full((BATCH, 1), 3)], axis=1)
SOURCE_MASK = np.array([[1, 1, 1, 0, 0], [0, 1, 0, 1, 1], [0, 0, 0, 1, 0]], "bool")


def made(monotonic=True, **options):
    """A float64 decoder and head with random weights, and what an encoder handed to it."""
    decoder = HardAttentionDecoder(
        VOCABULARY, EMBEDDING, UNITS, monotonic=monotonic, dtype="float64", **options
    )
    head = Mixture(VOCABULARY, dtype="float64")
    decoder.observe_by(head)
    outputs = RNG.normal(size=(BATCH, SOURCE, VALUES))
    states = [[RNG.normal(size=(BATCH, UNITS)) for _ in range(2)]]
    encoded = Encoded(outputs, states, SOURCE_MASK)
    decoder(TOKENS, encoded)
    return randomize(decoder), randomize(head, seed=1), encoded


def softmax(scores):
    return np.exp(scores) / np.exp(scores).sum(axis=-1, keepdims=True)


def enumerated(decoder, head, encoded, row):
    """The probability of the target of a row: the sum over all alignments, one by one."""
    names = ("history_kernel", "place_kernel", "bias", "score_kernel")
    weights = {name: getattr(decoder, name).numpy() for name in names}
    source = encoded.outputs[row][SOURCE_MASK[row]]
    one = keras.tree.map_structure(lambda leaf: np.asarray(leaf)[row : row + 1], encoded)
    history = np.asarray(decoder.history(TOKENS[row : row + 1], one))[0]
    hidden = np.tanh(
        (history @ weights["history_kernel"])[:, None]
        + source @ weights["place_kernel"]
        + weights["bias"]
    )
    logits = hidden @ head.kernel.numpy() + head.bias.numpy()
    logits[..., [0, 2]] = -np.inf
    of_tokens = np.take_along_axis(softmax(logits), TARGETS[row][:, None, None], axis=2)[..., 0]
    scores = history @ (source @ weights["score_kernel"]).T
    total = 0.0
    for alignment in itertools.product(range(len(source)), repeat=TIME):
        probability, before = 1.0, 0
        for t, place in enumerate(alignment):
            onward = range(before if decoder.monotonic else 0, len(source))
            moves = np.exp(scores[t, list(onward)])
            share = moves[list(onward).index(place)] / moves.sum() if place in onward else 0.0
            probability *= share * of_tokens[t, place]
            before = place
        total += probability
    return total


@pytest.mark.parametrize("monotonic", [True, False])
def test_the_probability_of_a_target_is_the_sum_over_all_alignments(monotonic):
    decoder, head, encoded = made(monotonic)
    log_probs = np.asarray(head(decoder(TOKENS, encoded)))
    np.testing.assert_allclose(np.exp(log_probs).sum(axis=-1), 1.0, atol=1e-13)
    found = np.take_along_axis(log_probs, TARGETS[..., None], axis=2)[..., 0].sum(axis=1)
    expected = [np.log(enumerated(decoder, head, encoded, row)) for row in range(BATCH)]
    np.testing.assert_allclose(found, expected, atol=1e-12)
    loss, weight = head.loss(TARGETS, log_probs, np.ones((BATCH, TIME)))
    np.testing.assert_allclose([loss, weight], [-np.sum(expected), BATCH * TIME], rtol=1e-12)


@pytest.mark.parametrize("monotonic", [True, False])
def test_a_full_call_equals_scanning_steps_of_several_beams(monotonic):
    decoder, head, encoded = made(monotonic)
    beams, order = 2, np.array([1, 0, 2, 2, 5, 4])
    token_ids = RNG.integers(3, VOCABULARY, (BATCH * beams, TIME))
    state, memory = decoder.start(encoded, BATCH, TIME, beams)
    found, log_probs_of = [], head.stepper(beams)
    for t in range(TIME):
        if t == 2:
            state = keras.tree.map_structure(lambda leaf: np.asarray(leaf)[order], state)
            token_ids[:, :2] = token_ids[order, :2]
        hidden, state = decoder.step(token_ids[:, t], state, memory)
        found.append(hidden)
        np.testing.assert_allclose(state["alignment"], np.exp(hidden.log_weights))
    hidden, weights = decoder(token_ids, encoded, return_reads=True)
    assert isinstance(decoder, Decoder)
    for t, step in enumerate(found):
        at = order if t < 2 else slice(None)  # before they were ordered
        expected = [np.asarray(leaf)[:, t] for leaf in hidden]
        assert_all_close([np.asarray(leaf)[at] for leaf in step], expected, atol=1e-12)
    np.testing.assert_allclose(weights, np.exp(hidden.log_weights))
    last = log_probs_of(found[-1])
    assert np.all(np.asarray(last.logits)[:, [0, 2]] == -np.inf)
    outputs = np.asarray(head(hidden))[:, -1]
    possible = [1, 3, 4, 5, 6]
    found = np.asarray(last.logits)[:, possible]
    np.testing.assert_allclose(found, outputs[:, possible], rtol=1e-5)


def test_padding_of_source_and_target_changes_nothing_wherever_it_stands():
    decoder, head, encoded = made()
    expected = np.asarray(head(decoder(TOKENS, encoded)))
    outputs, mask = RNG.normal(size=(BATCH, 8, VALUES)), np.zeros((BATCH, 8), "bool")
    longer, real = RNG.integers(3, VOCABULARY, (BATCH, 7)), np.zeros((BATCH, 7), "bool")
    for row, places in enumerate([[0, 1, 2, 3, 4], [3, 4, 5, 6, 7], [0, 2, 3, 5, 6]]):
        outputs[row, places], mask[row, places] = encoded.outputs[row], SOURCE_MASK[row]
    for row, steps in enumerate([[0, 1, 2, 3], [3, 4, 5, 6], [0, 2, 3, 5]]):
        longer[row, steps], real[row, steps] = TOKENS[row], True
    padded = encoded._replace(outputs=outputs, mask=mask)
    np.testing.assert_allclose(head(decoder(TOKENS, padded)), expected, atol=1e-12)
    found = np.asarray(head(decoder(longer, encoded, mask=real)))[real]
    np.testing.assert_allclose(found.reshape(expected.shape), expected, atol=1e-12)


def test_gradients_are_finite_differences_and_reach_every_weight():
    decoder, head, encoded = made()
    arguments = {"outputs": encoded.outputs}

    def run(outputs):
        return head(decoder(TOKENS, encoded._replace(outputs=outputs)))[..., 3:]

    weights = decoder.trainable_variables + head.trainable_variables
    assert_gradients_are_finite_differences(run, arguments, weights)


def test_a_source_of_long_runs_has_a_finite_loss_in_float32():
    decoder, head = HardAttentionDecoder(VOCABULARY, EMBEDDING, UNITS), Mixture(VOCABULARY)
    decoder.observe_by(head)
    outputs = 30 * RNG.normal(size=(2, 60, VALUES)).astype("float32")
    encoded = Encoded(outputs, (), np.ones((2, 60), "bool"))
    token_ids = RNG.integers(3, VOCABULARY, (2, 80))
    with tf.GradientTape() as tape:
        hidden = decoder(token_ids, encoded)
        loss, _ = head.loss(token_ids, head(hidden), np.ones((2, 80), "float32"))
    assert np.isfinite(loss)
    gradients = tape.gradient(loss, decoder.trainable_variables)
    assert all(np.isfinite(tf.convert_to_tensor(each)).all() for each in gradients)


def test_what_it_cannot_do_and_parts_that_do_not_fit_are_refused():
    decoder, _, encoded = made()
    with pytest.raises(ValueError, match=r"reads no prompt\. Received: `prompt_ids`"):
        decoder.start(encoded, BATCH, TIME, prompt_ids=TOKENS)
    with pytest.raises(ValueError, match=r"needs the head `Mixture`.* Received: none"):
        HardAttentionDecoder(VOCABULARY, EMBEDDING, UNITS)(TOKENS, encoded)
    encoder = RecurrentEncoder(VOCABULARY, EMBEDDING, UNITS)
    parts = {HardAttentionDecoder: Tokens, RecurrentDecoder: Mixture}
    for kind, of_head in parts.items():
        with pytest.raises(ValueError, match=r"belong together\. Received: (Hard|Recurrent)"):
            sz.Seq2Seq(encoder, kind(VOCABULARY, EMBEDDING, UNITS), head=of_head(VOCABULARY))
    decoder = HardAttentionDecoder(VOCABULARY, EMBEDDING, UNITS)
    with pytest.raises(ValueError, match=r"`tie_embeddings` is for other heads than `Mixture`"):
        sz.Seq2Seq(encoder, decoder, tie_embeddings=True)


SOURCES = ["a b c", "c", "d e f g a b"]
SEARCHES = {
    "greedy": Greedy(max_length=6),
    "beam": BeamSearch(width=3, n_best=2, max_length=6, length_penalty="none"),
    "sample": Sample(seed=1, max_length=6),
}


@pytest.fixture(scope="module")
def task():
    task = make_translator("wu_2019")
    for weight in task.trainable_weights:
        weight.assign(2 * weight)  # so that scores are apart
    return task


@pytest.mark.parametrize("name", SEARCHES)
def test_a_search_gives_the_scores_of_the_model_whatever_the_batch(name, task):
    search = SEARCHES[name]
    together = task.generate(SOURCES, search=search, return_hypotheses=True)
    for source, answers in zip(SOURCES, together, strict=True):
        if name != "sample":  # whose noise is that of the place in the list
            (alone,) = task.generate([source], search=search, return_hypotheses=True)
            assert [each.text for each in alone] == [each.text for each in answers]
            np.testing.assert_allclose(
                [each.score for each in alone], [each.score for each in answers], rtol=1e-4
            )
        best = answers[0]
        if best.tokens[-1] != "<end>":
            continue
        scored = task.score([(source, best.text)])[0]
        np.testing.assert_allclose(
            np.sum(scored.token_log_probs), np.sum(best.token_log_probs), rtol=1e-4
        )


def test_it_learns_and_comes_back_saved_and_served(task, tmp_path):
    pairs = [(source, source) for source, _ in reversal_pairs(64)]
    learner = make_translator("wu_2019", dropout=0.0)
    learner.compile(keras.optimizers.Adam(0.03))
    history = learner.fit(pairs, epochs=5, batch_size=16, verbose=0).history["loss"]
    assert history[-1] < 0.8 * history[0]
    learner.save(tmp_path / "task.keras")
    again = sz.load(tmp_path / "task.keras")
    search = SEARCHES["beam"]
    assert again.generate(SOURCES, search=search) == learner.generate(SOURCES, search=search)
    learner.export(tmp_path / "served", search=search)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    texts = served(text=tf.constant(SOURCES))["text"].numpy()[:, 0]
    assert [text.decode() for text in texts] == learner.generate(SOURCES, search=search)


def test_places_of_a_single_position_are_plain_tokens():
    head, plain = Mixture(VOCABULARY), Tokens(VOCABULARY)
    hidden = RNG.normal(size=(2, 3, 4)).astype("float32")
    plain(hidden)
    places = PositionStates(hidden[:, :, None], np.zeros((2, 3, 1), "float32"))
    head(places)
    head.set_weights(plain.get_weights())
    want = plain.readout(plain(hidden))
    for found in (head(places), head(hidden)):
        np.testing.assert_allclose(head.readout(found), want, rtol=1e-5)
