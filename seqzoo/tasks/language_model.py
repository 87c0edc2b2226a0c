"""The language model: texts in one stream, trained with the state carried from batch to batch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.heads.tokens import Tokens
from seqzoo.metrics.tokens import BitsPerCharacter
from seqzoo.preprocessing.corpus import Texts
from seqzoo.preprocessing.running_text import RunningText, as_texts
from seqzoo.preprocessing.windows import evaluation_windows, training_windows
from seqzoo.tasks.arguments import is_batched, refuse_arguments_for_tensors
from seqzoo.tasks.carried_state import CarriedState
from seqzoo.tasks.generation import GenerationTask

_PIECE = 512  # tokens that are read at once: what is kept of a long text is its state


class Scored(NamedTuple):
    """A text and how probable it is.

    Attributes:
        log_prob: Sum of the log-probs of its tokens, in nats.
        tokens: Readable tokens, the end token included where texts end with one.
        token_log_probs: Float array `(T,)`, one for each token.
    """

    log_prob: float
    tokens: list[str]
    token_log_probs: np.ndarray


@keras.saving.register_keras_serializable(package="seqzoo")
class LanguageModel(GenerationTask):
    """Predicts each token of a text from those before it.

    Training reads the texts as one stream, in contiguous windows: the state at the end of a batch
    is that at the beginning of the next, and gradients stay inside of a window (truncated
    back-propagation). Each epoch begins without a history.

    Args:
        decoder: A `LanguageDecoder`.
        preprocessor: `RunningText` with an adapted tokenizer, or None where users feed tensors.
        head: Makes logits of hidden states; None is `Tokens`.
        search: The search that is used where none is given; None is `Greedy()`.
        tie_embeddings: Whether the head uses the weights of the embedding.

    Call arguments:
        x: Dict of `token_ids` `(B, T)`, each the token before the one to predict; and, for a
            batch of a running text, `fresh` `(B,)`: True for the rows that begin without a
            history, where the others go on from the last batch.

    Returns:
        Logits `(B, T, vocabulary_size)`.
    """

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
        """The embedding and the recurrent layers, for another task to go on with."""
        return self.decoder.encoder

    def build(self, input_shape=None):
        """Makes all weights; no data are needed for it."""
        if self.preprocessor is not None:
            self._check_size()
        self.head(self.decoder(keras.KerasTensor((None, None), dtype="int32")))
        nothing = self.encoder.initial_state(0)
        self._read_piece = tf.function(self._log_probs, reduce_retracing=True)
        self._carried = {training: CarriedState(nothing) for training in (True, False)}
        self.built = True

    def _check_size(self):
        wanted = self.preprocessor.tokenizer.vocabulary_size
        for name, size in (
            ("decoder", self.decoder.vocabulary_size),
            ("head", self.head.vocabulary_size),
        ):
            if size != wanted:
                raise ValueError(
                    f"The {name} has a vocabulary of {size} tokens and the tokenizer one of "
                    f"{wanted}. Make the {name} with vocabulary_size={wanted}."
                )

    def call(self, x, training=False):
        if "fresh" not in x:
            return self.head(self.decoder(x["token_ids"], training=training))
        carried = self._carried[bool(training)]
        hidden, state = self.decoder.run(x["token_ids"], carried.read(x["fresh"]), training)
        carried.write(state)
        return self.head(hidden)

    def fit(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        epochs: int = 1,
        validation_data=None,
        initial_epoch: int = 0,
        steps_per_epoch: int | None = None,
        validation_batch_size: int | None = None,
        seed: int = 0,
        **kwargs,
    ):
        """Trains on texts, or, where the task has no preprocessor, as Keras does.

        Args:
            x: List of texts, a `tf.data.Dataset` of string scalars, or one text. They are read in
                their order, one after the other.
            y: Nothing: the targets are the texts themselves.
            batch_size: Rows that the stream is cut into, which are read side by side, over all
                replicas; 32 if None.
            epochs: The epoch at which training ends.
            validation_data: Texts in any of the forms of `x`.
            initial_epoch: The epoch to begin with; the stream of batches goes on from there.
            steps_per_epoch: Batches of an epoch; None is as many as hold all of the text.
            validation_batch_size: Rows of the validation text; None is `batch_size`. Each begins
                without a history, so that the figures are slightly worse than those of
                `evaluate`.
            seed: Seed of where the windows begin.
            **kwargs: Other arguments of Keras's `fit`.

        Returns:
            Keras's `History`.

        Raises:
            ValueError: if the texts are not of such a form or hold no token.
        """
        passed = dict(epochs=epochs, initial_epoch=initial_epoch, **kwargs)
        if self.preprocessor is None:
            return keras.Model.fit(
                self,
                x,
                y,
                batch_size=batch_size,
                validation_data=validation_data,
                steps_per_epoch=steps_per_epoch,
                validation_batch_size=validation_batch_size,
                **passed,
            )
        refuse_arguments_for_tensors(kwargs)
        _refuse_targets(y)
        batch_size = batch_size or 32
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        batches = training_windows(text, batch_size, window, seed, steps_per_epoch)
        steps = steps_per_epoch or batches.steps_per_epoch
        self._carried[True].set_rows(min(batch_size, len(text.token_ids)))
        validation = None
        if validation_data is not None:
            validation = self._evaluation(validation_data, validation_batch_size or batch_size)
        return keras.Model.fit(
            self,
            batches.dataset.skip(initial_epoch * steps),
            steps_per_epoch=steps,
            validation_data=validation,
            shuffle=False,  # the stream has its order
            **passed,
        )

    def evaluate(self, x=None, y=None, batch_size: int | None = None, **kwargs):
        """Returns loss and metrics on texts, or tensors without a preprocessor.

        Every token counts once, and has the whole text before it for its history, as perplexities
        are published.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Rows that the text is cut into, 1 if None. More are faster, but each
                begins without a history.
            **kwargs: Other arguments of Keras's `evaluate`, such as `return_dict`.
        """
        if self.preprocessor is None or is_batched(x):
            return keras.Model.evaluate(self, x, y, batch_size=batch_size, **kwargs)
        _refuse_targets(y)
        return keras.Model.evaluate(self, self._evaluation(x, batch_size or 1), **kwargs)

    def _evaluation(self, texts: Texts, batch_size: int) -> tf.data.Dataset:
        text = self.preprocessor.stream(texts)
        self._carried[False].set_rows(min(batch_size, len(text.token_ids)))
        return evaluation_windows(text, batch_size)

    def count_steps(self, x, batch_size: int) -> int:
        """Returns the number of batches of an epoch over texts."""
        text, window = self.preprocessor.stream(x), self.preprocessor.window_length
        return training_windows(text, batch_size, window).steps_per_epoch

    def _measure(self, x, y, outputs, weight, loss_sum, weight_sum):
        if self.bits_per_character is not None:
            nll = self.head.measure(y, outputs, weight)[-1][0]
            self.bits_per_character.update_state(nll, tf.reduce_sum(x["characters"]))
        return super()._measure(x, y, outputs, weight, loss_sum, weight_sum)

    def prepare(self, raw):
        return self.preprocessor.prompt_ids(raw)

    def begin(self, inputs, search):
        """Returns the state after all but the last token of prompts `(B, S)`, and that token."""
        last = tf.math.count_nonzero(inputs, axis=1, dtype=tf.int32) - 1
        before = tf.sequence_mask(last, tf.shape(inputs)[1])
        rows = tf.shape(inputs)[0] * search.width
        state, memory = self.decoder.start((), rows, search.max_length, inputs, before)
        return state, memory, tf.gather(inputs, last, batch_dims=1)

    def _answer(self, raw, search):
        prompts = self.prepare(raw)
        found = self.hypotheses(prompts, search)
        given = prompts[:, None, len(self.preprocessor.first_ids) :]
        given = tf.repeat(given, tf.shape(found.token_ids)[1], axis=1)  # (B, S) -> (B, N, S)
        return self.preprocessor.detokenize(tf.concat([given, found.token_ids], axis=2)), found

    def score(self, texts: Iterable[str | bytes]) -> list[Scored]:
        """Returns how probable each text is, for itself: as `evaluate` counts it alone."""
        return [scored for text in as_texts(texts) for scored in self.score_stream([text])]

    def score_stream(self, texts: Iterable[str | bytes]) -> Iterator[Scored]:
        """Yields how probable each text is after all those before it, as they come.

        The state goes from one text to the next, and is all that is kept of them: the texts may be
        without an end.
        """
        state = self.encoder.initial_state(1)
        before = self.preprocessor.first_ids
        for text in [texts] if isinstance(texts, (str, bytes)) else texts:
            (text,) = as_texts([text])
            ids = self.preprocessor.encode([text])[0].numpy().tolist()
            log_probs, state = self._read(before, ids, state)
            before = [ids[-1]] if ids else before
            tokens = self.preprocessor.target_tokens(tf.constant([ids], tf.int32)).numpy()[0]
            yield Scored(float(log_probs.sum()), [token.decode() for token in tokens], log_probs)

    def _read(self, before: list[int], ids: list[int], state: Any) -> tuple[np.ndarray, Any]:
        """Returns the log-probs of tokens after others, and the state before the last of all."""
        if not ids:
            return np.zeros(0, np.float32), state
        given, targets, found = [*before, *ids][:-1], [*before, *ids][1:], []
        for start in range(0, len(given), _PIECE):
            piece = given[start : start + _PIECE]
            y = tf.constant([targets[start : start + _PIECE]], tf.int32)
            log_probs, state = self._read_piece(tf.constant([piece], tf.int32), y, state)
            found.append(log_probs.numpy()[0])
        return np.concatenate(found)[len(before) - 1 :], state

    def _log_probs(self, token_ids, y, state):
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
