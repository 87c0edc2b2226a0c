"""Requests that TensorFlow Serving runs when it loads a model, so that no user waits for it.

They are records of `tensorflow.serving.PredictionLog`, whose classes TensorFlow does not carry.
All that is needed of it are nested messages and strings, and those look the same on the wire: the
number of the field, the length of the content, the content.

References:
    https://www.tensorflow.org/tfx/serving/saved_model_warmup
    https://protobuf.dev/programming-guides/encoding/
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.protobuf import meta_graph_pb2

_TEXT = b"warm up"
_PICTURES = {"image", "frames"}  # names of inputs that are encoded images


def write_warm_up(
    folder: Path, signatures: Mapping[str, meta_graph_pb2.SignatureDef], model_name: str
) -> None:
    """Writes one request to each signature, each a batch of one, into a SavedModel's folder.

    Strings in it are a short text, or an image of one pixel where the input is named as one;
    numbers are 1, and so are sizes that are not fixed.
    """
    extra = folder / "assets.extra"
    extra.mkdir()
    with tf.io.TFRecordWriter(str(extra / "tf_serving_warmup_requests")) as file:
        for name, signature in sorted(signatures.items()):
            if signature.inputs:  # TensorFlow's own, which initialises tables, has none
                file.write(_prediction_log(model_name, name, signature.inputs))


def _prediction_log(
    model_name: str, signature: str, inputs: Mapping[str, meta_graph_pb2.TensorInfo]
) -> bytes:
    """Encodes `PredictionLog(predict_log=PredictLog(request=PredictRequest(…)))`."""
    model_spec = _field(1, model_name.encode()) + _field(3, signature.encode())
    request = _field(1, model_spec)
    for name, info in sorted(inputs.items()):
        request += _field(2, _field(1, name.encode()) + _field(2, _sample(name, info)))
    return _field(6, _field(1, request))


def _sample(name: str, info: meta_graph_pb2.TensorInfo) -> bytes:
    """A `TensorProto` that fits an input."""
    shape = [max(dimension.size, 1) for dimension in info.tensor_shape.dim]  # unknown: -1
    value = _string(name) if info.dtype == tf.string.as_datatype_enum else 1
    return tf.make_tensor_proto(np.full(shape, value), info.dtype).SerializeToString()


def _string(name: str) -> bytes:
    return tf.io.encode_png(np.zeros((1, 1, 3), "uint8")).numpy() if name in _PICTURES else _TEXT


def _field(number: int, content: bytes) -> bytes:
    """Encodes a field that holds a message, a string or bytes (wire type 2)."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value: int) -> bytes:
    """Encodes a number in groups of 7 bits, the lowest first; all but the last are marked."""
    groups = []
    while value >= 128:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
