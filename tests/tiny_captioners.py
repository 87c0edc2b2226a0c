"""Tiny captioners for the tests: one coloured square in one half of a picture of 8 by 8."""

import functools
import random

import keras
import numpy as np
from tiny_tasks import Trained
from tracing import traced

from seqzoo import Captioner, Greedy, zoo
from seqzoo.encoders import convolutional_backbone
from seqzoo.preprocessing import WordTokenizer
from seqzoo.training.optimizer import Adam

COLOURS = {"red": (255, 0, 0), "green": (0, 255, 0), "blue": (0, 0, 255)}
VOCABULARY = ["", "<unk>", "<start>", "<end>", "red", "green", "blue", "left", "right", "a"]
SIZE, FRAMES = 8, 3


def picture(colour, side):
    pixels = np.full((SIZE, SIZE, 3), 128, "uint8")
    pixels[2:6, slice(0, 4) if side == "left" else slice(4, 8)] = COLOURS[colour]
    return pixels


def captioned_pictures(count, seed=0):
    """Pairs of pixels and one or two captions such as "a red left"."""
    rng = random.Random(seed)
    kinds = [(rng.choice(list(COLOURS)), rng.choice(["left", "right"])) for _ in range(count)]
    return [
        (picture(*kind), [f"a {kind[0]} {kind[1]}", f"{kind[1]} {kind[0]}"][: 1 + i % 2])
        for i, kind in enumerate(kinds)
    ]


def captioned_clips(count, seed=0):
    """Pairs of one to three frames and a caption that names the colours in their order."""
    rng = random.Random(seed)
    colours = [rng.choices(list(COLOURS), k=rng.randint(1, FRAMES)) for _ in range(count)]
    return [([picture(c, "left") for c in each], " ".join(each)) for each in colours]


def make_captioner(builder="xu_2015", seed=1, normalization="group", **settings) -> Captioner:
    """A captioner of the zoo, small, with the same weights for the same seed."""
    keras.utils.set_random_seed(seed)
    words = WordTokenizer(normalization=None, vocabulary=VOCABULARY)
    backbone = convolutional_backbone(SIZE, filters=(6, 10), normalization=normalization)
    small = {"units": 12, "embedding_dim": 7}
    if builder in ("venugopalan_2015", "yao_2015"):
        small["max_frames"] = FRAMES
    return getattr(zoo, builder)(words, backbone, SIZE, **{**small, **settings})


@functools.cache
@traced
def trained_captioner():
    """One that has learned something, and its history. Tests share it and leave it as it is."""
    task = make_captioner(units=16, search=Greedy(max_length=6))
    task.compile(Adam(0.02))
    settings = {"validation_data": captioned_pictures(9, seed=2), "batch_size": 16, "verbose": 0}
    return Trained(task, task.fit(captioned_pictures(96), epochs=6, **settings).history)
