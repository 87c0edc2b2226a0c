"""What Keras's methods beside `fit` do with raw inputs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import tensorflow as tf

from seqzoo.ops.option_names import check_count
from seqzoo.preprocessing.data_forms import RawExamples
from seqzoo.preprocessing.example_weights import NO_WEIGHTS, WeightedPacker, Weights
from seqzoo.tasks.batch_maker import BatchMaker
from seqzoo.training.replicated_model import ReplicatedModel

_ALL = 1_000_000  # examples, more than a batch has


class OnRawInputs(BatchMaker, ReplicatedModel):
    """The part of a task that is called, and predicts and learns batch by batch, on raw inputs.

    Tensors, such as a dict of ids and masks, go to the model as they are, as in Keras. The outputs
    are those of the model: logits, vectors. Where these depend on targets, as in a translator that
    is fed those before, inputs are pairs.
    """

    limits: Any

    def __call__(self, *args, **kwargs):
        """Returns the outputs of the model for tensors, or for raw inputs of one batch."""
        if args and getattr(self, "preprocessor", None) is not None and self.is_raw(args[0]):
            args = self.model_inputs(self.read_given(args[0])), *args[1:]
        return super().__call__(*args, **kwargs)

    def fit_tensors(self, x, y, validation_data, **options):
        """Trains on tensors, or on batches of them, as Keras's `fit` does.

        Args:
            x: As in Keras.
            y: As in Keras.
            validation_data: As in Keras.
            **options: Other arguments of Keras's `fit`.
        """
        if isinstance(validation_data, tuple):
            self.checked_tensors(*validation_data[:2])
        elif validation_data is not None:
            validation_data = self.checked_tensors(validation_data)
        return super().fit(
            self.checked_tensors(x, y), y, validation_data=validation_data, **options
        )

    def evaluate(
        self,
        x=None,
        y=None,
        batch_size: int | None = None,
        sample_weight=None,
        columns: Mapping[str, str] | None = None,
        **kwargs,
    ):
        """Returns loss and metrics on raw examples, or tensors.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Examples of a batch; None is 64, for tensors Keras's own default.
            sample_weight: As in `fit`.
            columns: As in `fit`.
            **kwargs: Other arguments of Keras's `evaluate`, such as `return_dict`.
        """
        if batch_size is not None:
            check_count("batch_size", batch_size)
        if not self.is_raw(x):
            x = self.checked_tensors(x, y)
            kwargs |= {"batch_size": batch_size, "sample_weight": sample_weight}
            return super().evaluate(x, y, **kwargs)
        batches = self.evaluated_batches(x, y, batch_size, sample_weight, columns)
        return super().evaluate(batches, **kwargs)

    def predict(
        self,
        x,
        batch_size: int | None = None,
        verbose="auto",
        steps: int | None = None,
        callbacks=None,
        columns: Mapping[str, str] | None = None,
    ):
        """Returns the outputs of the model, such as logits, for raw inputs or tensors, in order.

        For answers in words use `classify`, `tag`, `generate` and the like.

        Args:
            x: Raw inputs in any form that `fit` takes; targets beside them are left out. Pairs of
                input and target where the outputs depend on targets.
            batch_size: Examples of a batch; None is 64, for tensors Keras's own default.
            verbose: As in Keras.
            steps: As in Keras.
            callbacks: As in Keras.
            columns: As in `fit`.

        Returns:
            Array `(N, …)`; where outputs have steps, `(N, T, …)` of the longest, 0 behind shorter
            ones, as far as batches differ.

        Raises:
            ValueError: if these are no such inputs.
        """
        passed = {"verbose": verbose, "steps": steps, "callbacks": callbacks}
        if not self.is_raw(x):
            return super().predict(x, batch_size=batch_size, **passed)
        batches = self.input_batches(self.read_given(x, columns), batch_size or 64)
        outputs = super().predict(batches, **passed)
        return tf.nest.map_structure(_as_array, outputs)

    def predict_on_batch(self, x):
        """Returns the outputs of the model for raw inputs, or tensors, of one batch."""
        inputs = self.model_inputs(self.read_given(x)) if self.is_raw(x) else x
        return super().predict_on_batch(inputs)

    def train_on_batch(
        self, x, y=None, sample_weight=None, class_weight=None, return_dict: bool = False
    ):
        """Takes one step on raw examples, or tensors, of one batch, as Keras does.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            sample_weight: As in `fit`.
            class_weight: As in `fit`.
            return_dict: As in Keras.
        """
        if self.is_raw(x):
            x, y, sample_weight = self._one_batch(x, y, sample_weight, class_weight)
            class_weight = None
        return super().train_on_batch(x, y, sample_weight, class_weight, return_dict)

    def test_on_batch(self, x, y=None, sample_weight=None, return_dict: bool = False):
        """Returns loss and metrics of raw examples, or tensors, of one batch, as Keras does.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            sample_weight: As in `fit`.
            return_dict: As in Keras.
        """
        if self.is_raw(x):
            x, y, sample_weight = self._one_batch(x, y, sample_weight)
        return super().test_on_batch(x, y, sample_weight, return_dict)

    def _one_batch(self, x, y, sample_weight, class_weight=None) -> tuple:
        examples = self.read(x, y, sample_weight)
        return self.one_batch(examples, self.make_weights(examples, class_weight))

    def one_batch(self, examples: RawExamples, weights: Weights) -> tuple:
        """Returns all examples as one batch `(x, y, sample_weight)`."""
        packer = WeightedPacker(self.preprocessor, weights)
        dataset = weights.apply(self.raw_examples(examples.x, examples.y))
        sides = next(iter(dataset.ragged_batch(_ALL)))
        return packer.pack(*packer.encode(*sides))

    def copied_words(self, raw: Any, whole: bool = False) -> tuple:
        """Returns what the preprocessor takes beside ids to show them.

        Nothing, or the words of the sources, where answers may hold them.

        Args:
            raw: Raw inputs `(B,)`.
            whole: Whether they were read whole, and not within `limits`.
        """
        words = getattr(self.preprocessor, "copied_words", None)
        return () if words is None else (words(raw, None if whole else self.limits),)

    def read_given(self, x: Any, columns: Mapping[str, str] | None = None) -> RawExamples:
        """Returns what the outputs of the model are computed of: pairs, or inputs alone."""
        examples = self.read(x, columns=columns)
        if examples.y is None and not isinstance(examples.x, tf.data.Dataset):
            raise ValueError(
                f"The outputs of a {type(self).__name__} depend on the targets: it is given pairs. "
                f"Received: {str(x)[:40]!r}. Give the targets too; for answers use `generate`."
            )
        return examples

    def model_inputs(self, examples: RawExamples) -> Any:
        """Returns the inputs of the model for one batch of what `read_given` returns."""
        return self.one_batch(examples, NO_WEIGHTS)[0]

    def input_batches(self, examples: RawExamples, batch_size: int) -> tf.data.Dataset:
        """Returns a dataset of `model_inputs` in the order of the examples."""
        return self.make_evaluation_batches(examples.x, examples.y, batch_size).map(
            lambda x, y, weight: x
        )


def _as_array(outputs: Any) -> Any:
    return outputs.to_tensor().numpy() if isinstance(outputs, tf.RaggedTensor) else outputs
