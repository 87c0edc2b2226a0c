"""Bach's chorales: each chord predicted from those before it.

    seqzoo train chorales --data DIR --seed 0
    seqzoo train chorales --data DIR --seed 0 --set model.all_keys=false --set model.dropout=0.6
        --set model.input_dropout=0.2 --set training.epochs=50
    both with --set model.head=bernoulli
    seqzoo predict runs/chorales-0 < pieces.txt

Source: 382 chorales in quarter notes, split as by Boulanger-Lewandowski et al. (2012): DIR holds
`jsb-chorales-quarter.json`, plain or `.gz`, of https://github.com/czhuang/JSB-Chorales-dataset.
With no `--data`, cadences of four voices that the library makes.

Expected, in nats a frame of the test split, all frames of all pieces (without the first frame of
each), seed 0, on 2 cores of an AMD EPYC that had other work too:

    RNN-NADE, the training pieces in all twelve keys    4.957 (4.926)     7.4 minutes
    RNN-NADE, the training pieces as they are           5.457 (5.469)     10 minutes
    keys by themselves, the pieces in all twelve keys   8.349 (8.285)     4.7 minutes
    keys by themselves, the pieces as they are          8.537 (8.536)     6.3 minutes
    how often each key goes on sounding, by counts      10.48

Published: RNN-NADE 5.56, RNN-RBM 6.27 (Boulanger-Lewandowski et al., 2012); keys by themselves,
LSTM 8.45, TCN 8.10 (Bai et al., 2018, without the first frame). None of them moves pieces.

Ten samples as MIDI files (`pip install 'seqzoo[music]'`):

    model = sz.from_preset("runs/chorales-0/preset")
    for number, piece in enumerate(model.generate([[]] * 10)):
        sz.preprocessing.write_midi(piece, f"{number}.mid")
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import pieces
from seqzoo.heads import Bernoulli
from seqzoo.preprocessing import PianoRolls, piece_as_text, transposed
from seqzoo.recipe import Figure, Recipe, TrainingOptions

GIVEN = 8  # frames of a piece that the model goes on with


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
    all_keys: bool = True


def load(folder: Path | None, data: None) -> dict:
    if folder is not None:
        return pieces.load(folder, "jsb-chorales-quarter.json")
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
    name="chorales",
    load=load,
    build=build,
    model=Model(),
    training=TrainingOptions(
        epochs=20, batch_size=16, learning_rate=4e-3, schedule="cosine", warmup_steps=20
    ),
    examples=first_frames,
    prepare=prepare,
    figures=(Figure("loss", "5.56 (RNN-NADE)", "4.957 (5.457 without other keys)"),),
)
