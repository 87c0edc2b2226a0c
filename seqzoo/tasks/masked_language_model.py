"""The masked language model: an encoder that learns to fill in hidden tokens of plain text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple, cast

import keras
import tensorflow as tf

from seqzoo.encoders.encoder import Encoded, symbolic_inputs
from seqzoo.heads.tokens import Tokens
from seqzoo.ops.decoding.noise import uniform
from seqzoo.preprocessing.batching import Batches
from seqzoo.preprocessing.masked_text import MaskedText
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.preprocessing.windows import overlapping_windows, training_windows
from seqzoo.tasks.answering import AnsweringTask
from seqzoo.training.steps import unpack_batch

_NEVER_HIDDEN = (Tokenizer.pad_id, Tokenizer.start_id, Tokenizer.end_id)


class Filling(NamedTuple):
    """A token for a hidden place of a text.

    Attributes:
        token: The readable token.
        probability: Float.

    Example:
        >>> filling = sz.tasks.Filling("cat", 0.9)
        >>> filling.token, filling.probability
        ('cat', 0.9)
    """

    token: str
    probability: float


@keras.saving.register_keras_serializable(package="seqzoo")
class MaskedLanguageModel(AnsweringTask):
    """Predicts hidden tokens of a text from those around them.

    Training reads the texts as one stream, in windows. Of each, a share of the tokens is chosen:
    of these, eight of ten are hidden behind the mask, one is replaced by a random token and one
    stays; the loss counts the chosen ones alone. What the encoder has learned goes on in a
    `Classifier` or a `Tagger`.

    Args:
        encoder: Reads both ways, such as a `BlockEncoder` whose mixers are not causal; its
            vocabulary has one token more than the tokenizer, the mask.
        preprocessor: `MaskedText` with an adapted tokenizer.
        head: Makes logits of the outputs; None is `Tokens` without the mask among them.
        rate: From above 0 to below 1: the share of the tokens that are chosen.
        n_best: Positive int, tokens that `fill` and a server return for each mask.
        tie_embeddings: Whether the head uses the weights of the encoder's embedding.

    `fit` and `evaluate` take texts, as those of a `LanguageModel` do. With `packed`, each text is
    read by itself, as `fill` reads it, several in a row.

    Call arguments:
        x: Dict of `token_ids` `(B, T)`; where rows hold several texts `segment_ids` `(B, T)`, 0 on
            padding; where logits of some steps alone are needed, their indices `counted` `(B, K)`.

    Returns:
        Logits `(B, T, vocabulary_size)` or `(B, K, vocabulary_size)`, those of the mask counted.

    Raises:
        ValueError: where sizes do not fit, or `rate` or `n_best` is out of its range.

    Reference: Devlin et al., 2019, section 3.1, https://arxiv.org/abs/1810.04805; there is no
    prediction of the next sentence here, as in RoBERTa (Liu et al., 2019,
    https://arxiv.org/abs/1907.11692).

    Example:
        >>> text = sz.preprocessing.MaskedText(sz.preprocessing.ByteTokenizer(), window_length=16)
        >>> blocks = sz.layers.make_blocks(8, layers=1, num_heads=2)
        >>> model = sz.MaskedLanguageModel(sz.encoders.BlockEncoder(261, 8, blocks), text, n_best=2)
        >>> len(model.fill(["a [MASK] c"])[0][0])
        2
    """

    def __init__(
        self,
        encoder,
        preprocessor: MaskedText,
        head=None,
        rate: float = 0.15,
        n_best: int = 5,
        tie_embeddings: bool = True,
        **kwargs,
    ):
        size = preprocessor.mask_id + 1
        if head is None:
            head = Tokens(size, impossible=(*_NEVER_HIDDEN, size - 1))
        super().__init__(head, preprocessor, **kwargs)
        if not 0 < rate < 1:
            raise ValueError(f"`rate` must be above 0 and below 1. Received: rate={rate}.")
        if n_best < 1:
            raise ValueError(f"`n_best` must be at least 1. Received: n_best={n_best}.")
        for name, part in (("encoder", encoder), ("head", head)):
            if part.vocabulary_size != size:
                raise ValueError(
                    f"The {name} has a vocabulary of {part.vocabulary_size} tokens, where the "
                    f"tokenizer and the mask have {size}. Make it with vocabulary_size={size}."
                )
        self.encoder = encoder
        self.mask_id = preprocessor.mask_id
        self.rate = rate
        self.n_best = n_best
        self.tie_embeddings = tie_embeddings
        if tie_embeddings:
            head.tie(encoder.embedding)
        self.build()

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        self.head(Encoded(*self.encoder(symbolic_inputs(self.encoder))).outputs)
        self.built = True

    def call(self, x, training=False):
        segments = {"segment_ids": x["segment_ids"]} if "segment_ids" in x else {}
        encoded = Encoded(*self.encoder(x["token_ids"], training=training, **segments))
        outputs = encoded.outputs
        if "counted" in x:
            outputs = tf.gather(outputs, x["counted"], batch_dims=1)
        return self.head(outputs)

    def target_mask(self, x, y):
        return tf.not_equal(x["token_ids"], Tokenizer.pad_id)

    def make_training_batches(
        self, x, y, batch_size, tokens_per_batch, seed, steps_per_epoch, packed=False
    ) -> Batches:
        """Cuts the texts into rows that are read side by side, in windows; see `Task.fit`."""
        _refuse(y, None if packed else tokens_per_batch)
        if packed:
            return self.packed_batches(x, None, packed, batch_size, tokens_per_batch, seed)
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        return training_windows(text, cast(int, batch_size), window, seed, steps_per_epoch)

    def inputs_of(self, raw):
        return {"token_ids": self.preprocessor.prepare(raw)}

    def one_batch(self, examples, weights):
        _refuse(examples.y, None)
        return self.preprocessor.texts_side_by_side(examples.x)

    def encoded_apart(self, x, y):
        return self.preprocessor.separate_texts(x)

    def make_evaluation_batches(self, x, y=None, batch_size: int | None = None):
        """Cuts texts into windows that overlap, of which the last half counts."""
        _refuse(y, None)
        text = self.preprocessor.stream(x)
        return overlapping_windows(text, self.preprocessor.window_length, batch_size or 64)

    def count_steps(self, x, batch_size: int) -> int:
        """Returns the number of batches of an epoch over texts."""
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        return training_windows(text, batch_size, window).steps_per_epoch

    def mean_length(self, x, y=None):
        """Returns the length of a window."""
        return float(self.preprocessor.window_length)

    def train_step(self, data):
        x, _, weight = unpack_batch(data)
        step = tf.cast(self.optimizer.iterations, tf.int32)
        return super().train_step(self._hide(x, weight, step))

    def test_step(self, data):
        x, _, weight = unpack_batch(data)
        return super().test_step(self._hide(x, weight, 0))

    def _hide(self, x, weight, step) -> tuple:
        """Returns the batch with tokens hidden: which ones depends on their row and the step."""
        seeds = tf.reduce_sum(x["token_ids"], axis=1)
        positions = tf.range(tf.shape(weight)[1])[None]
        drawn = [uniform(seeds, number, step, positions) for number in range(3)]
        return self._counted_alone(*self._with_hidden_tokens(x, weight, *drawn))

    def _with_hidden_tokens(self, x, weight, chosen, kind, token) -> tuple:
        """Returns the batch with some tokens hidden, of three uniform numbers for each."""
        ids, mask_id = x["token_ids"], self.mask_id
        can_be = tf.reduce_all([tf.not_equal(ids, never) for never in _NEVER_HIDDEN], axis=0)
        is_chosen = (chosen < self.rate) & can_be & (weight > 0)
        first = Tokenizer.end_id + 1
        drawn = first + tf.cast(token * tf.cast(mask_id - first, token.dtype), ids.dtype)
        shown = tf.where(kind < 0.8, tf.cast(mask_id, ids.dtype), tf.where(kind < 0.9, drawn, ids))
        hidden = tf.where(is_chosen, shown, ids)
        return {**x, "token_ids": hidden}, ids, tf.cast(is_chosen, weight.dtype)

    def _counted_alone(self, x, y, weight) -> tuple:
        """Returns the batch with the targets of the chosen tokens alone, and few others.

        Most of a step over a large vocabulary would go to logits that count nothing. The number
        for a row depends on its length alone, so that XLA compiles it: five standard deviations
        above the mean, which one row of three million exceeds.
        """
        steps = tf.cast(tf.shape(y)[1], tf.float32)
        most = self.rate * steps + 5 * tf.sqrt(self.rate * (1 - self.rate) * steps)
        count = tf.cast(tf.minimum(steps, tf.math.ceil(most)), tf.int32)
        indices = tf.math.top_k(weight, count).indices  # (B, K)
        y, weight = (tf.gather(part, indices, batch_dims=1) for part in (y, weight))
        return {**x, "counted": indices}, y, weight

    def answer_inputs(self, inputs):
        log_probs = self.head.readout(self({"token_ids": inputs}))
        count = min(self.n_best, self.head.vocabulary_size)
        best, token_ids = tf.math.top_k(log_probs, count)
        is_hidden = tf.equal(inputs, self.mask_id)
        whole = tf.where(is_hidden, token_ids[:, :, 0], inputs)
        return {
            "text": self.preprocessor.detokenize(whole[:, 1:]),
            "is_hidden": is_hidden,
            "tokens": self.preprocessor.target_tokens(token_ids),
            "probabilities": tf.exp(best),
        }

    def serve(self, raw):
        """Returns for texts `(B,)` with `[MASK]` the texts with the most probable tokens in place.

        Beside `text` `(B,)` it returns `tokens` and `probabilities` `(B, T, n_best)`, the best
        first, for each token of the text, "" and 0 where it is not hidden. A text that is not
        read, see `Limits`, has the text "".
        """
        return super().serve(raw)

    def served_specs(self):
        shape = [None, None, min(self.n_best, self.head.vocabulary_size)]
        return {
            "text": tf.TensorSpec([None], tf.string),
            "tokens": tf.TensorSpec(shape, tf.string),
            "probabilities": tf.TensorSpec(shape, tf.float32),
        }

    def served_answer(self, inputs, is_read, shape, longest):
        answer = self.answer_inputs(inputs)
        hidden = answer["is_hidden"]
        padding = [[0, 0], [0, tf.maximum(0, longest - tf.shape(inputs)[1])], [0, 0]]
        tokens = tf.where(hidden[:, :, None], answer["tokens"], "")
        probabilities = tf.where(hidden[:, :, None], answer["probabilities"], 0.0)
        return {
            "text": tf.where(is_read, answer["text"], ""),
            "tokens": tf.pad(tokens, padding, constant_values="")[:, 1:],
            "probabilities": tf.pad(probabilities, padding)[:, 1:],
        }

    def fill(self, texts: Sequence[str], batch_size: int = 64) -> list[list[list[Filling]]]:
        """Returns for each text, and each `[MASK]` in it, the most probable tokens, best first.

        Args:
            texts: List of texts; one without a mask has an empty list.
            batch_size: Positive int. Texts that are read together.
        """
        texts = self._as_list(texts)
        filled: list[list[list[Filling]]] = [[] for _ in texts]
        for indices, answers in self.answers(texts, batch_size):
            for index, hidden, tokens, probabilities in zip(
                indices,
                answers["is_hidden"],
                answers["tokens"],
                answers["probabilities"],
                strict=True,
            ):
                filled[index] = [
                    [
                        Filling(token.decode(), float(p))
                        for token, p in zip(tokens[t], probabilities[t], strict=True)
                    ]
                    for t in range(len(hidden))
                    if hidden[t]
                ]
        return filled

    def fill_texts(self, texts: Sequence[str], batch_size: int = 64) -> list[str]:
        """Returns the texts with the most probable token in place of each `[MASK]`.

        Args:
            texts: List of texts.
            batch_size: Positive int. Texts that are read together.
        """
        texts = self._as_list(texts)
        filled = [""] * len(texts)
        for indices, answers in self.answers(texts, batch_size):
            for index, text in zip(indices, answers["text"], strict=True):
                filled[index] = text.decode()
        return filled

    def get_config(self):
        return super().get_config() | {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "rate": self.rate,
            "n_best": self.n_best,
            "tie_embeddings": self.tie_embeddings,
        }


def _refuse(y: Any, tokens_per_batch: int | None) -> None:
    for name, value in (("y", y), ("tokens_per_batch", tokens_per_batch)):
        if value is not None:
            raise ValueError(
                f"A masked language model learns from texts alone, in windows. Received: `{name}` "
                f"of {type(value).__name__}. Leave it out."
            )
