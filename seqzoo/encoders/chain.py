"""Encoders one after the other, such as a convolution and a recurrent network on top of it."""

from collections.abc import Sequence
from typing import Any

import keras

from seqzoo.encoders.encoder import Encoded, symbolic_inputs


@keras.saving.register_keras_serializable(package="seqzoo")
class EncoderChain(keras.layers.Layer):
    """Runs encoders one after the other, each on the outputs of the one before.

    Args:
        encoders: The first reads tokens or vectors, each other one vectors as wide as the outputs
            of the one before: it has `vocabulary_size=None` and that `embedding_dim`.

    Call arguments:
        inputs: Of the first, such as vectors `(B, S, embedding_dim)`.
        mask: See the first.
        segment_ids: Int `(B, S)` where a row holds several sequences.

    Returns:
        `Encoded` of the last.

    Raises:
        ValueError: if there is no encoder, or one after the first reads tokens; when built, if one
            reads vectors of another width.

    Example:
        >>> windows = sz.encoders.TextCNN(None, 4, windows=(3, 5), filters=6)
        >>> chain = sz.encoders.EncoderChain([windows, sz.encoders.RecurrentEncoder(None, 12, 5)])
        >>> tuple(chain(np.ones((2, 7, 4), "float32")).outputs.shape)
        (2, 7, 10)
    """

    def __init__(self, encoders: Sequence[Any], **kwargs):
        super().__init__(**kwargs)
        self.encoders = list(encoders)
        self.supports_masking = True
        if not self.encoders or any(each.vocabulary_size is not None for each in self.encoders[1:]):
            raise ValueError(
                "A chain needs an encoder, and each after the first reads vectors, "
                "vocabulary_size=None. Received: "
                f"{[(type(each).__name__, each.vocabulary_size) for each in self.encoders]}."
            )

    @property
    def vocabulary_size(self) -> int | None:
        """That of the first."""
        return self.encoders[0].vocabulary_size

    @property
    def embedding_dim(self) -> int:
        """That of the first."""
        return self.encoders[0].embedding_dim

    def build(self, inputs_shape):
        values = symbolic_inputs(self)
        for index, encoder in enumerate(self.encoders):
            if index and values.shape[-1] != encoder.embedding_dim:
                raise ValueError(
                    f"Encoder {index} of a chain must read vectors as wide as the outputs of the "
                    f"one before, embedding_dim={values.shape[-1]}. Received: "
                    f"embedding_dim={encoder.embedding_dim}."
                )
            values = Encoded(*encoder(values)).outputs
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return self.encoders[0].input_specs()

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        encoded = Encoded(inputs, [], mask)
        for encoder in self.encoders:
            encoded = Encoded(
                *encoder(
                    encoded.outputs, mask=encoded.mask, segment_ids=segment_ids, training=training
                )
            )
        return encoded

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return self.encoders[0].compute_mask(inputs, mask)

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {"encoders": [serialize(each) for each in self.encoders]}

    @classmethod
    def from_config(cls, config):
        deserialize = keras.saving.deserialize_keras_object
        return cls(**config | {"encoders": [deserialize(each) for each in config["encoders"]]})
