"""Bases and amino acids as vectors: a letter that stands for several is a mixture of them.

A base is a vector of four, an amino acid one of twenty: 1 for the one that a letter names, equal
shares for a letter that leaves it open. Lower case is upper case, U is T among bases, and gaps
(`-`, `.`, `*`, `~`) and white space stand for nothing.
"""

from __future__ import annotations

import string
from collections.abc import Mapping
from typing import Any, Literal, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.datasets.sequences import GAPS
from seqzoo.ops.option_names import check_known
from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.data_forms import Kind, read_inputs

AlphabetName = Literal["bases", "amino_acids"]


class Alphabet(NamedTuple):
    """The letters of sequences.

    Attributes:
        letters: What a vector has a number for, in this order.
        mixtures: The letters that a further one may stand for.
    """

    letters: str
    mixtures: Mapping[str, str]

    def table(self) -> np.ndarray:
        """Returns the vector of each byte, float32 `(256, letters)`; zeros for what is no letter.

        Example:
            >>> table = sz.preprocessing.ALPHABETS["bases"].table()
            >>> table[ord("a")].tolist(), table[ord("R")].tolist()
            ([1.0, 0.0, 0.0, 0.0], [0.5, 0.0, 0.5, 0.0])
        """
        table = np.zeros((256, len(self.letters)), np.float32)
        for letter, several in [
            *zip(self.letters, self.letters, strict=True),
            *self.mixtures.items(),
        ]:
            indices = [self.letters.index(each) for each in several]
            for code in (ord(letter), ord(letter.lower())):
                table[code, indices] = 1 / len(indices)
        return table


ALPHABETS: dict[str, Alphabet] = {
    "bases": Alphabet(
        "ACGT",
        {
            **{"U": "T", "R": "AG", "Y": "CT", "S": "CG", "W": "AT", "K": "GT", "M": "AC"},
            **{"B": "CGT", "D": "AGT", "H": "ACT", "V": "ACG", "N": "ACGT", "X": "ACGT"},
        },
    ),
    "amino_acids": Alphabet(
        "ACDEFGHIKLMNPQRSTVWY",
        # Selenocysteine and pyrrolysine are read as what they are made of.
        {"B": "DN", "Z": "EQ", "J": "IL", "X": "ACDEFGHIKLMNPQRSTVWY", "U": "C", "O": "K"},
    ),
}
"""The alphabets by name, with the letters of IUPAC-IUB.

References: Cornish-Bowden, 1985, https://doi.org/10.1093/nar/13.9.3021; IUPAC-IUB, 1984,
https://doi.org/10.1111/j.1432-1033.1984.tb07877.x
"""

_COMPLEMENTS = str.maketrans(
    "ACGTURYSWKMBDHVNXacgturyswkmbdhvnx", "TGCAAYRSWMKVHDBNXtgcaayrswmkvhdbnx"
)


def letter_vectors(sequence: str | bytes, alphabet: AlphabetName = "bases") -> np.ndarray:
    """Returns the vectors of a sequence, float32 `(letters, 4)` of bases, or 20 of amino acids.

    Args:
        sequence: Its letters; gaps are left out.
        alphabet: `"bases"`, in the order ACGT, or `"amino_acids"`.

    Raises:
        ValueError: if a letter is unknown. It names the letter and its position.

    Example:
        >>> sz.preprocessing.letter_vectors("ac-N").tolist()
        [[1.0, 0.0, 0.0, 0.0], [0.0, 1.0, 0.0, 0.0], [0.25, 0.25, 0.25, 0.25]]
    """
    reader = LetterReader(alphabet)
    (raw,) = reader.as_raw([sequence]).numpy()
    return reader.encode(tf.constant([raw])).flat_values.numpy()


def reverse_complement(sequence: str) -> str:
    """Returns the other strand of a sequence of bases, read in its own direction.

    Ambiguous letters become the letters of what they may pair with, U becomes A, and everything
    else, such as a gap, stays as it is.

    Example:
        >>> sz.preprocessing.reverse_complement("AACGn-R")
        'Y-nCGTT'
    """
    return sequence.translate(_COMPLEMENTS)[::-1]


class LetterReader:
    """Reads sequences of one alphabet: checks them in Python, encodes them in the graph.

    Args:
        alphabet: A name in `ALPHABETS`.
        gaps: Whether a sequence may have gaps, which are left out; else only white space is.
    """

    kind = Kind(("sequence",), (0,))

    def __init__(self, alphabet: str, gaps: bool = True):
        check_known("alphabet", alphabet, ALPHABETS)
        self.name = alphabet
        self.width = len(ALPHABETS[alphabet].letters)
        self._vectors = ALPHABETS[alphabet].table()
        self._is_letter = self._vectors.any(axis=1)
        self._is_gap = np.zeros(256, bool)
        self._is_gap[[ord(gap) for gap in (GAPS if gaps else string.whitespace)]] = True

    def as_raw(self, inputs: Any) -> tf.Tensor:
        """Strings `(B,)` of a list of sequences, each a text or a list of letters.

        Raises:
            ValueError: if one is none, or holds an unknown letter; names both.
        """
        if isinstance(inputs, (str, bytes)):
            raise ValueError(
                f"Expected a list of sequences. Received one: {inputs[:40]!r}. Put it in a list."
            )
        inputs = read_inputs(self.kind, inputs)
        inputs = inputs.numpy().tolist() if tf.is_tensor(inputs) else inputs
        return as_strings([self._checked(each, index) for index, each in enumerate(inputs)])

    def _checked(self, sequence: Any, index: int) -> bytes:
        if isinstance(sequence, (list, tuple)) and all(
            isinstance(letter, str) and len(letter) == 1 for letter in sequence
        ):
            sequence = "".join(sequence)
        if not isinstance(sequence, (str, bytes)):
            raise ValueError(
                "A sequence is a text, or a list of single letters. Received: "
                f"{str(sequence)[:60]} at index {index}. Give its letters."
            )
        content = sequence.encode() if isinstance(sequence, str) else sequence
        codes = np.frombuffer(content, np.uint8)
        wrong = np.flatnonzero(~(self._is_letter | self._is_gap)[codes])
        if len(wrong):
            letters, mixtures = ALPHABETS[self.name]
            letter = content[wrong[0] :].decode(errors="replace")[0]
            raise ValueError(
                f"A sequence of {self.name} has the letters {letters}{''.join(mixtures)}. "
                f"Received: {letter!r} at position {wrong[0]} of the sequence at "
                f"index {index}. Correct it, leave it out, or take the other alphabet."
            )
        return content

    def encode(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """The vectors `(B, None, width)` of strings `(B,)`, in the graph."""
        codes = _codes(raw)
        codes = tf.ragged.boolean_mask(codes, self._looked_up(~self._is_gap, codes))
        vectors = tf.gather(tf.constant(self._vectors), codes.flat_values)
        return codes.with_flat_values(tf.ensure_shape(vectors, [None, self.width]))

    def is_known(self, raw: tf.Tensor) -> tf.Tensor:
        """Whether strings `(B,)` hold letters and gaps alone, boolean `(B,)`, in the graph."""
        known = self._looked_up(self._is_letter | self._is_gap, _codes(raw))
        return tf.reduce_all(known, axis=1)

    def _looked_up(self, table: np.ndarray, codes: tf.RaggedTensor) -> tf.RaggedTensor:
        return codes.with_flat_values(tf.gather(tf.constant(table), codes.flat_values))

    def lengths(self, raw: tf.Tensor) -> np.ndarray:
        """Letters of each of the strings `(B,)`."""
        counts = [
            np.count_nonzero(~self._is_gap[np.frombuffer(text, np.uint8)])
            for text in raw.numpy().tolist()
        ]
        return np.array(counts, np.int64)

    def letters(self, text: str) -> list[str]:
        """The letters of a sequence, without what is left out."""
        return [letter for letter in text if ord(letter) > 255 or not self._is_gap[ord(letter)]]


def _codes(raw: tf.Tensor) -> tf.RaggedTensor:
    """The bytes of strings, ragged int32 `(B, None)`."""
    split = tf.strings.bytes_split(raw)
    codes = tf.io.decode_raw(split.flat_values, tf.uint8, fixed_length=1)
    return split.with_flat_values(tf.cast(tf.reshape(codes, [-1]), tf.int32))


def padded(vectors: tf.RaggedTensor, width: int) -> dict[str, tf.Tensor]:
    """What a model reads: "inputs" `(B, S, width)` and "mask" `(B, S)`, of one step at least."""
    inputs = vectors.to_tensor(0.0, shape=[None, None, width])
    missing = tf.maximum(0, 1 - tf.shape(inputs)[1])  # so that no layer gets an empty axis
    inputs = tf.pad(inputs, [[0, 0], [0, missing], [0, 0]])
    lengths = tf.cast(vectors.row_lengths(), tf.int32)
    return {"inputs": inputs, "mask": tf.sequence_mask(lengths, tf.shape(inputs)[1])}
