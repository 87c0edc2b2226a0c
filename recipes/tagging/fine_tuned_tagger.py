"""A pre-trained encoder, BERT or your own, fine-tuned to tag words.

    seqzoo train recipes/tagging/fine_tuned_tagger.py --data DIR --set model.encoder=RUN

Source: as for `part_of_speech`: DIR holds one treebank of Universal Dependencies,
`*-ud-train.conllu`, `*-ud-dev.conllu` and `*-ud-test.conllu`, plain or `.gz`. The encoder reads the
subwords of a sentence, and each word is represented by its first one. RUN is the folder of a run of
`masked_language_model`, a preset, or a published BERT with `config.json`, `model.safetensors` and
`vocab.txt`. Without `model.encoder`, a small encoder begins at random; without `--data`, the
sentences are requests that are made of names of Unicode CLDR, whose tags are of entities.

No figure has been measured yet.
"""

import dataclasses
from pathlib import Path
from typing import Literal

from seqzoo import Tagger, zoo
from seqzoo.datasets import conll, requests
from seqzoo.heads import Tags
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import SubwordTokenizer, TaggedSubwords
from seqzoo.recipe import Recipe, TrainingOptions, pretrained, tagged_answers

SPLITS = {"train": "train", "validation": "dev", "test": "test"}


@dataclasses.dataclass(frozen=True)
class Data:
    """Which column of the files is the tag; seed of the requests where there is no folder."""

    column: Literal["upos", "xpos", "deprel"] = "upos"
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Where the encoder comes from, how many subwords it reads together, and the head.

    `units`, `layers` and `vocabulary_size` count where it comes from nowhere; with `random_start`
    one of a folder forgets what it has learned, for comparison.
    """

    encoder: str | None = None
    random_start: bool = False
    dropout: float = 0.1
    max_length: int = 128
    units: int = 64
    layers: int = 2
    vocabulary_size: int = 2000
    crf: bool = False


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        return requests.load(seed=data.seed)
    return {
        split: conll.load_conllu(_find(folder, name), data.column) for split, name in SPLITS.items()
    }


def _find(folder: Path, name: str) -> Path:
    found = sorted(folder.glob(f"*-ud-{name}.conllu*"))
    if len(found) != 1:
        raise FileNotFoundError(
            f"One file *-ud-{name}.conllu, plain or .gz, is wanted in {folder}. Received: "
            f"{len(found)}. Give the folder of one treebank."
        )
    return found[0]


def build(splits: dict, model: Model):
    sentences, tags = zip(*splits["train"], strict=True)
    if model.encoder is None:
        tokenizer = SubwordTokenizer(model.vocabulary_size)
        tokenizer.adapt(" ".join(tokens) for tokens in sentences)
        sizes = {"units": model.units, "layers": model.layers, "dropout": model.dropout}
        encoder = zoo.devlin_2019(tokenizer, **sizes, window_length=model.max_length).encoder
    else:
        encoder, tokenizer = pretrained(model.encoder, model.dropout, model.random_start)
    names = sorted({tag for each in tags for tag in each})
    longest = min(model.max_length, encoder.max_positions or model.max_length)
    subwords = TaggedSubwords(tokenizer, names, max_length=longest)
    return Tagger(encoder=encoder, preprocessor=subwords, head=Tags(len(names), model.crf))


recipe = Recipe(
    name="fine_tuned_tagger",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=4,
        batch_size=32,
        learning_rate=5e-4,
        schedule="cosine",
        warmup_steps=20,
        monitor="val_token_accuracy",
        mode="max",
    ),
    search=None,
    metrics={"tag_accuracy": METRICS["tag_accuracy"]},
    examples=("The quick brown fox jumps over the lazy dog .", "Book a flight to New York !"),
    figures=(),
    respond=tagged_answers,
)
