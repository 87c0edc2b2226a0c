"""The decoder of a language model: it continues a text, and has no source."""

from typing import Any, cast

import keras
from keras import ops

from seqzoo.decoders.decoder import before_last
from seqzoo.encoders.blocks import BlockEncoder
from seqzoo.encoders.language import LanguageEncoder
from seqzoo.ops.masks import attached_mask

_CHUNK = 256  # steps of a prompt that are read at once; only the state is passed on


@keras.saving.register_keras_serializable(package="seqzoo")
class LanguageDecoder(keras.layers.Layer):
    """Runs an encoder of running text token by token.

    Args:
        encoder: A `LanguageEncoder`, or a `BlockEncoder` of causal mixers.

    Call arguments:
        token_ids: `(B, T)`.
        encoded: `()`: there is no source.
        mask: See `Decoder`; None means that all steps are real.
        segment_ids: See `Decoder`.
        return_reads: False: there is nothing to read.

    Returns:
        Hidden states `(B, T, hidden_size)`: those of `step` run over the tokens.

    Raises:
        ValueError: if `return_reads` is True, or the encoder reads what comes later.

    Example:
        >>> decoder = sz.decoders.LanguageDecoder(sz.encoders.LanguageEncoder(20, 4, units=5))
        >>> hidden = decoder(np.array([[2, 8, 9], [2, 7, 5]]), ())
        >>> state, memory = decoder.start((), batch_size=2, max_length=3)
        >>> first, state = decoder.step(np.array([2, 2]), state, memory)
        >>> tuple(hidden.shape), bool(keras.ops.all(keras.ops.abs(first - hidden[:, 0]) < 1e-5))
        ((2, 3, 5), True)
    """

    def __init__(self, encoder: LanguageEncoder | BlockEncoder, **kwargs):
        super().__init__(**kwargs)
        check_causal(encoder, "A language decoder reads no token")
        self.encoder = encoder
        self.supports_masking = True

    @property
    def vocabulary_size(self) -> int:
        """Number of tokens, padding counted."""
        return cast(int, self.encoder.vocabulary_size)

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

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        """Returns shape and type of the tokens of a full call."""
        return self.encoder.input_specs()

    @property
    def max_positions(self) -> int | None:
        """The longest text in tokens, prompt and answer; None: any."""
        return self.encoder.max_positions

    def start(self, encoded, batch_size, max_length, width=1, prompt_ids=None, prompt_mask=None):
        """Returns the initial state and `()`; for the arguments see `Decoder`.

        `encoded` is `()`: there is no source.
        """
        if prompt_ids is None:
            return self.encoder.initial_state(batch_size, max_length, width), ()
        mask = before_last(prompt_ids, prompt_mask)
        if self.encoder.carries_state:
            state: Any = self.read(prompt_ids, mask)
        else:
            length = max_length + ops.shape(prompt_ids)[1]
            state = self.encoder.initial_state(batch_size, length)
            _, state = self.encoder.run(prompt_ids, state, mask)
        return self.encoder.with_width(state, width), ()

    def read(self, token_ids, mask):
        """Returns the state after tokens `(B, S)` under a mask, in memory that S does not change.

        The state is of one size, whatever was read.

        Tokens are read in chunks, in a loop that is not differentiated.
        """
        rows, steps = ops.shape(token_ids)
        chunks = (steps + _CHUNK - 1) // _CHUNK
        padding = [[0, 0], [0, chunks * _CHUNK - steps]]
        token_ids, mask = ops.pad(token_ids, padding), ops.pad(ops.cast(mask, "bool"), padding)
        first = self.encoder.initial_state(rows)

        def read_chunk(index, leaves):
            start = (ops.zeros_like(index), index * _CHUNK)
            chunk, real = (ops.slice(x, start, (rows, _CHUNK)) for x in (token_ids, mask))
            state = keras.tree.pack_sequence_as(first, list(leaves))
            _, state = self.encoder.run(chunk, state, real)
            return index + 1, keras.tree.flatten(state)

        loop = (ops.zeros((), dtype="int32"), keras.tree.flatten(first))
        _, leaves = ops.while_loop(lambda index, _: index < chunks, read_chunk, loop)
        return keras.tree.pack_sequence_as(first, list(leaves))

    def step(self, token_ids, state, memory=()):
        """Takes tokens `(N,)` to hidden states `(N, hidden_size)` and the next state."""
        return self.encoder.step(token_ids, state)

    def stepper(self):
        """Returns `step` with its weights read and cast: a loop does that once, ahead of it."""
        step = self.encoder.stepper()
        return lambda token_ids, state, memory=(): step(token_ids, state)

    def run(self, token_ids, state=None, training=False):
        """Reads tokens `(B, T)`, all real, from a state on; returns hidden states and a state."""
        return self.encoder.run(token_ids, state, None, training)

    def call(
        self,
        token_ids,
        encoded=(),
        mask=None,
        segment_ids=None,
        return_reads=False,
        training=False,
    ):
        if return_reads:
            raise ValueError(
                "`return_reads` is for decoders that attend to a source, and a LanguageDecoder "
                "has none. Leave it out."
            )
        mask = attached_mask(mask, token_ids)
        return self.encoder.run(token_ids, None, mask, training, segment_ids)[0]

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config):
        encoder = keras.saving.deserialize_keras_object(config["encoder"])
        return cls(**config | {"encoder": encoder})


def check_causal(encoder: Any, reader: str) -> None:
    """Raises ValueError for an encoder whose blocks read what comes later, which `reader` says."""
    for i, block in enumerate(getattr(encoder, "blocks", ())):
        if not block.mixer.causal:
            raise ValueError(
                f"{reader} that comes later. Received: an encoder whose blocks[{i}] has "
                "causal=False. Make its blocks with causal=True."
            )
