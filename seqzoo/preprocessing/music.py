"""Pieces of music: chords, piano rolls, keys as text, and what a model of frames reads.

A piece is a list of frames of equal length, such as a quarter note each, and a frame the list of
the keys that sound in it, as MIDI numbers: 60 is middle C. A frame without keys is silence.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import Kind, read_examples, read_inputs
from seqzoo.preprocessing.limits import BoundedInputs, Limits, last_real_step

LOWEST, KEYS = 21, 88  # of a piano
FRAME_END = "|"
"""What stands behind each frame in the text of a piece."""

Piece = Sequence[Sequence[int]]


def piano_roll(piece: Piece | str, lowest: int = LOWEST, key_count: int = KEYS) -> np.ndarray:
    """Returns which keys sound in which frame, 0 and 1, uint8 `(T, key_count)`.

    Args:
        piece: Frames of MIDI keys, or their text, see `piece_as_text`.
        lowest: Int, the MIDI key of the first column.
        key_count: Positive int.

    Raises:
        ValueError: if a key is none of these, or a frame is no list of keys. It names the frame.

    Example:
        >>> sz.preprocessing.piano_roll([[60, 64], [], [62]], lowest=60, key_count=5).tolist()
        [[1, 0, 0, 0, 1], [0, 0, 0, 0, 0], [0, 0, 1, 0, 0]]
    """
    frames = _frames_of(piece)
    keys = list(itertools.chain.from_iterable(frames))
    times = np.repeat(np.arange(len(frames)), [len(frame) for frame in frames])
    for time, key in zip(times, keys, strict=True):
        if not lowest <= key < lowest + key_count:
            raise ValueError(
                f"A key is a MIDI number from {lowest} to {lowest + key_count - 1}. Received: "
                f"{key} in frame {time}. Transpose the piece, or leave the note out."
            )
    roll = np.zeros((len(frames), key_count), np.uint8)
    roll[times, np.asarray(keys, np.int64) - lowest] = 1
    return roll


def _frames_of(piece: Any) -> list[list[int]]:
    """Returns the frames of a piece or of its text, whatever keys they have."""
    frames = piece_of_text(piece) if isinstance(piece, (str, bytes)) else piece
    if isinstance(frames, Mapping) or not isinstance(frames, (Sequence, np.ndarray)):
        raise _no_piece(piece)
    is_table = isinstance(frames, np.ndarray) and frames.ndim == 2 and frames.size > 0
    if is_table and np.isin(frames, (0, 1)).all():
        raise ValueError(
            "A piece is a list of frames, each a list of MIDI keys. Received: a piano roll of "
            f"shape {frames.shape}. Give its `sz.preprocessing.chords`."
        )
    for index, frame in enumerate(frames):
        if isinstance(frame, (str, bytes)) or not isinstance(frame, (Sequence, np.ndarray)):
            raise ValueError(
                f"A frame is a list of MIDI keys, [] for silence. Received: {frame!r} in frame "
                f"{index}. Give a list of frames for each piece."
            )
        for key in frame:
            if isinstance(key, bool) or not isinstance(key, (int, np.integer)):
                raise ValueError(
                    f"A key is a MIDI number, an int. Received: {key!r} in frame {index}. "
                    "Make it one, or leave it out."
                )
    return [[int(key) for key in frame] for frame in frames]


def _no_piece(given: Any) -> ValueError:
    return ValueError(
        "A piece is a list of frames, each a list of MIDI keys. Received: "
        f"{str(given)[:40]!r}. Give [[60, 64], [62]] for a chord and a note."
    )


def chords(roll: np.ndarray, lowest: int = LOWEST) -> list[list[int]]:
    """Returns the frames of MIDI keys of a piano roll `(T, key_count)` of 0 and 1.

    Raises:
        ValueError: if it has other axes or numbers.

    Example:
        >>> sz.preprocessing.chords(np.array([[1, 0, 1], [0, 0, 0]]), lowest=60)
        [[60, 62], []]
    """
    roll = np.asarray(roll)
    if roll.ndim != 2 or not np.isin(roll, (0, 1)).all():
        raise ValueError(
            "A piano roll is `(T, key_count)` of 0 and 1. Received: the shape "
            f"{roll.shape}, numbers from {roll.min(initial=0)} to {roll.max(initial=0)}. Give one "
            "roll, `roll > 0` where numbers tell how loud a key sounds."
        )
    return [(np.flatnonzero(frame) + lowest).tolist() for frame in roll]


def transposed(
    pieces: Iterable[Piece],
    semitones: Iterable[int],
    lowest: int = LOWEST,
    key_count: int = KEYS,
) -> list[list[list[int]]]:
    """Returns each piece in each of several keys, so that a model learns from more of them.

    Args:
        pieces: Of frames of MIDI keys, or their texts.
        semitones: How far a piece is moved up, such as `range(-5, 7)` for all twelve keys. Where
            it would leave the piano, it is left out.
        lowest: See `piano_roll`.
        key_count: See `piano_roll`.

    Raises:
        ValueError: if one is no piece, or `semitones` are no ints.

    Example:
        >>> sz.preprocessing.transposed([[[60, 64], [108]]], range(-1, 2))
        [[[59, 63], [107]], [[60, 64], [108]]]
    """
    if isinstance(pieces, (str, bytes)):
        raise _no_piece(pieces)
    moved, steps_of = [], list(semitones) if isinstance(semitones, Iterable) else []
    if not steps_of or not all(isinstance(steps, (int, np.integer)) for steps in steps_of):
        raise ValueError(f"`semitones` are several ints. Received: {semitones!r}. Give a list.")
    for piece in map(_frames_of, pieces):
        keys = [key for frame in piece for key in frame]
        low, high = min(keys, default=lowest), max(keys, default=lowest)
        for steps in map(int, steps_of):
            if keys and not (lowest <= low + steps and high + steps < lowest + key_count):
                continue
            moved.append([[key + steps for key in frame] for frame in piece])
    return moved


def piece_as_text(piece: Piece) -> str:
    """Returns a piece as words: the keys of each frame, the lowest first, and `|` behind them.

    As texts of such words, pieces are what a language model learns from too.

    Raises:
        ValueError: if it is no piece. It names the frame.

    Example:
        >>> sz.preprocessing.piece_as_text([[64, 60], [], [62]])
        '60 64 | | 62 |'
    """
    words = ([*map(str, sorted(set(frame))), FRAME_END] for frame in _frames_of(piece))
    return " ".join(itertools.chain.from_iterable(words))


def piece_of_text(text: str | bytes) -> list[list[int]]:
    """Returns the frames of a text of `piece_as_text`; the last one may lack its `|`.

    Raises:
        ValueError: if a word is neither a number nor `|`. It names the frame.

    Example:
        >>> sz.preprocessing.piece_of_text("60 64 | | 62 |")
        [[60, 64], [], [62]]
    """
    text = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
    *frames, rest = text.split(FRAME_END)
    frames = [*frames, rest] if rest.split() else frames
    piece = []
    for index, frame in enumerate(frames):
        words = frame.split()
        for word in words:
            if not (word.isascii() and word.isdigit() and len(word) < 10):
                raise ValueError(
                    f"The text of a piece has MIDI keys and {FRAME_END!r} behind each frame. "
                    f"Received: {word[:40]!r} in frame {index}. Correct it."
                )
        piece.append([int(word) for word in words])
    return piece


@keras.saving.register_keras_serializable(package="seqzoo")
class PianoRolls(tf.Module):
    """Turns pieces into what a model of frames reads, and frames into pieces.

    Each frame is predicted from those before it; before the first one stands a frame of silence.

    Args:
        lowest: Int, the MIDI key of the first of those that are modelled.
        key_count: Positive int, K, how many there are.
        max_frames: Positive int, the frames that `generate` adds to a piece where it is not told
            how many.

    Pieces are `(T, K)`; a batch is `(B, T, K)` with a mask `(B, T)`.

    Raises:
        ValueError: if `key_count` or `max_frames` is not positive, or one of all is no int.

    Example:
        >>> rolls = sz.preprocessing.PianoRolls(lowest=60, key_count=3)
        >>> x, y, weight = rolls(rolls.as_raw([[[60, 62], [61]]]))
        >>> x["frames"].numpy().tolist(), y.numpy().tolist()
        ([[[0.0, 0.0, 0.0], [1.0, 0.0, 1.0]]], [[[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]])
    """

    def __init__(self, lowest: int = LOWEST, key_count: int = KEYS, max_frames: int = 64):
        super().__init__()
        settings = {"lowest": lowest, "key_count": key_count, "max_frames": max_frames}
        for name, value in settings.items():
            if not isinstance(value, (int, np.integer)):
                raise ValueError(f"`{name}` must be an int. Received: {name}={value!r}.")
            if name != "lowest" and value < 1:
                raise ValueError(f"`{name}` must be at least 1. Received: {name}={value}.")
        self.lowest = int(lowest)
        self.key_count = int(key_count)
        self.max_frames = int(max_frames)

    kind = Kind(("frames",), (2,))

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """What `serve` takes: frames `(B, T, K)` of 0 and 1, a row of NaN where there is none."""
        return tf.TensorSpec([None, None, self.key_count], tf.float32, name="frames")

    def adapt(self, pieces: Any) -> None:
        """Nothing is adapted: a piano has the same keys whatever is played on it."""

    def as_raw(self, inputs: Any) -> tf.RaggedTensor:
        """Piano rolls `(B, None, K)` uint8 of a list of pieces, or of their texts.

        Raises:
            ValueError: if one is no piece, see `piano_roll`. It names the piece.
        """
        if inputs is None or isinstance(inputs, (str, bytes)) or tf.is_tensor(inputs):
            raise _no_piece(inputs)
        rows = []
        for index, piece in enumerate(read_inputs(self.kind, inputs)):
            try:
                rows.append(piano_roll(piece, self.lowest, self.key_count))
            except ValueError as error:
                raise ValueError(f"{error} It is the piece at index {index}.") from error
        flat = np.concatenate([np.zeros((0, self.key_count), np.uint8), *rows])
        lengths = tf.constant([len(row) for row in rows], tf.int64)
        return tf.RaggedTensor.from_row_lengths(tf.constant(flat), lengths)

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """A dataset of piano rolls and their number of frames.

        Args:
            x: Pieces, in any form that `fit` takes.
            y: To be None.

        Raises:
            ValueError: if there is no piece, one has no frame, or there are targets.
        """
        if y is not None:
            raise ValueError(
                "A model of frames learns from pieces alone. Received: `y` of "
                f"{type(y).__name__} beside them. Leave it out."
            )
        raw = self.as_raw(read_examples(self.kind, x).x)
        frames = raw.row_lengths()
        if not len(frames) or not tf.reduce_all(frames > 0):
            index = int(tf.argmin(frames)) if len(frames) else None
            where = "no piece" if index is None else f"a piece without frames at index {index}"
            raise ValueError(f"At least one frame is needed of each piece. Received: {where}.")
        return tf.data.Dataset.from_tensor_slices((raw, frames))

    def __call__(self, x: Any, y: Any = None) -> tuple[dict[str, tf.Tensor], Any, Any]:
        """Makes a training batch of piano rolls; see `pack`."""
        return self.pack(*self.encode(x, y))

    def encode(self, x: Any, y: Any) -> tuple[tf.RaggedTensor, Any]:
        """Piano rolls `(B, None, K)`, and the frames of each `(B,)`."""
        rolls = self.encode_inputs(x)
        return rolls, rolls.row_lengths()

    def pack(self, source: tf.RaggedTensor, target: Any) -> tuple[dict[str, tf.Tensor], Any, Any]:
        """Pads piano rolls to one batch.

        Returns:
            x, a dict of "frames" `(B, T, K)`, each the frame before the one to predict, and "mask"
            `(B, T)`, True on real frames; y `(B, T, K)` float32, 0 and 1; sample_weight of its
            shape, 1 in real frames.
        """
        inputs = self.pack_inputs(source)
        y, mask = inputs["frames"][:, 1:], inputs["mask"][:, 1:]
        weight = tf.cast(mask, tf.float32)[..., None] * tf.ones(tf.shape(y))
        return {"frames": inputs["frames"][:, :-1], "mask": mask}, y, weight

    def pad(self, raw: tf.RaggedTensor) -> tf.Tensor:
        """Piano rolls as a server takes them."""
        return tf.cast(raw, tf.float32).to_tensor(float("nan"), shape=[None, None, self.key_count])

    def encode_inputs(self, raw: Any) -> tf.RaggedTensor:
        """Piano rolls `(B, None, K)` uint8, of such ones or of what a server takes."""
        if isinstance(raw, tf.RaggedTensor):
            return raw
        steps = last_real_step(tf.reduce_all(tf.math.is_finite(raw), axis=-1))
        return tf.RaggedTensor.from_tensor(tf.cast(raw > 0.5, tf.uint8), lengths=steps)

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow: of a long piece the end."""
        rolls = self.encode_inputs(raw)[:, -limits.source_tokens :]
        steps = tf.cast(rolls.row_lengths(), tf.int32)
        return BoundedInputs(raw, rolls, steps, tf.ones_like(steps, tf.bool))

    def pack_inputs(self, encoded: tf.RaggedTensor) -> dict[str, tf.Tensor]:
        """What a model reads: "frames" `(B, 1 + T, K)` float32, silence first, and "mask"."""
        rolls = encoded.to_tensor(0, shape=[None, None, self.key_count])
        mask = tf.sequence_mask(encoded.row_lengths(), tf.shape(rolls)[1])
        frames = tf.pad(tf.cast(rolls, tf.float32), [[0, 0], [1, 0], [0, 0]])
        return {"frames": frames, "mask": tf.pad(mask, [[0, 0], [1, 0]], constant_values=True)}

    def prepare(self, raw: Any) -> dict[str, tf.Tensor]:
        """The frames that a model reads of raw inputs; see `pack_inputs`."""
        return self.pack_inputs(self.encode_inputs(raw))

    def lengths(self, raw: tf.RaggedTensor) -> np.ndarray:
        """Frames of each piece `(B,)`."""
        return raw.row_lengths().numpy()

    def pieces(self, rolls: Any) -> list[list[list[int]]]:
        """Frames of MIDI keys of piano rolls `(B, T, K)`."""
        return [chords(roll, self.lowest) for roll in np.asarray(rolls)]

    def get_config(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("lowest", "key_count", "max_frames")}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> PianoRolls:
        return cls(**config)
