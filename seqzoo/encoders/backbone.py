"""A backbone of keras-hub as an encoder."""

from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import (
    Encoded,
    refuse_segments,
    segments_of,
    step_mask,
    token_ids_spec,
)


@keras.saving.register_keras_serializable(package="seqzoo")
class BackboneEncoder(keras.layers.Layer):
    """Encodes tokens with a text backbone of keras-hub, a Transformer, small or pre-trained.

        backbone = keras_hub.models.BertBackbone(
            vocabulary_size=tokenizer.vocabulary_size, num_layers=2, num_heads=4,
            hidden_dim=128, intermediate_dim=512, max_sequence_length=256,
        )
        classifier = sz.Classifier(BackboneEncoder(backbone), preprocessor, pooling="mean")

    Texts must not be longer than the backbone's `max_sequence_length`: give the preprocessor
    a `max_length`.

    Args:
        backbone: Takes a dict of `token_ids` and `padding_mask`, and `segment_ids` if it has such
            an input, and returns `(B, S, features)` or a dict with it as `sequence_output`.

    Call arguments:
        inputs: Token ids `(B, S)`.
        mask: Boolean `(B, S)`, True on real steps; None means every id but 0.
        segment_ids: None: a row is one text.

    Returns:
        `Encoded` with no state.

    Example:
        >>> ids, real = keras.Input((None,), dtype="int32"), keras.Input((None,), dtype="bool")
        >>> inputs = {"token_ids": ids, "padding_mask": real}
        >>> embedded = keras.layers.Embedding(20, 6)(ids)
        >>> backbone = keras.Model(inputs, embedded)  # in place of a BERT
        >>> backbone.vocabulary_size = 20
        >>> encoder = sz.encoders.BackboneEncoder(backbone)
        >>> tuple(encoder(np.array([[3, 4, 0]])).outputs.shape)
        (1, 3, 6)
    """

    def __init__(self, backbone: Any, **kwargs):
        super().__init__(**kwargs)
        self.backbone = backbone
        self.vocabulary_size = backbone.vocabulary_size
        self.supports_masking = True

    def input_specs(self) -> dict[str, keras.KerasTensor]:
        return {"token_ids": token_ids_spec()}

    def call(self, inputs, mask=None, segment_ids=None, training=False):
        refuse_segments(self, segment_ids)
        mask = step_mask(inputs, mask)
        # What keras-hub calls segments are the two texts of a pair; here there is one text.
        known = {"token_ids": inputs, "padding_mask": mask, "segment_ids": ops.zeros_like(inputs)}
        outputs = self.backbone(
            {name: known[name] for name in self.backbone.input}, training=training
        )
        outputs = outputs["sequence_output"] if isinstance(outputs, dict) else outputs
        return Encoded(outputs, [], mask, segments_of(mask))

    def compute_mask(self, inputs, mask=None, segment_ids=None):
        return [step_mask(inputs, mask)]

    def get_config(self):
        backbone = keras.saving.serialize_keras_object(self.backbone)
        return super().get_config() | {"backbone": backbone}

    @classmethod
    def from_config(cls, config):
        backbone = keras.saving.deserialize_keras_object(config["backbone"])
        return cls(**config | {"backbone": backbone})
