"""The network that takes the steps of a horizon one by one, each fed the value before it."""

from typing import Any

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="seqzoo")
class DecodedHorizon(keras.layers.Layer):
    """Takes the steps of a horizon one by one: each is fed the value of the one before.

    Without an encoder the decoder takes the steps of the window in the same way, so that one
    network, such as that of DeepAR, goes on from the past to the future; every step that it is
    fed predicts the next one. With an encoder, which reads the window, it is a Seq2Seq network
    and begins with the last value. In training the values are the true ones, `following`; at a
    forecast, `start` reads the window and `stepper` takes the steps.

    Beside a value stand the known covariates of the step that it predicts, and what is static.

    Args:
        decoder: Of values, such as `decoders.RecurrentDecoder(None, …)`.
        encoder: Of vectors, such as `encoders.RecurrentEncoder(None, …)`, or None.
        targets: Positive int, C: the values that are fed back, the first ones of each step.
        dropout: From 0 to 1: the share of the hidden states that is set to 0 in training.

    Call arguments:
        values: Float tensor `(B, L, F)`.
        mask: Boolean `(B, L)`.
        known: `(B, L + H, K)`.
        static: `(B, S)`, put beside the values of each step.
        following: `(B, G, C)`, the values after those of the window; None: there are none.

    Returns:
        Hidden states, each of the step after one that was fed: `(B, L + G, features)`, or
        `(B, 1 + G, features)` with an encoder.

    Raises:
        ValueError: if there are past covariates, which the future lacks, and no encoder.

    References: Salinas et al., 2020, https://arxiv.org/abs/1704.04110; Sutskever et al., 2014,
    https://arxiv.org/abs/1409.3215

    Example:
        >>> decoder = sz.decoders.RecurrentDecoder(
        ...     None, 1, units=5, attention=None, bridge="zero", readout="none"
        ... )
        >>> network = sz.layers.DecodedHorizon(decoder)
        >>> window, following = np.ones((2, 3, 1), "float32"), np.ones((2, 4, 1), "float32")
        >>> tuple(network(window, following=following).shape)
        (2, 7, 5)
    """

    def __init__(
        self, decoder: Any, encoder: Any = None, targets: int = 1, dropout: float = 0.0, **kwargs
    ):
        super().__init__(**kwargs)
        self.decoder = decoder
        self.encoder = encoder
        self.targets = targets
        self.dropout = dropout
        self.supports_masking = True
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")

    @property
    def predicts_window(self) -> bool:
        """Whether hidden states tell of the steps of the window too."""
        return self.encoder is None

    def call(self, values, mask=None, known=None, static=None, following=None, training=False):
        encoded, fed, mask = self._read(values, mask, known, static, training)
        begin = ops.shape(values)[1] - ops.shape(fed)[1]
        if following is not None:
            fed = ops.concatenate([fed, ops.cast(following, fed.dtype)], axis=1)
            real = ops.ones_like(following[..., 0], dtype="bool")
            mask = ops.concatenate([mask, real], axis=1)
        inputs = _with_covariates(fed, known, static, begin + 1)
        hidden = self.decoder(inputs, encoded, mask=mask, training=training)
        return self.drop(hidden, training=training)

    def start(self, values, steps: int, mask=None, known=None, static=None, width: int = 1):
        """Reads a window, and returns what `stepper` begins with; see `FedBackNetwork`."""
        encoded, fed, mask = self._read(values, mask, known, static, training=False)
        examples, length = ops.shape(values)[:2]
        begin = length - ops.shape(fed)[1]
        prompt = {}
        if self.predicts_window:
            inputs = _with_covariates(fed, known, static, begin + 1)
            prompt = {"prompt_ids": inputs, "prompt_mask": mask}
        state, memory = self.decoder.start(encoded, examples, steps, width, **prompt)
        last = ops.repeat(fed[:, -1], width, axis=0)
        nothing = ops.zeros((examples, steps, 0), fed.dtype)
        beside = _with_covariates(nothing, known, static, length)
        beside = ops.reshape(beside, (-1, beside.shape[-1]))  # (B, H, K + S) -> (B * H, K + S)
        index = ops.repeat(ops.arange(examples, dtype="int32") * steps, width)
        return last, {"decoder": state, "index": index}, (memory, beside)

    def stepper(self):
        """Returns `step(previous (N, C), state, memory) -> (hidden (N, features), state)`."""
        of_decoder = self.decoder.stepper()

        def step(previous, state, memory):
            of_attention, beside = memory
            if beside.shape[-1]:
                covariates = ops.take(beside, state["index"], axis=0)
                previous = ops.concatenate([previous, covariates], axis=-1)
            hidden, after = of_decoder(previous, state["decoder"], of_attention)
            return hidden, {"decoder": after, "index": state["index"] + 1}

        return step

    def _read(self, values, mask, known, static, training):
        """What the decoder reads from, the values of the window that it is fed, their mask."""
        if mask is None:
            mask = ops.ones_like(values[..., 0], dtype="bool")
        if self.encoder is None:
            if values.shape[-1] != self.targets:
                raise ValueError(
                    "Past covariates end at the origin, and the network goes on without encoder. "
                    f"Received: {values.shape[-1]} values of each step for {self.targets} targets. "
                    "Make them known covariates, or give an `encoder`."
                )
            return (values, [], mask), values, mask
        inputs = _with_covariates(values, known, static, 0)
        encoded = self.encoder(inputs, mask=mask, training=training)
        last = values[:, -1:, : self.targets]
        return encoded, last, ops.ones_like(last[..., 0], dtype="bool")

    def compute_mask(self, values, mask=None, **others):
        return None

    def get_config(self):
        serialize = keras.saving.serialize_keras_object
        return super().get_config() | {
            "decoder": serialize(self.decoder),
            "encoder": serialize(self.encoder),
            "targets": self.targets,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        layers = {
            name: keras.saving.deserialize_keras_object(config[name])
            for name in ("decoder", "encoder")
        }
        return cls(**config | layers)


def _with_covariates(values, known, static, begin):
    """Values `(B, T, C)` beside the known covariates of the steps from `begin` on, and the static.

    Returns:
        `(B, T, C + K + S)`.
    """
    steps = ops.shape(values)[1]
    parts = [values]
    if known is not None:
        parts.append(ops.cast(known[:, begin : begin + steps], values.dtype))
    if static is not None:
        parts.append(ops.repeat(ops.cast(static, values.dtype)[:, None], steps, axis=1))
    return ops.concatenate(parts, axis=-1)
