"""Generation that is shown as it comes: one graph starts it, another takes a step."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search.chain import Chain, Progress
from seqzoo.search.rows import Rows
from seqzoo.tasks.request import InitialDecodingState

State = dict[str, tf.Tensor]


class Stream:
    """The generation of a task as two functions, with all that lies between in one dict.

    Args:
        task: A `GenerationTask`.
        search: A search that goes token by token, whose `max_length` is set.

    Raises:
        ValueError: if the search may change what it has said, or gives several sequences.
    """

    def __init__(self, task: Any, search: Any):
        if not hasattr(search, "chain") or search.width != 1:
            raise ValueError(
                "A stream needs a search that never takes back what it has said, and one "
                f"sequence: Greedy, or Sample with n_samples=1. Received: {search!r}."
            )
        self._task, self._search = task, search
        self._structure: Any = None  # of a state, known once `start` was traced
        self.start = tf.function(
            self._start,
            input_signature=[
                task.raw_spec,
                tf.TensorSpec([None], tf.int32, name="seed"),
            ],
            autograph=False,
        )

    def _start(self, raw, seed) -> State:
        task, search = self._task, self._search
        state, memory, start_id, mask = InitialDecodingState(*task.begin(task.prepare(raw), search))
        rows = Rows(source_mask=mask, seeds=seed)
        chain: Chain = search.chain(task.step(), state, memory, start_id, Tokenizer.end_id, rows)
        progress = chain.start
        blank = task._is_blank(raw)[:, None]
        progress = progress._replace(over=progress.over | blank)
        said = tf.zeros([tf.shape(raw)[0], chain.max_length], tf.int32)
        whole = {"progress": progress, "memory": memory, "said": said, "seed": seed}
        inner = keras.tree.map_structure(lambda leaf: 0, state)
        self._structure = keras.tree.map_structure(lambda leaf: 0, whole), inner
        return _flat(whole)

    def step(self, state: State) -> State:
        """Takes a step, in the graph.

        Args:
            state: What `start` or the step before returned under these names.

        Returns:
            The next state, and `token` `(B,)`, the token that was said, "" for none; `said_text`
            `(B,)`, the text so far; `over` `(B,)`.
        """
        structure, inner_structure = self._structure
        leaves = [state[name] for name in sorted(state)]
        whole = keras.tree.pack_sequence_as(structure, leaves)
        before, memory, said = Progress(*whole["progress"]), whole["memory"], whole["said"]
        inner = keras.tree.flatten(inner_structure)
        chain: Chain = self._search.chain(
            self._task.step(),
            # The decoder's own leaves come first among those that are carried.
            keras.tree.pack_sequence_as(inner_structure, before.leaves[: len(inner)]),
            memory,
            Tokenizer.start_id,
            Tokenizer.end_id,
            Rows(seeds=whole["seed"], max_length=before.most),
        )

        def advance():
            after, chosen = chain.advance(before)
            return after, tf.where(before.over, 0, chosen["token_ids"])

        def stay():
            return before, tf.zeros_like(before.token_ids)

        after, token_ids = tf.cond(tf.reduce_all(before.over), stay, advance)
        after = Progress(*after)
        here = tf.range(tf.shape(said)[1])[None] == after.lengths - 1
        said = tf.where(here & (token_ids != 0), token_ids, said)
        preprocessor = self._task.preprocessor
        whole |= {"progress": after, "said": said}
        return _flat(whole) | {
            "token": preprocessor.target_tokens(token_ids)[:, 0],
            "said_text": preprocessor.detokenize(said),
            "over": after.over[:, 0],
        }

    def texts(self, raw) -> Iterator[list[str]]:
        """Yields the texts of raw inputs `(B,)` so far, after each step."""
        seeds = np.arange(len(raw), dtype="int32") + getattr(self._search, "seed", 0)
        state = self.start(raw, seeds)
        step = tf.function(self.step, input_signature=[self._specs()], autograph=False)
        over = np.zeros(len(raw), bool)
        while not over.all():
            found = step(state)
            state = {name: found[name] for name in state}
            over = found["over"].numpy()
            yield [text.decode("utf-8") for text in found["said_text"].numpy()]

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


def _flat(whole: Any) -> State:
    """The leaves by names that sort in their order."""
    leaves = keras.tree.flatten(whole)
    return {f"state_{place:03d}": tf.convert_to_tensor(leaf) for place, leaf in enumerate(leaves)}
