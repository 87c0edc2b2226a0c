"""Spelling to sound in ten languages: words to phones, of SIGMORPHON 2020.

    seqzoo train sounds --data DIR --seed 0 --set data.language=fre

Source: https://github.com/sigmorphon/2020, task 1, words and their sounds of Wiktionary: DIR holds
`<language>_train.tsv`, `_dev.tsv` and `_test.tsv` for arm, bul, fre, geo, gre, hin, hun, ice, kor
or lit. Words are read in the normal form NFC, of Korean in single letters, NFD. English has a
recipe of its own, `spelling_to_sound`. Without `--data`, the recipe learns Finnish, whose spelling
tells the sounds, from names of Unicode CLDR.

The model is exact hard monotonic attention, Wu and Cotterell, 2019,
https://arxiv.org/abs/1905.06319. `exact_match` is the share of words without an error, 1 less the
word error rate of the shared task.

Measured with seed 0 on 2 cores of an AMD EPYC beside much other work, 2 to 4 minutes of the
processor each, word error rates of the test, 450 words:

    arm 14.4 %   bul 21.6 %   fre 6.7 %   geo 24.4 %   gre 16.2 %
    hin 6.9 %    hun 5.1 %    ice 9.8 %   kor 24.4 %   lit 25.3 %   mean 15.5 %

Published, as a mean of fifteen languages, five of which are not here: LSTM 16.84 %, best 13.81 %.
"""

import dataclasses
import re
from pathlib import Path
from typing import Literal

from seqzoo import zoo
from seqzoo.datasets import names, splits
from seqzoo.datasets.lines import find_file, tab_columns
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import CharacterTokenizer, WhitespaceTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch

FINNISH = re.compile("[a-zäöš]+")
PHONES = {"ä": "æ", "ö": "ø", "š": "ʃ", "c": "k", "q": "k", "w": "v", "x": "k s", "z": "t s"}
LONG = "\u02d0"  # IPA's mark
SYLLABLE = re.compile("[가-힣]")  # of Korean, several letters in one character


@dataclasses.dataclass(frozen=True)
class Data:
    """The language, and the seed of the splits where the recipe makes them."""

    language: Literal["arm", "bul", "fre", "geo", "gre", "hin", "hun", "ice", "kor", "lit"] = "fre"
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model."""

    units: int = 128
    layers: int = 1
    embedding_dim: int = 64
    dropout: float = 0.3


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        return splits.divide(finnish(), validation=0.1, test=0.2, seed=data.seed)
    files = {"train": "train", "validation": "dev", "test": "test"}
    return {
        split: list(tab_columns(find_file(folder, [f"{data.language}_{name}.tsv"])))
        for split, name in files.items()
    }


def finnish() -> list[tuple[str, str]]:
    """Words of Finnish names and their sounds: long ones are written twice, ng and nk have ŋ."""
    of_one = [name for part in names.load(languages=("fi",)).values() for name, _ in part]
    words = {word for name in of_one for word in re.split(r"\W+", name.lower())}
    return [(word, sounds(word)) for word in sorted(words) if FINNISH.fullmatch(word)]


def sounds(word: str) -> str:
    phones = []
    for letters in re.finditer(r"ng|nk|(.)\1|.", word):
        text = letters[0]
        if text in ("ng", "nk"):
            phones.append(f"ŋ{LONG}" if text == "ng" else "ŋ k")
        else:
            phones.append(PHONES.get(text[0], text[0]) + (LONG if len(text) == 2 else ""))
    return " ".join(phones)


def build(splits: dict, model: Model):
    words, phones = zip(*splits["train"], strict=True)
    form = "nfd" if SYLLABLE.search("".join(words)) else "nfc"
    letters, sounds = CharacterTokenizer(normalization=form), WhitespaceTokenizer()
    letters.adapt(words)
    sounds.adapt(phones)
    return zoo.wu_2019(letters, sounds, max_target_length=48, **dataclasses.asdict(model))


recipe = Recipe(
    name="sounds",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=20,
        batch_size=32,
        learning_rate=3e-3,
        schedule="cosine",
        monitor="val_exact_match",
        mode="max",
    ),
    search=BeamSearch(width=5),
    metrics={
        "exact_match": METRICS["exact_match"],
        "phone_error_rate": METRICS["word_error_rate"],  # phones stand between spaces
    },
    examples=("maison", "chevaux", "quelque", "seqzoo"),
    figures=(
        Figure(
            "exact_match, test, mean of ten languages",
            published="mean of fifteen languages: LSTM 0.832, best 0.862",
            measured="0.845",
        ),
    ),
)
