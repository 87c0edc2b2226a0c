"""Sums and best paths of conditional random fields, against all paths one by one."""

import itertools

import numpy as np
import pytest
from keras import ops
from tracing import BACKEND, compiled, gradients_of

from seqzoo.ops import crf

B, T, C = 6, 4, 3
MASK = np.array(
    [
        [1, 1, 1, 1],
        [1, 1, 0, 0],
        [0, 0, 1, 1],
        [1, 0, 1, 0],
        [0, 0, 0, 0],
        [0, 1, 0, 0],
    ],
    bool,
)


def numbers(scale=1.0, forbidden=(), seed=0):
    rng = np.random.default_rng(seed)
    potentials = scale * rng.normal(size=(B, T, C))
    transitions = scale * rng.normal(size=(C, C))
    for pair in forbidden:
        transitions[pair] = -np.inf
    return potentials, transitions


def all_paths(potentials, transitions, row):
    """Every sequence of tags of a row and its score in float64."""
    steps = np.flatnonzero(MASK[row])
    paths = list(itertools.product(range(C), repeat=len(steps)))
    scores = [
        sum(potentials[row, step, tag] for step, tag in zip(steps, path, strict=True))
        + sum(transitions[pair] for pair in itertools.pairwise(path))
        for path in paths
    ]
    return steps, paths, np.array(scores, np.float64)


def tensors(*arrays, dtype="float64"):
    return [ops.convert_to_tensor(array, dtype) for array in arrays]


def tolerance(dtype):
    return {"rtol": 1e-9, "atol": 1e-9} if dtype == "float64" else {"rtol": 1e-5, "atol": 1e-5}


CASES = [
    {},
    {"forbidden": [(0, 2), (1, 1)]},
    {"scale": 60.0},
    {"scale": 40.0, "forbidden": [(0, 2), (2, 0), (2, 1)], "seed": 3},
]


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("case", CASES)
def test_the_partition_and_the_marginals_are_those_of_all_paths(case, dtype):
    if BACKEND != "tensorflow" and case.get("scale", 1) > 1 and dtype == "float32":
        pytest.skip("sums are in float32 there")
    potentials, transitions = numbers(**case)
    potentials, transitions = (x.astype(dtype) for x in (potentials, transitions))
    mask = ops.convert_to_tensor(MASK)

    found = crf.log_partition(*tensors(potentials, transitions, dtype=dtype), mask)
    probabilities = crf.marginals(*tensors(potentials, transitions, dtype=dtype), mask)

    wanted = np.zeros((B, T, C))
    for row in range(B):
        steps, paths, scores = all_paths(potentials, transitions, row)
        total = np.logaddexp.reduce(scores)
        np.testing.assert_allclose(found[row], total, **tolerance(dtype))
        for path, score in zip(paths, scores, strict=True):
            wanted[row, steps, list(path)] += np.exp(score - total)
    np.testing.assert_allclose(probabilities, wanted, **tolerance(dtype))
    assert ops.convert_to_numpy(probabilities).dtype == dtype


@pytest.mark.parametrize("case", CASES)
def test_the_best_paths_are_the_best_of_all(case):
    potentials, transitions = numbers(**case)
    mask = ops.convert_to_tensor(MASK)
    arguments = tensors(potentials, transitions)

    tags, scores = (ops.convert_to_numpy(x) for x in crf.viterbi(*arguments, mask))
    n_best, n_scores = (ops.convert_to_numpy(x) for x in crf.viterbi_n_best(*arguments, mask, 5))

    for row in range(B):
        steps, paths, wanted = all_paths(potentials, transitions, row)
        order = np.argsort(-wanted, kind="stable")
        np.testing.assert_array_equal(tags[row, steps], paths[order[0]])
        np.testing.assert_allclose(scores[row], wanted[order[0]], rtol=1e-9, atol=1e-12)
        legal = [place for place in order[:5] if np.isfinite(wanted[place])]
        for rank, place in enumerate(legal):
            np.testing.assert_array_equal(n_best[row, rank, steps], paths[place])
            np.testing.assert_allclose(n_scores[row, rank], wanted[place], rtol=1e-9, atol=1e-12)
        assert (n_scores[row, len(legal) :] < -1e8).all()
    assert (tags[~MASK] == 0).all()
    assert (n_best.transpose(0, 2, 1)[~MASK] == 0).all()


def test_the_score_of_tags_is_added_up_over_real_steps():
    potentials, transitions = numbers()
    rng = np.random.default_rng(1)
    tags = rng.integers(0, C, (B, T))
    found = crf.sequence_score(
        *tensors(potentials)[:1],
        ops.convert_to_tensor(tags),
        *tensors(transitions),
        ops.convert_to_tensor(MASK),
    )
    for row in range(B):
        steps, paths, scores = all_paths(potentials, transitions, row)
        place = paths.index(tuple(tags[row, steps]))
        np.testing.assert_allclose(found[row], scores[place], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("case", CASES[:2])
def test_gradients_are_finite_differences(case):
    potentials, transitions = numbers(**case)
    weights = np.linspace(0.5, 2.0, B)

    def total(leaves):
        sums = crf.log_partition(*leaves, ops.convert_to_tensor(MASK))
        return ops.sum(sums * ops.convert_to_tensor(weights)), sums

    _, found = gradients_of(total, tensors(potentials, transitions))
    for which, array in enumerate((potentials, transitions)):
        wanted, step = np.zeros_like(array), 1e-5
        for place in np.ndindex(*array.shape):
            ends = []
            for moved in (step, -step):
                both = [potentials.copy(), transitions.copy()]
                both[which][place] += moved
                ends.append(
                    sum(
                        weight * np.logaddexp.reduce(all_paths(*both, row)[2])
                        for row, weight in enumerate(weights)
                    )
                )
            wanted[place] = (ends[0] - ends[1]) / (2 * step)
        np.testing.assert_allclose(found[which], np.nan_to_num(wanted), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("jit_compile", [False, True])
def test_compiled_it_gives_the_same(jit_compile):
    potentials, transitions = numbers(forbidden=[(0, 2)])
    mask = ops.convert_to_tensor(MASK)

    def everything(potentials, transitions, mask):
        (loss, _), gradients = _loss_and_gradients(potentials, transitions, mask)
        tags, score = crf.viterbi(potentials, transitions, mask)
        return loss, *gradients, tags, score, crf.marginals(potentials, transitions, mask)

    def _loss_and_gradients(potentials, transitions, mask):
        def total(leaves):
            sums = crf.log_partition(*leaves, mask)
            return ops.sum(sums), sums

        others, gradients = gradients_of(total, [potentials, transitions])
        return (ops.sum(others), others), gradients

    arguments = [*tensors(potentials, transitions), mask]
    like = None if jit_compile else arguments  # XLA wants sizes that it knows
    run = compiled(everything, jit_compile, like)
    for found, wanted in zip(run(*arguments), everything(*arguments), strict=True):
        np.testing.assert_allclose(found, wanted, rtol=1e-9, atol=1e-12)


def test_a_single_step_and_a_batch_of_none_are_legal():
    potentials, transitions = numbers()
    mask = np.ones((B, 1), bool)
    found = crf.log_partition(*tensors(potentials[:, :1], transitions), ops.convert_to_tensor(mask))
    np.testing.assert_allclose(found, np.logaddexp.reduce(potentials[:, 0], axis=-1), rtol=1e-9)
    tags, _ = crf.viterbi(*tensors(potentials[:0], transitions), ops.convert_to_tensor(MASK[:0]))
    assert tuple(tags.shape) == (0, T)


def plain_viterbi(potentials, transitions):
    """The best sequence of tags of one row without padding, and its score, step by step."""
    best, befores = potentials[0], []
    for potential in potentials[1:]:
        paths = best[:, None] + transitions
        befores.append(paths.argmax(axis=0))
        best = paths.max(axis=0) + potential
    tags = [int(best.argmax())]
    for before in reversed(befores):
        tags.append(int(before[tags[-1]]))
    return tags[::-1], best.max()


@pytest.mark.one_of_each
@pytest.mark.parametrize("jit_compile", [None, False, True])
@pytest.mark.parametrize(
    ("time", "tag_count", "rows"),
    # Op by op, steps in parts; in a graph, compiled as a whole, with few tags and with many.
    [(1, 40, 9), (2, 40, 9), (7, 40, 9), (8, 40, 9), (6, 70, 9)],
)
def test_the_best_path_among_many_tags_is_that_of_a_plain_program(
    time, tag_count, rows, jit_compile
):
    rng = np.random.default_rng(time)
    potentials = rng.normal(size=(rows, time, tag_count))
    transitions = rng.normal(size=(tag_count, tag_count))
    mask = rng.random((rows, time)) < 0.7
    mask[0] = True

    arguments = *tensors(potentials, transitions), ops.convert_to_tensor(mask)
    run = crf.viterbi if jit_compile is None else compiled(crf.viterbi, jit_compile)
    tags, scores = (ops.convert_to_numpy(x) for x in run(*arguments))

    for row in np.flatnonzero(mask.any(axis=1)):
        wanted, score = plain_viterbi(potentials[row, mask[row]], transitions)
        np.testing.assert_array_equal(tags[row, mask[row]], wanted)
        np.testing.assert_allclose(scores[row], score, rtol=1e-12)
