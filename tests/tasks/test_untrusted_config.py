"""Configs of others: ValueError alone, nothing run or read elsewhere, and no more than the weights.

`benchmarks/faults.py hostile` tries hundreds in a process of their own.
"""

import importlib
import io
import json
import random
import shutil
import sys
import threading
import zipfile
from pathlib import Path

import h5py
import keras
import numpy as np
import pytest
from tiny_tasks import make_bigram

import seqzoo as sz
from seqzoo.tasks.untrusted_config import Size, bounded_by, read_config, size_of_weights


@pytest.fixture(scope="module")
def hostile():
    sys.path.insert(0, str(Path(__file__).parents[2] / "benchmarks"))
    yield importlib.import_module("hostile_configs")
    sys.path.pop(0)


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A preset without digests, which its sender could write too."""
    folder = tmp_path_factory.mktemp("presets") / "one"
    make_bigram().save_preset(folder)
    (folder / "SHA256SUMS").unlink()
    return folder


@pytest.fixture
def load(preset, tmp_path):
    """Loads the preset with another config."""
    shutil.copytree(preset, tmp_path / "preset")

    def load(config):
        content = config if isinstance(config, bytes) else json.dumps(config).encode()
        (tmp_path / "preset" / "config.json").write_bytes(content)
        return sz.from_preset(tmp_path / "preset")

    return load


@pytest.mark.filterwarnings("ignore")
def test_hostile_configs_are_refused_with_a_value_error_that_names_the_file(hostile, preset, load):
    configs = {"bigram": json.loads((preset / "config.json").read_bytes())}
    texts = [each for each in hostile.hostile_texts(150, 0, configs) if len(each[2]) < 2**20]
    texts, messages = random.Random(0).sample(texts, 40), []
    for trick, _, text in texts:
        try:
            load(text)
        except ValueError as error:
            messages.append(str(error))
        assert not Path(hostile.CANARY).exists(), trick
    assert len(messages) > 30
    assert all("preset/config.json" in each and "\n" not in each for each in messages)
    assert max(map(len, messages)) < 600


def test_a_file_elsewhere_that_a_config_names_is_not_read(hostile, preset, load, tmp_path):
    (tmp_path / "secret").write_text("secret\n")
    config = json.loads((preset / "config.json").read_bytes())
    for trick, part in hostile.PARTS.items():
        text = json.dumps(part).replace(hostile.CANARY, str(tmp_path / "secret"))
        config["config"]["head"] = json.loads(text)
        with pytest.raises(ValueError, match=r"config.json") as error:
            load(config)
        assert "secret" not in str(error.value).replace(str(tmp_path), ""), trick


@pytest.mark.parametrize(
    ("text", "message"),
    [  # too many bytes, values, objects and lists, and levels
        (b" " * (2**26 + 1), r"may hold 67108864 bytes. Received: 67108865"),
        (b"[" + b"0," * 2**22 + b"0]", r"may hold 4194304 values. Received: 4194305"),
        (b"[" * (2**20 + 1), r"may hold 1048576 objects and lists. Received: 1048577"),
        (b"[" * 10**5 + b"]" * 10**5, r"may be nested 200 deep"),
        (b"[" * 201 + b"]" * 201, r"may be nested 200 deep"),
    ],
    ids=["bytes", "values", "lists", "deep", "deeper by one"],
)
def test_what_a_config_may_hold_is_bounded(text, message):
    with pytest.raises(ValueError, match=message):
        read_config(text)
    assert read_config(b"[" * 200 + b"]" * 200)


def test_more_than_the_weights_is_refused_before_it_is_made(preset, load):
    whole = json.loads((preset / "config.json").read_bytes())
    wide = {"class_name": "Dense", "module": "keras.layers", "config": {"units": 10**6}}
    shape = {"input_shape": [None, 10**6]}
    whole["config"]["head"] = {**wide, "registered_name": None, "build_config": shape}
    with pytest.raises(ValueError, match=r"asks for more numbers than the weights .* in 5 arrays"):
        load(whole)
    many = [{"class_name": "ReLU", "module": "keras.layers", "config": {}}] * 500
    whole["config"]["head"] = {
        "class_name": "Sequential",
        "module": "keras",
        "config": {"name": "many", "layers": many},
    }
    with pytest.raises(ValueError, match=r"asks for more layers than the weights"):
        load(whole)


def test_the_bound_is_that_of_one_thread_and_ends_with_its_context():
    make = keras.Variable.__init__, keras.layers.Layer.__init__
    made = []
    thread = threading.Thread(target=lambda: made.append(keras.Variable(np.ones(2**21))))
    with bounded_by(Size(3, 1)):
        thread.start()
        thread.join()
        with pytest.raises(ValueError, match="more numbers than the weights can fill: these are 3"):
            keras.layers.Dense(2**11).build((None, 2**11))
    assert made[0].shape == (2**21,)
    assert (keras.Variable.__init__, keras.layers.Layer.__init__) == make
    keras.layers.Dense(2**11).build((None, 2**11))


def test_arrays_that_say_more_than_they_hold_are_refused():
    def file_with(name, *arguments, **options):
        content = io.BytesIO()
        with h5py.File(content, "w") as file:
            file.create_dataset("a/b", data=np.ones((2, 3)))
            file.create_dataset(name, *arguments, **options)
        content.seek(0)
        return content

    assert size_of_weights(file_with("c", data=np.float32(1))) == Size(7, 2)
    elsewhere = [("/etc/passwd", 0, h5py.h5f.UNLIMITED)]
    for shape, options in (((10**6, 10**6), {"chunks": (1, 1)}), ((3,), {"external": elsewhere})):
        with pytest.raises(ValueError, match="big must hold its numbers itself"):
            size_of_weights(file_with("big", shape, "float32", **options))


def test_a_keras_file_is_bounded_as_a_preset_is(hostile, tmp_path):
    make_bigram().save(tmp_path / "whole.keras")
    with zipfile.ZipFile(tmp_path / "whole.keras") as archive:
        members = {name: archive.read(name) for name in archive.namelist()}

    def load(compression=zipfile.ZIP_STORED, **changed):
        path = tmp_path / "task.keras"
        with zipfile.ZipFile(path, "w", compression) as archive:
            for name, content in (members | changed).items():
                archive.writestr(name, content)
        return sz.load(path)

    load()
    load(zipfile.ZIP_DEFLATED)
    config = json.loads(members["config.json"])
    for trick in ("a layer of a lambda", "a vocabulary elsewhere", "a wide model", "a download"):
        config["config"]["head"] = hostile.PARTS[trick]
        with pytest.raises(ValueError, match=r"task.keras cannot be read as a task"):
            load(**{"config.json": json.dumps(config)})
    with pytest.raises(ValueError, match=r"Its members would unpack to \d{9} bytes"):
        load(zipfile.ZIP_DEFLATED, other=bytes(2**27))
    for name in ("config.json", "model.weights.h5"):
        with pytest.raises(ValueError, match=r"task.keras cannot be read as a task"):
            load(**{name: b"[" * 10**5})


def test_arrays_of_text_and_calls_without_a_tensor_are_refused(hostile):
    for dtype in ("U999999999", "a9999", "object", None, 3):
        with pytest.raises(ValueError, match="An array must hold numbers"):
            read_config(json.dumps([hostile._array(dtype)]).encode())
    with pytest.raises(ValueError, match="must be called on a tensor of it"):
        read_config(json.dumps([hostile.PARTS["a function of arrays"]]).encode())


def test_classes_that_the_user_registered_are_parts_of_a_config():
    own = keras.saving.serialize_keras_object(make_bigram())
    assert own["registered_name"] == "tests>Bigram"
    assert read_config(json.dumps(own).encode()) == json.loads(json.dumps(own))
    own["registered_name"] = "tests>Other"
    with pytest.raises(ValueError, match="Received: Bigram of tiny_tasks"):
        read_config(json.dumps(own).encode())


def test_layers_of_applications_and_backbones_are_parts_of_a_config():
    for module, name in (
        ("keras.src.applications.convnext", "LayerScale"),
        ("keras.src.models.functional", "Functional"),
        ("keras_hub.src.models.bert.bert_backbone", "BertBackbone"),
        ("keras_hub.src.layers.modeling.token_and_position_embedding", "Embedding"),
    ):
        read_config(json.dumps({"module": module, "class_name": name, "config": {}}).encode())
