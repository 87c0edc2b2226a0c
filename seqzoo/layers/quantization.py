"""How kernels are stored as int8, and read.

A kernel of n output channels becomes int8 values and n scales, one for each index of its last
axis: the largest value of a channel is 127 or -127. The layer keeps an `Int8Weight` where it kept
the variable, and reads it as it read that: as float values, about a millisecond for a million of
them on a CPU. Products of int8 would be slower there than those of float32, and round the inputs
too (`benchmarks/quantization.py`). A loop over steps is built in `read_once`, so that it reads
ahead of the first step.
"""

import contextlib
from collections.abc import Iterable, Iterator
from contextvars import ContextVar
from functools import partial
from typing import Any

import keras
import numpy as np
from keras import ops

LARGEST = 127
_values: ContextVar[dict["Int8Weight", Any] | None] = ContextVar("int8_weights", default=None)


class Int8Weight:
    """A weight of a layer as int8 values and scales; it is read as a variable is.

    Attributes:
        values: Variable `(..., channels)` int8.
        scale: Variable `(channels,)`.
    """

    def __init__(self, values: keras.Variable, scale: keras.Variable):
        self.values = values
        self.scale = scale

    @property
    def value(self) -> Any:
        """The weight as a float tensor, in the dtype in which a variable would be read."""
        known = (_values.get() or {}).get(self)
        if known is not None:
            return known
        scale = ops.convert_to_tensor(self.scale)
        return ops.cast(self.values, scale.dtype) * scale

    @property
    def shape(self) -> Any:
        return self.values.shape

    @property
    def dtype(self) -> Any:
        return self.scale.dtype

    def __getitem__(self, index: Any) -> Any:
        return self.value[index]

    def __mul__(self, other: Any) -> Any:
        return self.value * other

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return np.array(ops.convert_to_numpy(self.value), dtype)

    def __tf_tensor__(self, dtype: Any = None, name: Any = None) -> Any:
        return self.value if dtype is None else ops.cast(self.value, dtype.name)

    def __jax_array__(self) -> Any:
        return self.value


@contextlib.contextmanager
def read_once(layers: Iterable[keras.layers.Layer]) -> Iterator[None]:
    """Reads the int8 weights of layers now, for all that is computed inside the context."""
    weights = [weight for layer in layers for weight in int8_weights(layer)]
    token = _values.set({weight: weight.value for weight in weights})
    try:
        yield
    finally:
        _values.reset(token)


def int8_weights(layer: keras.layers.Layer) -> tuple[Int8Weight, ...]:
    """The weights of a layer, without those of layers in it, that `quantize_layer` has stored."""
    return getattr(layer, "_int8_weights", ())


def is_quantized(layer: keras.layers.Layer) -> bool:
    """Whether a layer stores some of its own weights in fewer bits."""
    return bool(int8_weights(layer)) or layer.quantization_mode is not None


def quantize_layer(layer: keras.layers.Layer) -> bool:
    """Stores the kernels of a layer, without those of layers in it, as int8.

    Kernels are the weights of two or more axes by which inputs or states are multiplied. They are
    not trained any more. An embedding is left to Keras, which gives each row a scale and reads the
    rows that it needs; one whose class Keras does not know stays as it is.

    Returns:
        Whether something changed.

    Raises:
        ValueError: if a kernel holds values that are not finite.
    """
    if isinstance(layer, keras.Model) or is_quantized(layer) or not layer.built:
        return False
    if isinstance(layer, keras.layers.Embedding):
        return _quantize_embedding(layer)
    replaced = {id(each): _stored(layer, each) for each in _kernels(layer)}
    for name, value in list(_attributes(layer)):
        if any(id(leaf) in replaced for leaf in keras.tree.flatten(value)):
            super(keras.layers.Layer, layer).__delattr__(name)
            new = keras.tree.map_structure(lambda leaf: replaced.get(id(leaf), leaf), value)
            setattr(layer, name, new)
    layer._int8_weights = tuple(replaced.values())
    if replaced and type(layer).save_own_variables is not keras.layers.Layer.save_own_variables:
        # A layer of Keras that saves what it computes with, and not what it stores.
        layer.save_own_variables = partial(_save_own_variables, layer)
        layer.load_own_variables = partial(keras.layers.Layer.load_own_variables, layer)
    return bool(replaced)


def _quantize_embedding(layer: keras.layers.Embedding) -> bool:
    _check_finite(layer.embeddings)
    config = keras.quantizers.Int8QuantizationConfig(activation_quantizer=None)
    try:
        layer.quantize("int8", config=config)
    except NotImplementedError:
        return False
    return True


def _attributes(layer: keras.layers.Layer) -> Iterator[tuple[str, Any]]:
    """The attributes of a layer that may hold weights."""
    lists_of_keras = ("_trainable_variables", "_non_trainable_variables")
    for name, value in vars(layer).items():
        is_one = isinstance(value, (keras.Variable, list, tuple))
        if is_one and not name.startswith("_self_") and name not in lists_of_keras:
            yield name, value


def _kernels(layer: keras.layers.Layer) -> list[keras.Variable]:
    """The weights of a layer that are stored as int8."""
    kernels = {}
    for name, value in _attributes(layer):
        for leaf in keras.tree.flatten(value):
            if not isinstance(leaf, keras.Variable) or name.startswith("lora"):
                continue
            is_matrix = len(leaf.shape) > 1 and keras.backend.is_float_dtype(leaf.dtype)
            if is_matrix and any(word in name + leaf.name for word in ("kernel", "projection")):
                kernels[id(leaf)] = leaf
    own = {id(each) for each in layer._trainable_variables + layer._non_trainable_variables}
    return [kernel for key, kernel in kernels.items() if key in own]


def _stored(layer: keras.layers.Layer, kernel: keras.Variable) -> Int8Weight:
    """Makes the variables of a kernel in place of its own."""
    _check_finite(kernel)
    values, scale = _rounded(kernel)
    layer._tracker.unlock()
    layer._untrack_variable(kernel)
    with layer._open_name_scope():
        stored = Int8Weight(
            _variable(layer, kernel.name, values, "int8"),
            _variable(layer, f"{kernel.name}_scale", scale, kernel.dtype),
        )
    layer._tracker.lock()
    return stored


def _rounded(kernel: Any) -> tuple[np.ndarray, np.ndarray]:
    """Returns the int8 values of a kernel and its scales, as arrays."""
    array = ops.convert_to_numpy(ops.convert_to_tensor(kernel)).astype("float64")
    largest = np.abs(array).max(axis=tuple(range(array.ndim - 1)))
    scale = np.where(largest > 0, largest / LARGEST, 1.0)
    return np.rint(array / scale).astype("int8"), scale


def _check_finite(weight: Any) -> None:
    if not np.isfinite(ops.convert_to_numpy(ops.convert_to_tensor(weight))).all():
        raise ValueError(
            f"{weight.path} holds values that are not finite, which int8 cannot store. Train "
            "again, or restore the weights from a checkpoint."
        )


def _variable(layer: keras.layers.Layer, name: str, array: np.ndarray, dtype: str):
    def initializer(shape, dtype=None):
        return ops.convert_to_tensor(array, dtype)

    return layer.add_weight(array.shape, initializer, dtype, trainable=False, name=name)


def _save_own_variables(layer: keras.layers.Layer, store: Any) -> None:
    """Saves the variables of a layer, with LoRA added to the kernel, as Keras does."""
    variables = layer._trainable_variables + layer._non_trainable_variables
    arrays: dict[int, Any] = {id(each): each for each in variables}
    if getattr(layer, "lora_enabled", False):
        del arrays[id(layer.lora_kernel_a)], arrays[id(layer.lora_kernel_b)]
        (stored,) = int8_weights(layer)
        arrays[id(stored.values)], arrays[id(stored.scale)] = _rounded(layer.kernel)
    for i, array in enumerate(arrays.values()):
        store[str(i)] = array
