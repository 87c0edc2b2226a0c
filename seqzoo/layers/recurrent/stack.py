"""Recurrent layers on top of each other."""

from typing import Literal

import keras
from keras import ops

from seqzoo.ops.affine import affine
from seqzoo.ops.masks import attached_mask
from seqzoo.ops.option_names import check_known

SKIPS = ("none", "residual", "highway", "dense")
Skip = Literal["none", "residual", "highway", "dense"]


@keras.saving.register_keras_serializable(package="seqzoo")
class RecurrentStack(keras.layers.Layer):
    """Runs recurrent layers one after the other, with ways around each after the first.

    With the input x of a layer f, the input of the next is

        f(x)                                        "none"
        f(x) + x                                    "residual"
        t * f(x) + (1 - t) * x, t = sigmoid(W x + b)    "highway"; b begins at -2, mostly around
        [x; f(x)]                                   "dense"

    A way around keeps the gradient of the lower layers from vanishing in a deep stack. The first
    layer has none but in `"dense"`. The output is that of the top: without `"dense"` what the
    next layer would read, with it the outputs of the top layer alone.

    Args:
        layers: `Recurrent` layers that return sequences and states, or `Bidirectional` ones of a
            cell, or of a layer that returns both. For `"residual"` and `"highway"` all must be of
            one width.
        skip: See above.
        dropout: From 0 to below 1: the share of the values set to 0 between the layers.

    Call arguments:
        inputs: Float tensor `(B, T, features)`.
        mask: Boolean tensor `(B, T)`, True on real steps; None where all are.
        segment_ids: See `Recurrent`.
        segment_states: See `Recurrent`.

    Returns:
        Outputs `(B, T, width)`, and for each layer the list of its final states `(B, ...)`.

    Raises:
        ValueError: when built, if a layer returns no sequence or no states, or the widths do not
            suit the skip.
    References: He et al., 2016, https://arxiv.org/abs/1512.03385; Srivastava et al., 2015,
    https://arxiv.org/abs/1505.00387; Ding et al., 2018, https://arxiv.org/abs/1802.00889 (dense)

    Example:
        >>> below = sz.layers.LSTM(4, return_sequences=True, return_state=True)
        >>> above = sz.layers.LSTM(4, return_sequences=True, return_state=True)
        >>> stack = sz.layers.RecurrentStack([below, above], skip="residual")
        >>> outputs, states = stack(np.ones((2, 5, 3), "float32"))
        >>> tuple(outputs.shape), len(states)
        ((2, 5, 4), 2)
    """

    def __init__(self, layers: list, skip: Skip = "none", dropout: float = 0.0, **kwargs):
        super().__init__(**kwargs)
        check_known("skip", skip, SKIPS)
        self.layers = list(layers)
        self.skip = skip
        self.dropout = dropout
        self.drop = keras.layers.Dropout(dropout, dtype=self.dtype_policy, name="dropout")
        self.supports_masking = True

    def build(self, input_shape):
        shape = tuple(input_shape)
        self.carries = []
        for i, layer in enumerate(self.layers):
            if not layer.built:
                layer.build(shape)
            shapes = layer.compute_output_shape(shape)
            if not isinstance(shapes[0], (tuple, list)) or len(shapes[0]) != 3:
                raise ValueError(
                    "Each of `layers` must return the outputs of all steps and its final states. "
                    f"Received: layer {i} returns the shapes {shapes}. Make it with "
                    "return_sequences=True, return_state=True."
                )
            above = tuple(shapes[0])
            if i > 0 and self.skip in ("residual", "highway") and above[-1] != shape[-1]:
                raise ValueError(
                    f"skip={self.skip!r} needs layers of one width. Received: layer {i} takes "
                    f"{shape[-1]} features and gives {above[-1]}. Make them equal or use "
                    "skip='dense'."
                )
            if i > 0 and self.skip == "highway":
                self.carries.append(self._make_carry(i, shape[-1]))
            shape = self._joined_shape(i, shape, above)
        self.built = True

    def _make_carry(self, i: int, width: int) -> tuple:
        kernel = self.add_weight((width, width), name=f"carry_kernel_{i}")
        start = keras.initializers.Constant(-2.0)
        return kernel, self.add_weight((width,), start, name=f"carry_bias_{i}")

    def _joined_shape(self, i: int, below: tuple, above: tuple) -> tuple:
        is_dense = self.skip == "dense" and i < len(self.layers) - 1
        return (*above[:-1], below[-1] + above[-1]) if is_dense else above

    def call(self, inputs, mask=None, training=False, segment_ids=None, segment_states=False):
        mask = attached_mask(mask, inputs)
        outputs, states = ops.cast(inputs, self.compute_dtype), []
        for i, layer in enumerate(self.layers):
            below = outputs if i == 0 else self.drop(outputs, training=training)
            above, *state = layer(
                below,
                mask=mask,
                training=training,
                segment_ids=segment_ids,
                segment_states=segment_states,
            )
            outputs = self._join(i, below, above)
            states.append(state)
        return outputs, states

    def _join(self, i: int, below, above):
        """Returns what the layer after layer `i` reads."""
        if self.skip == "dense" and i < len(self.layers) - 1:
            return ops.concatenate([below, above], axis=-1)
        if i == 0 or self.skip in ("none", "dense"):
            return above
        if self.skip == "residual":
            return above + below
        carry = affine(below, *(ops.cast(w, self.compute_dtype) for w in self.carries[i - 1]))
        return below + ops.sigmoid(carry) * (above - below)

    def compute_mask(self, inputs, mask=None):
        return [mask]  # of the outputs, which come first; the states have no time

    def compute_output_shape(self, input_shape):
        shape, states = tuple(input_shape), []
        for i, layer in enumerate(self.layers):
            above, *state = layer.compute_output_shape(shape)
            shape = self._joined_shape(i, shape, tuple(above))
            states.append(state)
        return shape, states

    def get_config(self):
        return super().get_config() | {
            "layers": [keras.saving.serialize_keras_object(layer) for layer in self.layers],
            "skip": self.skip,
            "dropout": self.dropout,
        }

    @classmethod
    def from_config(cls, config):
        layers = [keras.saving.deserialize_keras_object(layer) for layer in config["layers"]]
        return cls(**config | {"layers": layers})
