"""Subwords of a published SentencePiece model, as Marian, T5 and LLaMA 2 have them."""

from __future__ import annotations

import base64
import re
from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.published import PublishedTokenizer
from seqzoo.preprocessing.subword import subword_functions

_SPACE = "▁"  # U+2581, which SentencePiece writes for a space
_BYTE = re.compile("<0x([0-9A-F]{2})>")


@keras.saving.register_keras_serializable(package="seqzoo")
class SentencePieceTokenizer(PublishedTokenizer):
    """Cuts text by a SentencePiece model of any ids, and of a vocabulary beside it.

    The model normalises text itself. TensorFlow Text cuts in the graph, so that a process which
    loads an exported model must import `tensorflow_text`. `SubwordTokenizer` learns a model of its
    own.

    Args:
        pieces: See `PublishedTokenizer`: the tokens of the model, or of a vocabulary that models of
            several languages share. A subword that it lacks is unknown.
        model: The model file in base64.
        special_ids: See `PublishedTokenizer`.
        before: See `PublishedTokenizer`.
        after: See `PublishedTokenizer`.
        max_length: See `PublishedTokenizer`.

    Takes strings `(B,)` and returns ragged ids `(B, None)`; `sz.importing.load` makes one of the
    files of a model.

    Example:
        >>> import base64
        >>> from seqzoo.preprocessing.sentence_pieces import pieces_of_model
        >>> own = sz.preprocessing.SubwordTokenizer(vocabulary_size=24)
        >>> own.adapt(["low lower lowest", "new newer newest", "slow slower slowest"] * 9)
        >>> model = own.get_config()["model"]
        >>> pieces = pieces_of_model(base64.b64decode(model))
        >>> tokenizer = sz.preprocessing.SentencePieceTokenizer(pieces, model, [0, 1, 2, 3])
        >>> tokenizer.detokenize(tokenizer.tokenize(["newest low"])).numpy().tolist()
        [b'newest low']
    """

    def __init__(
        self,
        pieces: Sequence[str],
        model: str,
        special_ids: Sequence[int | None],
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        max_length: int | None = None,
    ):
        super().__init__(pieces, special_ids, before, after, max_length)
        self.model = model
        content = base64.b64decode(model)
        ids = {piece: i for i, piece in enumerate(self._pieces)}
        unknown = self._special[self.unknown_id]
        self._ids_of_model = np.array(
            [ids.get(piece, unknown) for piece in pieces_of_model(content)], np.int32
        )
        self._cut = subword_functions(content)[0]

    def _original_ids(self, strings: tf.Tensor) -> tf.RaggedTensor:
        ids = self._cut(strings)
        return ids.with_flat_values(tf.gather(tf.constant(self._ids_of_model), ids.flat_values))

    def _surface(self, piece: str) -> bytes:
        byte = _BYTE.fullmatch(piece)
        if byte:
            return bytes([int(byte[1], 16)])
        return piece.replace(_SPACE, " ").encode()

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        return tf.strings.regex_replace(super()._decode(ids), "^ ", "")

    def get_config(self) -> dict[str, Any]:
        config = super().get_config()
        del config["normalization"]
        return config | {"model": self.model}


def pieces_of_model(model: bytes) -> list[str]:
    """Returns the subwords of a SentencePiece model in the order of its ids.

    Raises:
        ValueError: if the bytes are no such model.
    """
    import sentencepiece

    try:
        processor = sentencepiece.SentencePieceProcessor(model_proto=model)
    except RuntimeError as error:
        raise ValueError(
            f"A SentencePiece model is needed. Received {len(model)} bytes: {error}."
        ) from error
    if not processor.vocab_size():
        raise ValueError(f"A SentencePiece model is needed. Received {len(model)} bytes of none.")
    return [processor.id_to_piece(i) for i in range(processor.vocab_size())]
