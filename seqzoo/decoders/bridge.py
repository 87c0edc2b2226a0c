"""The way from the final states of an encoder to the initial states of a decoder."""

import math
from typing import Any

import keras
from keras import ops

from seqzoo.encoders.encoder import Encoded, holds_segment_states
from seqzoo.ops.masks import mean_of_real

BRIDGES = ("dense", "copy", "zero")


class Bridge(keras.layers.Layer):
    """Makes the initial states of a decoder's cells.

    Args:
        kind: `"dense"`: each state is tanh(W h + b), where h is the output state of the encoder's
            top layer. `"copy"`: each cell takes the states of the encoder layer at its height;
            both must have as many layers, cells of one kind and equal widths. `"zero"`: zeros.
        state_sizes: For each cell, its `state_size`: of each state the width, or the shape.

    Call arguments:
        states: `source_states` of an `Encoded`: for each layer, its final states `(B, ...)`.

    Returns:
        For each cell, its states `(B, ...)`.

    Raises:
        ValueError: when built, if `"copy"` gets other states than it needs.
    """

    def __init__(self, kind: str, state_sizes: list[list[int | tuple[int, ...]]], **kwargs):
        super().__init__(**kwargs)
        self.kind = kind
        self.state_sizes = state_sizes
        self.maps = [
            [self._dense(size) for size in sizes if kind == "dense"] for sizes in state_sizes
        ]

    def _dense(self, size: int | tuple[int, ...]) -> keras.layers.Dense:
        return keras.layers.Dense(_width(size), activation="tanh", dtype=self.dtype_policy)

    def build(self, states_shape):
        sizes = [
            [shape[1] if len(shape) == 2 else shape[1:] for shape in layer]
            for layer in states_shape
        ]
        if self.kind == "copy" and sizes != self.state_sizes:
            raise ValueError(
                "A bridge that copies needs an encoder whose states are as wide as the "
                f"decoder's: {self.state_sizes}, layer by layer. Received: {sizes}. Change the "
                "sizes or use bridge='dense'."
            )
        for dense in keras.tree.flatten(self.maps):
            dense.build((None, states_shape[-1][0][-1]))
        self.built = True

    def call(self, states):
        if self.kind == "copy":
            return [list(layer) for layer in states]
        top = states[-1][0]
        if self.kind == "dense":
            flat = [[dense(top) for dense in layer] for layer in self.maps]
        else:
            zero = ops.zeros_like(top[:, :1])
            flat = [
                [ops.repeat(zero, _width(size), axis=1) for size in s] for s in self.state_sizes
            ]
        return [
            [_as_state(leaf, size) for leaf, size in zip(leaves, sizes, strict=True)]
            for leaves, sizes in zip(flat, self.state_sizes, strict=True)
        ]


def _width(size: int | tuple[int, ...]) -> int:
    """Returns how many values a state of a row has, of its entry in a cell's `state_size`."""
    return math.prod(size) if isinstance(size, tuple) else size


def _as_state(flat: Any, size: int | tuple[int, ...]) -> Any:
    """Returns the values of a state `(B, values)` in its shape."""
    return ops.reshape(flat, (ops.shape(flat)[0], *size)) if isinstance(size, tuple) else flat


def source_states(encoded: Encoded) -> Any:
    """Returns the states of an encoder; of one without, the mean of the real outputs."""
    if holds_segment_states(encoded.state):
        raise ValueError(
            "The encoder read several examples in each row, and returned a state of each. "
            "Received: no `segment_ids` of the target. Give them, or give each example a row of "
            "its own."
        )
    return encoded.state or [[mean_of_real(encoded.outputs, encoded.mask)]]


def source_state_shapes(encoded: Encoded, bridge: str) -> Any:
    """Returns the shapes of `source_states`, from those of an `Encoded`."""
    if not encoded.state and bridge == "copy":
        raise ValueError(
            "A bridge that copies needs an encoder with states, and this one has none. Use "
            "bridge='dense', which reads the mean of the encoder's outputs, or bridge='zero'."
        )
    if holds_segment_states(encoded.state):
        return [[(shape[0], *shape[2:]) for shape in layer] for layer in encoded.state]
    return encoded.state or [[(encoded.outputs[0], encoded.outputs[-1])]]
