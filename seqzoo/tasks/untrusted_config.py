"""Configs of tasks that somebody sent: checked before, and bounded while, a task is made of them.

Keras refuses what holds code (lambdas, SavedModels, pickles) and vocabularies in files elsewhere,
unless the user enables it. What is left is refused here: classes that are no parts of models, and
more weights or layers than the file of the weights can fill.
"""

from __future__ import annotations

import contextlib
import json
import math
import os
import re
import threading
from collections.abc import Iterable, Iterator
from typing import IO, Any, NamedTuple

import h5py
import keras

_MAX_BYTES = 2**26
_MAX_VALUES = 2**22
_MAX_CONTAINERS = 2**20
_MAX_DEPTH = 200

_MODULES = re.compile(
    r"builtins|keras(\.(activations|constraints|dtype_policies|initializers|layers|losses|metrics"
    r"|models|ops|optimizers|optimizers\.schedules|quantizers|random|regularizers))?"
    r"|keras\.src\.(activations|applications|constraints|dtype_policies|initializers|layers|losses"
    r"|metrics|models|ops|optimizers|quantizers|random|regularizers)\.[a-z0-9_.]+"
    r"|keras_hub\.(layers|models|src\.layers\.[a-z0-9_.]+|src\.models\.[a-z0-9_.]+)"
)
_REFUSED = re.compile(r"(Jax|Flax)Layer|__typespec__|\w*(Tokenizer|Preprocessor|Converter)")
"""Classes of Keras and keras-hub that run or read something else than layers do."""

_DTYPES = re.compile(r"bool|string|(u?int|b?float|complex)\d{1,3}|float8_\w{1,9}")
_LOADING = threading.RLock()


class Size(NamedTuple):
    """What is in a file of weights: how many numbers, in how many arrays."""

    numbers: int
    arrays: int


def read_config(content: bytes) -> Any:
    """Parses the JSON of a config and checks what it names.

    Raises:
        ValueError: if it is no JSON, is too large, or names something else than parts of models.
    """
    sizes = {
        "bytes": (len(content), _MAX_BYTES),
        "values": (content.count(b",") + 1, _MAX_VALUES),
        "objects and lists": (content.count(b"{") + content.count(b"["), _MAX_CONTAINERS),
    }
    for what, (size, limit) in sizes.items():
        if size > limit:
            raise ValueError(f"A config may hold {limit} {what}. Received: {size}.")
    try:
        config = json.loads(content.decode())
    except RecursionError:
        raise ValueError(f"A config may be nested {_MAX_DEPTH} deep. Received: more.") from None
    level = _containers([config])
    for _ in range(_MAX_DEPTH):
        level = [part for value in level for part in _containers(_checked(value))]
        if not level:
            return config
    raise ValueError(f"A config may be nested {_MAX_DEPTH} deep. Received: more.")


def _containers(values: Iterable[Any]) -> list[Any]:
    return [value for value in values if isinstance(value, (dict, list))]


def _checked(value: Any) -> Iterable[Any]:
    """What stands in an object or a list, which is checked itself."""
    if isinstance(value, list):
        return value
    if "class_name" in value:
        _check_class(value)
    for node in value.get("inbound_nodes") or ():
        if isinstance(node, dict) and "__keras_tensor__" not in json.dumps(node):
            raise ValueError("A layer of a model must be called on a tensor of it.")
    return value.values()


def _check_class(config: dict[str, Any]) -> None:
    name, module = config["class_name"], config.get("module")
    if name in ("__tensor__", "__numpy__"):
        dtype = config["config"]["dtype"]
        if not isinstance(dtype, str) or not _DTYPES.fullmatch(dtype):
            raise ValueError(f"An array must hold numbers. Received: dtype={dtype!r}.")
    if name == "function":
        name = registered = config["config"]
    else:
        registered = config.get("registered_name") or name
    if not all(isinstance(each, str) for each in (name, registered, module or "")):
        raise ValueError(f"A class must have a name. Received: {str(config)[:80]}.")
    known = keras.saving.get_registered_object(registered)
    if known is not None and not known.__module__.startswith(("keras.", "keras_hub.")):
        return
    if _REFUSED.fullmatch(name) or not _MODULES.fullmatch(module or "builtins"):
        raise ValueError(
            "A config may name parts of models, of Keras or registered with Keras. Received: "
            f"{name} of {module}. If it is your own, import what registers it."
        )


def size_of_weights(file: str | os.PathLike[str] | IO[bytes]) -> Size:
    """Counts the numbers in a file of weights, all of which must be there.

    Raises:
        ValueError: if an array says that it is longer than it is.
    """
    sizes: list[int] = []

    def count(name: str, item: Any) -> None:
        if isinstance(item, h5py.Dataset):
            if item.is_virtual or item.external or item.id.get_storage_size() < item.nbytes:
                raise ValueError(f"{name} must hold its numbers itself, one after another.")
            sizes.append(math.prod(item.shape))

    with h5py.File(file, "r") as opened:
        opened.visititems(count)
    return Size(sum(sizes), len(sizes))


@contextlib.contextmanager
def bounded_by(size: Size) -> Iterator[None]:
    """Refuses to make more variables or layers than what a file of weights can fill.

    Beside the weights there are metrics, and the states of random generators and optimizers.

    Raises:
        ValueError: in the call of the constructor that makes one too many.
    """
    left = {"numbers": 8 * size.numbers + 2**20, "layers": 10 * size.arrays + 300}
    thread = threading.get_ident()

    def take(count: int, what: str) -> None:
        if threading.get_ident() == thread:
            left[what] -= count
            if left[what] < 0:
                raise ValueError(
                    f"The config asks for more {what} than the weights can fill: these are "
                    f"{size.numbers} numbers in {size.arrays} arrays."
                )

    make_variable, make_layer = keras.Variable.__init__, keras.layers.Layer.__init__

    def variable(self: Any, initializer: Any, shape: Any = None, *others: Any, **named: Any):
        take(math.prod(shape) if isinstance(shape, (tuple, list)) else 1, "numbers")
        make_variable(self, initializer, shape, *others, **named)

    def layer(self: Any, *others: Any, **named: Any):
        take(1, "layers")
        make_layer(self, *others, **named)

    with _LOADING:  # one at a time, since Keras has no place for such a limit
        try:
            keras.Variable.__init__, keras.layers.Layer.__init__ = variable, layer
            yield
        finally:
            keras.Variable.__init__, keras.layers.Layer.__init__ = make_variable, make_layer
