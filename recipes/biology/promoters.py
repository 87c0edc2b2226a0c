"""Promoters of E. coli: does the transcription of a gene begin among these 81 bases?

    for seed in 0 1 2 3 4; do
        seqzoo train promoters --data DIR --seed $seed --set data.seed=$seed
    done

Source: https://github.com/solovictor/CNNPromoterData (Umarov and Solovyev, 2017, of RegulonDB): DIR
holds `Ecoli_prom.fa` and `Ecoli_non_prom.fa`, plain or `.gz`. Similar sequences, see
`seqzoo.datasets.similarity`, are in one split: 70 % are trained on, 10 % validated on, 20 % tested
on, drawn by `data.seed`. With no `--data`, random bases, half of them with a motif that the library
puts in.
"""

import dataclasses
from pathlib import Path

from seqzoo import Classifier
from seqzoo.datasets import sequences, similarity
from seqzoo.datasets.lines import find_file
from seqzoo.encoders import TCN, BothStrands, EncoderChain, TextCNN
from seqzoo.heads import Classes
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import LabelledResidues
from seqzoo.recipe import Recipe, TrainingOptions

FILES = {"promoter": "Ecoli_prom.fa", "other": "Ecoli_non_prom.fa"}
PARTS = {0: "test", 1: "test", 2: "validation"}  # of ten


@dataclasses.dataclass(frozen=True)
class Data:
    """The seed of the splits."""

    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model, and whether it answers a sequence and its other strand alike.

    `base_dropout` is the share of the bases that training hides. The answer is read off the last
    step, which sees all bases, so that it matters where each is, and off mean and maximum of all
    steps; of both strands, off the maximum.
    """

    motif: int = 9
    units: int = 32
    blocks: int = 4
    window: int = 5
    base_dropout: float = 0.1
    dropout: float = 0.1
    head_dropout: float = 0.5
    both_strands: bool = False


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        examples = sequences.with_motif(600, seed=data.seed)
    else:
        records = {
            label: sequences.load(find_file(folder, [name])) for label, name in FILES.items()
        }
        examples = [(each.sequence, label) for label in records for each in records[label]]
    groups = similarity.similarity_groups([sequence for sequence, _ in examples])
    folds = similarity.grouped_folds(groups, [label for _, label in examples], 10, data.seed)
    splits: dict = {"train": [], "validation": [], "test": []}
    for example, fold in zip(examples, folds, strict=True):
        splits[PARTS.get(fold, "train")].append(example)
    return splits


def build(splits: dict, model: Model):
    residues = LabelledResidues(sorted({label for _, label in splits["train"]}))
    first = TextCNN(None, residues.width, (model.motif,), model.units, model.base_dropout)
    above = TCN(None, model.units, model.units, model.blocks, model.window, dropout=model.dropout)
    encoder = EncoderChain([first, above])
    head = Classes(len(residues.labels), dropout=model.head_dropout)
    if model.both_strands:
        return Classifier(BothStrands(encoder), residues, head, pooling="max")
    return Classifier(encoder, residues, head)


recipe = Recipe(
    name="promoters",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=24,
        batch_size=64,
        learning_rate=3e-3,
        schedule="cosine",
        ema=0.98,
        monitor="val_loss",
    ),
    search=None,
    metrics={name: METRICS[name] for name in ("accuracy", "matthews_correlation")},
)
