"""Pieces from files, and pieces made by rule."""

import gzip
import json

import pytest

from seqzoo.datasets import pieces

PIECE = [[60, 64], [], [62]]


def test_splits_are_read_plain_and_packed(tmp_path):
    content = json.dumps({"train": [PIECE], "valid": [PIECE, PIECE], "test": []})
    (tmp_path / "a.json").write_text(content)
    (tmp_path / "b.json.gz").write_bytes(gzip.compress(content.encode()))
    for name in ("a.json", "b.json"):
        splits = pieces.load(tmp_path, name)
        assert splits == {"train": [PIECE], "validation": [PIECE, PIECE], "test": []}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("[", r"songs\.json is not JSON"),
        ("[1]", r"songs\.json must hold"),
        ('{"dev": []}', r"songs\.json must hold"),
        ('{"train": [], "validation": []}', r"nothing else\. Received: validation\. Rename"),
        ('{"train": 3}', "Received: '3' as number 0 of 'train'"),
        ('{"train": [[[60]], [60]]}', "as number 1 of 'train'"),
        ('{"train": [[["60"]]]}', r"Received: .*'60'.* as number 0"),
        ('{"train": [[[6.5]]]}', "as number 0"),
        ("[" * 100_000, r"songs\.json is not JSON"),
    ],
)
def test_a_wrong_file_is_named(tmp_path, content, message):
    (tmp_path / "songs.json").write_text(content)
    with pytest.raises(ValueError, match=message):
        pieces.load(tmp_path, "songs.json")


def test_cadences_have_four_voices_and_end_where_they_began():
    made = pieces.cadences(30, seed=1)
    assert made == pieces.cadences(30, seed=1) != pieces.cadences(30, seed=2)
    for piece in made:
        assert 12 < len(piece) < 40
        assert all(len(frame) == 4 and frame == sorted(frame) for frame in piece)
        assert {key % 12 for key in piece[-1]} == {key % 12 for key in piece[0]}
        assert piece[-1][0] == piece[0][0]
    assert len({piece[0][0] % 12 for piece in made}) > 8
