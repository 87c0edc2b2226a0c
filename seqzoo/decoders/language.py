"""The decoder of a language model: it goes on with a text, and reads from nothing else."""

import keras
from keras import ops

from seqzoo.encoders.language import LanguageEncoder

_PIECE = 256  # steps of a prompt that are read at once: what is kept of a long one is its state


@keras.saving.register_keras_serializable(package="seqzoo")
class LanguageDecoder(keras.layers.Layer):
    """Lets an encoder of running text go on token by token.

    Args:
        encoder: A `LanguageEncoder`.

    Call arguments:
        token_ids: `(B, T)`, all of them real.
        encoded: Nothing, `()`: there is no source.

    Returns:
        Hidden states `(B, T, hidden_size)`: those of `step` run over the tokens.
    """

    def __init__(self, encoder: LanguageEncoder, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, padding counted."""
        return self.encoder.vocabulary_size

    @property
    def embedding(self) -> keras.layers.Embedding:
        """The embedding of the tokens."""
        return self.encoder.embedding

    @property
    def hidden_size(self) -> int:
        """Width of the hidden states."""
        return self.encoder.hidden_size

    def build(self, token_ids_shape, encoded_shape=None):
        if not self.encoder.built:  # an encoder that comes from a task may be
            self.encoder.build(token_ids_shape)
        self.built = True

    def start(self, encoded, batch_size, max_length, prompt_ids=None, prompt_mask=None):
        """Returns the state after a prompt, and what `step` reads from.

        Args:
            encoded: Nothing, `()`.
            batch_size: N = B * K, the rows of the state: K for each prompt, side by side.
            max_length: The most steps that will be taken; a recurrent state has no use for it.
            prompt_ids: `(B, S)`, what stands before the first step; None where nothing does.
            prompt_mask: Boolean `(B, S)`, True on real tokens; None means every id but 0.

        Returns:
            The state, leaves `(N, width)`, and `()`.
        """
        if prompt_ids is None:
            return self.encoder.initial_state(batch_size), ()
        mask = ops.not_equal(prompt_ids, 0) if prompt_mask is None else prompt_mask
        state = self.read(prompt_ids, mask)
        times = batch_size // ops.maximum(ops.shape(prompt_ids)[0], 1)
        return keras.tree.map_structure(lambda leaf: ops.repeat(leaf, times, axis=0), state), ()

    def read(self, token_ids, mask):
        """Returns the state after tokens `(B, S)` under a mask, at a memory that S leaves as it is.

        Tokens are read in pieces, in a loop that is not differentiated.
        """
        rows, steps = ops.shape(token_ids)
        pieces = (steps + _PIECE - 1) // _PIECE
        padding = [[0, 0], [0, pieces * _PIECE - steps]]
        token_ids, mask = ops.pad(token_ids, padding), ops.pad(ops.cast(mask, "bool"), padding)
        first = self.encoder.initial_state(rows)

        def read_piece(place, leaves):
            start = (ops.zeros_like(place), place * _PIECE)
            piece, real = (ops.slice(x, start, (rows, _PIECE)) for x in (token_ids, mask))
            state = keras.tree.pack_sequence_as(first, list(leaves))
            _, state = self.encoder.run(piece, state, real)
            return place + 1, keras.tree.flatten(state)

        loop = (ops.zeros((), dtype="int32"), keras.tree.flatten(first))
        _, leaves = ops.while_loop(lambda place, _: place < pieces, read_piece, loop)
        return keras.tree.pack_sequence_as(first, list(leaves))

    def step(self, token_ids, state, encoded=()):
        """Takes tokens `(N,)` to hidden states `(N, hidden_size)` and the next state."""
        return self.encoder.step(token_ids, state)

    def stepper(self):
        """Returns `step`: its weights are read where they are used."""
        return self.step

    def run(self, token_ids, state=None, training=False):
        """Reads tokens `(B, T)`, all real, on from a state; returns hidden states and a state."""
        return self.encoder.run(token_ids, state, None, training)

    def call(self, token_ids, encoded=(), training=False):
        return self.run(token_ids, None, training)[0]

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config | {"encoder": encoder})
