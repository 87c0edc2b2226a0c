"""Shortest paths on graphs of 5 to 15 nodes, by a gated graph network whose nodes are attended to.

seqzoo train paths --seed 0
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import shortest_paths
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import GraphReader, WhitespaceTokenizer
from seqzoo.recipe import Recipe, TrainingOptions
from seqzoo.search import Greedy


@dataclasses.dataclass(frozen=True)
class Data:
    """Sizes and seed of the graphs that are made."""

    train_size: int = 1_000
    validation_size: int = 500
    test_size: int = 1_000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model, and how often each graph is learned from under other names.

    `steps` counts for the model `graph` alone; `lstm` reads the lines of a graph as a text.
    """

    kind: Literal["graph", "lstm"] = "graph"
    units: int = 64
    steps: int = 8
    embedding_dim: int = 32
    dropout: float = 0.0
    namings: int = 20


def load(folder: Path | None, data: Data) -> dict:
    return shortest_paths.load(data.seed, data.train_size, data.validation_size, data.test_size)


def build(splits: dict, model: Model):
    graphs, paths = zip(*splits["train"], strict=True)
    target = WhitespaceTokenizer()
    target.adapt(paths)
    sizes = {"units": model.units, "embedding_dim": model.embedding_dim, "dropout": model.dropout}
    sizes |= {"max_target_length": shortest_paths.MAX_NODES + 1, "search": Greedy()}
    if model.kind == "lstm":
        source = WhitespaceTokenizer()
        source.adapt(graphs)
        return zoo.bahdanau_2015(source, target, cell="lstm", **sizes)
    reader = GraphReader()
    reader.adapt(graphs)
    return zoo.beck_2018(reader, target, steps=model.steps, **sizes)


def prepare(task, splits: dict, model: Model) -> dict:
    return splits | {"train": shortest_paths.renamed(splits["train"], model.namings)}


recipe = Recipe(
    name="paths",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=9, batch_size=64, learning_rate=3e-3, schedule="cosine", warmup_steps=100
    ),
    metrics={"exact_match": METRICS["exact_match"]},
    prepare=prepare,
)
