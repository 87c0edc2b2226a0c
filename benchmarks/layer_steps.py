"""One training step or one inference of a recurrent layer of Keras's interface, ready to be timed.

On TensorFlow a step is a `tf.function`, on JAX a jitted function.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import keras
import numpy as np


class Case(NamedTuple):
    """What is measured; times and widths in steps and features."""

    kind: str = "LSTM"
    batch: int = 32
    time: int = 30
    features: int = 128
    units: int = 256
    bidirectional: bool = False
    masked: bool = False
    training: bool = True
    precision: str = "float32"

    def arrays(self) -> tuple[np.ndarray, np.ndarray, np.ndarray | None]:
        """Returns inputs, the gradient of the outputs, and a mask with rows of many lengths."""
        rng = np.random.default_rng(0)
        width = self.units * (2 if self.bidirectional else 1)
        inputs = rng.normal(size=(self.batch, self.time, self.features)).astype("float32")
        upstream = rng.normal(size=(self.batch, self.time, width)).astype("float32")
        lengths = np.linspace(self.time // 2, self.time, self.batch).astype(int)
        mask = np.arange(self.time) < lengths[:, None] if self.masked else None
        return inputs, upstream, mask


def make_layer(library: str, case: Case) -> keras.layers.Layer:
    """Returns the layer of `"seqzoo"` or `"keras"` for a case, not built."""
    import seqzoo

    home = {"seqzoo": seqzoo.layers, "keras": keras.layers}[library]
    options = {"return_sequences": True, "dtype": case.precision}
    if not case.bidirectional:
        return getattr(home, case.kind)(case.units, **options)
    if library == "seqzoo":
        cell = getattr(seqzoo.layers, f"{case.kind}Cell")(case.units, dtype=case.precision)
        return seqzoo.layers.Bidirectional(cell, dtype=case.precision)
    layer = getattr(keras.layers, case.kind)(case.units, **options)
    return keras.layers.Bidirectional(layer, dtype=case.precision)


def make_step(library: str, case: Case) -> Callable[[], None]:
    """Returns a function that takes one step and waits for it."""
    layer = make_layer(library, case)
    layer.build((case.batch, case.time, case.features))
    if keras.backend.backend() == "jax":
        return _jax_step(layer, case)
    return _tensorflow_step(layer, case)


def _outputs(result: Any) -> Any:
    return result[0] if isinstance(result, (tuple, list)) else result


def _tensorflow_step(layer, case: Case) -> Callable[[], None]:
    import tensorflow as tf

    inputs, upstream, mask = (None if a is None else tf.constant(a) for a in case.arrays())
    inputs, upstream = (tf.cast(a, layer.compute_dtype) for a in (inputs, upstream))

    @tf.function
    def infer(inputs):
        return _outputs(layer(inputs, mask=mask))

    @tf.function
    def train(inputs):
        with tf.GradientTape() as tape:
            tape.watch(inputs)
            outputs = _outputs(layer(inputs, mask=mask, training=True))
        sources = [inputs, *(weight.value for weight in layer.trainable_weights)]
        # The outputs too, as a graph computes nothing that nobody asks for.
        return outputs, tape.gradient(outputs, sources, output_gradients=upstream)

    step = train if case.training else infer
    return lambda: step(inputs)


def _jax_step(layer, case: Case) -> Callable[[], None]:
    import jax

    inputs, upstream, mask = case.arrays()
    inputs, upstream = (jax.numpy.asarray(a, layer.compute_dtype) for a in (inputs, upstream))
    trained = [weight.value for weight in layer.trainable_variables]
    others = [weight.value for weight in layer.non_trainable_variables]

    def infer(weights, inputs):
        return _outputs(layer.stateless_call(weights, others, inputs, mask=mask)[0])

    def train(weights, inputs):
        outputs, pull_back = jax.vjp(infer, weights, inputs)
        return outputs, pull_back(upstream)

    step = jax.jit(train if case.training else infer)
    return lambda: jax.block_until_ready(step(trained, inputs))
