"""Generation: raw inputs in, texts out, in the graph."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.corpus import as_strings
from seqzoo.preprocessing.normalization import squeeze_spaces
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.search import SEARCHES, Greedy, Hypotheses
from seqzoo.search.options import check_at_least
from seqzoo.tasks.batches import batches_of_like_length
from seqzoo.tasks.task import Task

MAX_LENGTH = 128  # tokens, where neither the search nor the preprocessor says


class Generated(NamedTuple):
    """One hypothesis.

    Attributes:
        text: The detokenised text.
        score: What the search ranked it by: the higher, the better.
        tokens: Readable tokens, the end token included.
        token_log_probs: Float array `(T,)`, one for each token.
        alignment: Float array `(T, S)`, the weights on the source tokens with which each token
            was chosen; None where the decoder does not attend.
    """

    text: str
    score: float
    tokens: list[str]
    token_log_probs: np.ndarray
    alignment: np.ndarray | None


class GenerationTask(Task):
    """A task that generates token sequences, step by step, with a search.

    A subclass says how a batch of raw inputs becomes model inputs (`prepare`) and how long these
    are, encodes them (`encode`), and has a `decoder`.

    Args:
        head: See `Task`.
        preprocessor: See `Task`.
        search: The search that is used where none is given; None is `Greedy()`.
    """

    def __init__(self, head, preprocessor=None, search: Any = None, **kwargs):
        super().__init__(head, preprocessor, **kwargs)
        self.search = Greedy() if search is None else search
        self._graphs = _Graphs()

    def prepare(self, raw):
        """Returns the model inputs `(B, S)` of raw inputs `(B,)`, in the graph."""
        raise NotImplementedError

    def encode(self, inputs):
        """Returns the `Encoded` of model inputs."""
        raise NotImplementedError

    def hypotheses(self, inputs, search: Any = None) -> Hypotheses:
        """Searches for sequences, in the graph; all that the search found, as tensors.

        Args:
            inputs: Model inputs `(B, S)`.
            search: A search; None is that of the task.
        """
        search = self._complete(search)
        encoded = self.encode(inputs)
        rows = tf.shape(encoded.mask)[0] * search.width
        state, memory = self.decoder.start(encoded, rows, search.max_length)

        decoder_step = self.decoder.stepper()

        def step(token_ids, state, memory):
            hidden, state = decoder_step(token_ids, state, memory)
            return self.head.readout(self.head(hidden)), state

        return search(step, state, memory, Tokenizer.start_id, Tokenizer.end_id)

    def serve(self, raw, search: Any = None) -> dict[str, tf.Tensor]:
        """Returns `text` `(B, N)` and `scores` `(B, N)` of raw inputs `(B,)`, best first."""
        text, found = self._answer(raw, self._complete(search))
        return {"text": text, "scores": found.scores}

    def _answer(self, raw, search) -> tuple[tf.Tensor, Hypotheses]:
        found = self.hypotheses(self.prepare(raw), search)
        text = self.preprocessor.detokenize(found.token_ids)
        blank = squeeze_spaces(raw) == ""
        return tf.where(blank[:, None], "", text), found

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the functions of the SavedModel by the name of their signature."""
        search = self._complete(search)

        signature = [tf.TensorSpec([None], tf.string, name="text")]

        @tf.function(input_signature=signature, autograph=False)
        def serving_default(text):
            return self.serve(text, search)

        return {"serving_default": serving_default}

    def export(self, filepath, search: Any = None) -> None:
        """Writes a SavedModel to `filepath`/1, with the task's search if none is given."""
        super().export(filepath, search=self._complete(search))

    def generate(
        self,
        inputs: Sequence[Any],
        search: Any = None,
        return_hypotheses: bool = False,
        batch_size: int = 64,
    ) -> list:
        """Generates a text for each raw input, in their order. A blank text gives "".

        The answer for an input does not depend on the others.

        Args:
            inputs: List, array or tensor of raw inputs.
            search: A search; None is that of the task.
            return_hypotheses: Whether to return all that the search kept.
            batch_size: Positive int. Most inputs that are decoded together.

        Returns:
            A list of str; with `return_hypotheses`, for each input a list of `Generated`, best
            first.

        Raises:
            ValueError: if the inputs are no list of texts, or the task has no preprocessor.
        """
        if self.preprocessor is None:
            raise ValueError(
                "`generate` needs a preprocessor to read raw inputs, and this task has none. Give "
                "it one, or pass model inputs to `hypotheses`."
            )
        check_at_least("batch_size", batch_size, 1)
        search = self._complete(search)
        raw = _as_raw(inputs)
        answers: list[Any] = [None] * len(raw)
        for places in batches_of_like_length(self._lengths(raw), batch_size):
            text, found, tokens = self._graphs.get(self, search)(tf.gather(raw, places))
            for row, place in enumerate(places):
                answers[place] = _unpack(row, text, found, tokens)
        return answers if return_hypotheses else [answer[0].text for answer in answers]

    def _lengths(self, raw) -> np.ndarray:
        chunks = [
            np.count_nonzero(self.prepare(raw[i : i + 1024]), axis=1)
            for i in range(0, len(raw), 1024)
        ]
        return np.concatenate([np.zeros(0, int), *chunks])

    def _complete(self, search):
        """Returns the search with its `max_length` filled in."""
        search = self.search if search is None else search
        if search.max_length is not None:
            return search
        longest = getattr(self.preprocessor, "max_target_length", None) or MAX_LENGTH
        return dataclasses.replace(search, max_length=longest)

    def get_config(self):
        names = {kind: name for name, kind in SEARCHES.items()}
        search = {"kind": names[type(self.search)], **dataclasses.asdict(self.search)}
        return super().get_config() | {"search": search}

    @classmethod
    def from_config(cls, config):
        options = dict(config["search"])
        search = SEARCHES[options.pop("kind")](**options)
        return super().from_config({**config, "search": search})


class _Graphs:
    """The traced functions of a task, one for each search. No part of the model."""

    def __init__(self):
        self._functions: dict[Any, Any] = {}

    def get(self, task: GenerationTask, search):
        """Returns a function from raw inputs to texts, hypotheses and readable tokens."""
        if search not in self._functions:
            signature = [tf.TensorSpec([None], tf.string)]

            @tf.function(input_signature=signature, autograph=False)
            def run(raw):
                text, found = task._answer(raw, search)
                return text, found, task.preprocessor.target_tokens(found.token_ids)

            self._functions[search] = run
        text_to_answer = self._functions[search]

        def as_arrays(raw):
            text, found, tokens = text_to_answer(raw)
            arrays = tf.nest.map_structure(_as_array, (text, tuple(found), tokens))
            return arrays[0], Hypotheses(*arrays[1]), arrays[2]

        return as_arrays


def _as_raw(inputs) -> tf.Tensor:
    """Returns the inputs as a string tensor `(B,)`."""
    if isinstance(inputs, (str, bytes)):
        raise ValueError(
            f"`generate` wants a list of inputs. Received one text: {inputs[:40]!r}. Put it in a "
            "list."
        )
    inputs = list(inputs.numpy() if tf.is_tensor(inputs) else inputs)
    for place, text in enumerate(inputs):
        if not isinstance(text, (str, bytes)):
            raise ValueError(
                f"`generate` wants a list of texts. Received {text!r} at place {place}."
            )
    return as_strings(inputs)


def _unpack(row: int, text, found: Hypotheses, tokens) -> list[Generated]:
    answers = []
    for n, length in enumerate(found.lengths[row]):
        if length == 0 and n > 0:
            continue
        alignments = found.alignments
        answers.append(
            Generated(
                text=text[row, n].decode("utf-8"),
                score=float(found.scores[row, n]),
                tokens=[token.decode("utf-8") for token in tokens[row, n, :length]],
                token_log_probs=found.token_log_probs[row, n, :length],
                alignment=None if alignments is None else alignments[row, n, :length],
            )
        )
    return answers


def _as_array(tensor):
    return None if tensor is None else tensor.numpy()
