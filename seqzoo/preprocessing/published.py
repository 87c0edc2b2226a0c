"""What tokenizers of published models share: the ids of the original, in seqzoo's order."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing import text_normalization as norm
from seqzoo.preprocessing.corpus import Texts
from seqzoo.preprocessing.tokenizer import SPECIAL_TOKENS, Normalization, Tokenizer


class PublishedTokenizer(Tokenizer):
    """A tokenizer with a vocabulary that somebody else made, whose ids stand in another order.

    A published model has padding, unknown, start and end at any ids, or has no such token. Here
    these four come first and all other tokens follow in their order; `original_ids` says which id
    a token had, and -1 where the model has no such token. One original token may stand for two of
    the four, such as the end token of a model that starts with it too.

    `detokenize(tokenize(s))` need not be `s`: what the original drops, such as accents, is lost.

    Args:
        pieces: The tokens in the order of their original ids.
        special_ids: The original ids of padding, unknown, start and end; None for a token that the
            model does not have.
        before: Original ids of the tokens that stand before every text, such as `[CLS]`.
        after: Original ids of those behind every text.
        max_length: Positive int, longest text in tokens, `before` and `after` counted; what is
            longer loses its end. None cuts nothing.
        normalization: See `Tokenizer`.

    Raises:
        ValueError: for ids that the vocabulary does not have, and tokens that are there twice.
    """

    def __init__(
        self,
        pieces: Sequence[str],
        special_ids: Sequence[int | None],
        before: Sequence[int] = (),
        after: Sequence[int] = (),
        max_length: int | None = None,
        normalization: Normalization = None,
    ):
        super().__init__(lowercase=False, normalization=normalization)
        pieces, special = list(pieces), list(special_ids)
        self._check_ids(pieces, special, [*before, *after])
        if max_length is not None and max_length <= len(before) + len(after):
            raise ValueError(
                f"`max_length` must hold the {len(before) + len(after)} tokens around a text and "
                f"one more. Received: max_length={max_length}."
            )
        self._pieces = np.array(pieces, dtype=object)  # tf.Module would wrap a list
        self._special = np.array([-1 if i is None else i for i in special])
        self._around = np.array([len(before), *before, *after], dtype=np.int32)
        self.max_length = max_length
        used = set(special)
        others = [i for i in range(len(pieces)) if i not in used]
        self.original_ids = np.array([*self._special, *others], dtype=np.int64)
        self._own_ids = np.full(len(pieces), self.unknown_id, dtype=np.int32)
        for own in [*range(4, len(self.original_ids)), 2, 3, 1, 0]:  # the last one counts
            if self.original_ids[own] >= 0:
                self._own_ids[self.original_ids[own]] = own
        self._set_vocabulary([*SPECIAL_TOKENS, *(pieces[i] for i in others)])

    def _check_ids(self, pieces: list[str], special: list, around: list[int]) -> None:
        name, known = type(self).__name__, range(len(pieces))
        wrong = [i for i in [*special, *around] if i is not None and i not in known]
        if len(special) != 4 or wrong:
            raise ValueError(
                f"{name} needs four `special_ids` (padding, unknown, start, end), each an id of "
                f"its {len(pieces)} `pieces` or None. Received: {special}, and around texts "
                f"{around}."
            )
        others = [piece for i, piece in enumerate(pieces) if i not in special]
        counts = {*SPECIAL_TOKENS}
        for piece in others:
            if piece in counts:
                raise ValueError(
                    f"Every token of {name} must be there once, and none may be called "
                    f"{', '.join(map(repr, SPECIAL_TOKENS))}. Received: {piece!r} again."
                )
            counts.add(piece)

    def adapt(self, texts: Texts) -> None:
        """Does nothing: the vocabulary is that of the published model."""

    @property
    def pieces(self) -> list[str]:
        """The tokens in the order of their original ids."""
        return self._pieces.tolist()

    @property
    def before(self) -> list[int]:
        """The original ids of the tokens before every text."""
        return self._around[1 : 1 + self._around[0]].tolist()

    def original(self, ids: Any) -> np.ndarray:
        """Returns the original ids of ids, same shape; -1 where the model has no such token."""
        return self.original_ids[np.asarray(ids, np.int64)]

    def from_original(self, ids: Any) -> np.ndarray:
        """Returns the ids of original ids, same shape."""
        return self._own_ids[np.asarray(ids, np.int64)]

    def _original_ids(self, strings: tf.Tensor) -> tf.RaggedTensor:
        """Returns the original ids `(N, None)` of strings `(N,)`, int32."""
        raise NotImplementedError

    def _surface(self, piece: str) -> bytes:
        """Returns the bytes of text that a token stands for."""
        raise NotImplementedError

    @property
    def around(self) -> tuple[list[int], list[int]]:
        count, *around = self._around.tolist()
        return self._own_ids[around[:count]].tolist(), self._own_ids[around[count:]].tolist()

    def tokenize_words(self, strings: tf.Tensor) -> tf.RaggedTensor:
        return self._own(self.normalize(strings))

    def _own(self, strings: tf.Tensor) -> tf.RaggedTensor:
        ids = self._original_ids(strings)
        return ids.with_flat_values(tf.gather(tf.constant(self._own_ids), ids.flat_values))

    def _encode(self, strings: tf.Tensor) -> tf.RaggedTensor:
        own, around = self._own(strings), self.around
        if self.max_length is not None:
            own = own[:, : self.max_length - sum(map(len, around))]
        parts = [tf.tile(tf.constant([part], tf.int32), [own.nrows(), 1]) for part in around]
        return tf.concat([parts[0], own, parts[1]], axis=1)

    def _decode(self, ids: tf.RaggedTensor) -> tf.Tensor:
        unseen = {int(i) for i in self._around[1:]}
        surfaces = [
            b"" if original in unseen else self._surface(str(self._pieces[original]))
            for original in self.original_ids[4:].tolist()
        ]
        table = tf.constant([b"", SPECIAL_TOKENS[1].encode(), b"", b"", *surfaces])
        joined = tf.strings.reduce_join(
            ids.with_flat_values(tf.gather(table, ids.flat_values)), axis=1
        )
        return norm.replace_invalid(joined)

    def get_config(self) -> dict[str, Any]:
        count, *around = self._around.tolist()
        return {
            "pieces": self.pieces,
            "special_ids": [None if i < 0 else i for i in self._special.tolist()],
            "before": around[:count],
            "after": around[count:],
            "max_length": self.max_length,
            "normalization": self.normalization,
        }
