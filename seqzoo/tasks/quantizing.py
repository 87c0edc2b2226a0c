"""Tasks whose kernels are stored as int8."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from typing import Any, NamedTuple

import keras

from seqzoo.layers.quantization import is_quantized, quantize_layer, read_once

_NAMED = 5  # weights that a line names

Filters = str | Sequence[str] | Callable[[keras.layers.Layer], bool] | None


class Quantized(NamedTuple):
    """What `quantize` did: the numbers of each weight, by its path.

    Attributes:
        int8: Those that are stored as int8.
        left_out: Those that stay as they were.
    """

    int8: dict[str, int]
    left_out: dict[str, int]

    def __str__(self) -> str:
        total = sum(self.int8.values()) + sum(self.left_out.values())
        share = sum(self.int8.values()) / max(total, 1)
        left = sorted(self.left_out, key=lambda path: -self.left_out[path])
        named = ", ".join(f"{path} ({self.left_out[path]:,})" for path in left[:_NAMED])
        more = f" and {len(left) - _NAMED} smaller ones" if len(left) > _NAMED else ""
        return (
            f"int8: {share:.1%} of {total:,} parameters, in {len(self.int8)} weights that are not "
            f"trained any more. Left out: {named or 'none'}{more}."
        )


class Quantizable(keras.Model):
    """The part of a task that stores its kernels and embeddings as int8."""

    def __new__(cls, *args, **kwargs):
        task: Any = super().__new__(cls, *args, **kwargs)
        # Keras wraps the method: it drops what is returned, and asks for modes of its own.
        del task.__dict__["quantize"]
        return task

    def quantize(
        self, mode: str = "int8", config: None = None, filters: Filters = None
    ) -> Quantized:
        """Stores kernels and embeddings as int8, each output channel with a scale of its own.

        They are read as float values ahead of each answer, which so stays close and takes about a
        millisecond longer for a million weights. Files and exported models take about a quarter.
        The kernels are not trained any more; biases and gains are, by an optimizer that begins
        anew. To be called after training.

        Args:
            mode: `"int8"`.
            config: None; there is nothing to configure.
            filters: As in Keras: a regular expression or a list of them, one of which is found in
                the name of each layer to quantize, or a function of a layer; None is all.

        Returns:
            `Quantized`, which is printed too: what was quantized, and what was left out.

        Raises:
            ValueError: if the mode is another, the task computes in float16, or a kernel holds
                values that are not finite.
            RuntimeError: if the task is not built, is quantized already, or is in `fit`.
        """
        if mode != "int8" or config is not None:
            raise ValueError(
                "A task is quantized by mode='int8', without a config. Received: "
                f"mode={mode!r}, config={config!r}."
            )
        if not self.built:
            raise RuntimeError(f"{self.name} has no weights to quantize yet. Build it first.")
        if getattr(self, "_is_fitting", False):
            raise RuntimeError(f"{self.name} is in `fit`. Quantize it after training.")
        if self.compute_dtype == "float16":
            raise ValueError(
                "A task that computes in float16 is not quantized, as its scales may be too small "
                f"for that. Received: {self.dtype_policy.name}. Load it under 'float32' or "
                "'mixed_bfloat16'."
            )
        layers = [each for each in self._flatten_layers() if _is_of(filters, each)]
        before = [each for each in self.weights if keras.backend.is_float_dtype(each.dtype)]
        if not self._store_as_int8(layers):
            if any(map(is_quantized, layers)):
                raise RuntimeError(f"{self.name} is quantized already. Use it as it is.")
            raise ValueError(
                f"{self.name} has no kernel and no embedding in the layers that `filters` select. "
                f"Received: filters={filters!r}."
            )
        self._forget_float_weights()
        left = {id(each) for each in self.weights}
        quantized = Quantized(
            _sizes(each for each in before if id(each) not in left),
            _sizes(each for each in before if id(each) in left),
        )
        print(quantized)
        return quantized

    def _store_as_int8(self, layers: Sequence[keras.layers.Layer]) -> bool:
        with self.distribute_strategy.scope():
            changed = [quantize_layer(layer) for layer in layers]
        return any(changed)

    def _forget_float_weights(self) -> None:
        """Leaves traced functions and the optimizer's moments behind, which hold on to them."""
        self.train_function = self.test_function = self.predict_function = None
        if hasattr(self, "_graphs"):
            self._graphs = type(self._graphs)()
        if self.compiled and self.optimizer is not None:
            with self.distribute_strategy.scope():
                self.optimizer = type(self.optimizer).from_config(self.optimizer.get_config())

    def quantized_layers(self) -> list[int]:
        """Which of the task's layers are stored in fewer bits: what its config says of them."""
        return [i for i, each in enumerate(self._flatten_layers()) if is_quantized(each)]

    def quantize_again(self, indices: Sequence[int]) -> None:
        """Makes a task of that config ready for int8 weights from a file."""
        layers = list(self._flatten_layers())
        self._store_as_int8([layers[index] for index in indices])

    def kernels_read_once(self) -> AbstractContextManager[None]:
        """Returns a context to build a loop in, so that its steps do not read int8 kernels anew."""
        return read_once(self._flatten_layers())

    def fit(self, *args, **kwargs):
        self._is_fitting = True
        try:
            return super().fit(*args, **kwargs)
        finally:
            self._is_fitting = False


def _is_of(filters: Filters, layer: keras.layers.Layer) -> bool:
    if filters is None or callable(filters):
        return filters is None or filters(layer)
    patterns = [filters] if isinstance(filters, str) else filters
    return any(re.search(pattern, layer.name) for pattern in patterns)


def _sizes(weights: Iterable[keras.Variable]) -> dict[str, int]:
    sizes: dict[str, int] = {}
    for weight in weights:
        sizes[weight.path] = sizes.get(weight.path, 0) + math.prod(weight.shape)
    return sizes
