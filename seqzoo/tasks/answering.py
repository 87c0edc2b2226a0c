"""Tasks that answer raw inputs at once, without a search."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import RawExamples, read_inputs
from seqzoo.search.options import check_at_least
from seqzoo.tasks.length_groups import answer_in_groups
from seqzoo.tasks.request import batches_of_like_length
from seqzoo.tasks.task import Task
from seqzoo.tasks.traced_functions import TracedFunctions


class AnsweringTask(Task):
    """A task that gives each raw input an answer in one pass.

    A subclass makes tensors of model inputs in the graph (`answer_inputs`), and selects those that
    a server returns (`served_answer`, `served_specs`).
    """

    def __init__(self, head, preprocessor=None, **kwargs):
        super().__init__(head, preprocessor, **kwargs)
        self._graphs = TracedFunctions()

    def answer(self, raw) -> dict[str, Any]:
        """Returns all that the task computes for raw inputs `(B, …)`, tensors `(B, …)` by name."""
        return self.answer_inputs(self.preprocessor.prepare(raw))

    def answer_inputs(self, inputs) -> dict[str, Any]:
        """Returns what `answer` does, of model inputs."""
        raise NotImplementedError

    def serve(self, raw) -> dict[str, Any]:
        """Returns what a server answers to raw inputs `(B, …)`, as far as `limits` allow."""
        bounded = self.preprocessor.encode_within(raw, self.limits)
        longest = tf.maximum(0, tf.reduce_max(bounded.steps))

        def answer(rows):
            encoded = tf.nest.map_structure(lambda part: tf.gather(part, rows), bounded.encoded)
            inputs = self.preprocessor.pack_inputs(encoded)
            is_read = tf.gather(bounded.is_read, rows)
            return self.served_answer(inputs, is_read, tf.shape(raw), longest)

        specs = self.served_specs()
        return answer_in_groups(bounded.steps, self.limits.rows, answer, specs)

    def served_specs(self) -> dict[str, tf.TensorSpec]:
        """Returns the outputs of a server by name."""
        raise NotImplementedError

    def served_answer(self, inputs, is_read, shape, longest) -> dict[str, Any]:
        """Returns what a server answers to model inputs.

        Args:
            inputs: Of some of the rows of a request.
            is_read: Boolean `(R,)`; an input that was not read has an empty answer.
            shape: Of the raw inputs of the request.
            longest: Int, the steps of the longest input that is read.
        """
        raise NotImplementedError

    def serving_signatures(self, search: Any = None) -> dict[str, Any]:
        """Returns the functions of the SavedModel by the name of their signature."""
        spec = self._required_preprocessor("export").raw_spec

        @tf.function(input_signature=[spec], autograph=False)
        def serving_default(raw):
            return self.serve(raw)

        return {"serving_default": serving_default}

    def answers(
        self,
        inputs,
        batch_size: int = 64,
        function: Callable | None = None,
        name: str = "answer",
    ) -> Iterator[tuple[np.ndarray, dict[str, Any]]]:
        """Yields the indices of some of the inputs and their answers, as arrays.

        Inputs of like length are answered together, and no answer depends on the others.

        Args:
            inputs: List of raw inputs.
            batch_size: Positive int. Max inputs that are answered together.
            function: Answers raw inputs; None is `answer`.
            name: Of the function; a task traces one function for each name.
        """
        preprocessor = self._required_preprocessor("this")
        check_at_least("batch_size", batch_size, 1)
        raw = preprocessor.as_raw(inputs)
        spec = preprocessor.raw_spec
        run = self._graphs.get(
            self,
            name,
            lambda: tf.function(function or self.answer, input_signature=[spec], autograph=False),
        )
        for indices in batches_of_like_length(preprocessor.lengths(raw), batch_size):
            answers = run(preprocessor.pad(tf.gather(raw, indices)))
            yield indices, tf.nest.map_structure(lambda tensor: tensor.numpy(), answers)

    def _as_list(self, inputs) -> Any:
        """Returns the inputs as a list; a single text as it is, for `as_raw` to refuse."""
        if isinstance(inputs, (str, bytes)):
            return inputs
        return list(read_inputs(self._required_preprocessor("this").kind, inputs))

    def read_given(self, x, columns=None):
        return RawExamples(read_inputs(self.preprocessor.kind, x, columns))

    def model_inputs(self, examples):
        return self.inputs_of(self.preprocessor.as_raw(examples.x))

    def input_batches(self, examples, batch_size):
        raw = tf.data.Dataset.from_tensor_slices(self.preprocessor.as_raw(examples.x))
        return raw.ragged_batch(batch_size).map(self.inputs_of)

    def inputs_of(self, raw) -> Any:
        """Returns what the task is called on, for raw inputs of one batch."""
        return self.preprocessor.prepare(raw)

    def _required_preprocessor(self, what: str) -> Any:
        if self.preprocessor is None:
            raise ValueError(
                f"{what.capitalize()} needs a preprocessor to read raw inputs, and this task has "
                "none. Give it one, or call the task on model inputs."
            )
        return self.preprocessor


def check_vocabulary(encoder: Any, tokenizer: Any) -> None:
    """Raises ValueError where an encoder does not read the tokens of a tokenizer.

    The encoder of a `MaskedLanguageModel` has one token more, the mask.
    """
    received, size = encoder.vocabulary_size, tokenizer.vocabulary_size
    if received not in (size, size + 1):
        raise ValueError(
            f"The encoder has a vocabulary of {received} tokens and the tokenizer one of {size}. "
            f"Make the encoder with vocabulary_size={size}, or take the tokenizer that it was "
            "trained with."
        )
