"""The warm-up records are read as TensorFlow Serving reads them, and the model answers them.

The messages are declared here from their definitions in TensorFlow Serving's repository,
tensorflow_serving/apis/{prediction_log,predict,model}.proto.
"""

import numpy as np
import pytest
import tensorflow as tf
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from google.protobuf.unknown_fields import UnknownFieldSet
from servables import Repeater
from tensorflow.core.framework import tensor_pb2

from seqzoo.export import saved_model

FIELD = descriptor_pb2.FieldDescriptorProto
MESSAGES = {
    "ModelSpec": [("name", 1, "string"), ("signature_name", 3, "string")],
    "PredictRequest": [("model_spec", 1, "ModelSpec"), ("inputs", 2, "map")],
    "PredictLog": [("request", 1, "PredictRequest")],
    "PredictionLog": [("predict_log", 6, "PredictLog")],
}


def add_field(message, name, number, kind):
    field = message.field.add(name=name, number=number, label=FIELD.LABEL_OPTIONAL)
    if kind == "string":
        field.type = FIELD.TYPE_STRING
        return
    field.type = FIELD.TYPE_MESSAGE
    field.type_name = f".tensorflow.serving.{kind}"
    if kind == "map":
        field.label = FIELD.LABEL_REPEATED
        field.type_name = f".tensorflow.serving.{message.name}.InputsEntry"
        entry = message.nested_type.add(name="InputsEntry")
        entry.options.map_entry = True
        add_field(entry, "key", 1, "string")
        add_field(entry, "value", 2, "TensorProto")
        entry.field[1].type_name = ".tensorflow.TensorProto"


@pytest.fixture(scope="module")
def prediction_log():
    """The class of PredictionLog, with the fields that are used and no other."""
    tensor_file = tensor_pb2.DESCRIPTOR
    file = descriptor_pb2.FileDescriptorProto(
        name="serving.proto", package="tensorflow.serving", syntax="proto3"
    )
    file.dependency.append(tensor_file.name)
    for name, fields in MESSAGES.items():
        message = file.message_type.add(name=name)
        for field in fields:
            add_field(message, *field)
    pool = descriptor_pool.DescriptorPool()
    for needed in [*tensor_file.dependencies, tensor_file]:
        for each in [*needed.dependencies, needed]:
            pool.AddSerializedFile(each.serialized_pb)
    pool.AddSerializedFile(file.SerializeToString())
    found = pool.FindMessageTypeByName("tensorflow.serving.PredictionLog")
    return message_factory.GetMessageClass(found)


def read(folder, prediction_log):
    records = tf.data.TFRecordDataset(
        str(folder / "assets.extra" / "tf_serving_warmup_requests")
    ).as_numpy_iterator()
    logs = [prediction_log.FromString(record) for record in records]
    for log in logs:
        assert not list(unknown_fields(log))
    return [log.predict_log.request for log in logs]


def unknown_fields(message):
    """Fields of the record that the declared messages do not have."""
    yield from UnknownFieldSet(message)
    for field, value in message.ListFields():
        if field.message_type and not field.message_type.GetOptions().map_entry:
            yield from unknown_fields(value)


def test_there_is_a_request_to_the_signature_that_the_model_answers(tmp_path, prediction_log):
    folder = saved_model(Repeater(), tmp_path / "repeater")

    (request,) = read(folder, prediction_log)

    assert request.model_spec.name == "repeater"
    assert request.model_spec.signature_name == "serving_default"
    inputs = {name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()}
    assert inputs["text"].tolist() == [b"warm up"]
    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    answer = served(**{name: tf.constant(value) for name, value in inputs.items()})
    assert answer["text"].numpy().tolist() == [[b"?", b"?"]]


@pytest.mark.parametrize("length", [127, 128, 200])
def test_names_of_any_length_are_read_back(tmp_path, prediction_log, length):
    folder = saved_model(Repeater(), tmp_path / ("m" * length))

    (request,) = read(folder, prediction_log)

    assert request.model_spec.name == "m" * length


class ManyInputs(Repeater):
    def serving_signatures(self, search=None):
        specs = [
            tf.TensorSpec((None, 3), tf.string, name="text"),
            tf.TensorSpec((None, None, 5), tf.float32, name="history"),
            tf.TensorSpec((), tf.int64, name="seed"),
            tf.TensorSpec((None,), tf.bool, name="final"),
        ]

        @tf.function(input_signature=specs)
        def count(text, history, seed, final):
            numbers = tf.cast(tf.reduce_sum(history, axis=[1, 2]), tf.int64) + seed
            lengths = tf.cast(tf.strings.length(text)[:, 0], tf.int64)
            return {"count": tf.where(final, numbers, lengths)}

        return super().serving_signatures(search) | {"with_options": count}


def test_every_signature_gets_a_request_of_its_inputs_shapes_and_types(tmp_path, prediction_log):
    folder = saved_model(ManyInputs(), tmp_path)

    requests = {each.model_spec.signature_name: each for each in read(folder, prediction_log)}

    assert set(requests) == {"serving_default", "with_options"}
    inputs = {
        name: tf.make_ndarray(tensor) for name, tensor in requests["with_options"].inputs.items()
    }
    assert {name: (value.shape, value.dtype.kind) for name, value in inputs.items()} == {
        "text": ((1, 3), "O"),
        "history": ((1, 1, 5), "f"),
        "seed": ((), "i"),
        "final": ((1,), "b"),
    }
    assert inputs["final"].all()
    np.testing.assert_array_equal(inputs["history"], 1)
