"""Searches: they know a step function and no model."""

from seqzoo.search.beam import BeamSearch
from seqzoo.search.greedy import Greedy
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.step import Step

SEARCHES: dict[str, type] = {"greedy": Greedy, "beam": BeamSearch}
"""The searches by name."""

__all__ = ["SEARCHES", "BeamSearch", "Greedy", "Hypotheses", "Step"]
