"""A task comes back from its SavedModel whole, and a graph that no server can run is refused."""

import json

import numpy as np
import pytest
import tensorflow as tf
from servables import Repeat, Repeater
from tensorflow.core.protobuf import saved_model_pb2

import seqzoo.export.servable
from seqzoo.export import saved_model
from seqzoo.version import __version__


@pytest.fixture(scope="module")
def repeater():
    return Repeater()


@pytest.fixture(scope="module")
def exported(repeater, tmp_path_factory):
    return saved_model(repeater, tmp_path_factory.mktemp("served") / "repeater")


def variant(transform):
    """A task whose graph differs by one function `(B,) -> (B,)` of strings."""
    repeater = Repeater()
    repeater.transform = transform
    return repeater


def graph_of(folder):
    model = saved_model_pb2.SavedModel.FromString((folder / "saved_model.pb").read_bytes())
    return model.meta_graphs[0].graph_def


def test_the_loaded_signature_gives_what_the_task_gives(repeater, exported):
    text = tf.constant(["deux", "trois", "", "un"])
    wanted = repeater.serving_signatures()["serving_default"](text)

    loaded = tf.saved_model.load(str(exported)).signatures["serving_default"](text=text)

    assert exported.name == "1"
    assert wanted["text"].numpy().tolist()[1] == [b"?", b"?"]
    assert set(loaded) == set(wanted) == {"text", "scores"}
    for name in wanted:
        np.testing.assert_array_equal(loaded[name], wanted[name])


def test_only_the_weights_that_the_signatures_use_are_written(exported):
    written = tf.train.list_variables(str(exported / "variables" / "variables"))

    assert [shape for name, shape in written if "CHECKPOINTABLE_OBJECT_GRAPH" not in name] == [[3]]


def test_the_description_says_what_is_served(exported):
    assert json.loads((exported / "seqzoo.json").read_text()) == {
        "seqzoo": __version__,
        "tensorflow": tf.__version__,
        "search": None,
        "limits": {},
        "signatures": {
            "serving_default": {
                "inputs": {"text": {"dtype": "string", "shape": [None]}},
                "outputs": {
                    "scores": {"dtype": "float32", "shape": [None, 1]},
                    "text": {"dtype": "string", "shape": [None, 2]},
                },
            }
        },
        "operations_outside_tensorflow": [],
    }


def test_a_search_of_the_caller_is_served_and_described(repeater, tmp_path):
    folder = saved_model(repeater, tmp_path, search=Repeat(times=3))

    served = tf.saved_model.load(str(folder)).signatures["serving_default"]
    assert served(text=tf.constant(["un"]))["text"].numpy().tolist() == [[b"un"] * 3]
    description = json.loads((folder / "seqzoo.json").read_text())
    assert description["search"] == {"kind": "Repeat", "times": 3}


def test_operations_that_tensorflow_text_brings_are_listed(tmp_path):
    import tensorflow_text

    words = tensorflow_text.WhitespaceTokenizer()
    task = variant(lambda text: words.tokenize(text).to_tensor()[:, 0])

    folder = saved_model(task, tmp_path)

    description = json.loads((folder / "seqzoo.json").read_text())
    assert description["operations_outside_tensorflow"] == [
        "TFText>WhitespaceTokenizeWithOffsetsV2"
    ]


def test_no_operation_is_placed_on_a_device(exported, tmp_path):
    def place(text):
        with tf.device("CPU:0"):
            return tf.while_loop(lambda _: False, lambda text: text + "!", [text])[0]

    for folder in (exported, saved_model(variant(place), tmp_path)):
        graph = graph_of(folder)
        functions = graph.library.function
        nodes = [*graph.node, *(node for function in functions for node in function.node_def)]
        assert len(nodes) > 20
        assert {node.device for node in nodes} == {""}


def test_no_fingerprint_of_another_graph_is_left(exported):
    assert sorted(path.name for path in exported.iterdir()) == [
        "assets",
        "assets.extra",
        "saved_model.pb",
        "seqzoo.json",
        "variables",
    ]


def test_nothing_of_the_graph_asks_for_xla(exported):
    assert b"XlaMustCompile" not in (exported / "saved_model.pb").read_bytes()


@tf.function(jit_compile=True)
def compiled(values):
    return values * 2


def compiled_inside(text):
    lengths = compiled(tf.strings.length(text))
    return tf.strings.as_string(lengths)


def compiled_in_a_loop(text):
    def body(step, text):
        return step + compiled(tf.constant(1)), text

    return tf.while_loop(lambda step, _: step < 3, body, (0, text))[1]


def numpy_function(text):
    return tf.ensure_shape(tf.numpy_function(np.copy, [text], tf.string), [None])


def python_function(text):
    return tf.ensure_shape(tf.py_function(tf.identity, [text], tf.string), [None])


def counted(text):
    COUNT.assign_add(1)
    return text


def counted_in_a_loop(text):
    def body(step, text):
        return step + 1, counted(text)

    return tf.while_loop(lambda step, _: step < 3, body, (0, text))[1]


COUNT = tf.Variable(0)


@pytest.mark.parametrize(
    ("transform", "message"),
    [
        (counted, "must not keep anything between requests.*AssignAdd.*stateful=True"),
        (counted_in_a_loop, "must not keep anything between requests.*AssignAdd.*stateful=True"),
        (compiled_inside, "must not be marked for XLA.*compiled.*jit_compile"),
        (compiled_in_a_loop, "must not be marked for XLA.*compiled.*jit_compile"),
        (numpy_function, "must not call Python.*PyFunc.*in __inference_serve"),
        (python_function, "must not call Python.*EagerPyFunc.*in __inference_serve"),
    ],
)
def test_a_graph_that_a_bare_server_cannot_run_is_refused(tmp_path, transform, message):
    with pytest.raises(ValueError, match=message):
        saved_model(variant(transform), tmp_path / "model")

    assert list((tmp_path / "model").iterdir()) == []


def test_an_exported_model_is_never_written_over(repeater, tmp_path):
    place = tmp_path / "1"
    place.mkdir()
    (place / "saved_model.pb").write_bytes(b"mine")

    with pytest.raises(ValueError, match="holds a version 1"):
        saved_model(repeater, tmp_path)

    assert (place / "saved_model.pb").read_bytes() == b"mine"


def test_a_folder_keeps_what_else_it_holds(repeater, tmp_path):
    (tmp_path / "2").mkdir()
    (tmp_path / "notes.txt").write_text("mine")

    saved_model(repeater, str(tmp_path))

    assert sorted(path.name for path in tmp_path.iterdir()) == ["1", "2", "notes.txt"]
    assert (tmp_path / "notes.txt").read_text() == "mine"


def test_a_file_in_the_place_of_the_folder_is_refused(repeater, tmp_path):
    (tmp_path / "model").write_text("mine")

    with pytest.raises(ValueError, match=r"`folder` must be a folder.*model'?, a file"):
        saved_model(repeater, tmp_path / "model")

    assert (tmp_path / "model").read_text() == "mine"


def test_missing_folders_above_are_made(repeater, tmp_path):
    folder = saved_model(repeater, tmp_path / "serving" / "deep" / "model")

    assert folder == tmp_path / "serving" / "deep" / "model" / "1"
    assert [path.name for path in (tmp_path / "serving" / "deep").iterdir()] == ["model"]


def test_a_failure_half_way_leaves_nothing(repeater, tmp_path, monkeypatch):
    def fail(*arguments, **options):
        raise OSError("no space left")

    monkeypatch.setattr(seqzoo.export.servable, "write_warm_up", fail)

    with pytest.raises(OSError, match="no space left"):
        saved_model(repeater, tmp_path / "model")

    assert list((tmp_path / "model").iterdir()) == []
