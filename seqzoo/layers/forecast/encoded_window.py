"""The network that lets any encoder read a window."""

from typing import Any, Literal

import keras
from keras import ops

from seqzoo.layers.pooling import POOLINGS, Pooling
from seqzoo.ops.option_names import check_known

READS = (*POOLINGS, "flat", "every")


@keras.saving.register_keras_serializable(package="seqzoo")
class EncodedWindow(keras.layers.Layer):
    """Reads a window by an encoder, and returns what it found as hidden states.

    Known covariates stand beside the values of their steps.

    Args:
        encoder: Any of vectors, such as `encoders.RecurrentEncoder(None, …)`.
        read: What of its outputs is returned: a pooling of them by name, see `Pooling`, all of
            them `"flat"` in one vector, which fixes the steps of a window, or `"every"` one, which
            makes each step an origin and needs an encoder that never looks ahead.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.
        stem: A layer of values and mask, ahead of the encoder, which returns others of fewer steps,
            such as `Patches` or `PooledConvolutions`, or of the neighbours in a graph of series,
            `SeriesGraph`. None: the encoder reads every step as it is.

    Call arguments:
        values: Float tensor `(B, L, F)`.
        mask: Boolean `(B, L)`.
        known: `(B, L + H, K)`.
        static: `(B, S)`, put beside the values of each step.

    Returns:
        Hidden states `(B, 1, features)`, or `(B, L, features)` for `"every"`. Where covariates are
        known, those of the horizon stand beside them: `(B, N, features + H * K)`; for `"every"`
        they are left out.

    Raises:
        ValueError: for an unknown `read`, or a stem where every step is an origin.

    Example:
        >>> encoder = sz.encoders.RecurrentEncoder(None, 1, units=5, direction="forward")
        >>> network = sz.layers.EncodedWindow(encoder)
        >>> tuple(network(np.ones((2, 3, 1), "float32")).shape)
        (2, 1, 5)
    """

    def __init__(
        self,
        encoder: Any,
        read: Literal["last", "mean", "max", "concat", "attention", "flat", "every"] = "last",
        dropout: float = 0.0,
        stem: Any = None,
        **kwargs,
    ):
        super().__init__(**kwargs)
        check_known("read", read, READS)
        if read == "every" and stem is not None:
            raise ValueError(
                f"Every step is an origin only if the encoder reads every step. Received: "
                f"read='every' and a stem of {type(stem).__name__}. Leave one of them out."
            )
        self.encoder = encoder
        self.read = read
        self.dropout = dropout
        self.stem = stem
        self.supports_masking = True
        self.pooling = Pooling(read) if read in POOLINGS else None  # pyright: ignore[reportArgumentType]
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    def call(self, values, mask=None, known=None, static=None, training=False):
        steps = ops.shape(values)[1]
        if mask is None:
            mask = ops.ones_like(values[..., 0], dtype="bool")
        beside = [] if known is None else [known[:, :steps]]
        if static is not None:
            beside.append(ops.repeat(static[:, None], steps, axis=1))
        values = ops.concatenate([values, *(ops.cast(b, values.dtype) for b in beside)], axis=-1)
        if self.stem is not None:
            values, mask = self.stem(values, mask=mask)
        outputs = self.encoder(values, mask=mask, training=training)[0]
        hidden = self.drop(self._hidden(outputs, mask), training=training)
        if known is None or self.read == "every":
            return hidden
        ahead = ops.reshape(known[:, steps:], (ops.shape(known)[0], 1, -1))
        return ops.concatenate([hidden, ops.cast(ahead, hidden.dtype)], axis=-1)

    def _hidden(self, outputs, mask):
        if self.pooling is not None:
            return self.pooling(outputs, mask=mask)[:, None]
        if self.read == "flat":
            outputs = ops.where(mask[..., None], outputs, ops.zeros_like(outputs))
            return ops.reshape(outputs, (-1, 1, outputs.shape[1] * outputs.shape[2]))
        return outputs

    def compute_mask(self, values, mask=None, **others):
        return None

    def get_config(self):
        return super().get_config() | {
            "encoder": keras.saving.serialize_keras_object(self.encoder),
            "read": self.read,
            "dropout": self.dropout,
            "stem": keras.saving.serialize_keras_object(self.stem),
        }

    @classmethod
    def from_config(cls, config):
        layers = ("encoder", "stem")
        made = {n: keras.saving.deserialize_keras_object(config.get(n)) for n in layers}
        return cls(**config | made)
