"""Headlines of short news, by a pointer-generator that copies names from the text.

    seqzoo train recipes/text/headlines.py --data DIR --seed 0
    seqzoo train recipes/text/headlines.py --data DIR --seed 0 --set model.pointer=false
    seqzoo predict runs/headlines-0 < texts.txt

Source: Inshorts, texts of 60 words and their headlines, whose owners let nobody ship them: DIR
holds `news_headlines.csv`, plain or `.gz`, with the columns `headlines` and `text`, of
`news_summary.csv` in https://github.com/Hitesh-Nimbalkar/Text_summarise_data. No split is
published; here the SHA-1 of a text, modulo 10, is 0 for the test and 1 for the validation. With no
`--data`, reports that the library makes, of people and towns with names of their own.

The model is that of See et al., 2017, https://arxiv.org/abs/1704.04368, small.

Expected, F1 of the test split, seed 0, on 2 cores of an AMD EPYC that had much other work too:

                                        ROUGE-1  ROUGE-2  answers with an unknown word
    pointer-generator, beam 5            38.4     13.8     0 %      19 minutes
    the same without a pointer            6.8      0.0     100 %    10 minutes
    the first ten words of the text      29.2

Published on these splits: none.
"""

import dataclasses
import hashlib
import random
from collections.abc import Sequence
from pathlib import Path

from seqzoo import Seq2Seq, heads, zoo
from seqzoo.datasets import tables
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import TextPairs, WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch
from seqzoo.search.constraints import NoRepeatNGram

LEAD = 10  # words of a text that are its headline in the baseline
EVENTS = (  # what a report tells of a person in a town, and its headline
    ("was elected mayor of {town} on {day}, with more than half of the votes", "{name} elected"),
    ("opened a library in {town} on {day}, after two years of building", "{name} opens library"),
    ("won the chess tournament of {town} on {day}, without losing a game", "{name} wins"),
    ("was fined in {town} on {day} for driving without lights", "{name} fined"),
)
REPORTS = (
    "{name}, {job}, {event}. Friends in {other} sent flowers.",
    "According to the paper of {town}, {name}, {job}, {event}.",
    "It rained all {day}. {name}, {job}, {event}.",
)
JOBS = ("a baker", "a nurse", "a teacher of music", "a retired sailor")
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")


@dataclasses.dataclass(frozen=True)
class Data:
    """How many reports are made where no data are given, and their seed."""

    size: int = 1_200
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model, and whether it copies words; words that are rarer are not known."""

    pointer: bool = True
    units: int = 128
    embedding_dim: int = 64
    dropout: float = 0.3
    coverage_loss: float = 0.0
    min_frequency: int = 5


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        made = reports(data.size, data.seed)
        tenth = data.size // 10
        return {
            "train": made[2 * tenth :],
            "validation": made[:tenth],
            "test": made[tenth : 2 * tenth],
        }
    splits: dict[str, list] = {"train": [], "validation": [], "test": []}
    for text, headline in tables.read(
        find_file(folder, ["news_headlines.csv"]), "text", "headlines"
    ):
        number = int(hashlib.sha1(text.encode()).hexdigest(), 16) % 10
        name = {0: "test", 1: "validation"}.get(number, "train")
        splits[name].append((text, headline))
    return splits


def reports(count: int, seed: int) -> list[tuple[str, str]]:
    """Reports of people and towns, no two of one name, and their headlines."""
    rng = random.Random(seed)

    def name() -> str:
        syllables = rng.choices(("ba", "do", "fi", "ge", "ka", "lu", "mo", "ni", "ra", "su"), k=4)
        return "".join(syllables).capitalize()

    made = []
    for _ in range(count):
        event, headline = rng.choice(EVENTS)
        words = {"name": name(), "town": name(), "other": name(), "day": rng.choice(DAYS)}
        words["job"] = rng.choice(JOBS)
        text = rng.choice(REPORTS).format(event=event.format(**words), **words)
        made.append((text, (headline + " in {town}").format(**words)))
    return made


def build(splits: dict, model: Model):
    words = WordTokenizer(min_frequency=model.min_frequency, lowercase=True)
    words.adapt(text for pair in splits["train"] for text in pair)
    task = zoo.see_2017(
        words,
        units=model.units,
        embedding_dim=model.embedding_dim,
        coverage_loss=model.coverage_loss,
        dropout=model.dropout,
        max_source_length=100,
        max_target_length=24,
    )
    if model.pointer:
        return task
    pairs = TextPairs(words, None, max_source_length=100, max_target_length=24)
    return Seq2Seq(task.encoder, task.decoder, pairs, heads.Tokens(words.vocabulary_size))


def lead(task, examples: Sequence[tuple[str, str]]) -> dict[str, float]:
    """What the first words of the texts reach."""
    texts, headlines = zip(*examples, strict=True)
    first = [" ".join(text.split()[:LEAD]) for text in texts]
    return {"lead_rouge_1": METRICS["rouge_1"](first, headlines)}


recipe = Recipe(
    name="headlines",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=10,
        batch_size=32,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_rouge_1",
        mode="max",
    ),
    search=BeamSearch(width=5, constraints=(NoRepeatNGram(2),)),
    metrics={name: METRICS[name] for name in ("rouge_1", "rouge_2")},
    report=lead,
    figures=(
        Figure(
            "rouge_1, test",
            published="none on these splits",
            measured="38.4; first ten words 29.2",
        ),
    ),
)
