"""What a serving graph may hold."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

import tensorflow as tf
from tensorflow.core.framework import attr_value_pb2, graph_pb2, node_def_pb2

_PYTHON_OPERATIONS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
_WRITES = {"AssignVariableOp", "AssignAddVariableOp", "AssignSubVariableOp"}
_XLA_MARK = "_XlaMustCompile"


def refuse_unservable(graph: graph_pb2.GraphDef) -> None:
    """Looks for what a bare TensorFlow process cannot run.

    Raises:
        ValueError: if the graph calls a Python function, or holds a function that
            must be compiled by XLA, which TensorFlow Serving has not on every device.
    """
    for function in graph.library.function:
        _refuse_xla_mark(function.attr, function.signature.name)
    for place, node in _nodes(graph):
        if node.op in _PYTHON_OPERATIONS:
            raise ValueError(
                "An exported graph must not call Python, which a server does not have. Received: "
                f"the operation {node.op} ({node.name}) in {place}. Write that step with "
                "TensorFlow operations."
            )
        _refuse_xla_mark(node.attr, f"{node.name} in {place}")


def refuse_kept_state(graph: graph_pb2.GraphDef) -> None:
    """Looks for what one request would leave behind for the next.

    Raises:
        ValueError: if the graph writes to a variable.
    """
    for place, node in _nodes(graph):
        if node.op in _WRITES:
            raise ValueError(
                "An exported graph must not keep anything between requests. Received: "
                f"{node.name} in {place} writes to a variable, as a layer with `stateful=True` "
                "does. Make the layer without it, and pass its state on through `step`."
            )


def clear_devices(graph: graph_pb2.GraphDef) -> None:
    """Lets the graph run on any device: takes out where each operation was placed."""
    for _, node in _nodes(graph):
        node.device = ""


def operations_outside_tensorflow(graph: graph_pb2.GraphDef) -> list[str]:
    """Names of the operations that a process must load another library for, such as TF Text's.

    `tf.raw_ops` has what TensorFlow itself brings, whatever else was loaded since.
    """
    used = {node.op for _, node in _nodes(graph)}
    return sorted(name for name in used if not hasattr(tf.raw_ops, name))


def _nodes(graph: graph_pb2.GraphDef) -> Iterator[tuple[str, node_def_pb2.NodeDef]]:
    """Every operation, with the function that it stands in."""
    for node in graph.node:
        yield "the graph", node
    for function in graph.library.function:
        for node in function.node_def:
            yield function.signature.name, node


def _refuse_xla_mark(attributes: Mapping[str, attr_value_pb2.AttrValue], name: str) -> None:
    # `in` first: reading a missing key of such a map would add it to the graph
    if _XLA_MARK in attributes and attributes[_XLA_MARK].b:
        raise ValueError(
            "An exported graph must not be marked for XLA, which a server may lack. Received: "
            f"{name} is. Leave `jit_compile=True` out of what the signatures call."
        )
