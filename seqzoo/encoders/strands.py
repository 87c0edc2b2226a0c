"""An encoder of bases that reads both strands."""

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, holds_segment_states


@keras.saving.register_keras_serializable(package="seqzoo")
class BothStrands(keras.layers.Layer):
    """Averages what an encoder makes of a sequence of bases and of its reverse complement.

    The outputs of the other strand are turned round ahead of the mean, so that those of one base
    pair meet. The outputs of the reverse complement are those of the sequence, turned round; the
    states are the same. So a classifier answers both strands alike, if its pooling is `"max"`,
    `"mean"` or `"attention"`, or takes the last state of a recurrent encoder.

    Args:
        encoder: Reads vectors of four, in the order ACGT, of `preprocessing.LabelledResidues`.

    Call arguments:
        inputs: Vectors `(B, S, 4)`.
        mask: Boolean `(B, S)`, True on real steps; None means every vector.
        segment_ids: Int `(B, S)` where a row holds several sequences.

    Returns:
        `Encoded`, as of the encoder.

    Raises:
        ValueError: if the encoder does not read vectors of four.
    Reference: Shrikumar et al., 2017, https://doi.org/10.1101/103663
    Differs from the paper: hidden outputs are averaged, and not the filters shared.

    Example:
        >>> encoder = sz.encoders.TextCNN(None, 4, windows=(3,), filters=5)
        >>> both = sz.encoders.BothStrands(encoder)
        >>> sequence, other = (
        ...     sz.preprocessing.letter_vectors(each)[None] for each in ("AACG", "CGTT")
        ... )
        >>> np.allclose(both(sequence).outputs[:, ::-1], both(other).outputs)
        True
    """

    def __init__(self, encoder: Any, **kwargs):
        super().__init__(**kwargs)
        self.encoder = encoder
        self.supports_masking = True
        if encoder.vocabulary_size is not None or encoder.embedding_dim != 4:
            raise ValueError(
                "The encoder of both strands reads vectors of four bases. Received: "
                f"{type(encoder).__name__} with vocabulary_size={encoder.vocabulary_size}, "
                f"embedding_dim={encoder.embedding_dim}. Make it with vocabulary_size=None, "
                "embedding_dim=4."
            )

    vocabulary_size = None
    embedding_dim = 4

    def build(self, inputs_shape):
        if not self.encoder.built:
            self.encoder(self.encoder.input_specs()["vectors"])
        self.built = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return self.encoder.input_specs()

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        options = {"mask": mask, "segment_ids": segment_ids}
        here = Encoded(*self.encoder(inputs, **options, training=training))
        options = {"mask": _turned(here.mask)}
        options["segment_ids"] = None if segment_ids is None else _turned(segment_ids)
        # A is read as T and C as G: the four stand in the order in which turning them does it.
        other = _turned(ops.flip(inputs, axis=-1))
        there = Encoded(*self.encoder(other, **options, training=training))
        at_steps = holds_segment_states(here.state)
        state = keras.tree.map_structure(
            lambda one, two: (one + (_turned(two) if at_steps else two)) / 2,
            here.state,
            there.state,
        )
        outputs = (here.outputs + _turned(there.outputs)) / 2
        return Encoded(outputs, state, here.mask, here.segment_ids)

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return self.encoder.compute_mask(inputs, mask)

    def get_config(self):
        return super().get_config() | {"encoder": keras.saving.serialize_keras_object(self.encoder)}

    @classmethod
    def from_config(cls, config):
        return cls(**config | {"encoder": keras.saving.deserialize_keras_object(config["encoder"])})


def _turned(values):
    """Values `(B, S, …)` with the last step first."""
    return ops.flip(values, axis=1)
