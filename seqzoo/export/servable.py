"""A task as a SavedModel."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2, saved_model_pb2

from seqzoo.export.graph import (
    clear_devices,
    operations_outside_tensorflow,
    refuse_kept_state,
    refuse_unservable,
)
from seqzoo.export.warm_up import write_warm_up
from seqzoo.files.atomic_write import atomic_folder, recover_folder
from seqzoo.version import __version__

_DESCRIPTION = "seqzoo.json"


class Servable(Protocol):
    """What can be exported: a trackable object, such as a task or a `tf.Module`."""

    def serving_signatures(self, search: Any = None) -> Mapping[str, Any]:
        """Returns `tf.function`s with input signatures by name; each returns a dict of tensors."""
        ...


def saved_model(
    task: Servable,
    folder: str | Path,
    search: Any = None,
    signatures: Mapping[str, Any] | None = None,
    overwrite: bool = False,
) -> Path:
    """Writes a task to `folder/1`, which TensorFlow Serving loads when told of `folder`.

    Beside the graph and the weights that its signatures use, `folder/1` holds
    `seqzoo.json` (versions, search settings, limits of what is read, signatures, and every
    operation that a process with TensorFlow alone does not know) and, for TensorFlow Serving, a
    request to each signature to warm up with. Devices that the graph was built for
    are left out, so that it runs on any other. `folder/1` is whole or not there.

    Args:
        task: What to export, built and trained.
        folder: The model's folder; made if it is not there.
        search: How a task that generates does so, such as `BeamSearch(width=5)`;
            None for the task's own.
        signatures: In place of those that the task has for this search.
        overwrite: Whether a model that this function wrote to `folder/1` is replaced.

    Returns:
        The path `folder/1`.

    Raises:
        ValueError: if `folder/1` exists and is not to be replaced, if `folder` is a file, or if
            the graph calls Python, is marked for XLA or writes to a variable.
        OSError: if it cannot be written.
    """
    path = _version_path(Path(folder), overwrite)
    signatures = dict(task.serving_signatures(search) if signatures is None else signatures)
    with atomic_folder(path, "exported model", _is_export) as new:
        tf.saved_model.save(_served_part(task, signatures), new, signatures=signatures)
        graph = _make_portable(Path(new))
        write_warm_up(Path(new), graph.signature_def, model_name=path.parent.name)
        Path(new, _DESCRIPTION).write_text(json.dumps(_description(graph, search, task), indent=2))
    return path


def _version_path(folder: Path, overwrite: bool) -> Path:
    path = folder.resolve() / "1"
    if folder.exists() and not folder.is_dir():
        raise ValueError(
            f"`folder` must be a folder or a path where there is nothing. Received: "
            f"{str(folder)!r}, a file. Choose another path."
        )
    recover_folder(path)
    if path.exists() and not overwrite:
        raise ValueError(
            f"`folder` must not hold an exported model yet. Received: {str(folder)!r}, which "
            "holds a version 1. Remove that or choose another folder."
        )
    return path


def _is_export(path: str) -> bool:
    return all(Path(path, name).is_file() for name in ("saved_model.pb", _DESCRIPTION))


def _served_part(task: Any, signatures: Mapping[str, Any]) -> tf.Module:
    """What the signatures use of a task: no optimizer, no metric, no Python attribute."""
    graphs = [_graph_of(function) for function in signatures.values()]
    for graph in graphs:
        refuse_kept_state(graph.as_graph_def())
    variables = {variable.ref(): variable for graph in graphs for variable in graph.variables}
    tracked = tf.train.TrackableView(task).descendants()
    resource = tf.saved_model.experimental.TrackableResource  # lookup tables, sub-word models
    part = tf.Module()
    part.weights = list(variables.values())
    part.resources = [each for each in tracked if isinstance(each, resource)]
    return part


def _graph_of(function: Any) -> Any:
    """The graph of a `tf.function` with an input signature, or of a concrete one."""
    is_concrete = isinstance(function, tf.types.experimental.ConcreteFunction)
    return (function if is_concrete else function.get_concrete_function()).graph


def _make_portable(folder: Path) -> meta_graph_pb2.MetaGraphDef:
    """Checks the graph in a SavedModel's folder, takes its devices out, and returns it."""
    file = folder / "saved_model.pb"
    model = saved_model_pb2.SavedModel.FromString(file.read_bytes())
    (meta_graph,) = model.meta_graphs
    refuse_unservable(meta_graph.graph_def)
    clear_devices(meta_graph.graph_def)
    file.write_bytes(model.SerializeToString(deterministic=True))
    (folder / "fingerprint.pb").unlink()  # of the file as it was before
    return meta_graph


def _description(graph: meta_graph_pb2.MetaGraphDef, search: Any, task: Any) -> dict[str, Any]:
    """The content of `seqzoo.json`."""
    return {
        "seqzoo": __version__,
        "tensorflow": tf.__version__,
        "search": search and {"kind": type(search).__name__, **dataclasses.asdict(search)},
        "limits": dict(getattr(task, "described_limits", {})),
        "signatures": {
            name: {"inputs": _tensors(each.inputs), "outputs": _tensors(each.outputs)}
            for name, each in sorted(graph.signature_def.items())
            if not name.startswith("__")  # TensorFlow's own, which initialises tables
        },
        "operations_outside_tensorflow": operations_outside_tensorflow(graph.graph_def),
    }


def _tensors(tensors: Mapping[str, meta_graph_pb2.TensorInfo]) -> dict[str, Any]:
    return {
        name: {
            "dtype": tf.as_dtype(info.dtype).name,
            "shape": tf.TensorShape(info.tensor_shape).as_list(),
        }
        for name, info in sorted(tensors.items())
    }
