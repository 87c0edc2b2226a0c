"""Drawn scenes: coloured shapes, their sizes, numbers and relations, put into words.

    seqzoo train recipes/captioning/scenes.py --seed 0 --precision mixed_bfloat16
    seqzoo train recipes/captioning/scenes.py --set model.architecture=vinyals_2015

Source: `seqzoo.datasets.scenes` says how the scenes are drawn. The model is Show, Attend and Tell
(Xu et al., 2015, https://arxiv.org/abs/1502.03044) over a small network of convolutions that first
learns words from nothing (`seqzoo.training.learn_words`) and goes on learning. Most of a scene is
empty, so that `even_reading` is 0. It needs no download; `--data DIR` reads scenes from a folder in
the layout of Flickr8k in its place.

Expected, seed 0, 2 cores of an Intel Xeon with AMX: `correct` 0.985 on the 1,000 test scenes, 0.869
on `test_pairs`, 14 minutes beside other work. Leave `--precision` out on a processor without
bfloat16.

`test` has compositions that were never trained on, `test_pairs` pairs of a colour and a shape.
`correct` is the share of captions of which every colour, shape, size, number and relation is
right.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import tensorflow as tf

from seqzoo import zoo
from seqzoo.datasets import captioned_images, scenes
from seqzoo.encoders import convolutional_backbone
from seqzoo.metrics import CAPTION_METRICS
from seqzoo.preprocessing import WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch
from seqzoo.training import learn_words, word_shares


@dataclasses.dataclass(frozen=True)
class Data:
    """Sizes and seed of the scenes that are drawn."""

    train_size: int = 24_000
    captions_each: int = 1
    validation_size: int = 200
    test_size: int = 1_000
    seed: int = 0


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, how large, and for how many epochs its backbone learns words."""

    architecture: Literal["xu_2015", "vinyals_2015"] = "xu_2015"
    units: int = 192
    embedding_dim: int = 64
    even_reading: float = 0.0
    dropout: float = 0.1
    word_epochs: int = 4


def load(folder: Path | None, data: Data) -> dict:
    if folder is not None:
        return captioned_images.load(folder)
    return scenes.load(
        seed=data.seed,
        train_size=data.train_size,
        validation_size=data.validation_size,
        test_size=data.test_size,
        captions_each=data.captions_each,
    )


def build(splits: dict, model: Model):
    words = WordTokenizer(normalization=None)
    words.adapt([caption for _, captions in splits["train"] for caption in captions])
    is_attending = model.architecture == "xu_2015"
    return zoo.ZOO[model.architecture](
        words,
        convolutional_backbone(
            scenes.PIXELS, filters=(16, 32, 128), depth=(1, 2, 4), downsampling="max_pooling"
        ),
        scenes.PIXELS,
        units=model.units,
        embedding_dim=model.embedding_dim,
        dropout=model.dropout,
        max_target_length=20,
        **({"even_reading": model.even_reading} if is_attending else {}),
    )


def prepare(task, splits: dict, model: Model) -> dict:
    """Teaches the backbone words."""
    pixels, places, _ = task.preprocessor.reader.read([image for image, _ in splits["train"]])
    shares = word_shares([splits["train"][place][1] for place in places])
    if model.word_epochs:
        examples = tf.data.Dataset.from_tensor_slices((pixels, shares))
        batches = examples.shuffle(len(pixels), seed=0).batch(32).prefetch(2)
        learn_words(task.encoder.backbone, batches, shares, model.word_epochs)
    return splits


recipe = Recipe(
    name="scenes",
    load=load,
    build=build,
    prepare=prepare,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=7,
        batch_size=32,
        learning_rate=2e-3,
        schedule="cosine",
        monitor="val_correct",
        mode="max",
    ),
    search=BeamSearch(width=3),
    metrics={"correct": scenes.correct, "cider_d": CAPTION_METRICS["cider_d"]},
    examples=lambda splits: [image for image, _ in splits["test"][:8]],
    figures=(
        Figure("correct, test", published="none", measured="0.985"),
        Figure("correct, test_pairs", published="none", measured="0.869"),
    ),
)
