"""A tiny model of frames for the tests: short pieces in which keys go up by steps."""

import functools
import random
from typing import Any, NamedTuple

import keras
from tracing import traced

from seqzoo import zoo
from seqzoo.preprocessing import PianoRolls
from seqzoo.training.optimizer import Adam

LOWEST, K = 60, 6


def rising_pieces(count, seed=0):
    """Pieces of 1 to 7 frames of one or two keys, each most often one above that before it."""
    rng = random.Random(seed)
    pieces = []
    for _ in range(count):
        place, piece = rng.randrange(K), []
        for _ in range(rng.randint(1, 7)):
            second = [LOWEST + (place + 2) % K] if place % 2 else []
            piece.append(sorted([LOWEST + place, *second]))
            place = (place + (1 if rng.random() < 0.9 else 3)) % K
        pieces.append(piece)
    return pieces


def make_frame_model(seed=1, **settings):
    keras.utils.set_random_seed(seed)
    small = {"units": 8, "key_units": 5, "dropout": 0.0}
    return zoo.boulanger_2012(PianoRolls(LOWEST, K, max_frames=4), **{**small, **settings})


class Trained(NamedTuple):
    task: Any
    history: dict[str, list[float]]


@functools.cache
@traced
def trained_frame_model():
    """One that has learned something, and its history. Tests share it and leave it as it is."""
    task = make_frame_model()
    task.compile(Adam(0.03))
    settings = {"validation_data": rising_pieces(30, seed=2), "batch_size": 20, "verbose": 0}
    return Trained(task, task.fit(rising_pieces(100), epochs=12, **settings).history)
