"""The contract of preprocessors: raw examples to tensors, and back."""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import numpy as np
import tensorflow as tf

from seqzoo.preprocessing.data_forms import Kind
from seqzoo.preprocessing.limits import BoundedInputs, Limits


@runtime_checkable
class RawInputs(Protocol):
    """How raw inputs of one kind become the inputs of a model.

    Texts are string tensors `(B,)`; a batch of encoded ones is padded, `(B, S)`.

    Example:
        >>> running = sz.preprocessing.RunningText(sz.preprocessing.ByteTokenizer())
        >>> isinstance(running, sz.preprocessing.RawInputs)
        True
    """

    @property
    def raw_spec(self) -> tf.TensorSpec:
        """Shape, type and name of a batch of raw inputs, as a served model takes it."""
        ...

    @property
    def kind(self) -> Kind:
        """What examples are read, of data in any form; see `data_forms`."""
        ...

    def as_raw(self, inputs: Any) -> Any:
        """Checks a list of raw inputs and makes a tensor, or a ragged one, of it.

        Raises:
            ValueError: if these are no such inputs; says which one.
        """
        ...

    def encode_inputs(self, raw: Any) -> Any:
        """What is computed once of raw inputs, before they are batched.

        Ragged rows `(B, None, ...)` or a nest of them; the raw inputs themselves where they are
        read batch by batch, as images.
        """
        ...

    def encode_within(self, raw: Any, limits: Limits) -> BoundedInputs:
        """`encode_inputs` of the raw inputs of a server, in the graph, as far as limits allow."""
        ...

    def pack_inputs(self, encoded: Any) -> Any:
        """Model inputs of encoded ones, padded, in the graph."""
        ...

    def prepare(self, raw: Any) -> Any:
        """Model inputs of raw inputs, in the graph: `pack_inputs(encode_inputs(raw))`."""
        ...

    def lengths(self, raw: Any) -> np.ndarray:
        """Steps of each raw input `(B,)`, by which inputs are batched."""
        ...


class Packer(Protocol):
    """What makes batches: it encodes examples once, and packs them again and again."""

    def encode(self, x: Any, y: Any) -> tuple[Any, Any]:
        """The two sides of raw examples, each a nest of tensors, ragged `(B, None)` or not.

        The length of an example is that of its row in the first tensor of the nest.
        """
        ...

    def pack(self, source: Any, target: Any) -> Any:
        """A padded batch `(x, y, sample_weight)` of encoded rows."""
        ...


@runtime_checkable
class Preprocessor(RawInputs, Packer, Protocol):
    """What a task needs of its preprocessor: pairs of a raw input and its target.

    `RunningText` is the exception: its texts are one stream, each token of which is the target of
    those before it, so there are no pairs to encode or to pack. It has `RawInputs` for prompts,
    `adapt`, and `stream` in place of `examples`.

    Text becomes ids `(B, S)`; labels, targets and weights have a row for each example.

    Example:
        >>> pairs = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer())
        >>> isinstance(pairs, sz.preprocessing.Preprocessor)
        True
    """

    def adapt(self, examples: Any) -> None:
        """Makes vocabularies, labels and scales from examples."""
        ...

    def examples(self, x: Any, y: Any = None) -> tf.data.Dataset:
        """A dataset of pairs of raw examples, in any form that users hold them."""
        ...

    def __call__(self, x: Any, y: Any) -> tuple[Any, Any, Any]:
        """A batch `(x, y, sample_weight)` of raw examples: `pack(*encode(x, y))`."""
        ...

    def raw_targets(self, y: Any) -> tf.Tensor:
        """The targets, as strings, that `y` of a batch stands for."""
        ...
