"""What every decoder is."""

from typing import Any, Protocol, runtime_checkable

import keras
from keras import ops

from seqzoo.encoders.encoder import step_mask


@runtime_checkable
class Decoder(Protocol):
    """Turns previous tokens, or values, and what it reads into hidden states: a Keras layer.

    A head makes outputs of the hidden states. A full call on a sequence equals `step` run over it.

    Previous tokens `(B, T)` or values `(B, T, F)` become hidden states `(B, T, hidden_size)`.

    Example:
        >>> isinstance(sz.decoders.RecurrentDecoder(30), sz.decoders.Decoder)
        True
    """

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        ...

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of `previous`, by its name."""
        ...

    def start(
        self,
        encoded: Any,
        batch_size: Any,
        max_length: Any,
        width: Any = 1,
        prompt_ids: Any = None,
        prompt_mask: Any = None,
    ) -> tuple[Any, Any]:
        """Returns the initial state and the memory that `step` reads.

        Args:
            encoded: `Encoded` of B examples, or `()` where there is no source.
            batch_size: B, the number of examples.
            max_length: The most steps that will be taken.
            width: K, hypotheses of an example, which stand side by side.
            prompt_ids: `(B, P)`, tokens before the first step, all of which but each row's last
                real one are read: that one is the first input of `step`. None where there are
                none.
            prompt_mask: Boolean `(B, P)`, True on real tokens; None means every id but 0.

        Returns:
            The state, leaves `(B * K, ...)`, and the memory, leaves `(B, ...)`.
        """
        ...

    def step(self, previous: Any, state: Any, memory: Any) -> tuple[Any, Any]:
        """Takes one step.

        Args:
            previous: `(N,)` tokens or `(N, F)` values; N = B * K.
            state: See `start`.
            memory: See `start`.

        Returns:
            Hidden states `(N, hidden_size)` and the next state.
        """
        ...

    def stepper(self) -> Any:
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        ...

    def __call__(
        self,
        previous: Any,
        encoded: Any,
        mask: Any = None,
        segment_ids: Any = None,
        return_reads: bool = False,
        training: bool = False,
    ) -> Any:
        """Reads whole sequences, whose previous tokens or values are known (teacher forcing).

        Args:
            previous: `(B, T)` tokens or `(B, T, F)` values.
            encoded: As in `start`.
            mask: Boolean `(B, T)`, True on real steps: what stands at the others, wherever they
                are, changes nothing on real ones.
            segment_ids: Int `(B, T)` where a row holds several examples one after the other, each
                as if it had a row of its own: steps of one id that stand side by side are one
                example, which reads from the steps of `encoded` with the same id. 0 is padding
                and reads nothing. None where a row is one example.
            return_reads: Whether to return the weights of the cross-attention too.
            training: Whether values are dropped.

        Returns:
            The hidden states `(B, T, hidden_size)`; with `return_reads`, a tuple of these and the
            weights `(B, T, S)`.

        Raises:
            ValueError: if the decoder, or this encoder, has no way to do what is requested.
        """
        ...


def before_last(prompt_ids: Any, prompt_mask: Any = None) -> Any:
    """Returns the mask `(B, P)` of all but the last real token of each prompt."""
    real = step_mask(prompt_ids, prompt_mask)
    count = ops.cumsum(ops.cast(real, "int32"), axis=1)
    return ops.logical_and(real, count < ops.sum(ops.cast(real, "int32"), axis=1, keepdims=True))


def repeat_rows(state: Any, width: Any) -> Any:
    """Returns leaves `(B * width, ...)` of leaves `(B, ...)`: `width` equal rows side by side."""
    return keras.tree.map_structure(lambda leaf: ops.repeat(leaf, width, axis=0), state)


def reversible_embedding(
    vocabulary_size: int | None, embedding_dim: int, dtype: Any, stddev: float = 1.0
) -> Any:
    """Returns an embedding that a head of tokens may be tied to, or None where values are read."""
    if vocabulary_size is None:
        return None
    start = keras.initializers.RandomNormal(stddev=stddev)
    return keras.layers.ReversibleEmbedding(
        vocabulary_size, embedding_dim, embeddings_initializer=start, dtype=dtype, name="embedding"
    )
