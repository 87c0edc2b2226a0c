"""Descriptions of restaurants from what is known of them: data to text, names copied.

    seqzoo train recipes/text/meanings.py --data DIR --seed 0
    seqzoo predict runs/meanings-0 < meanings.txt

Source: the E2E challenge (Novikova et al., 2017, https://arxiv.org/abs/1706.09254; CC BY-SA 4.0),
https://github.com/tuetschek/e2e-dataset: DIR holds `trainset.csv`, `devset.csv` and
`testset_w_refs.csv`, plain or `.gz`. A meaning is a line such as `name[The Eagle], food[French]`.
Validation and test have all references of a meaning, as in the challenge. With no `--data`, a few
hundred meanings and sentences that the recipe makes.

The model is the pointer-generator of See et al., 2017, https://arxiv.org/abs/1704.04368: names
come from the meaning, also those never seen.

Expected, test split, seed 0, on 2 cores of an AMD EPYC that had much other work too, 14 minutes of
processor time: BLEU 66.1 (lower case, beam 5; TGen, the baseline of the challenge: 65.9), ROUGE-L
0.695 (TGen: 0.685), `missing_slots` 0.088, of the first text by people 0.057 by the same signs. The
text of the nearest meaning of the training has BLEU 48.1 and ROUGE-L 0.575. Validation: BLEU 71.2
after 4 of the 5 epochs.

The table of the challenge is that of Dušek et al., 2020, https://arxiv.org/abs/1901.07931.
"""

import dataclasses
import random
import re
from collections.abc import Sequence
from pathlib import Path

from seqzoo import zoo
from seqzoo.datasets import tables
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import bleu, rouge_l
from seqzoo.preprocessing import WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch

FILES = {"train": "trainset.csv", "validation": "devset.csv", "test": "testset_w_refs.csv"}
SLOT = re.compile(r"([^\[\],]+)\[([^\]]*)\]")
# What a text holds, in lower case, that tells of a slot; {} is its value.
SIGNS = {
    "name": "{}",
    "near": "{}",
    "food": "{}",
    "eatType": "{}",
    "area": "riverside|river|city|cent",
    "familyFriendly": "famil|child|kid|adult",
    "priceRange": "£|price|cheap|expensive|cost|pound|moderate|low|high",
    "customer rating": "rat|star|review|customer|low|average|high|poor|excellent",
}


@dataclasses.dataclass(frozen=True)
class Data:
    """How many meanings are made where no data are given, and their seed."""

    size: int = 600
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Sizes of the model; words that are rarer are not known."""

    units: int = 128
    embedding_dim: int = 64
    attention: str = "additive"
    dropout: float = 0.2
    min_frequency: int = 3


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        made, tenth = meanings(data.size, data.seed), data.size // 10
        return {
            "train": made[2 * tenth :],
            "validation": made[:tenth],
            "test": made[tenth : 2 * tenth],
        }
    splits: dict[str, list] = {}
    for split, name in FILES.items():
        texts: dict[str, list[str]] = {}
        for meaning, text in tables.read(find_file(folder, [name]), "mr", "ref"):
            texts.setdefault(meaning, []).append(text)
        splits[split] = list(texts.items())
    return splits


def meanings(count: int, seed: int) -> list[tuple[str, list[str]]]:
    """Meanings of places with names of their own, and two sentences of each."""
    rng = random.Random(seed)
    made = {}
    while len(made) < count:
        name, near = (
            "The " + "".join(rng.choices(("ba", "do", "fi", "ka", "lu", "mo"), k=3)).capitalize()
            for _ in range(2)
        )
        kind, food = (
            rng.choice(("pub", "restaurant")),
            rng.choice(("French", "Indian", "Fast food")),
        )
        made[f"name[{name}], eatType[{kind}], food[{food}], near[{near}]"] = [
            f"{name} is a {kind} near {near}. It serves {food} food.",
            f"Near {near} there is a {kind} named {name}, which serves {food} food.",
        ]
    return list(made.items())


def build(splits: dict, model: Model):
    words = WordTokenizer(min_frequency=model.min_frequency)
    pairs = [(meaning, text) for meaning, texts in splits["train"] for text in texts]
    words.adapt(text for pair in pairs for text in pair)
    return zoo.see_2017(
        words,
        units=model.units,
        embedding_dim=model.embedding_dim,
        attention=model.attention,
        dropout=model.dropout,
        max_source_length=120,
        max_target_length=80,
    )


def missing_slots(texts: Sequence[str], meanings: Sequence[str]) -> float:
    """The share of the slots of meanings of which a text has no sign; see `SIGNS`."""
    missed = slots = 0
    for text, meaning in zip(texts, meanings, strict=True):
        for name, value in SLOT.findall(meaning):
            sign = SIGNS.get(name.strip(), "{}").replace("{}", re.escape(value.lower()))
            missed += not re.search(sign, text.lower())
            slots += 1
    return missed / slots


def slots(task, examples: Sequence[tuple[str, list[str]]]) -> dict[str, float]:
    """Missing slots of the answers, and of the first reference."""
    sources, references = zip(*examples, strict=True)
    answers = recipe.outputs(task, sources)
    return {
        "missing_slots": missing_slots(answers, sources),
        "missing_slots_of_people": missing_slots([each[0] for each in references], sources),
    }


def bleu_of_lower_case(outputs: Sequence[str], references: Sequence[list[str]]) -> float:
    """BLEU as in the challenge, where upper and lower case count as equal."""
    return bleu(outputs, references, lowercase=True)


recipe = Recipe(
    name="meanings",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=5,
        batch_size=64,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_loss",
        mode="min",
    ),
    search=BeamSearch(width=5),
    metrics={"bleu": bleu_of_lower_case, "rouge_l": rouge_l},
    report=slots,
    figures=(
        Figure("bleu, test", "65.9 (TGen)", "66.1 (seed 0)"),
        Figure("rouge_l, test", "0.685 (TGen)", "0.695 (seed 0)"),
    ),
    examples=("name[The Blue Fig], eatType[pub], food[French], near[Café Zed]",),
)
