"""Running texts of which some tokens are hidden, for models that fill them in."""

from __future__ import annotations

import keras
import tensorflow as tf

from seqzoo.preprocessing.corpus import Texts, text_batches
from seqzoo.preprocessing.limits import BoundedInputs, Limits, short_enough
from seqzoo.preprocessing.packing import side_by_side
from seqzoo.preprocessing.running_text import RunningText, as_texts

MASK = "[MASK]"
"""What stands for a hidden token in a text."""


@keras.saving.register_keras_serializable(package="seqzoo")
class MaskedText(RunningText):
    """Turns texts into the tokens of one running text, and texts with `[MASK]` into model inputs.

    The mask is the token behind those of the vocabulary: its id is `vocabulary_size`.

    For the arguments see `RunningText`.

    Texts become ids `(B, S)`.

    Example:
        >>> words = sz.preprocessing.WordTokenizer()
        >>> words.adapt(["the cat sat"])
        >>> text = sz.preprocessing.MaskedText(words)
        >>> text.prepare(text.as_raw(["the [MASK] sat"])).numpy().tolist(), text.mask_id
        ([[3, 6, 7, 5]], 7)
    """

    @property
    def mask_id(self) -> int:
        """The id of a hidden token."""
        return self.tokenizer.vocabulary_size

    def separate_texts(self, texts: Texts) -> tuple[tf.RaggedTensor, tf.RaggedTensor]:
        """Encodes texts each by itself as `fill` reads it: `encode_inputs`, for both results."""
        ids = [self.encode_inputs(strings) for strings in text_batches(as_texts(texts))]
        joined = tf.concat(ids, axis=0)
        return joined, joined

    def pack_together(
        self, source: tf.RaggedTensor, target: tf.RaggedTensor, members: tf.RaggedTensor
    ) -> tuple[dict[str, tf.Tensor], tf.Tensor, tf.Tensor]:
        """Puts several texts into each row of a batch; see `RunningText.pack_together`.

        The tokens of a text are all in x, and in y again.
        """
        token_ids, segment_ids = side_by_side(source, members)
        x = {"token_ids": token_ids, "segment_ids": segment_ids}
        return x, token_ids, tf.cast(segment_ids > 0, tf.float32)

    def encode_inputs(self, raw: tf.Tensor) -> tf.RaggedTensor:
        """Ids `(B, None)` of texts `(B,)` with hidden tokens, `first_id` first."""
        return self._begin(self._tokenize(raw))

    def encode_within(self, raw: tf.Tensor, limits: Limits) -> BoundedInputs:
        """`encode_inputs` as far as limits allow: of a long text the beginning."""
        is_read = short_enough(raw, limits.source_bytes)
        raw = tf.where(is_read, raw, "")
        ids = self._begin(self._tokenize(raw)[:, : limits.source_tokens])
        return BoundedInputs(raw, ids, tf.cast(ids.row_lengths(), tf.int32), is_read)

    def pad(self, raw: tf.Tensor) -> tf.Tensor:
        """Raw texts as a batch takes them: as they are."""
        return raw

    def _tokenize(self, raw: tf.Tensor) -> tf.RaggedTensor:
        parts = tf.strings.split(raw, MASK)  # (B, None), one more than there are masks
        ids = self.tokenizer.tokenize(parts.flat_values)
        masks = tf.fill([ids.nrows(), 1], tf.cast(self.mask_id, ids.dtype))
        rows = parts.with_flat_values(tf.range(ids.nrows()))
        joined = tf.gather(tf.concat([ids, masks], axis=1), rows).merge_dims(1, 2)
        return joined[:, :-1]  # no mask stands behind the last part
