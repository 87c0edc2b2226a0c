"""Drawn scenes and clips: what is said can be read back, and what is asked was never shown."""

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.datasets import clips, scenes
from seqzoo.datasets.drawing import COLOURS, SHAPES, Stamp, draw


@pytest.mark.parametrize("dataset", [scenes, clips])
def test_every_caption_of_every_composition_is_read_back(dataset):
    for shown in dataset.compositions().values():
        for each in shown[:: len(shown) // 50]:
            for caption in dataset.captions(each):
                assert dataset.read(caption) == each
            assert dataset.correct([dataset.captions(each)[0]], [dataset.captions(each)[1:]]) == 1


@pytest.mark.parametrize(
    "caption",
    [
        "",
        "two small red circle",
        "one small red circles",
        "two red small circles",
        "a small red circle left of",
        "two small red circles two small red circles",
    ],
)
def test_what_is_no_phrasing_of_a_scene_is_wrong(caption):
    assert scenes.read(caption) is None
    assert scenes.correct([caption], [["two small red circles"]]) == 0


@pytest.mark.parametrize(
    ("caption", "right"),
    [
        ("there are two small red circles", True),
        ("three small red circles", False),
        ("two large red circles", False),
        ("two small blue circles", False),
        ("two small red squares", False),
    ],
)
def test_each_word_that_counts_makes_a_caption_wrong(caption, right):
    assert scenes.correct([caption], [["two small red circles"]]) == right


def test_a_relation_is_right_from_either_side_only():
    truth = ["a small red circle left of a large blue square"]
    said = [
        "right of a small red circle there is a large blue square",
        "a large blue square left of a small red circle",
        "a small red circle above a large blue square",
    ]
    assert [scenes.is_right(each, truth) for each in said] == [True, False, False]


@pytest.mark.parametrize("dataset", [scenes, clips])
def test_no_composition_is_in_two_splits(dataset):
    splits = list(dataset.compositions().values())
    assert len(set().union(*splits)) == sum(map(len, splits))


def test_held_out_pairs_are_in_their_split_alone():
    for name, shown in scenes.compositions().items():
        pairs = {thing.pair for scene in shown for thing in scene.things}
        assert bool(pairs & set(scenes.HELD_OUT_PAIRS)) == (name == "test_pairs")


@pytest.mark.parametrize(
    ("dataset", "sizes"),
    [
        (scenes, {"train_size": 6, "validation_size": 2, "test_size": 3}),
        (clips, {"train_size": 4, "validation_size": 2, "test_size": 3}),
    ],
)
def test_the_same_seed_draws_the_same(dataset, sizes):
    splits = dataset.load(seed=3, **sizes)
    assert splits == dataset.load(seed=3, **sizes)
    assert splits["test"] != dataset.load(seed=4, **sizes)["test"]
    assert len(splits["train"]) == sizes["train_size"]
    with pytest.raises(ValueError, match="at least 0"):
        dataset.load(train_size=-1)


def centre(frame, background):
    """The middle of what differs from the first pixel."""
    away = np.abs(frame.astype(float) - background).max(axis=2) > 60
    return np.argwhere(away).mean(axis=0)


@pytest.mark.parametrize("motions", [("left",), ("down",), ("right", "up")])
def test_a_thing_moves_as_is_said(motions):
    clip = clips.Clip("small", "blue", "square", motions)
    frames = clips.frames(clip, np.random.default_rng(1))
    path = np.array([centre(frame, frame[0, 0]) for frame in frames])
    step = np.diff(path, axis=0)
    first = np.array(clips.DIRECTIONS[motions[0]])[::-1]
    last = np.array(clips.DIRECTIONS[motions[-1]])[::-1]
    assert step[0] @ first > 1
    assert step[-1] @ last > 1
    assert 6 <= len(frames) <= 9


def test_a_relation_and_a_count_are_drawn():
    thing, other = scenes.Thing("small", "red", "circle"), scenes.Thing("large", "blue", "square")
    for seed in range(5):
        pixels = scenes.picture(
            scenes.Scene(thing, 1, "above", other), np.random.default_rng(seed)
        ).astype(int)
        red = np.argwhere(pixels[:, :, 0] - pixels[:, :, 2] > 90)[:, 0].mean()
        blue = np.argwhere(pixels[:, :, 2] - pixels[:, :, 0] > 90)[:, 0].mean()
        assert red < blue


def test_of_two_equal_things_a_plain_relation_can_be_said_too():
    kinds = {"group": 0, "left of": 0, "above": 0}
    for image, said in scenes.load(train_size=0, validation_size=0, test_size=400)["test"]:
        scene = scenes.read(said[0])
        if scene.count != 2:
            assert len(said) == (8 if scene.second else 4)
            continue
        relation = scenes.read(said[-1]).relation
        kinds[relation or "group"] += 1
        pixels = tf.io.decode_png(image).numpy().astype(int)
        where = np.argwhere(np.abs(pixels - pixels[0, 0]).max(axis=2) > 60)
        high, wide = np.ptp(where, axis=0)
        if relation is not None:
            assert (wide > high) == (relation == "left of")
            assert scenes.is_right(f"there are {said[0]}", said)
            assert scenes.is_right(said[-1], said)
            other = {"left of": "above", "above": "left of"}[relation]
            assert not scenes.is_right(scenes.captions(scene, other)[-1], said)
    assert min(kinds.values()) > 3


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_covers_its_own_part_of_a_square(shape):
    rng = np.random.default_rng(0)
    pixels = draw([Stamp(shape, "green", 16, 16, 10)], 32, rng).astype(int)
    covered = np.abs(pixels - pixels[0, 0]).max(axis=2) > 60
    share = {"circle": np.pi / 4, "square": 0.77, "triangle": 0.5, "cross": 0.56, "ring": 0.55}
    assert covered.sum() / 400 == pytest.approx(share[shape], abs=0.08)
    assert len(COLOURS) == len(set(COLOURS.values()))


def test_pictures_are_png_files_of_the_size_that_is_told():
    image, captions = scenes.load(train_size=1, validation_size=0, test_size=0)["train"][0]
    assert tf.io.decode_png(image).shape == (scenes.PIXELS, scenes.PIXELS, 3)
    assert len(captions) == 4
    frames, _ = clips.load(train_size=1, validation_size=0, test_size=0)["train"][0]
    assert tf.io.decode_png(frames[0]).shape == (clips.PIXELS, clips.PIXELS, 3)
