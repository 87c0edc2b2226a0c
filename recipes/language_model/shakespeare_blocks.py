"""Tiny Shakespeare in blocks: a GPT, a LLaMA and modern recurrences of one size, on characters.

    seqzoo train recipes/language_model/shakespeare_blocks.py --data DIR
    seqzoo train recipes/language_model/shakespeare_blocks.py --data DIR
        --set model.architecture=gu_2023 --set model.layers=8

Source: as for `tiny_shakespeare`: DIR holds `input.txt` of https://github.com/karpathy/char-rnn,
whose first 90 % are for training and last 10 % for validation. With no `--data`, the text is the
reference of the language Python, which every Python carries.

The sizes are those of nanoGPT's setting for a CPU: 4 layers of 128 units, 4 heads, windows of 64
characters, no dropout.

Expected: a validation loss of 1.624 nats per character over the whole text, each one with half
a window before it at least, for the GPT, seed 0, after three epochs, 1,470 steps of 32 windows, in
4.6 minutes on 2 cores of an Intel Xeon (AMX) that had other work too. Published: 1.88 after 2,000
steps of 12 windows, in 3 minutes.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import plain_text
from seqzoo.preprocessing import TOKENIZERS
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import Sample


@dataclasses.dataclass(frozen=True)
class Data:
    """The shares of the text that are held out."""

    validation: float = 0.1
    test: float = 0.0


@dataclasses.dataclass(frozen=True)
class Model:
    """Which named model, its sizes, and what its tokens are."""

    architecture: Literal[
        "radford_2019",
        "touvron_2023",
        "gu_2023",
        "beck_2024",
        "de_2024",
        "feng_2024",
        "yang_2024",
        "sun_2024",
    ] = "radford_2019"
    tokens: Literal["character", "byte"] = "character"
    units: int = 128
    layers: int = 4
    dropout: float = 0.0
    window_length: int = 64


def load(folder: Path | None, data: Data) -> dict:
    if folder is not None:
        return plain_text.load_whole(folder, data.validation, data.test)
    splits = plain_text.python_topics(validation=data.validation, test=data.test)
    return {name: ["\n".join(lines)] for name, lines in splits.items() if lines}


def build(splits: dict, model: Model):
    tokenizer = TOKENIZERS[model.tokens]()
    tokenizer.adapt(splits["train"])
    return zoo.ZOO[model.architecture](
        tokenizer,
        units=model.units,
        layers=model.layers,
        dropout=model.dropout,
        end_tokens=False,
        window_length=model.window_length,
    )


recipe = Recipe(
    name="shakespeare_blocks",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=3, batch_size=32, learning_rate=2e-3, schedule="cosine", warmup_steps=100
    ),
    search=Sample(temperature=0.8, max_length=48, seed=0),
    metrics={},
    examples=("ROMEO:", "The "),
    figures=(
        Figure(
            "validation loss, nats per character",
            published="1.88 (nanoGPT's setting for a CPU)",
            measured="1.624",
        ),
    ),
)
