"""The tree of a beam is that of its search."""

import json
import math

import pytest
from tiny_tasks import BEAM, trained_translator

from seqzoo import BeamSearch, Greedy
from seqzoo.explain import beam_tree


@pytest.mark.parametrize(
    "search",
    [
        BEAM,
        pytest.param(
            BeamSearch(4, 2, groups=2, diversity=0.5, max_length=6, stop="all"),
            marks=pytest.mark.slow,
        ),
    ],
)
def test_the_tree_holds_what_lived_finished_and_died(search, tmp_path):
    task = trained_translator().task
    tree, figure = beam_tree(task, "a b c", search, path=tmp_path / "tree.png")

    nodes = {node["id"]: node for node in tree["nodes"]}
    for node in nodes.values():
        before = nodes[node["parent"]] if node["parent"] is not None else {"total": 0.0, "step": 0}
        assert node["step"] == before["step"] + 1
        assert node["total"] == pytest.approx(before["total"] + node["log_prob"], abs=1e-4)
        assert before.get("fate", "lived") == "lived"
        assert (node["score"] is not None) == (node["fate"] in ("finished", "returned"))
    for step in range(1, max(node["step"] for node in nodes.values()) + 1):
        lived = [n for n in nodes.values() if n["step"] == step and n["fate"] == "lived"]
        assert len(lived) <= search.width

    (found,) = task.generate(["a b c"], search, return_hypotheses=True)
    returned = [node for node in nodes.values() if node["fate"] == "returned"]
    scores = {round(node["score"], 3) for node in returned}
    assert {round(each.score, 3) for each in found} == scores
    for node in returned:
        words, at = [], node
        while at is not None:
            words.insert(0, at["token"])
            at = nodes.get(at["parent"])
        assert words in [each.tokens for each in found]
    assert (tmp_path / "tree.png").stat().st_size > 5000
    assert json.loads((tmp_path / "tree.json").read_text()) == tree
    assert math.isfinite(figure.get_size_inches()[1])


def test_what_is_no_beam_or_no_text_is_refused_in_words():
    task = trained_translator().task
    with pytest.raises(ValueError, match=r"A beam tree needs a beam search\. Received: Greedy"):
        beam_tree(task, "a", Greedy(max_length=4))
    with pytest.raises(ValueError, match="`text` must be one text"):
        beam_tree(task, ["a"], BEAM)
