"""Flickr8k: photographs with five captions each, and an encoder that learns from them alone.

    seqzoo train recipes/captioning/flickr8k.py --data DIR --seed 0
    seqzoo train recipes/captioning/flickr8k.py --data DIR --set model.architecture=vinyals_2015
    seqzoo train recipes/captioning/flickr8k.py --data DIR --set model.blind=true

Source: Hodosh et al., 2013, https://doi.org/10.1613/jair.3994, 6,000 images to train on, 1,000 to
validate and 1,000 to test with, whose licence lets nobody ship them: DIR is in the layout that
`seqzoo.datasets.captioned_images` describes. TensorFlow Datasets does not carry it; sets that it
carries train in the same way:

    seqzoo train recipes/captioning/flickr8k.py --set data.tfds=coco_captions

With `model.blind` every image is grey, which gives the floor: what a captioner reaches that knows
captions and sees nothing. Published figures, BLEU-4 with a VGG network that was trained on
ImageNet: 12.3 Show and Tell, greedy; 19.5 to 21.3 Show, Attend and Tell.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import keras

from seqzoo import zoo
from seqzoo.datasets import captioned_images, tfds_captions
from seqzoo.encoders import convolutional_backbone
from seqzoo.metrics import CAPTION_METRICS
from seqzoo.metrics.captions import caption_tokens
from seqzoo.preprocessing import WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch


@dataclasses.dataclass(frozen=True)
class Data:
    """A set of TensorFlow Datasets in place of the files."""

    tfds: str | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, and how large."""

    architecture: Literal["xu_2015", "vinyals_2015"] = "xu_2015"
    blind: bool = False
    pixels: int = 128
    units: int = 256
    embedding_dim: int = 128
    dropout: float = 0.4
    min_frequency: int = 5


def load(folder: Path | None, data: Data) -> dict:
    if data.tfds is not None:
        sets = tfds_captions.load(data.tfds, ("train", "val", "test"), data_dir=folder)
        return {"train": sets["train"], "validation": sets["val"][:1000], "test": sets["test"]}
    if folder is None:
        raise ValueError(
            "Flickr8k cannot be shipped: `--data DIR` must name a folder with Flickr8k.token.txt, "
            "Flickr_8k.trainImages.txt, devImages and testImages, and the images as files or in "
            "zip archives. A set of TensorFlow Datasets does too: --set data.tfds=coco_captions."
        )
    splits = captioned_images.load(folder)
    return {name: [(i, _clean(c)) for i, c in examples] for name, examples in splits.items()}


def _clean(captions: list[str]) -> list[str]:
    return [" ".join(caption_tokens(caption)) for caption in captions]


def build(splits: dict, model: Model):
    words = WordTokenizer(normalization=None, lowercase=True, min_frequency=model.min_frequency)
    words.adapt([caption for _, captions in splits["train"] for caption in captions])
    task = zoo.ZOO[model.architecture](
        words,
        _backbone(model),
        model.pixels,
        units=model.units,
        embedding_dim=model.embedding_dim,
        dropout=model.dropout,
        augmentation=keras.Sequential(
            [
                keras.layers.RandomFlip("horizontal"),
                keras.layers.RandomTranslation(0.1, 0.1, fill_mode="reflect"),
                keras.layers.RandomContrast(0.2, value_range=(0, 255)),
            ]
        ),
        max_target_length=24,
    )
    return task


def _backbone(model: Model):
    body = convolutional_backbone(model.pixels, filters=(32, 64, 128, 192), depth=1)
    if not model.blind:
        return body
    shape = (model.pixels, model.pixels, 3)
    return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(0.0, offset=127.5), body])


recipe = Recipe(
    name="flickr8k",
    load=load,
    build=build,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=30,
        batch_size=32,
        learning_rate=1e-3,
        schedule="cosine",
        monitor="val_cider_d",
        mode="max",
        patience=6,
    ),
    search=BeamSearch(width=3),
    metrics=CAPTION_METRICS,
    examples=lambda splits: [image for image, _ in splits["test"][:12]],
    figures=(
        Figure(
            "bleu_4, test", published="12.3 and 19.5 to 21.3, with ImageNet", measured="not yet"
        ),
    ),
)
