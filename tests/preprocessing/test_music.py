"""Pieces of music as rolls, chords, texts and batches."""

import numpy as np
import pytest
import tensorflow as tf

from seqzoo.preprocessing import (
    PianoRolls,
    RunningText,
    WhitespaceTokenizer,
    chords,
    piano_roll,
    piece_as_text,
    piece_of_text,
    transposed,
)
from seqzoo.preprocessing.limits import Limits

PIECE = [[60, 64, 67], [], [21, 108], [60]]


def test_a_roll_and_its_chords_are_the_piece():
    roll = piano_roll(PIECE)
    assert roll.shape == (4, 88)
    assert roll.dtype == np.uint8
    assert roll.sum() == 6
    assert roll[2, 0] == roll[2, 87] == roll[0, 60 - 21] == 1
    assert chords(roll) == PIECE
    assert piano_roll([[64, 60, 60]]).sum() == 2  # in any order, and once
    assert piano_roll([]).shape == (0, 88)
    assert chords(piano_roll([np.array([60, 62])])) == [[60, 62]]
    assert chords(roll > 0) == PIECE
    for wrong in (roll[None], roll * 90, roll - 0.5):
        with pytest.raises(ValueError, match=r"of 0 and 1\. Received: the shape"):
            chords(wrong)


@pytest.mark.parametrize(
    ("piece", "message"),
    [
        ([[60.0]], r"Received: 60\.0 in frame 0"),
        ([[True]], "Received: True in frame 0"),
        ([60, 62], r"\[\] for silence\. Received: 60 in frame 0"),
        (["60"], "Received: '60' in frame 0"),
        ({"a": [60]}, "A piece is a list of frames"),
        (60, r"A piece is a list of frames, .* Received: '60'\. Give"),
        (None, r"A piece is a list of frames, .* Received: 'None'"),
        ([[float("nan")]], r"an int\. Received: nan in frame 0"),
        (np.eye(3, 88, dtype="uint8"), r"a piano roll of shape \(3, 88\)\. Give its `sz.*chords`"),
        ("60 | " + "9" * 5000, r"Received: '9{40}' in frame 1\. Correct"),
    ],
)
def test_what_is_no_piece_is_refused_with_its_frame(piece, message):
    with pytest.raises(ValueError, match=message):
        piano_roll(piece)
    with pytest.raises(ValueError, match=message):
        piece_as_text(piece)
    with pytest.raises(ValueError, match=message):
        transposed([piece], [0])


def test_keys_that_no_piano_has_are_refused_with_their_frame_until_transposed():
    with pytest.raises(ValueError, match=r"from 21 to 108\. Received: 20 in frame 1\. Transpose"):
        piano_roll([[60], [20]])
    with pytest.raises(ValueError, match="Received: 109 in frame 1"):
        piano_roll([[60], [60, 109]])
    assert transposed([[[60], [20]]], [1]) == [[[61], [21]]]


def test_a_roll_of_the_lowest_keys_is_no_piece_either():
    with pytest.raises(ValueError, match="a piano roll of shape"):
        piano_roll(np.ones((4, 128), "uint8"), lowest=0, key_count=128)


def test_the_text_of_a_piece_is_the_piece():
    for piece in (PIECE, [], [[]], [[], []]):
        assert piece_of_text(piece_as_text(piece)) == piece
    assert piece_of_text("60 64") == [[60, 64]]
    assert piece_of_text(b"60|62|\n") == [[60], [62]]
    np.testing.assert_array_equal(piano_roll(piece_as_text(PIECE)), piano_roll(PIECE))
    with pytest.raises(ValueError, match="Received: 'C4' in frame 1"):
        piece_of_text("60 | C4 |")
    with pytest.raises(ValueError, match="Received: '-6' in frame 0"):
        piece_of_text("-6")


def test_texts_of_pieces_are_tokens_for_a_language_model():
    words = WhitespaceTokenizer(normalization=None)
    words.adapt([piece_as_text(PIECE)])
    ids = RunningText(words).stream([piece_as_text(PIECE)]).token_ids
    assert len(ids) == 6 + 4 + 1  # keys, ends of frames, the end


def test_pieces_in_all_keys_lie_on_the_piano():
    moved = transposed([[[60], []], [[106, 21]], [[]]], range(-5, 7))
    assert len(moved) == 12 + 3 + 12
    assert moved[0] == [[55], []]
    assert moved[11] == [[66], []]
    assert moved[12:15] == [[[106, 21]], [[107, 22]], [[108, 23]]]
    assert transposed([PIECE], [0]) == [PIECE]
    assert transposed(["60 | |", np.array([[60]], "uint8")], [-5]) == [[[55], []], [[55]]]
    with pytest.raises(ValueError, match="`semitones` are several ints"):
        transposed([PIECE], [0.5])
    with pytest.raises(ValueError, match=r"Received: 3\. Give a list"):
        transposed([PIECE], 3)
    with pytest.raises(ValueError, match=r"Received: '60 \|'"):
        transposed("60 |", [0])


def test_a_batch_holds_each_frame_and_the_one_before():
    rolls = PianoRolls(60, 3)
    x, y, weight = rolls(rolls.as_raw([[[60], [61, 62], []], [[62]]]))
    assert x["mask"].numpy().tolist() == [[True, True, True], [True, False, False]]
    assert y.numpy()[0].tolist() == [[1, 0, 0], [0, 1, 1], [0, 0, 0]]
    np.testing.assert_array_equal(x["frames"][:, 1:], y[:, :-1] * weight[:, :-1])
    assert not x["frames"][:, 0].numpy().any()
    np.testing.assert_array_equal(weight, x["mask"].numpy()[..., None] * np.ones(3))


def test_a_served_roll_ends_at_its_last_frame_and_what_is_missing_within_is_silence():
    rolls = PianoRolls(60, 2)
    nan = float("nan")
    raw = tf.constant([[[1.0, 0.0], [nan, nan], [0.0, 0.7]], [[0.0, 0.0], [nan, nan], [nan, 1.0]]])
    prepared = rolls.prepare(raw)
    assert prepared["mask"].numpy().tolist() == [[True] * 4, [True, True, False, False]]
    assert prepared["frames"].numpy()[0].tolist() == [[0, 0], [1, 0], [0, 0], [0, 1]]
    assert prepared["frames"].numpy()[1].tolist() == [[0, 0]] * 4
    bounded = rolls.encode_within(raw, Limits(source_tokens=1))
    assert bounded.encoded.to_list() == [[[0, 1]], [[0, 0]]]
    assert bounded.steps.numpy().tolist() == [1, 1]


def test_pieces_that_teach_nothing_are_refused():
    rolls = PianoRolls()
    with pytest.raises(ValueError, match=r"Received: no piece\."):
        rolls.examples([])
    with pytest.raises(ValueError, match=r"a piece without frames at index 1\."):
        rolls.examples([[[60]], []])
    with pytest.raises(ValueError, match="`y` of list beside them"):
        rolls.examples([[[60]]], [1])
    for wrong in ({"key_count": 0}, {"max_frames": 0}):
        with pytest.raises(ValueError, match="must be at least 1"):
            PianoRolls(**wrong)
    for name in ("lowest", "key_count", "max_frames"):
        with pytest.raises(ValueError, match=rf"`{name}` must be an int\. Received: {name}=2\.5"):
            PianoRolls(**{name: 2.5})
