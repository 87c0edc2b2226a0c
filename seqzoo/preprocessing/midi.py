"""Pieces of music from MIDI files and to them, by `pretty_midi`."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from seqzoo.extras import import_pretty_midi
from seqzoo.files.atomic_write import atomic_file
from seqzoo.preprocessing.music import KEYS, LOWEST, Piece, chords, piano_roll

_LONGEST = 100_000  # frames: a day of quarter notes
_TICKS = 220  # of a quarter note that is written: no frame may be shorter than one
_SLOWEST, _FASTEST = 4.0, 1000.0  # quarter notes a minute; MIDI holds none slower than 3.6


def read_midi(path: str | os.PathLike[str], frames_per_beat: int = 1) -> list[list[int]]:
    """Returns the frames of MIDI keys of a file, all instruments together but drums.

    Time is counted in quarter notes, so that changes of tempo and metre make no difference. A key
    sounds from the frame that begins nearest to its start, up to the one nearest to its end, and
    for one frame at least; notes of no length are left out. Silence before the first note stays.

    Args:
        path: Of a file that ends in `.mid` or `.midi`.
        frames_per_beat: Int from 1 to 220, frames of a quarter note; 4 are sixteenths.

    Returns:
        Lists of keys, the lowest first; `(T, 88)` as a `piano_roll`.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if it is no MIDI file, has no note, or one that no piano has, or if
            `frames_per_beat` is out of its range.
        MissingPackageError: if `pretty_midi` is not installed.

    Example:
        >>> sz.preprocessing.write_midi([[60, 64], [60], []], "piece.mid")
        >>> sz.preprocessing.read_midi("piece.mid")
        [[60, 64], [60]]
    """
    _check_frames_per_beat(frames_per_beat)
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"There is no MIDI file {path}. Check the path.")
    midi = _parsed(path)
    instruments = [each for each in midi.instruments if not each.is_drum]
    spans = []
    for note in (note for each in instruments for note in each.notes):
        if not LOWEST <= note.pitch < LOWEST + KEYS:
            raise ValueError(
                f"{path} has the key {note.pitch} at {note.start:.2f} seconds, and a piano those "
                f"from {LOWEST} to {LOWEST + KEYS - 1}. Transpose it, or leave the note out."
            )
        start, end = (midi.time_to_tick(at) / midi.resolution for at in (note.start, note.end))
        spans.append((note.pitch, start * frames_per_beat, end * frames_per_beat))
    if not spans:
        raise ValueError(f"{path} has no note but those of drums or of no length. Take another.")
    first, last = np.rint([[start, end] for _, start, end in spans]).astype(int).T
    last = np.maximum(last, first + 1)
    if last.max() > _LONGEST:
        raise ValueError(
            f"{path} is {last.max():,} frames long, and at most {_LONGEST:,} are read. Check it, "
            "or lower `frames_per_beat`."
        )
    roll = np.zeros((last.max(), KEYS), np.uint8)
    for (key, *_), begin, end in zip(spans, first, last, strict=True):
        roll[begin:end, key - LOWEST] = 1
    return chords(roll)


def _parsed(path: Path):
    """Parses a file, without notes of no length, whatever the parser raises on a damaged one."""
    pretty_midi = import_pretty_midi()
    try:
        return pretty_midi.PrettyMIDI(str(path))
    except Exception as error:
        raise ValueError(
            f"{path} cannot be read as MIDI: {type(error).__name__}: {error}. Take another file."
        ) from error


def write_midi(
    piece: Piece | str,
    path: str | os.PathLike[str],
    frames_per_beat: int = 1,
    tempo: float = 80.0,
) -> None:
    """Writes a piece for a piano to a MIDI file; a key that sounds on is one long note.

    Args:
        piece: Frames of MIDI keys, or their text.
        path: File to write, such as "sample.mid".
        frames_per_beat: Int from 1 to 220, frames of a quarter note.
        tempo: Float from 4 to 1000, quarter notes a minute.

    Raises:
        ValueError: if it is no piece, no key sounds in it, or an option is out of its range.
        MissingPackageError: if `pretty_midi` is not installed.

    Pieces are `(T, 88)` as a `piano_roll`.

    Example:
        >>> sz.preprocessing.write_midi([[60, 64], [62]], "piece.mid")
    """
    _check_frames_per_beat(frames_per_beat)
    if not _SLOWEST <= tempo <= _FASTEST:
        raise ValueError(
            f"`tempo` must be from {_SLOWEST:g} to {_FASTEST:g} quarter notes a minute. "
            f"Received: tempo={tempo}."
        )
    roll = piano_roll(piece)
    if not roll.any():
        raise ValueError("A MIDI file needs a note. Received: a piece of silence.")
    pretty_midi = import_pretty_midi()
    seconds = 60 / tempo / frames_per_beat
    piano = pretty_midi.Instrument(program=0)
    for key, first, end in _held(roll):
        piano.notes.append(pretty_midi.Note(90, key, first * seconds, end * seconds))
    midi = pretty_midi.PrettyMIDI(resolution=_TICKS, initial_tempo=tempo)
    midi.instruments.append(piano)
    with atomic_file(path, ".mid") as written:
        midi.write(written)


def _check_frames_per_beat(count: int) -> None:
    if not isinstance(count, (int, np.integer)) or not 1 <= count <= _TICKS:
        raise ValueError(
            f"`frames_per_beat` must be an int from 1 to {_TICKS}. Received: {count!r}."
        )


def _held(roll: np.ndarray) -> Sequence[tuple[int, int, int]]:
    """Returns the MIDI key, the first frame and the frame behind the last of each note."""
    edges = np.diff(np.pad(roll.astype(int), [[1, 1], [0, 0]]), axis=0)  # (T + 1, K)
    keys, firsts = np.nonzero(edges.T == 1)
    _, ends = np.nonzero(edges.T == -1)
    return list(zip((keys + LOWEST).tolist(), firsts.tolist(), ends.tolist(), strict=True))
