"""Every captioner has the weights of its paper, counted by hand, and learns with all of them."""

import numpy as np
import pytest
from tiny_captioners import captioned_clips, captioned_pictures, make_captioner

from seqzoo import Greedy
from seqzoo.training.optimizer import Adam

V, E, U = 10, 6, 4  # tokens, width of embeddings, units
FILTERS = (6, 10)
PLACES = 4  # 2 by 2, of 8 by 8 pixels
FRAMES = 3


def lstm(inputs):
    return 4 * U * (inputs + U + 1)


CONVOLUTIONS = sum(9 * a * b + 2 * b for a, b in [(3, FILTERS[0]), FILTERS])
GRID = (FILTERS[1] + 1) * U + PLACES * U
VIDEO = (U + 1) * U + FRAMES * U
SEEN = CONVOLUTIONS + GRID
BRIDGE = 2 * (U + 1) * U
TELLING = V * E + lstm(E) + (U + 1) * V
ATTENDING = V * E + lstm(E + U) + BRIDGE + (U * 2 * U + U) + (U + 1)
ATTENDING += (2 * U + E + 1) * U + (U // 2 + 1) * V  # maxout over pairs, and the head

COUNTS = {
    "vinyals_2015": SEEN + (U + 1) * E + TELLING,
    "xu_2015": SEEN + ATTENDING,
    "venugopalan_2015": SEEN + VIDEO + lstm(U) + TELLING,
    "yao_2015": SEEN + VIDEO + ATTENDING,
}
VIDEOS = ("venugopalan_2015", "yao_2015")


def build(name, **settings):
    return make_captioner(name, units=U, embedding_dim=E, **settings)


@pytest.mark.parametrize("name", COUNTS)
def test_the_model_has_the_weights_of_the_paper(name):
    assert build(name).count_params() == COUNTS[name]


def test_other_ways_to_begin_have_other_weights():
    state = build("vinyals_2015", image="state").count_params()
    assert state == SEEN + BRIDGE + TELLING
    mean = build("venugopalan_2015", reading="mean").count_params()
    assert mean == SEEN + VIDEO + BRIDGE + TELLING


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("name", COUNTS)
def test_the_model_takes_two_steps_and_answers(name):
    search = Greedy(max_length=4)
    task = build(name, dropout=0.1, label_smoothing=0.1, max_target_length=5, search=search)
    task.compile(Adam(0.05))
    examples = captioned_clips(8) if name in VIDEOS else captioned_pictures(8)
    before = task.get_weights()

    history = task.fit(examples, batch_size=4, epochs=1, verbose=0).history

    assert np.isfinite(history["loss"]).all()
    moves = [np.abs(w - b).max() for w, b in zip(task.get_weights(), before, strict=True)]
    still = [weight.path for weight, move in zip(task.weights, moves, strict=True) if move == 0]
    assert still == []
    assert len(task.generate([image for image, _ in examples[:3]])) == 3
    assert (task.preprocessor.max_target_length, task.head.label_smoothing) == (5, 0.1)
    assert task.search == search
