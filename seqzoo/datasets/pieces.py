"""Pieces of music as frames of MIDI keys: from JSON files, or made by rule.

JSON is `{"train": [...], "valid": [...], "test": [...]}`, each a list of pieces, a piece a list of
frames, a frame the list of its keys, as the chorales of Boulanger-Lewandowski et al. (2012) are
published in https://github.com/czhuang/JSB-Chorales-dataset.
"""

from __future__ import annotations

import json
import random
from pathlib import Path

from seqzoo.datasets.lines import find_file, read_text

Pieces = list[list[list[int]]]

_SPLITS = {"train": "train", "valid": "validation", "test": "test"}
_DEGREES = {  # chords by their steps on the scale, and the degrees that may follow
    0: (3, 4, 5, 1),
    1: (4, 4, 6),
    3: (4, 0, 1),
    4: (0, 0, 5),
    5: (3, 1, 4),
    6: (0, 0),
}
_MAJOR = (0, 2, 4, 5, 7, 9, 11)  # semitones above the key


def load(folder: str | Path, name: str) -> dict[str, Pieces]:
    """Reads the splits of a JSON file, plain or `.gz`.

    Args:
        folder: Folder that holds the file.
        name: Of the file, such as "jsb-chorales-quarter.json".

    Returns:
        "train", "validation" and "test", as far as the file has them.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no JSON of pieces. It names the file.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("songs.json").write_text('{"train": [[[60, 64], []]], "valid": [[[62]]]}')
        >>> sz.datasets.pieces.load(".", "songs.json")
        {'train': [[[60, 64], []]], 'validation': [[[62]]]}
    """
    path = find_file(Path(folder), [name])
    try:
        content = json.loads(read_text(path))
    except (ValueError, RecursionError) as error:
        raise ValueError(f"{path} is not JSON: {error}. Take another file.") from error
    if not isinstance(content, dict) or not _SPLITS.keys() & content.keys():
        raise ValueError(f'{path} must hold {{"train": […], "valid": […], "test": […]}}.')
    if unknown := content.keys() - _SPLITS.keys():
        raise ValueError(
            f'{path} must hold "train", "valid" and "test", and nothing else. Received: '
            f"{', '.join(sorted(unknown))}. Rename or remove it."
        )
    splits = {new: content[old] for old, new in _SPLITS.items() if old in content}
    for split, pieces in splits.items():
        for number, piece in enumerate(pieces if isinstance(pieces, list) else [pieces]):
            is_piece = isinstance(piece, list) and all(isinstance(frame, list) for frame in piece)
            if not is_piece or not all(type(key) is int for frame in piece for key in frame):
                raise ValueError(
                    f"{path} must hold pieces, lists of frames, which are lists of MIDI keys. "
                    f"Received: {str(piece)[:40]!r} as number {number} of {split!r}."
                )
    return splits


def cadences(count: int, seed: int = 0) -> Pieces:
    """Makes short pieces of four voices: chords of a major key that lead back to its first.

    Args:
        count: How many.
        seed: Of their keys, chords and voices.

    Example:
        >>> piece = sz.datasets.pieces.cadences(1)[0]
        >>> len(piece) >= 12, all(len(frame) == 4 for frame in piece)
        (True, True)
    """
    draw = random.Random(seed)
    return [_cadence(draw) for _ in range(count)]


def _cadence(draw: random.Random) -> list[list[int]]:
    tonic, degree, top, length = draw.randrange(12), 0, 72, draw.randrange(12, 25)
    piece: list[list[int]] = []
    while len(piece) < length or degree != 0:
        chord = _chord(tonic, degree, top + draw.choice((-2, 0, 2)))
        piece += [chord] * draw.choice((1, 1, 2))
        top, degree = chord[-1], draw.choice(_DEGREES[degree])
    return [*piece, _chord(tonic, 0, top)]


def _chord(tonic: int, degree: int, near: int) -> list[int]:
    """Returns a bass and three voices, of which the highest is near a key."""
    classes = [(tonic + _MAJOR[(degree + third) % 7]) % 12 for third in (0, 2, 4)]
    keys = [key for key in range(48, 85) if key % 12 in classes]
    top = min((key for key in keys if key >= 65), key=lambda key: abs(key - near))
    return [36 + classes[0], *[key for key in keys if key < top][-2:], top]
