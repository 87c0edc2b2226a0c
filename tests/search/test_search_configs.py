"""Configs of searches: read back as they were, and refused where they are none."""

import json

import pytest

from seqzoo.search import (
    BeamSearch,
    Greedy,
    PerSource,
    Sample,
    search_from_config,
    search_to_config,
)
from seqzoo.search.constraints import (
    BannedPhrases,
    BannedTokens,
    ForcedEnd,
    FrequencyPenalty,
    NoRepeatNGram,
    RepetitionPenalty,
)

CONSTRAINTS = (
    *(NoRepeatNGram(2), BannedPhrases(("a b", (3, 4))), BannedTokens((3, "x")), ForcedEnd()),
    *(FrequencyPenalty(0.5), RepetitionPenalty(2)),
)
BEAM = BeamSearch(4, alpha=1, max_length=PerSource(1.5, 2), constraints=CONSTRAINTS)


def through_json(search):
    return json.loads(json.dumps(search_to_config(search)))


@pytest.mark.parametrize("search", [Greedy(), BEAM, Sample(temperature=1, seed=3)])
def test_a_search_is_read_back_as_it_was(search):
    assert search_from_config(through_json(search)) == search


@pytest.mark.parametrize(
    "change",
    [
        {"kind": "x"},
        {"kind": ["beam"]},
        {"kind": None},
        {"colour": 1},
        {"width": "a"},
        {"width": 1.5},
        {"width": True},
        {"alpha": "x"},
        {"stop": ["first"]},
        {"stop": "never"},
        {"max_length": [1]},
        {"max_length": {"kind": "beam"}},
        {"constraints": 3},
        {"constraints": [[1]]},
        {"constraints": [{"kind": "greedy"}]},
        {"constraints": [{"kind": "banned_phrases", "phrases": [1, 2]}]},
    ],
)
def test_what_is_no_config_of_a_search_is_refused(change):
    with pytest.raises(ValueError, match=r"kind of search|config of a search"):
        search_from_config(through_json(BEAM) | change)
