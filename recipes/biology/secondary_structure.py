"""The secondary structure of each residue of a protein, from its sequence alone.

    for fold in 0 1 2 3 4 5 6 7 8 9; do
        seqzoo train secondary_structure --data DIR --seed 0 --set data.fold=$fold --out ss-$fold
    done

Source: CB513 (Cuff and Barton, 1999) with the eight states of DSSP: DIR holds `CB513.csv`, plain or
`.gz`, of https://www.kaggle.com/datasets/moklesur/cb513-dataset-for-protein-structure-prediction.
Similar proteins, see `seqzoo.datasets.similarity`, are in one of ten folds: one is tested on, the
next validated on. Residues that its mask leaves out weigh nothing, in training and in scores. With
no `--data`, proteins that the library makes by rule.

Expected, ten folds, seed 0, on 2 cores of an AMD EPYC beside much other work, a minute of the
processor each: Q8 0.511 with a deviation of 0.012 over the folds, and Q3 0.662 with one of 0.011,
where the probabilities of the eight states are added up to three (`q3_of_sums`). Coil alone has a
Q3 of 0.431.
"""

import dataclasses
from pathlib import Path

import numpy as np

from seqzoo import Tagger
from seqzoo.datasets import sequences, similarity
from seqzoo.datasets.lines import find_file
from seqzoo.encoders import TCN, EncoderChain, TextCNN
from seqzoo.heads import Tags
from seqzoo.metrics import residue_accuracy
from seqzoo.preprocessing import TaggedResidues
from seqzoo.recipe import Figure, Recipe, TrainingOptions

OF_THREE = {"G": "H", "I": "H", "B": "E", "S": "C", "T": "C"}  # of the eight, beside H, E and C


@dataclasses.dataclass(frozen=True)
class Data:
    """Which of the folds is tested on; the seed of the folds."""

    fold: int = 0
    folds: int = 10
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model: filters of the first layer, over `motif` residues, and of the blocks."""

    motif: int = 11
    units: int = 64
    blocks: int = 3
    window: int = 5
    dropout: float = 0.3


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        proteins = sequences.with_helices(200, data.seed)
    else:
        proteins = sequences.load_structures(find_file(folder, ["CB513.csv"]), states=8)
    groups = similarity.similarity_groups([letters for letters, _ in proteins], k=4, share=0.2)
    sizes = [0] * len(proteins)
    folds = similarity.grouped_folds(groups, sizes, data.folds, data.seed)
    return similarity.fold_splits(proteins, folds, data.fold)


def build(splits: dict, model: Model):
    residues = TaggedResidues()
    residues.adapt(splits["train"])
    first = TextCNN(None, residues.width, (model.motif,), model.units, dropout=0.0)
    above = TCN(None, model.units, model.units, model.blocks, model.window, dropout=model.dropout)
    head = Tags(len(residues.labels), crf=False)
    return Tagger(None, EncoderChain([first, above]), residues, head)


def of_three(states) -> list[str]:
    return [OF_THREE.get(state, state) for state in states]


def q3(outputs, references) -> float:
    """The share of residues whose state of three is right."""
    return residue_accuracy([*map(of_three, outputs)], [*map(of_three, references)])


def report(task, examples) -> dict:
    """Q3 where the probabilities of the states of eight that are one of three are added up."""
    names = of_three(task.preprocessor.labels.names)
    three = sorted(set(names))
    proteins, references = zip(*examples, strict=True)
    outputs = []
    for shares in task.marginals(proteins):
        sums = [shares[:, [name == state for name in names]].sum(axis=1) for state in three]
        outputs.append([three[index] for index in np.argmax(sums, axis=0)])
    return {"q3_of_sums": q3(outputs, references)}


recipe = Recipe(
    name="secondary_structure",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=15,
        batch_size=16,
        learning_rate=2e-3,
        schedule="cosine",
        ema=0.99,
        monitor="val_token_accuracy",
        mode="max",
    ),
    search=None,
    metrics={"q8": residue_accuracy, "q3": q3},
    report=report,
    figures=(
        Figure("q3_of_sums, ten folds", "0.71 to 0.74 (far larger training sets)", "0.662 ± 0.011"),
        Figure("q8, ten folds", "-", "0.511 ± 0.012"),
    ),
)
