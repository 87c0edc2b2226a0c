"""What users pass to `fit` and `evaluate`, and batches of it."""

from __future__ import annotations

import math
from typing import Any

import tensorflow as tf

from seqzoo.preprocessing.batching import (
    Batches,
    encode_corpus,
    evaluation_batches,
    training_batches,
)
from seqzoo.preprocessing.packing import packed_batches
from seqzoo.preprocessing.streamed_batches import is_stream, streamed_batches
from seqzoo.preprocessing.tokenised_stream import packer_of


class BatchMaker:
    """The part of a task that makes batches for `fit` and `evaluate`.

    Batches hold examples of like length. A task whose examples depend on each other, such as the
    parts of one running text, overrides this.
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
        packed: bool | int = False,
    ) -> Batches:
        """Returns the endless stream of batches that `fit` learns from.

        Args:
            x: As in `fit`.
            y: As in `fit`.
            batch_size: Examples of a batch, or None.
            tokens_per_batch: Tokens on the longer side of a batch, or None.
            seed: Seed of the order of the examples.
            steps_per_epoch: Batches of an epoch, if the user sets it; else None.
            packed: As in `fit`.
        """
        sizes = batch_size, tokens_per_batch
        if packed:
            return self.packed_batches(x, y, packed, *sizes, seed)
        examples = self.raw_examples(x, y)
        if is_stream(x):
            return streamed_batches(x, packer_of(x, self.preprocessor), *sizes, seed)  # pyright: ignore[reportArgumentType]
        return training_batches(examples, self.preprocessor, *sizes, seed)

    def packed_batches(
        self,
        x: Any,
        y: Any,
        packed: bool | int,
        batch_size: int | None,
        tokens_per_batch: int | None,
        seed: int,
    ) -> Batches:
        """Returns the stream of batches of rows that hold several examples; see `Task.fit`."""
        row_length = None if packed is True else packed
        sizes = row_length, batch_size, tokens_per_batch
        parts = [getattr(self, name, None) for name in ("encoder", "decoder")]
        tables = [getattr(part, "max_positions", None) for part in parts]
        limit = min((positions for positions in tables if positions is not None), default=None)
        encoded = self.encoded_apart(x, y)
        return packed_batches(*encoded, self.preprocessor, *sizes, seed, limit)

    def encoded_apart(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Returns the encoded sources and targets of `fit`, each example for itself."""
        return encode_corpus(self.raw_examples(x, y), self.preprocessor)

    def check_options(self, x: Any, tokens_per_batch: int | None, packed: bool | int) -> None:
        """Raises ValueError for options of `fit` that do not go with its examples."""
        if self.preprocessor is None and tokens_per_batch is not None:
            raise ValueError(
                "`tokens_per_batch` needs a preprocessor, which counts the tokens. Received: "
                f"tokens_per_batch={tokens_per_batch} for tensors. Set `batch_size`."
            )
        if packed is False:
            return
        if self.preprocessor is None:
            raise ValueError(
                "`packed` needs a preprocessor, which puts several examples into a row. Received: "
                f"packed={packed} for tensors. Leave it out; rows that hold several examples have "
                "segment ids in `x`."
            )
        if not hasattr(self.preprocessor, "pack_together"):
            raise ValueError(
                f"`packed` puts several texts into a row, and the examples of a "
                f"{type(self).__name__} are other ones. Received: packed={packed}. Leave it out."
            )
        if is_stream(x):
            raise ValueError(
                "`packed` is for examples that are held in memory. Received: a stream. Leave it "
                "out, or give the examples as a list or a dataset."
            )
        if packed is not True and (not isinstance(packed, int) or packed < 1):
            raise ValueError(f"`packed` must be True or a positive int. Received: packed={packed}.")

    def make_evaluation_batches(
        self, x: Any, y: Any = None, batch_size: int | None = None
    ) -> tf.data.Dataset:
        """Returns a finite dataset of batches of `batch_size` examples; of 64 if None."""
        x, y = split(x) if y is None else (x, y)
        packer = packer_of(x, self.preprocessor)
        return evaluation_batches(self.raw_examples(x, y), packer, batch_size or 64)

    def raw_examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """Returns the examples of `fit` or `evaluate` as a dataset of raw inputs and targets.

        Raises:
            ValueError: if the examples are wrong. It names the first of them.
        """
        return x.ordered() if is_stream(x) else self.preprocessor.examples(x, y)

    def checked_tensors(self, x: Any, y: Any = None) -> Any:
        """Returns the inputs of `fit` or `evaluate` where users feed tensors themselves.

        Args:
            x: Arrays or tensors, a dataset of batches, or what else Keras takes.
            y: The targets beside arrays or tensors.

        Raises:
            ValueError: if a target is impossible. A dataset raises it when it comes to the batch.
        """
        return x

    def count_steps(self, x: Any, batch_size: int) -> int:
        """Returns the number of batches of so many examples in an epoch over a list of them."""
        return math.ceil(len(x) / min(batch_size, len(x)))

    def count_examples(self, x: Any, y: Any) -> Any:
        """Returns how many examples a batch holds, or for each whether it is one, in the graph."""
        return tf.shape(y)[0]

    @property
    def between_batches(self) -> list[tf.Variable] | None:
        """Variables, beside the weights, that carry values from batch to batch in an epoch.

        None where they cannot be saved, so that a training resumes from the end of an epoch only.
        """
        return []


def split(data: Any) -> tuple[Any, Any]:
    """Returns inputs and targets of a tuple of both, or the examples and None."""
    is_pair = isinstance(data, tuple) and len(data) == 2 and not isinstance(data[0], (str, bytes))
    return data if is_pair else (data, None)


def is_batched(x: Any) -> bool:
    """Tells a dataset of batches, as `fit` itself evaluates, from raw examples."""
    spec = x.element_spec if isinstance(x, tf.data.Dataset) else None
    return isinstance(spec, tuple) and isinstance(spec[0], dict)


def refuse_arguments_for_tensors(arguments: dict[str, Any]) -> None:
    """Raises an error for what Keras's `fit` takes with tensors only."""
    for name in ("class_weight", "sample_weight", "shuffle", "validation_split"):
        if name in arguments:
            raise ValueError(
                f"`fit` takes no `{name}` with raw examples: `seed` gives their order, heads of "
                "classes and tags take `class_weights`, all else has weight 1, and "
                "`validation_data` holds the examples to validate on."
            )
