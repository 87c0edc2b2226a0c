"""The traced functions that a task keeps between calls."""

from __future__ import annotations

import itertools
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any

import keras
import tensorflow as tf
from tensorflow.python.framework.ops import gradient_registry

_MOST = 8  # a traced search takes about 14 MB


class TracedFunctions:
    """The last few traced functions of a task by key. No part of the model."""

    def __init__(self):
        self._functions: OrderedDict[Hashable, Any] = OrderedDict()

    def get(self, task: keras.Model, key: Hashable, make: Callable[[], Any]) -> Any:
        """Returns the function of a key, traced anew where it is not among the last ones.

        It is traced anew too where the task has other variables, layers or dtypes than before, as
        after `quantize` or `enable_lora`.

        Args:
            task: What the function answers with.
            key: What tells it from the others of the task.
            make: Returns the `tf.function`, which has an input signature.
        """
        key = key, _structure(task)
        if key not in self._functions:
            function = make()
            if not tf.config.functions_run_eagerly():
                _free_gradients(function.get_concrete_function())
            self._functions[key] = function
            if len(self._functions) > _MOST:
                self._functions.popitem(last=False)
        self._functions.move_to_end(key)
        return self._functions[key]


def _structure(task: keras.Model) -> tuple:
    """Returns what a trace of a task holds: its layers, how they compute, and their variables."""
    layers = ((id(layer), layer.dtype_policy.name) for layer in task._flatten_layers())
    return *layers, *map(id, task.variables)


def _free_gradients(function: Any) -> None:
    """Forgets the gradients of the loops in a function that only answers.

    TensorFlow holds them for ever, and with them the graph.
    """
    graph = function.graph.as_graph_def()
    for node in itertools.chain(graph.node, *(each.node_def for each in graph.library.function)):
        name = node.attr["_gradient_op_type"].s.decode()
        if name.startswith("CustomGradient-"):
            gradient_registry._registry.pop(name, None)
