"""Searches: they know a step function and no model."""

from seqzoo.search.beam import BeamSearch
from seqzoo.search.greedy import Greedy
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.rows import PerSource, Rows
from seqzoo.search.sample import Sample
from seqzoo.search.step import Kept, Step

SEARCHES: dict[str, type] = {"greedy": Greedy, "beam": BeamSearch, "sample": Sample}
"""The searches by name."""

__all__ = [
    "SEARCHES",
    "BeamSearch",
    "Greedy",
    "Hypotheses",
    "Kept",
    "PerSource",
    "Rows",
    "Sample",
    "Step",
]
