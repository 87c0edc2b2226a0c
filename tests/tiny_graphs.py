"""Tiny tasks of graphs: chains of letters, asked for their order, their kind and their ends."""

import itertools
import random

import keras

from seqzoo import zoo
from seqzoo.preprocessing import (
    GraphReader,
    LabelledGraphs,
    TaggedGraphs,
    TokenLookup,
    WhitespaceTokenizer,
)

LETTERS = "abcdefg"
VOCABULARY = ["", "<unk>", "<start>", "<end>", *LETTERS]


def chains(count, seed=0):
    """The letters of chains, and the edges between neighbours in any order."""
    rng = random.Random(seed)
    for _ in range(count):
        letters = rng.sample(LETTERS, rng.randint(2, 4))
        edges = [(a, "to", b) for a, b in itertools.pairwise(letters)]
        yield letters, rng.sample(edges, len(edges))


def written(count, seed=0):
    """Pairs of a chain and its letters in order."""
    return [(edges, " ".join(letters)) for letters, edges in chains(count, seed)]


def classified(count, seed=0):
    """Pairs of a graph and its kind: half of the chains are closed to rings."""
    pairs = []
    for number, (letters, edges) in enumerate(chains(count, seed)):
        ring = [(letters[-1], "to", letters[0])]
        pairs.append((edges + ring, "ring") if number % 2 else (edges, "chain"))
    return pairs


def tagged(count, seed=0):
    """Pairs of a chain and the tags of its nodes, of which the last has none."""
    return [
        (edges, {letters[0]: "first"} | dict.fromkeys(letters[1:-1], "inner"))
        for letters, edges in chains(count, seed)
    ]


def reader():
    # Without a normal form, whose graph takes seconds to trace.
    types = TokenLookup(normalization=None, vocabulary=[*VOCABULARY[:4], "to"])
    return GraphReader(TokenLookup(normalization=None, vocabulary=VOCABULARY), types)


def make_graph_task(builder, seed=1, **settings):
    """A task of graphs of the zoo, small, with the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    small = {"units": 6, "embedding_dim": 5, "dropout": 0.0, **settings}
    if builder == "beck_2018":
        target = WhitespaceTokenizer(normalization=None, vocabulary=VOCABULARY)
        return zoo.beck_2018(reader(), target, steps=2, max_target_length=6, **small)
    if builder == "li_2016":
        return zoo.li_2016(LabelledGraphs(reader(), ["chain", "ring"]), steps=2, **small)
    graphs = TaggedGraphs(reader(), ["first", "inner"])
    heads = {"heads": 2} if builder == "velickovic_2018" else {}
    return zoo.ZOO[builder](graphs, **small, **heads)


EXAMPLES = {
    "beck_2018": written,
    "li_2016": classified,
    "kipf_2017": tagged,
    "velickovic_2018": tagged,
}
