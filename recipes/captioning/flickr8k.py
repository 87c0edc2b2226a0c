"""Flickr8k: photographs with five captions each, and an encoder that learns from them alone.

    seqzoo train recipes/captioning/flickr8k.py --data DIR --seed 0 --precision mixed_bfloat16
    … --set model.architecture=vinyals_2015     no attention
    … --set model.blind=true                    sees nothing

Source: Hodosh et al., 2013, https://doi.org/10.1613/jair.3994, 6,000 images to train on, 1,000 to
validate and 1,000 to test with, whose licence lets nobody ship them: DIR is in the layout that
`seqzoo.datasets.captioned_images` describes. TensorFlow Datasets does not carry it; sets that it
carries train in the same way:

    seqzoo train recipes/captioning/flickr8k.py --set data.tfds=coco_captions

The encoder first learns to say which words are in the captions of an image, of random parts and
mirror images of it (`seqzoo.training.learn_words`). Then it is frozen, what it sees in an image and
in its mirror image is computed once, and the decoder is trained on that.

With `model.blind` every image is grey, which gives the floor: what a captioner reaches that knows
captions and sees nothing. Published figures, BLEU-4 with a VGG network that was trained on
ImageNet: 12.3 Show and Tell, greedy; 19.5 to 21.3 Show, Attend and Tell.
"""

import dataclasses
from pathlib import Path
from typing import Literal

import keras
import numpy as np
import tensorflow as tf

from seqzoo import zoo
from seqzoo.datasets import captioned_images, tfds_captions
from seqzoo.encoders import convolutional_backbone
from seqzoo.metrics import CAPTION_METRICS
from seqzoo.metrics.captions import caption_tokens
from seqzoo.preprocessing import WordTokenizer
from seqzoo.recipe import Figure, Recipe, TrainingOptions
from seqzoo.search import BeamSearch
from seqzoo.training import learn_words, word_shares


@dataclasses.dataclass(frozen=True)
class Data:
    """A set of TensorFlow Datasets in place of the files."""

    tfds: str | None = None


@dataclasses.dataclass(frozen=True)
class Model:
    """Which model, how large, and for how many epochs its encoder learns words."""

    architecture: Literal["xu_2015", "vinyals_2015"] = "xu_2015"
    blind: bool = False
    pixels: int = 128
    units: int = 256
    embedding_dim: int = 128
    dropout: float = 0.5
    min_frequency: int = 5
    word_epochs: int = 24
    word_rate: float = 2e-3


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
    return zoo.ZOO[model.architecture](
        words,
        _backbone(model),
        model.pixels,
        units=model.units,
        embedding_dim=model.embedding_dim,
        frozen=True,
        dropout=model.dropout,
        max_target_length=24,
    )


def _backbone(model: Model):
    body = convolutional_backbone(
        model.pixels, filters=(32, 64, 128, 256, 384), depth=(1, 2, 2, 2, 1)
    )
    if not model.blind:
        return body
    shape = (model.pixels, model.pixels, 3)
    return keras.Sequential([keras.Input(shape), keras.layers.Rescaling(0.0, offset=127.5), body])


def prepare(task, splits: dict, model: Model) -> dict:
    """Teaches the encoder words, and returns what it then sees in place of the images."""
    pixels, places, _ = task.preprocessor.reader.read([image for image, _ in splits["train"]])
    captions = [splits["train"][place][1] for place in places]
    if not model.blind and model.word_epochs:
        shares = word_shares(captions, at_least=15)
        parts = _parts(pixels, shares, batch_size=64)
        learn_words(task.encoder.backbone, parts, shares, model.word_epochs, model.word_rate)
    both = np.concatenate([pixels, pixels[:, :, ::-1]])
    seen = task.encoder.backbone.predict(both, batch_size=100, verbose=0).astype("float32")
    seen = seen.reshape(len(both), -1, seen.shape[-1])
    return {**splits, "train": list(zip(seen, captions * 2, strict=True))}


def _parts(pixels: np.ndarray, shares: np.ndarray, batch_size: int) -> tf.data.Dataset:
    """Random parts of the images, in other light, every other one mirrored, of one epoch."""

    def cut(seed, image, share):
        place = tf.range(tf.shape(image)[0], dtype=tf.int64)

        def draw(low, high, *shape, at):
            shape = (tf.shape(image)[0], *shape)
            return tf.random.stateless_uniform(shape, [seed, at], low, high)

        size = tf.sqrt(draw(0.4, 1.0, at=0))
        ratio = tf.exp(draw(-0.15, 0.15, at=1))
        high, wide = tf.minimum(size * ratio, 1.0), tf.minimum(size / ratio, 1.0)
        top, left = draw(0.0, 1.0, at=2) * (1 - high), draw(0.0, 1.0, at=3) * (1 - wide)
        mirrored = draw(0.0, 1.0, at=4) < 0.5
        sides = [left, left + wide]
        sides = [tf.where(mirrored, sides[1 - i], sides[i]) for i in (0, 1)]
        boxes = tf.stack([top, sides[0], top + high, sides[1]], axis=1)
        resized = tf.image.crop_and_resize(
            tf.cast(image, tf.float32), boxes, tf.cast(place, tf.int32), image.shape[1:3]
        )
        contrast = draw(0.7, 1.3, 1, 1, 1, at=5)
        tint = draw(-20.0, 20.0, 1, 1, 3, at=6)
        middle = tf.reduce_mean(resized, axis=(1, 2, 3), keepdims=True)
        return tf.clip_by_value((resized - middle) * contrast + middle + tint, 0, 255), share

    with tf.device("CPU:0"):
        images, targets = tf.constant(pixels), tf.constant(shares)
    rows = tf.data.Dataset.range(len(pixels)).shuffle(len(pixels), seed=0).batch(batch_size)
    seeds = tf.data.Dataset.random(seed=0, rerandomize_each_iteration=True)
    chosen = tf.data.Dataset.zip(seeds, rows).map(
        lambda seed, rows: cut(seed, tf.gather(images, rows), tf.gather(targets, rows))
    )
    return chosen.prefetch(2)


recipe = Recipe(
    name="flickr8k",
    load=load,
    build=build,
    prepare=prepare,
    data=Data(),
    model=Model(),
    training=TrainingOptions(
        epochs=8,
        batch_size=32,
        learning_rate=1e-3,
        schedule="cosine",
        monitor="val_cider_d",
        mode="max",
        patience=3,
    ),
    search=BeamSearch(width=3),
    metrics=CAPTION_METRICS,
    examples=lambda splits: [image for image, _ in splits["test"][:12]],
    figures=(
        Figure("bleu_4, test", published="12.3 and 19.5 to 21.3, with ImageNet", measured="13.5"),
        Figure("cider_d, test", published="none", measured="0.290; 0.179 without attention"),
        Figure("cider_d, test, blind", published="none", measured="0.091"),
    ),
)
