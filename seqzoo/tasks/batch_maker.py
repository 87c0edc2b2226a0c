"""What users pass to `fit` and `evaluate`, and batches of it."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.batching import (
    Batches,
    encode_corpus,
    evaluation_batches,
    lengths_of,
    training_batches,
)
from seqzoo.preprocessing.data_forms import (
    RawExamples,
    is_batched,
    is_model_input,
    is_stream,
    read_examples,
)
from seqzoo.preprocessing.example_weights import NO_WEIGHTS, WeightedPacker, Weights, class_weights
from seqzoo.preprocessing.named_columns import listed
from seqzoo.preprocessing.packing import packed_batches
from seqzoo.preprocessing.streamed_batches import streamed_batches
from seqzoo.preprocessing.tokenised_stream import packer_of

_SEEN = 2000  # examples whose length is measured


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
        weights: Weights = NO_WEIGHTS,
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
            weights: Of examples and of classes.
        """
        sizes = batch_size, tokens_per_batch
        if packed:
            return self.packed_batches(x, y, packed, *sizes, seed, weights)
        examples, packer = self.raw_examples(x, y), packer_of(x, self.preprocessor)
        packer = WeightedPacker(packer, weights) if weights else packer
        if is_stream(x):
            return streamed_batches(x, packer, *sizes, seed)
        return training_batches(weights.apply(examples), packer, *sizes, seed)

    def packed_batches(
        self,
        x: Any,
        y: Any,
        packed: bool | int,
        batch_size: int | None,
        tokens_per_batch: int | None,
        seed: int,
        weights: Weights = NO_WEIGHTS,
    ) -> Batches:
        """Returns the stream of batches of rows that hold several examples; see `Task.fit`."""
        row_length = None if packed is True else packed
        sizes = row_length, batch_size, tokens_per_batch
        parts = [getattr(self, name, None) for name in ("encoder", "decoder")]
        tables = [getattr(part, "max_positions", None) for part in parts]
        limit = min((positions for positions in tables if positions is not None), default=None)
        encoded = self.encoded_apart(x, y)
        packer = WeightedPacker(self.preprocessor, weights) if weights else self.preprocessor
        return packed_batches(*encoded, packer, *sizes, seed, limit)

    def encoded_apart(self, x: Any, y: Any) -> tuple[Any, Any]:
        """Returns the encoded sources and targets of `fit`, each example for itself."""
        return encode_corpus(self.raw_examples(x, y), self.preprocessor)

    def is_raw(self, x: Any) -> bool:
        """Whether this is raw data, and not tensors that the model takes or batches of them."""
        return self.preprocessor is not None and not (is_model_input(x) or is_batched(x))

    def check_options(self, x: Any, tokens_per_batch: int | None, packed: bool | int) -> None:
        """Raises ValueError for options of `fit` that do not go with its examples."""
        is_raw = self.is_raw(x)
        if not is_raw and tokens_per_batch is not None:
            raise ValueError(
                "`tokens_per_batch` needs a preprocessor, which counts the tokens. Received: "
                f"tokens_per_batch={tokens_per_batch} for tensors. Set `batch_size`."
            )
        if packed is False:
            return
        if not is_raw:
            raise ValueError(
                "`packed` needs a preprocessor, which puts several examples into a row. Received: "
                f"packed={packed} for tensors. Leave it out; rows that hold several examples have "
                "segment ids in `x`."
            )
        if getattr(self.preprocessor, "pack_together", None) is None:
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
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        weights: Weights = NO_WEIGHTS,
    ) -> tf.data.Dataset:
        """Returns a finite dataset of batches of `batch_size` examples; of 64 if None."""
        packer = packer_of(x, self.preprocessor)
        packer = WeightedPacker(packer, weights) if weights else packer
        examples = weights.apply(self.raw_examples(x, y))
        return evaluation_batches(examples, packer, batch_size or 64)

    def evaluated_batches(
        self,
        x: Any,
        y: Any = None,
        batch_size: int | None = None,
        sample_weight: Any = None,
        columns: Mapping[str, str] | None = None,
    ) -> tf.data.Dataset:
        """Returns `make_evaluation_batches` of data in any form that `evaluate` takes."""
        if y is None:
            x, y, given = split(x)
            sample_weight = given if sample_weight is None else sample_weight
        examples = self.read(x, y, sample_weight, columns)
        weights = self.make_weights(examples)
        weighting = {"weights": weights} if weights else {}
        return self.make_evaluation_batches(examples.x, examples.y, batch_size, **weighting)

    def read(
        self,
        x: Any,
        y: Any = None,
        sample_weight: Any = None,
        columns: Mapping[str, str] | None = None,
        most: int | None = None,
    ) -> RawExamples:
        """Returns the examples of data in any form; see `seqzoo.preprocessing.data_forms`."""
        return read_examples(self.preprocessor.kind, x, y, sample_weight, columns, most)

    def make_weights(
        self, examples: RawExamples, class_weight: Any = None, packed: bool | int = False
    ) -> Weights:
        """Returns the weights of examples and classes.

        Raises:
            ValueError: if they are for other examples, or a class is unknown.
        """
        name = type(self).__name__
        if examples.weights is not None and not hasattr(self.preprocessor, "examples"):
            raise ValueError(
                f"A {name} reads its texts as one, which has no examples to weigh. Received: "
                "`sample_weight`. Leave it out."
            )
        if packed and examples.weights is not None:
            raise ValueError(
                "`sample_weight` goes with a row for each example. Received: it with "
                f"packed={packed}. Leave out one of them."
            )
        if class_weight is None:
            return Weights(examples.weights)
        labels = getattr(self.preprocessor, "labels", None)
        if labels is None:
            raise ValueError(
                "`class_weight` is for tasks of classes or tags. Received: it for a "
                f"{name}, whose targets are texts. Weigh examples by `sample_weight`."
            )
        return Weights(examples.weights, class_weights(class_weight, labels))

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
        """Returns the number of batches of so many examples in an epoch over them.

        Raises:
            ValueError: if the examples do not end.
        """
        count = _count(x)
        return math.ceil(count / min(batch_size, count))

    def mean_length(self, x: Any, y: Any = None) -> float:
        """Returns the mean length of the first examples in tokens, those of both sides together."""
        sides = encode_corpus(self.raw_examples(x, y).take(_SEEN), self.preprocessor)
        return float(sum(lengths_of(side).mean() for side in sides))

    @property
    def between_batches(self) -> list[tf.Variable] | None:
        """Variables, beside the weights, that carry values from batch to batch in an epoch.

        None where they cannot be saved, so that a training resumes from the end of an epoch only.
        """
        return []


def _count(x: Any) -> int:
    """The number of examples in a list, a stream or a dataset."""
    if not isinstance(x, tf.data.Dataset):
        return len(x)
    count = int(x.cardinality())
    if count == tf.data.INFINITE_CARDINALITY:
        raise ValueError("A finite corpus is needed. Received an endless dataset: `take` a part.")
    if count == tf.data.UNKNOWN_CARDINALITY:
        return int(x.reduce(0, lambda number, *_: number + 1))
    return count


def split(data: Any) -> tuple:
    """Returns inputs, targets and weights of a tuple of them, or the examples and twice None."""
    is_tuple = isinstance(data, tuple) and len(data) in (2, 3)
    if not is_tuple or isinstance(data[0], (str, bytes)):
        return data, None, None
    if len(data) == 2:
        return *data, None
    are_numbers = np.asarray(listed(data[2])).dtype.kind in "fiu"
    return data if are_numbers else (data, None, None)


def held_out(examples: RawExamples, share: float) -> tuple[RawExamples, RawExamples]:
    """Returns the first examples, to learn from, and the last ones, to validate on, as Keras does.

    Args:
        examples: Held as lists.
        share: Of the examples, above 0 and below 1, that is validated on.

    Raises:
        ValueError: if they are no lists, or one of the two has no example.
    """
    x, y, weights = examples
    if not isinstance(x, (list, np.ndarray)):
        raise ValueError(
            "`validation_split` takes the last of examples that are lists, arrays or tables. "
            f"Received: {type(x).__name__}. Give `validation_data`."
        )
    first = math.floor(len(x) * (1 - share)) if 0 < share < 1 else 0
    if not 0 < first < len(x):
        raise ValueError(
            "`validation_split` must leave an example on both sides. Received: "
            f"validation_split={share} of {len(x)} examples."
        )
    parts = slice(first), slice(first, None)
    return tuple(  # pyright: ignore[reportReturnType]
        RawExamples(*(None if side is None else side[part] for side in (x, y, weights)))
        for part in parts
    )


def refuse_shuffle(arguments: Mapping[str, Any]) -> None:
    """Raises ValueError for an argument of Keras's `fit` that is for tensors alone."""
    if "shuffle" in arguments:
        raise ValueError(
            "`fit` takes no `shuffle` with raw examples: `seed` gives their order, another in each "
            f"epoch. Received: shuffle={arguments['shuffle']}. Leave it out."
        )


def warn_of_few(x: Any, examples: RawExamples, most: int | None) -> None:
    """Warns where a generator has ended before all steps that it was to fill."""
    is_generator = isinstance(x, Iterator) and isinstance(examples.x, list)
    if most is not None and is_generator and len(examples.x) < most:
        warnings.warn(
            f"`steps_per_epoch` and `epochs` take {most:,} examples. Received: "
            f"{type(x).__name__} of {len(examples.x):,}, which come again.",
            stacklevel=3,
        )
