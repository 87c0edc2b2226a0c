"""How a task makes batches of raw examples."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from seqzoo.preprocessing.batching import Batches, evaluation_batches
from seqzoo.preprocessing.tokenised_stream import packer_of
from seqzoo.tasks.arguments import as_examples, batches_of


class BatchMaker:
    """The part of a task that makes batches for `fit` and `evaluate`.

    Examples are put into batches of like length. A task whose examples hang together, such as the
    pieces of one running text, makes them in a way of its own.
    """

    preprocessor: Any

    def make_training_batches(
        self,
        x: Any,
        y: Any,
        batch_size: int | None,
        tokens_per_batch: int | None,
        seed: int,
        steps_per_epoch: int | None,
    ) -> Batches:
        """Returns the endless stream of batches that `fit` learns from.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Examples of a batch, or None.
            tokens_per_batch: Tokens on the longer side of a batch, or None.
            seed: Seed of the order of the examples.
            steps_per_epoch: Batches of an epoch, if the user says; else None.
        """
        return batches_of(x, y, self.preprocessor, batch_size, tokens_per_batch, seed=seed)

    def make_evaluation_batches(
        self, x: Any, y: Any = None, batch_size: int | None = None
    ) -> tf.data.Dataset:
        """Returns a finite dataset of batches of `batch_size` examples; of 64 if None."""
        raw = as_examples(x, self.preprocessor) if y is None else self.preprocessor.examples(x, y)
        return evaluation_batches(raw, packer_of(x, self.preprocessor), batch_size or 64)

    def count_steps(self, x: Any, batch_size: int) -> int:
        """Returns the number of batches of so many examples in an epoch over a list of them."""
        return math.ceil(len(x) / min(batch_size, len(x)))

    @property
    def between_batches(self) -> list[tf.Variable] | None:
        """Variables, beside the weights, that a batch of an epoch hands to the next one.

        None where they cannot be kept, so that a training goes on from the end of an epoch only.
        """
        return []
