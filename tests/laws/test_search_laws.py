"""What holds for every search in the registry."""

import functools
from typing import NamedTuple

import keras
import numpy as np
import pytest
from keras import ops
from tracing import compiled

from seqzoo.ops.decoding.beams import rows_per_example
from seqzoo.search import SEARCHES, ExampleOptions, Hypotheses
from seqzoo.search.constraints import (
    BannedPhrases,
    ForcedEnd,
    FrequencyPenalty,
    NoRepeatNGram,
    RepetitionPenalty,
    SuppressedAtStart,
)

BATCH, SOURCE, UNITS, VOCABULARY, LENGTH = 6, 3, 8, 13, 9
START, END = 0, 1
# Every search of the registry, and what it may be asked for.
CONSTRAINED = (
    NoRepeatNGram(2),
    FrequencyPenalty(0.3, presence=0.2),
    RepetitionPenalty(1.1),
    BannedPhrases(((4, 5), (6,))),
    SuppressedAtStart((END,)),
    ForcedEnd(),
)
CASES = {
    "greedy": ("greedy", {}),
    "beam": (
        "beam",
        {"width": 4, "n_best": 3, "length_penalty": "gnmt", "alpha": 0.8, "min_length": 2},
    ),
    "beam with all": (
        "beam",
        {
            **{"width": 6, "n_best": 4, "groups": 2, "diversity": 0.5, "coverage_penalty": 0.1},
            **{"stop": "optimal", "constraints": CONSTRAINED},
        },
    ),
    "sample": ("sample", {"n_samples": 3, "top_k": 9, "top_p": 0.95, "temperature": 0.8}),
    "sample of all": ("sample", {"n_samples": 2, "min_p": 0.02, "constraints": CONSTRAINED}),
    "sample of a nucleus": ("sample", {"top_p": 0.9}),
    "constrained greedy": ("greedy", {"constraints": CONSTRAINED}),
}
CONSTRAINED_CASES = {"beam with all", "sample of all", "constrained greedy"}


class State(NamedTuple):
    hidden: object
    alignment: object


class Weights(NamedTuple):
    embedding: np.ndarray
    recurrent: np.ndarray
    output: np.ndarray


def weights():
    rng = np.random.default_rng(1)
    shapes = [(VOCABULARY, UNITS), (UNITS, UNITS), (2 * UNITS, VOCABULARY)]
    return Weights(*(rng.normal(size=shape).astype("float32") for shape in shapes))


def memory(batch=BATCH):
    return np.random.default_rng(2).normal(size=(batch, SOURCE, UNITS)).astype("float32")


def step(token_ids, state, encoded):
    """A small recurrent decoder with attention; reads K beams as K queries of one memory."""
    w = weights()
    examples, source = ops.shape(encoded)[:2]
    beams = rows_per_example(ops.shape(token_ids)[0], examples)
    embedded = ops.take(ops.convert_to_tensor(w.embedding), token_ids, axis=0)
    hidden = ops.tanh(embedded + ops.matmul(state.hidden, w.recurrent))  # (N, U)
    queries = ops.reshape(hidden, (examples, beams, UNITS))
    scores = ops.einsum("bku,bsu->bks", queries, encoded)
    alignment = ops.softmax(scores, axis=-1)
    context = ops.einsum("bks,bsu->bku", alignment, encoded)
    context = ops.reshape(context, ops.shape(hidden))
    logits = ops.matmul(ops.concatenate([hidden, context], axis=1), w.output)
    alignment = ops.reshape(alignment, (ops.shape(hidden)[0], source))
    return ops.log_softmax(logits), State(hidden, alignment)


def make(name):
    kind, options = CASES[name]
    return SEARCHES[kind](max_length=LENGTH, **options)


def run(search, encoded, step=step):
    """Each example's seed hangs on what it is, as its place in a batch may be any."""
    batch, source = ops.shape(encoded)[:2]
    state = State(
        ops.zeros((batch * search.width, UNITS)), ops.zeros((batch * search.width, source))
    )
    seeds = ops.cast(ops.floor(1e3 * encoded[:, 0, 0]), "int32")
    return search(step, state, encoded, START, END, ExampleOptions(seeds=seeds))


@functools.cache
def answer(name, batch=BATCH):
    """What a search finds, run eagerly, which takes seconds for some."""
    return Hypotheses(*(np.asarray(part) for part in run(make(name), memory(batch))))


def score_by_hand(encoded, tokens):
    """Log-probs and alignments of a sequence of one example, in float64."""
    w = Weights(*(part.astype("float64") for part in weights()))
    encoded, hidden, last = encoded.astype("float64"), np.zeros(UNITS), START
    log_probs, alignments = [], []
    for token in tokens:
        hidden = np.tanh(w.embedding[last] + hidden @ w.recurrent)
        alignment = np.exp(encoded @ hidden)
        alignment /= alignment.sum()
        logits = np.concatenate([hidden, alignment @ encoded]) @ w.output
        log_probs.append(logits[token] - np.log(np.exp(logits).sum()))
        alignments.append(alignment)
        last = token
    return np.array(log_probs), np.array(alignments)


def assert_equal(found, expected):
    """Equal tokens, and scores and alignments up to rounding."""
    np.testing.assert_array_equal(found.token_ids, expected.token_ids)
    np.testing.assert_array_equal(found.lengths, expected.lengths)
    for name in ("scores", "token_log_probs", "alignments"):
        one, other = getattr(found, name), getattr(expected, name)
        np.testing.assert_allclose(one, other, rtol=1e-5, atol=1e-5)


everywhere = pytest.mark.parametrize("name", CASES)
OF_EACH_KIND = ("greedy", "beam with all", "sample of all")
each_kind = pytest.mark.parametrize(
    "name",
    [
        name if name in OF_EACH_KIND else pytest.param(name, marks=pytest.mark.slow)
        for name in CASES
    ],
)


def test_every_search_of_the_registry_is_tested_here():
    assert {CASES[name][0] for name in OF_EACH_KIND} == {kind for kind, _ in CASES.values()}
    assert {kind for kind, _ in CASES.values()} == SEARCHES.keys()


@everywhere
def test_shapes_and_types_are_as_documented(name):
    search = make(name)
    found = answer(name)
    places = getattr(search, "n_best", search.width)
    assert [(tuple(part.shape), keras.backend.standardize_dtype(part.dtype)) for part in found] == [
        ((BATCH, places, LENGTH), "int32"),
        ((BATCH, places), "int32"),
        ((BATCH, places), "float32"),
        ((BATCH, places, LENGTH), "float32"),
        ((BATCH, places, LENGTH, SOURCE), "float32"),
    ]


# What constraints make of log-probs is scored in tests/search/test_constrained_search.py.
@pytest.mark.parametrize("name", sorted(CASES.keys() - CONSTRAINED_CASES))
def test_log_probs_and_alignments_are_those_of_the_returned_sequence(name):
    encoded, found = memory(), answer(name)
    for row, place in np.ndindex(*found.lengths.shape):
        length = found.lengths[row, place]
        tokens = found.token_ids[row, place, :length]
        log_probs, alignments = score_by_hand(encoded[row], tokens)
        np.testing.assert_allclose(
            found.token_log_probs[row, place, :length], log_probs, rtol=1e-4, atol=1e-5
        )
        np.testing.assert_allclose(
            found.alignments[row, place, :length], alignments, rtol=1e-4, atol=1e-5
        )
        assert END not in tokens[:-1]
        assert tokens[-1] == END or length == LENGTH


@everywhere
def test_rows_end_at_different_steps(name):
    assert len(np.unique(answer(name).lengths)) > 2


@everywhere
def test_hypotheses_come_best_first(name):
    scores = answer(name).scores
    assert np.all(np.diff(scores, axis=1) <= 0)


@everywhere
def test_the_answer_does_not_depend_on_the_batch(name):
    encoded, together = memory(), answer(name)
    order = np.array([4, 0, 5, 1])
    shuffled = run(make(name), encoded[order])
    assert_equal(shuffled, Hypotheses(*(part[order] for part in together)))
    for row in (2, 3):
        alone = run(make(name), encoded[row : row + 1])
        assert_equal(alone, Hypotheses(*(part[row : row + 1] for part in together)))


def assert_one_graph_serves_batches_of(sizes, name, tf, jit_compile=False):
    search = make(name)
    signature = [tf.TensorSpec((None, None, UNITS), "float32")]
    graph = tf.function(
        lambda encoded: run(search, encoded), input_signature=signature, jit_compile=jit_compile
    )
    for batch in sizes:
        assert_equal(graph(memory(batch)), answer(name, batch))
    assert graph.experimental_get_tracing_count() == 1


# A saved model of the beam with all of its options is a graph of open sizes too.
@pytest.mark.parametrize(
    "name",
    [n if "with all" not in n else pytest.param(n, marks=pytest.mark.slow) for n in OF_EACH_KIND],
)
def test_one_graph_gives_the_same_as_eager_for_every_batch_size(name, tf):
    assert_one_graph_serves_batches_of((0, 1, BATCH), name, tf)


@each_kind
def test_xla_gives_the_same_as_eager_for_every_batch_size(name, tf):
    assert_one_graph_serves_batches_of((0, BATCH), name, tf, jit_compile=True)


@each_kind
@pytest.mark.parametrize("jit_compile", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_a_graph_of_known_sizes_gives_the_same_as_eager(name, jit_compile):
    search = make(name)
    graph = compiled(lambda: run(search, memory()), jit_compile)
    assert_equal(graph(), answer(name))


@each_kind
def test_a_state_may_come_back_as_a_plain_sequence_of_unknown_shapes(name, tf):
    def forgetful_step(token_ids, state, encoded):
        log_probs, state = step(token_ids, state, encoded)
        return log_probs, [tf.numpy_function(lambda leaf: leaf, [x], tf.float32) for x in state]

    search = make(name)
    found = tf.function(lambda: run(search, memory(), forgetful_step))()
    assert_equal(found, answer(name))


@each_kind
def test_a_saved_model_gives_the_same_with_core_ops_only(name, tmp_path, tf):
    search = make(name)
    module = tf.Module()
    module.generate = tf.function(
        lambda encoded: run(search, encoded)._asdict(),
        input_signature=[tf.TensorSpec((None, None, UNITS), "float32")],
    )
    tf.saved_model.save(module, tmp_path)
    found = Hypotheses(**tf.saved_model.load(tmp_path).generate(memory()))
    assert_equal(found, answer(name))

    library = module.generate.get_concrete_function().graph.as_graph_def().library.function
    used = {node.op for function in library for node in function.node_def}
    assert used
    assert not [op for op in used if op.startswith("Xla") or op in ("PyFunc", "EagerPyFunc")]
    assert not any("_XlaMustCompile" in function.attr for function in library)


@everywhere
def test_zero_rows_give_zero_rows(name):
    found = answer(name, 0)
    assert all(part.shape[0] == 0 for part in found)


@everywhere
def test_a_search_is_hashable_and_compares_by_its_options(name):
    assert make(name) == make(name)
    assert len({make(name), make(name)}) == 1
