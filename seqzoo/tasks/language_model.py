"""The language model: texts in one stream, trained with the state carried from batch to batch."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any, cast

import keras
import numpy as np
import tensorflow as tf

from seqzoo.encoders.encoder import symbolic_inputs
from seqzoo.heads.tokens import Tokens
from seqzoo.metrics.tokens import BitsPerCharacter
from seqzoo.preprocessing.batching import Batches
from seqzoo.preprocessing.data_forms import RawExamples, read_inputs
from seqzoo.preprocessing.running_text import RunningText, as_texts
from seqzoo.preprocessing.windows import (
    evaluation_windows,
    overlapping_windows,
    training_windows,
)
from seqzoo.search.options import check_max_length
from seqzoo.tasks.carried_state import CarriedState
from seqzoo.tasks.generation import GenerationTask
from seqzoo.tasks.request import InitialDecodingState
from seqzoo.tasks.scoring import Scored

_CHUNK = 512  # tokens that are read at once: of a long text, no more than its state is stored


@keras.saving.register_keras_serializable(package="seqzoo")
class LanguageModel(GenerationTask):
    """Predicts each token of a text from those before it.

    Training reads the texts as one stream, in contiguous windows: the state at the end of a batch
    is that at the start of the next, and gradients stay inside of a window (truncated
    back-propagation). Each epoch starts without a history.

    Args:
        decoder: A `LanguageDecoder`. Where its encoder has no state of one size, as a Transformer
            has none, each window of the training starts without a history.
        preprocessor: `RunningText` with an adapted tokenizer, or None where users feed tensors.
        head: Makes logits of hidden states; None is `Tokens`.
        search: The search that is used where none is given; None is `Greedy()`.
        tie_embeddings: Whether the head uses the weights of the embedding.

    `fit` takes texts: a list, a `tf.data.Dataset` of string scalars, or one text, without targets;
    its `batch_size` is the rows that the texts are cut into. With `packed`, each text begins
    without a history and is read whole, several in a row. In `evaluate` each token has the whole
    text before it for its history, unless `batch_size` is given.

    Call arguments:
        x: Dict of `token_ids` `(B, T)`, each the token before the one to predict; and, for a
            batch of a running text, `rows` `(B,)`, their numbers, and `fresh` `(B,)`: True for
            those that start without a history; the others continue from the last batch. Where
            rows hold several texts, `segment_ids` `(B, T)` instead, 0 on padding.

    Returns:
        Logits `(B, T, vocabulary_size)`.

    Example:
        >>> encoder = sz.encoders.LanguageEncoder(260, embedding_dim=4, units=5)
        >>> text = sz.preprocessing.RunningText(sz.preprocessing.ByteTokenizer())
        >>> model = sz.LanguageModel(sz.decoders.LanguageDecoder(encoder), text)
        >>> scored = model.score(["ab"])[0]
        >>> len(scored.token_log_probs)  # two bytes and the end
        3
    """

    learning_rate = 2e-3

    def __init__(
        self,
        decoder,
        preprocessor: RunningText | None = None,
        head=None,
        search: Any = None,
        tie_embeddings: bool = False,
        **kwargs,
    ):
        head = Tokens(decoder.vocabulary_size) if head is None else head
        super().__init__(head, preprocessor, search, **kwargs)
        self.decoder = decoder
        self.tie_embeddings = tie_embeddings
        self.bits_per_character = None if preprocessor is None else BitsPerCharacter()
        if tie_embeddings:
            head.tie(decoder.embedding)
        self.build()

    @property
    def encoder(self):
        """The embedding and the recurrent layers, for another task to continue with."""
        return self.decoder.encoder

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        if self.preprocessor is not None:
            self._check_size()
        self.head(self.decoder(symbolic_inputs(self.decoder)))
        self._carried: dict[bool, CarriedState] = {}
        if self.encoder.carries_state:
            empty = self.encoder.initial_state(0)
            self._carried = {training: CarriedState(empty) for training in (True, False)}
        self.built = True

    def _check_size(self):
        required = self.preprocessor.tokenizer.vocabulary_size
        for name, size in (
            ("decoder", self.decoder.vocabulary_size),
            ("head", self.head.vocabulary_size),
        ):
            if size != required:
                raise ValueError(
                    f"The {name} has a vocabulary of {size} tokens and the tokenizer one of "
                    f"{required}. Make the {name} with vocabulary_size={required}."
                )

    def call(self, x, training=False):
        if "segment_ids" in x:
            segments = {"mask": x["segment_ids"] > 0, "segment_ids": x["segment_ids"]}
            return self.head(self.decoder(x["token_ids"], **segments, training=training))
        if "fresh" not in x or not self._carried:
            return self.head(self.decoder(x["token_ids"], training=training))
        carried = self._carried[bool(training)]
        first = self.encoder.initial_state(tf.shape(x["rows"])[0])
        before = carried.read(x["rows"], x["fresh"], first)
        hidden, state = self.decoder.run(x["token_ids"], before, training)
        carried.write(x["rows"], state)
        return self.head(hidden)

    def make_training_batches(
        self, x, y, batch_size, tokens_per_batch, seed, steps_per_epoch, packed=False
    ) -> Batches:
        """Cuts the texts into rows that are read side by side, in windows; see `Task.fit`.

        The texts are read in their order, one after the other, and each epoch starts without a
        history. The rows of a batch continue those of the batch before.
        """
        _refuse_targets(y)
        if packed:
            return self.packed_batches(x, None, packed, batch_size, tokens_per_batch, seed)
        if tokens_per_batch is not None:
            raise ValueError(
                "`tokens_per_batch` is for examples of different lengths. Received: "
                f"tokens_per_batch={tokens_per_batch}. Give `batch_size`, the rows that are read "
                "side by side; `window_length` of the preprocessor is their length."
            )
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        rows = cast(int, batch_size)
        if self._carried:
            self._carried[True].set_rows(min(rows, len(text.token_ids)))
        return training_windows(text, rows, window, seed, steps_per_epoch)

    def one_batch(self, examples, weights):
        _refuse_targets(examples.y)
        return self.preprocessor.texts_side_by_side(examples.x)

    def read_given(self, x, columns=None):
        return RawExamples(
            self.preprocessor.as_raw(read_inputs(self.preprocessor.kind, x, columns))
        )

    def model_inputs(self, examples):
        return self.preprocessor.given_tokens(examples.x)

    def input_batches(self, examples, batch_size):
        texts = tf.data.Dataset.from_tensor_slices(examples.x)
        return texts.batch(batch_size).map(self.preprocessor.given_tokens)

    def encoded_apart(self, x, y):
        return self.preprocessor.separate_texts(x)

    def make_evaluation_batches(self, x, y=None, batch_size: int | None = None):
        """Cuts texts into rows, 1 if `batch_size` is None; see `Task.evaluate`.

        With one row every token has the whole text before it for its history, as perplexities are
        published. More are faster, but each starts without a history. An encoder without a state
        of one size, such as a Transformer, reads windows that overlap, of which the last half
        counts; `batch_size` is the windows of a batch then, 8 if None.
        """
        _refuse_targets(y)
        text = self.preprocessor.stream(x)
        if not self._carried:
            return overlapping_windows(text, self.preprocessor.window_length, batch_size or 8)
        batch_size = min(batch_size or 1, len(text.token_ids))
        self._carried[False].set_rows(batch_size)
        return evaluation_windows(text, batch_size)

    @property
    def between_batches(self):
        """The carried state; None with several replicas, where each has its own."""
        return self._carried[True].variables if self._carried else []

    def count_steps(self, x, batch_size: int) -> int:
        """Returns the number of batches of an epoch over texts."""
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        return training_windows(text, batch_size, window).steps_per_epoch

    def mean_length(self, x, y=None):
        """Returns the length of a window."""
        return float(self.preprocessor.window_length)

    def _measure(self, x, y, outputs, weight, loss_sum, weight_sum):
        if self.bits_per_character is not None:
            nll = self.head.measure(y, outputs, weight)[-1][0]
            self.bits_per_character.update_state(nll, tf.reduce_sum(x["characters"]))
        return super()._measure(x, y, outputs, weight, loss_sum, weight_sum)

    def begin(self, inputs, search):
        """Returns the state after all but the last token of prompts `(B, S)`, and that token."""
        last = tf.math.count_nonzero(inputs, axis=1, dtype=tf.int32) - 1
        examples, max_length = tf.shape(inputs)[0], check_max_length(search.max_length)
        state, memory = self.decoder.start((), examples, max_length, search.width, inputs)
        return InitialDecodingState(state, memory, tf.gather(inputs, last, batch_dims=1))

    def limits_of(self, search):
        """Returns the limits of prompts: so much that a table of positions holds the answer too."""
        positions = self.max_positions
        if positions is None:
            return self.limits
        longest = max(1, positions - check_max_length(search.max_length))
        return dataclasses.replace(
            self.limits, source_tokens=min(self.limits.source_tokens, longest)
        )

    def _check_lengths(self, raw, search):
        positions, length = self.max_positions, check_max_length(search.max_length)
        if positions is None:
            return
        lengths = self.preprocessor.lengths(raw) - 1  # the first one is no token of the prompt
        index = int(np.argmax(lengths)) if len(lengths) else 0
        if len(lengths) and lengths[index] + length > positions:
            raise ValueError(
                f"The prompt at index {index} has {lengths[index]} tokens and `max_length` is "
                f"{length}, together more than the {positions} of the position table. Shorten the "
                "prompt, lower `max_length`, or make the model with more positions."
            )

    def _is_blank(self, raw):
        return tf.zeros([tf.shape(raw)[0]], tf.bool)  # a text begins without a prompt too

    def _answer(self, raw, inputs, search, options, replace):
        hypotheses = self._search(inputs, search, options)
        given = inputs[:, None, 1:]
        given = tf.repeat(given, tf.shape(hypotheses.token_ids)[1], axis=1)  # (B, S) -> (B, N, S)
        whole = tf.concat([given, hypotheses.token_ids], axis=2)
        return self.preprocessor.detokenize(whole), hypotheses

    def score(self, texts: Iterable[str | bytes]) -> list[Scored]:
        """Returns the log-probabilities of each text alone, as `evaluate` counts them."""
        return [scored for text in as_texts(texts) for scored in self.score_stream([text])]

    def score_stream(self, texts: Iterable[str | bytes]) -> Iterator[Scored]:
        """Yields the log-probabilities of each text, given all those before it.

        Only the state is stored from one text to the next, so the texts may be an endless
        iterator. An encoder without a state of one size, such as a Transformer, knows of the last
        tokens, half of `window_length` at least.
        """
        before, state = [self.preprocessor.first_id], None
        if self._carried:
            state = self.encoder.initial_state(1)
        for text in [texts] if isinstance(texts, (str, bytes)) else texts:
            (text,) = as_texts([text])
            ids = self.preprocessor.encode([text])[0].numpy().tolist()
            if self._carried:
                log_probs, state = self._read(before, ids, state)
                before = [ids[-1]] if ids else before
            else:
                log_probs, before = self._read_windows(before, ids)
            tokens = self.preprocessor.target_tokens(tf.constant([ids], tf.int32)).numpy()[0]
            yield Scored(float(log_probs.sum()), [token.decode() for token in tokens], log_probs)

    def _read(self, before: list[int], ids: list[int], state: Any) -> tuple[np.ndarray, Any]:
        """Returns the log-probs of tokens after others, and the state before the last of all."""
        if not ids:
            return np.zeros(0, np.float32), state
        given, targets, parts = [*before, *ids][:-1], [*before, *ids][1:], []
        tokens = tf.TensorSpec([1, None], tf.int32)
        spec = [tokens, tokens, tf.nest.map_structure(tf.TensorSpec.from_tensor, state)]
        read = self._graphs.get(
            self, "read", lambda: tf.function(self._log_probs, spec, autograph=False)
        )
        for start in range(0, len(given), _CHUNK):
            chunk = given[start : start + _CHUNK]
            y = tf.constant([targets[start : start + _CHUNK]], tf.int32)
            log_probs, state = read(tf.constant([chunk], tf.int32), y, state)
            parts.append(log_probs.numpy()[0])
        return np.concatenate(parts)[len(before) - 1 :], state

    def _read_windows(self, before: list[int], ids: list[int]) -> tuple[np.ndarray, list[int]]:
        """Returns the log-probs of tokens after others, and the tokens that the next ones follow.

        Each has half a window before it, where there are as many.
        """
        window, parts = self.preprocessor.window_length, [np.zeros(0, np.float32)]
        spec = [tf.TensorSpec([1, None], tf.int32)] * 2
        read = self._graphs.get(
            self, "read", lambda: tf.function(self._log_probs, spec, autograph=False)
        )
        while ids:
            history = before[-max(1, window // 2) :]
            some, ids = ids[: window - len(history) + 1], ids[window - len(history) + 1 :]
            known = [*history, *some]
            given, y = (tf.constant([part], tf.int32) for part in (known[:-1], known[1:]))
            parts.append(read(given, y)[0].numpy()[0, len(history) - 1 :])
            before = known[-window:]
        return np.concatenate(parts), before

    def _log_probs(self, token_ids, y, state=None):
        """Returns the log-prob of each token of y `(B, T)`, and the state after the tokens."""
        hidden, state = self.decoder.run(token_ids, state)
        log_probs = self.head.readout(self.head(hidden))
        return tf.gather(log_probs, y, batch_dims=2), state

    def get_config(self):
        return super().get_config() | {
            "decoder": keras.saving.serialize_keras_object(self.decoder),
            "tie_embeddings": self.tie_embeddings,
        }


def _refuse_targets(y: Any) -> None:
    if y is not None:
        raise ValueError(
            "A language model learns from texts alone. Received: `y` of "
            f"{type(y).__name__} beside them. Leave it out."
        )
