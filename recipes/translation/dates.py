"""Dates as people write them, in 29 locales, to ISO 8601, character by character.

    seqzoo train recipes/translation/dates.py --seed 0

Source: Unicode CLDR through Babel; `seqzoo.datasets.dates` says how the texts are made. The
model is that of Bahdanau et al., 2015, https://arxiv.org/abs/1409.0473, with LSTMs. It needs no
download; `--data DIR` reads `train.text`, `train.date`, `validation.text` … in its place.

`test` has unseen dates in seen formats and locales, `test_formats` has formats and
`test_locales` has locales that were never trained on. Expected `exact_match`, seeds 0 and 1:
0.995 and 0.999 on `test`, 0.893 and 0.941 on `test_formats`, 0.907 and 0.911 on `test_locales`.
The whole command takes 2.2 minutes on 2 cores.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import dates, parallel_text
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import CharacterTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch


@dataclasses.dataclass(frozen=True)
class Data:
    """Sizes and seed of the dates that are made."""

    train_size: int = 20_000
    validation_size: int = 1_000
    test_size: int = 1_000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model."""

    units: int = 128
    embedding_dim: int = 64
    cell: Literal["lstm", "gru"] = "lstm"
    dropout: float = 0.0


def load(folder: Path | None, data: Data) -> dict:
    if folder is not None:
        return parallel_text.load(folder, "text", "date")
    return dates.load(
        seed=data.seed,
        train_size=data.train_size,
        validation_size=data.validation_size,
        test_size=data.test_size,
    )


def build(splits: dict, model: Model):
    texts, targets = zip(*splits["train"], strict=True)
    source, target = CharacterTokenizer(), CharacterTokenizer()
    source.adapt(texts)
    target.adapt(targets)
    return zoo.bahdanau_2015(
        source,
        target,
        units=model.units,
        embedding_dim=model.embedding_dim,
        cell=model.cell,
        dropout=model.dropout,
        max_target_length=max(map(len, targets)) + 1,  # the end token
    )


recipe = Recipe(
    name="dates",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=3,
        batch_size=64,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_exact_match",
        mode="max",
    ),
    search=BeamSearch(width=5),
    metrics={"exact_match": METRICS["exact_match"]},
    examples=(
        "Saturday, April 3, 2021",
        "3 de abril de 2021",
        "en-GB 03/04/2021",
        "السبت، ٣ أبريل ٢٠٢١",
        "2021年4月3日土曜日",
        "3. huhtikuuta 2021",
    ),
    figures=(
        Figure("exact_match, test", published="none", measured="0.995 and 0.999"),
        Figure("exact_match, test_formats", published="none", measured="0.893 and 0.941"),
        Figure("exact_match, test_locales", published="none", measured="0.907 and 0.911"),
    ),
)
