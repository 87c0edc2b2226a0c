"""Clipping of gradients layer by layer."""

from __future__ import annotations

from typing import Any

import tensorflow as tf


def clip_by_layer(gradients: list, variables: list, limit: float) -> list:
    """Scales down the gradients of each layer whose norm, over all its weights, is above a limit.

    Args:
        gradients: One for each variable.
        variables: Keras variables. Those whose paths differ in the last name only are of one layer;
            a recurrent layer has its weights in its cell.
        limit: Positive float.
    """
    layers: dict[str, list[int]] = {}
    for place, variable in enumerate(variables):
        layers.setdefault(_layer(variable), []).append(place)
    clipped: list[Any] = [None] * len(gradients)
    for places in layers.values():
        of_layer, _ = tf.clip_by_global_norm([gradients[place] for place in places], limit)
        for place, gradient in zip(places, of_layer, strict=True):
            clipped[place] = gradient
    return clipped


def _layer(variable: Any) -> str:
    folder, _, name = variable.path.rpartition("/")
    return folder or name
