"""Texts that are shown as they grow: one graph starts the generation, another takes a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import ExampleOptions
from seqzoo.search.sequential import SequenceState, SequentialDecoding
from seqzoo.tasks.request import InitialDecodingState

_INCOMPLETE = "\ufffd+$"  # how the bytes of an incomplete last character are decoded


class _StreamState(NamedTuple):
    """All that a step needs."""

    memory: Any
    sequences: SequenceState
    token_ids: Any  # (B, T), the generated ones, 0 behind them
    seed: Any  # (B,)
    words: tuple  # what the preprocessor needs to show tokens, see `GenerationTask.copied_words`


class TokenStream:
    """The generation of a task as two functions, with the state between steps in one dict.

    Args:
        task: A `GenerationTask`.
        search: A search that goes token by token, whose `max_length` is set.

    Raises:
        ValueError: if the search may change earlier tokens, or returns several sequences.
    """

    def __init__(self, task: Any, search: Any):
        if not hasattr(search, "sequential") or search.width != 1:
            raise ValueError(
                "A stream needs a search that never changes earlier tokens, and one sequence: "
                f"Greedy, or Sample with n_samples=1. Received: {search!r}."
            )
        self._task, self._search = task, search
        self._structure: Any = None  # of a state, known once `start` was traced
        self.start = tf.function(
            self._start,
            input_signature=[
                task.preprocessor.raw_spec,
                tf.TensorSpec([None], tf.int32, name="seed"),
            ],
            autograph=False,
        )

    def _start(self, raw, seed) -> dict[str, tf.Tensor]:
        task, search = self._task, self._search
        raw, encoded, _, is_read = task.preprocessor.encode_within(raw, task.limits_of(search))
        inputs = task.preprocessor.pack_inputs(encoded)
        with task.kernels_read_once():
            first = InitialDecodingState(*task.begin(inputs, search))
        state, memory, start_id, mask = first
        options = ExampleOptions(source_mask=mask, seeds=seed)
        arguments = task.step(), state, memory, start_id, Tokenizer.end_id, options
        decoding: SequentialDecoding = search.sequential(*arguments)
        sequences = decoding.initial
        blank = task._is_blank(raw) | ~task._has_answer(inputs, is_read)
        sequences = sequences._replace(finished=sequences.finished | blank[:, None])
        token_ids = tf.zeros([tf.shape(raw)[0], decoding.max_length], tf.int32)
        whole = _StreamState(memory, sequences, token_ids, seed, task.copied_words(raw))
        self._structure = (
            keras.tree.map_structure(lambda leaf: 0, whole),
            keras.tree.map_structure(lambda leaf: 0, state),
        )
        return _by_name(whole)

    def step(self, named: dict[str, tf.Tensor]) -> dict[str, tf.Tensor]:
        """Takes a step, in the graph.

        Args:
            named: What `start` or the step before returned under these names.

        Returns:
            The next state; `token` `(B,)`, the new token, "" for none; `said_text` `(B,)`, the
            generated text, which starts with that of the step before; and `over` `(B,)`, whether
            it is finished.
        """
        structure, decoder_structure = self._structure
        leaves = [named[name] for name in sorted(named)]
        whole = _StreamState(*keras.tree.pack_sequence_as(structure, leaves))
        before = SequenceState(*whole.sequences)
        count = len(keras.tree.flatten(decoder_structure))
        decoding: SequentialDecoding = self._search.sequential(
            self._task.step(),
            # The decoder's own leaves come first among those that are carried.
            keras.tree.pack_sequence_as(decoder_structure, before.leaves[:count]),
            whole.memory,
            Tokenizer.start_id,
            Tokenizer.end_id,
            ExampleOptions(seeds=whole.seed, max_length=before.max_length),
        )

        def advance():
            after, chosen = decoding.advance(before)
            return after, tf.where(before.finished, 0, chosen["token_ids"])

        def stay():
            return before, tf.zeros_like(before.token_ids)

        after, new_ids = tf.cond(tf.reduce_all(before.finished), stay, advance)
        after = SequenceState(*after)
        here = tf.range(tf.shape(whole.token_ids)[1])[None] == after.lengths - 1
        token_ids = tf.where(here & (new_ids != 0), new_ids, whole.token_ids)
        finished = after.finished[:, 0]
        return _by_name(whole._replace(sequences=after, token_ids=token_ids)) | {
            "token": self._task.preprocessor.target_tokens(new_ids, *whole.words)[:, 0],
            "said_text": self._text(token_ids, finished, whole.words),
            "over": finished,
        }

    def _text(self, token_ids, finished, words):
        """Returns texts `(B,)`, without bytes that may still become a character."""
        text = self._task.preprocessor.detokenize(token_ids, *words)
        return tf.where(finished, text, tf.strings.regex_replace(text, _INCOMPLETE, ""))

    def texts(self, raw) -> Iterator[list[str]]:
        """Yields the texts of raw inputs `(B,)` so far, after each step."""
        seeds = np.arange(len(raw), dtype="int32") + getattr(self._search, "seed", 0)
        state = self.start(raw, seeds)
        step = tf.function(self.step, input_signature=[self._specs()], autograph=False)
        with self._task.kernels_read_once():
            step = step.get_concrete_function()
        finished = np.zeros(len(raw), bool)
        while not finished.all():
            outputs = step(state)
            state = {name: outputs[name] for name in state}
            finished = outputs["over"].numpy()
            yield [text.decode("utf-8") for text in outputs["said_text"].numpy()]

    def _specs(self) -> dict[str, tf.TensorSpec]:
        outputs = self.start.get_concrete_function().structured_outputs
        return {
            name: tf.TensorSpec(leaf.shape, leaf.dtype, name=name) for name, leaf in outputs.items()
        }

    def signatures(self) -> dict[str, Any]:
        """The two functions for a SavedModel."""
        specs = self._specs()

        def by_name(**state):
            return self.step(state)

        step = tf.function(by_name, autograph=False)
        step.get_concrete_function(**specs)
        return {"stream_start": self.start, "stream_step": step.get_concrete_function(**specs)}


def _by_name(whole: _StreamState) -> dict[str, tf.Tensor]:
    """The leaves by names that sort in their order."""
    leaves = keras.tree.flatten(whole)
    return {f"state_{index:03d}": tf.convert_to_tensor(leaf) for index, leaf in enumerate(leaves)}
