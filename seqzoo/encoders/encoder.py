"""What every encoder takes and returns, and how their inputs are read."""

from typing import Any, NamedTuple, Protocol, runtime_checkable

import keras
from keras import ops

from seqzoo.ops.masks import attached_mask


class Encoded(NamedTuple):
    """The encoded examples, one row each.

    Keras may return it as a plain sequence: rebuild it with `Encoded(*encoded)`.

    Attributes:
        outputs: `(B, S, features)`.
        state: For each layer, the list of its final states `(B, ...)`; empty where the
            encoder has no state. Where segment ids are given, those of each sequence, at all of
            its steps: `(B, S, ...)`.
        mask: Boolean `(B, S)`, True on real steps.
        segment_ids: Int32 `(B, S)`: which of the sequences in its row a step belongs to, from 1
            on, and 0 on padding; 1 on all real steps where a row is one sequence. `()` from an
            encoder that knows nothing of them.

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(20, embedding_dim=4, units=5)
        >>> encoded = encoder(np.array([[3, 4, 0], [5, 6, 7]]))
        >>> tuple(encoded.outputs.shape), encoded.mask[0].numpy().tolist()
        ((2, 3, 10), [True, True, False])
    """

    outputs: Any
    state: Any
    mask: Any
    segment_ids: Any = ()


@runtime_checkable
class Encoder(Protocol):
    """Turns examples into what a decoder, a pooling or a head reads: a Keras layer.

    Returns `Encoded`: outputs `(B, S, features)`, state, mask `(B, S)` and segment ids.

    Example:
        >>> isinstance(sz.encoders.TextCNN(20), sz.encoders.Encoder)
        True
    """

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of what may be given as `inputs`, each by its name.

        Where there are several, a task takes the one whose name is in its batch, and is built
        with the first. (Keras's own `input_spec` allows one only.)
        """
        ...

    def __call__(
        self, inputs: Any, mask: Any = None, segment_ids: Any = None, training: bool = False
    ) -> Encoded:
        """Encodes a batch.

        Args:
            inputs: One of `input_specs()`.
            mask: Boolean `(B, S)`, True on real steps; None where the inputs show it.
            segment_ids: Int `(B, S)` where a row holds several sequences one after the other: no
                sequence sees another. None where a row is one sequence.
            training: Whether values are dropped.
        """
        ...


def symbolic_inputs(encoder: Encoder) -> keras.KerasTensor:
    """Returns the first of the `input_specs`: the tensor without values that builds an encoder."""
    return next(iter(encoder.input_specs().values()))


def token_ids_spec() -> keras.KerasTensor:
    """Returns the spec of token ids `(B, T)`."""
    return keras.KerasTensor((None, None), dtype="int32")


def tokens_or_vectors(vocabulary_size: int | None, width: int) -> dict[str, keras.KerasTensor]:
    """Returns the `input_specs` of an encoder of token ids, or of vectors without a vocabulary."""
    if vocabulary_size is None:
        return {"vectors": keras.KerasTensor((None, None, width), dtype="float32")}
    return {"token_ids": token_ids_spec()}


def make_embedding(
    vocabulary_size: int | None, embedding_dim: int, dtype: Any, stddev: float | None = None
) -> keras.layers.Embedding | None:
    """Returns an embedding, or None where the inputs are vectors.

    Its initial values are normal with that standard deviation; None is Keras's own initializer.
    """
    if vocabulary_size is None:
        return None
    start = "uniform" if stddev is None else keras.initializers.RandomNormal(stddev=stddev)
    return keras.layers.Embedding(
        vocabulary_size, embedding_dim, start, dtype=dtype, name="embedding"
    )


def step_mask(inputs: Any, mask: Any = None) -> Any:
    """Returns the mask `(B, S)`.

    None is the one that Keras attached, or else True for every id but 0, or for every vector.
    """
    mask = attached_mask(mask, inputs)
    if mask is not None:
        return ops.cast(mask, "bool")
    if len(inputs.shape) == 2:
        return ops.not_equal(inputs, 0)
    return ops.ones_like(inputs[..., 0], dtype="bool")


def segments_of(mask: Any, segment_ids: Any = None) -> Any:
    """Returns the segment ids `(B, S)` of an `Encoded`: 0 on padding, and 1 for None."""
    if segment_ids is None:
        return ops.cast(mask, "int32")
    return ops.where(mask, ops.cast(segment_ids, "int32"), 0)


def holds_segment_states(state: Any) -> bool:
    """Whether the states of an `Encoded`, or their shapes, are those of several sequences a row.

    The first state of a layer, its output, is a vector for each row otherwise.
    """
    return bool(state) and len(getattr(state[-1][0], "shape", state[-1][0])) == 3


def refuse_segments(encoder: Any, segment_ids: Any) -> None:
    """Raises ValueError where segment ids are given to an encoder of one example a row."""
    if segment_ids is not None:
        raise ValueError(
            f"{type(encoder).__name__} reads one example in each row. Received: `segment_ids`. "
            "Leave them out (in `fit`: `packed`), and give each example a row of its own."
        )
