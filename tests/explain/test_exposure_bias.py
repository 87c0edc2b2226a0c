"""Exposure bias, against the tokens of the searches and scores of the library itself."""

import numpy as np
import pytest
from tiny_tasks import make_translator, reversal_pairs, trained_translator

from seqzoo import Greedy
from seqzoo.explain import ExposureBias, exposure_bias, plot_exposure_bias

PAIRS = reversal_pairs(41, seed=5)


def right_of_greedy(task, pairs):
    """Right tokens of greedy search by place, the end token counted, and the targets' lengths."""
    longest = 1 + max(len(target.split()) for _, target in pairs)
    search = Greedy(max_length=longest)
    texts = task.generate([source for source, _ in pairs], search=search)
    right, counts = np.zeros((2, longest))
    for text, (_, target) in zip(texts, pairs, strict=True):
        wanted, found = [*target.split(), "</s>"], [*text.split(), "</s>"]
        for place, token in enumerate(wanted):
            counts[place] += 1
            right[place] += place < len(found) and token == found[place]
    return right, counts


@pytest.mark.parametrize("batch_size", [64, 7])
def test_own_prefixes_are_those_of_greedy_search(batch_size):
    task = trained_translator().task
    right, counts = right_of_greedy(task, PAIRS)
    bias = exposure_bias(task, PAIRS, batch_size)

    assert 0.2 < right.sum() / counts.sum() < 1  # it has learned something, but not all
    np.testing.assert_allclose(bias.own_by_place, right / counts, rtol=1e-6)
    np.testing.assert_array_equal(bias.counts, counts)
    assert bias.own == pytest.approx(right.sum() / counts.sum())


def test_gold_prefixes_are_those_of_teacher_forcing():
    task = trained_translator().task
    bias = exposure_bias(task, PAIRS, batch_size=8)
    accuracy = task.evaluate(PAIRS, return_dict=True, verbose=0)["token_accuracy"]
    assert bias.gold == pytest.approx(accuracy, rel=1e-6)
    assert (bias.gold_by_place * bias.counts).sum() / bias.counts.sum() == pytest.approx(bias.gold)
    assert bias.gap == bias.gold - bias.own
    assert bias.gap > 0


def test_the_first_token_has_no_prefix_and_so_no_bias():
    bias = exposure_bias(make_translator(), PAIRS)
    assert bias.gold_by_place[0] == bias.own_by_place[0]


def test_the_picture_has_two_lines_for_each_model_and_their_shares(tmp_path):
    places = np.array([0.9, 0.8, 0.5]), np.array([0.9, 0.7, 0.2]), np.array([9, 6, 1])
    found = {name: ExposureBias(0.85, 0.75, *places) for name in ("before", "after")}
    figure = plot_exposure_bias(found, tmp_path / "bias.png", least=2)
    (axes,) = figure.axes
    assert [line.get_xdata().tolist() for line in axes.lines] == [[1, 2]] * 4
    assert axes.lines[1].get_ydata().tolist() == [0.9, 0.7]
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels[1:3] == ["before, own prefixes (0.750)", "after, gold prefixes (0.850)"]
    assert (tmp_path / "bias.png").read_bytes()[:4] == b"\x89PNG"
