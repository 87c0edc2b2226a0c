"""Files of tasks: what comes back, what is refused, and what a failure leaves behind."""

import errno
import json
import shutil
import subprocess
import sys
import zipfile

import h5py
import keras
import numpy as np
import pytest
from tiny_tasks import Bigram, make_bigram, make_translator, reversal_pairs

from seqzoo import BeamSearch, from_preset, load
from seqzoo.preprocessing import SubwordTokenizer
from seqzoo.zoo import sutskever_2014

PAIRS = reversal_pairs(21)
X = {"source_ids": np.array([[5, 4, 3]]), "target_ids": np.array([[2, 4, 6]])}


def logits(task):
    return np.asarray(keras.ops.cast(task(X), "float32"))


def settings_of(task):
    """The config of a task, but for the shapes that parts were built with."""

    def plain(value):
        if not isinstance(value, dict):
            return value
        return {name: plain(part) for name, part in value.items() if name != "build_config"}

    return plain(task.get_config())


def read(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.fixture(scope="module")
def preset(tmp_path_factory):
    """A small translator and the folder of its preset."""
    task = make_translator(search=BeamSearch(width=3, alpha=0.7), max_source_length=9)
    task.save_preset(folder := tmp_path_factory.mktemp("presets") / "one")
    return task, folder


def test_a_saved_task_comes_back_whole_and_goes_on_with_its_training(tmp_path):
    task = make_bigram()
    task.compile(keras.optimizers.Adam(0.05, global_clipnorm=0.1), run_eagerly=True)
    settings = {"batch_size": 8, "verbose": 0}
    task.fit(PAIRS, **settings)
    task.save(tmp_path / "task.keras")

    again = load(tmp_path / "task.keras")

    assert type(again) is Bigram
    assert settings_of(again) == settings_of(task)
    np.testing.assert_array_equal(logits(again), logits(task))
    for each in (task, again):
        each.fit(PAIRS, initial_epoch=1, epochs=2, **settings)
    assert int(again.optimizer.iterations) == 6
    for found, wanted in zip(again.get_weights(), task.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)
    for found, wanted in zip(again.optimizer.variables, task.optimizer.variables, strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_how_a_task_was_compiled_comes_back(tmp_path):
    task = make_bigram()
    task.compile(
        "sgd",
        loss=keras.losses.SparseCategoricalCrossentropy(from_logits=True),
        weighted_metrics=["accuracy"],
        run_eagerly=True,
    )
    task.optimizer.clipvalue = 0.5
    task.save(tmp_path / "task.keras")

    again = load(tmp_path / "task.keras")

    assert again.get_compile_config() == task.get_compile_config()
    assert type(again.optimizer) is keras.optimizers.SGD
    assert again.optimizer.clipvalue == 0.5
    assert (again.run_eagerly, again.jit_compile) == (True, False)
    found, wanted = (each.evaluate(PAIRS, verbose=0, return_dict=True) for each in (again, task))
    assert found == pytest.approx(wanted)
    assert "accuracy" in wanted


def test_the_loss_of_the_head_comes_back_as_such(tmp_path):
    task = make_bigram()
    task.compile()
    task.save(tmp_path / "task.keras")
    assert load(tmp_path / "task.keras").get_compile_config() == task.get_compile_config()


def test_a_preset_holds_the_task_without_its_training(preset):
    task, folder = preset
    again = from_preset(folder)

    np.testing.assert_array_equal(logits(again), logits(task))
    assert settings_of(again) == settings_of(task)
    assert again.search == BeamSearch(width=3, alpha=0.7)
    assert again.preprocessor.max_source_length == 9
    assert not again.compiled
    assert sorted(read(folder)) == ["SHA256SUMS", "config.json", "model.weights.h5"]


def test_the_optimizer_is_left_out_of_a_preset_and_stays_with_the_task(tmp_path):
    task = make_bigram()
    task.compile(run_eagerly=True)
    task.fit(PAIRS[:4], verbose=0)
    optimizer = task.optimizer

    task.save_preset(tmp_path / "preset")

    assert task.optimizer is optimizer
    with h5py.File(tmp_path / "preset" / "model.weights.h5") as file:
        assert "optimizer" not in file
    np.testing.assert_array_equal(logits(from_preset(tmp_path / "preset")), logits(task))


def test_a_newer_preset_takes_the_place_of_an_older_one(tmp_path):
    task, newer = make_bigram(), make_bigram(seed=2)
    task.save_preset(tmp_path / "deep" / "preset")
    newer.save_preset(str(tmp_path / "deep" / "preset"))

    np.testing.assert_array_equal(logits(from_preset(tmp_path / "deep" / "preset")), logits(newer))
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["preset"]


def test_an_empty_folder_is_filled(tmp_path):
    make_bigram().save_preset(tmp_path)
    assert len(read(tmp_path)) == 3


def test_a_folder_that_holds_anything_else_is_refused_and_untouched(tmp_path):
    task = make_bigram()
    folder = tmp_path / "mine"
    folder.mkdir()
    for content in ({"config.json": b"{}"}, {"config.json": b"{}", "notes.txt": b"mine"}):
        for name, data in content.items():
            (folder / name).write_bytes(data)
        with pytest.raises(ValueError, match="mine exists and is no preset"):
            task.save_preset(folder)
        assert read(folder) == content


def test_a_preset_beside_which_a_file_was_put_is_refused_and_untouched(tmp_path):
    task = make_bigram()
    task.save_preset(tmp_path / "preset")
    (tmp_path / "preset" / "notes.txt").write_text("mine")
    before = read(tmp_path / "preset")
    with pytest.raises(ValueError, match="is no preset"):
        task.save_preset(tmp_path / "preset")
    assert read(tmp_path / "preset") == before


def test_a_file_in_the_place_of_a_preset_is_refused(tmp_path):
    (tmp_path / "file").write_text("mine")
    with pytest.raises(ValueError, match="is no preset"):
        make_bigram().save_preset(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "mine"


@pytest.fixture
def full_disk(monkeypatch):
    """Lets Keras write half a file."""

    def write(task, path, **options):
        if isinstance(path, str):
            with open(path, "wb") as file:
                file.write(b"half")
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(keras.Model, "save", write)
    monkeypatch.setattr(keras.Model, "save_weights", write)


def test_a_failing_save_leaves_what_was_there(tmp_path, request):
    task = make_bigram()
    task.compile()
    task.save(tmp_path / "task.keras")
    task.save_preset(tmp_path / "preset")
    before = (tmp_path / "task.keras").read_bytes(), read(tmp_path / "preset")
    optimizer = task.optimizer
    request.getfixturevalue("full_disk")

    for name in ("task.keras", "new.keras"):
        with pytest.raises(OSError, match=rf"No space left .*{name}'"):
            task.save(tmp_path / name)
    for name in ("preset", "new"):
        with pytest.raises(OSError, match=rf"No space left .*{name}'"):
            task.save_preset(tmp_path / name)

    assert ((tmp_path / "task.keras").read_bytes(), read(tmp_path / "preset")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["preset", "task.keras"]
    assert task.optimizer is optimizer


@pytest.mark.parametrize(
    "other", [{"units": 13}, {"layers": 2}, {"attention": "general"}, {"embedding_dim": 9}]
)
def test_weights_of_another_model_are_refused_in_one_line(preset, tmp_path, other):
    _, folder = preset
    make_translator(**other).save_preset(tmp_path / "other")
    shutil.copy(folder / "config.json", tmp_path / "other")
    with pytest.raises(ValueError, match=r"config.json is damaged: it must have the digest"):
        from_preset(tmp_path / "other")
    (tmp_path / "other" / "SHA256SUMS").unlink()

    with pytest.raises(ValueError, match=r"does not fit the model of .*config.json") as caught:
        from_preset(tmp_path / "other")

    assert "\n" not in str(caught.value)


def test_weights_of_equally_many_numbers_but_other_shapes_are_refused(preset, tmp_path):
    _, folder = preset
    shutil.copytree(folder, tmp_path / "other")
    with h5py.File(tmp_path / "other" / "model.weights.h5", "r+") as file:
        kernel = file["head/vars/0"][:]
        del file["head/vars/0"]
        file["head/vars/0"] = kernel.T
    (tmp_path / "other" / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match="does not fit the model") as caught:
        from_preset(tmp_path / "other")
    assert "\n" not in str(caught.value)


def test_what_is_missing_or_broken_is_named(preset, tmp_path):
    _, folder = preset
    with pytest.raises(FileNotFoundError, match=r"no folder .*nowhere.*Known: dates. Check"):
        from_preset(tmp_path / "nowhere")
    with pytest.raises(ValueError, match=r"tmp.* is no preset: it has no config.json"):
        from_preset(tmp_path)
    with pytest.raises(ValueError, match=r"`from_preset` reads a folder. Received a file: "):
        from_preset(folder / "config.json")
    shutil.copytree(folder, tmp_path / "preset")
    weights, config = (tmp_path / "preset" / name for name in ("model.weights.h5", "config.json"))
    whole = weights.read_bytes()
    weights.write_bytes(whole[:1000])
    (tmp_path / "preset" / "SHA256SUMS").unlink()
    with pytest.raises(ValueError, match=r"model.weights.h5 does not fit"):
        from_preset(tmp_path / "preset")
    weights.write_bytes(whole)
    dense = keras.saving.serialize_keras_object(keras.layers.Dense(2))
    for content in ('{"module"', '{"model_type": "other"}', json.dumps(dense)):
        config.write_text(content)
        with pytest.raises(ValueError, match=r"config.json (cannot be read|describes no task)"):
            from_preset(tmp_path / "preset")
    weights.unlink()
    with pytest.raises(ValueError, match=r"it has no model.weights.h5"):
        from_preset(tmp_path / "preset")


def test_weights_that_are_no_numbers_are_told(tmp_path):
    task = make_bigram()
    task.hidden.bias.assign([0, np.nan, 1, 2, np.inf, 3])
    task.save(tmp_path / "task.keras")
    task.save_preset(tmp_path / "preset")
    for read, name in ((load, "task.keras"), (from_preset, "model.weights.h5")):
        with pytest.warns(UserWarning, match=rf"{name}: 2 of the 6 numbers of .*bias are NaN"):
            again = read(tmp_path / name.replace("model.weights.h5", "preset"))
        np.testing.assert_array_equal(again.hidden.bias, task.hidden.bias)


def test_a_path_without_a_saved_task_is_refused_in_words(preset, tmp_path):
    _, folder = preset
    (tmp_path / "text.keras").write_text("text")
    with zipfile.ZipFile(tmp_path / "zip.keras", "w") as file:
        file.writestr("other", "")
    (tmp_path / "text.txt").write_text("text")
    for path, message in {
        "text.keras": r"text.keras is no `.keras` file: it is no zip",
        "text.txt": r"text.txt is no `.keras` file: its name must end in `.keras`",
        folder: r"Received a folder: .* It is a preset: load it with `from_preset`",
        ".": r"Received a folder: .* Give a file that `save` wrote",
    }.items():
        with pytest.raises(ValueError, match=message):
            load(tmp_path / path)
    for path in ("nowhere.keras", "nowhere", "nowhere/task.keras"):
        with pytest.raises(FileNotFoundError, match=f"There is nothing at .*{path}. Check"):
            load(tmp_path / path)
    with pytest.raises(ValueError, match=r"zip.keras cannot be read as a task"):
        load(tmp_path / "zip.keras")
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1)])
    model.save(tmp_path / "model.keras")
    with pytest.raises(ValueError, match="holds no task but a Sequential"):
        load(tmp_path / "model.keras")


def test_a_task_is_saved_to_keras_files_alone(tmp_path):
    task = make_bigram()
    (tmp_path / "folder.keras").mkdir()
    for name in ("task.h5", "task", "folder.keras"):
        with pytest.raises(ValueError, match=r"`save` writes a file whose name ends in `.keras`"):
            task.save(tmp_path / name)
    task.save(tmp_path / "task.keras")
    with pytest.raises(FileExistsError, match="overwrite=True"):
        task.save(tmp_path / "task.keras", overwrite=False)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["folder.keras", "task.keras"]


def test_a_config_stays_as_it_is_when_a_task_is_made_of_it():
    task = make_translator(search=BeamSearch(width=2))
    config = task.get_config()
    before = json.dumps(config)

    again = type(task).from_config(config)

    assert json.dumps(config) == before
    assert again.get_config() == config


def test_a_task_keeps_its_precision(tmp_path):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        task = make_translator()
    finally:
        keras.config.set_dtype_policy("float32")
    task.save_preset(tmp_path / "preset")

    again = from_preset(tmp_path / "preset")

    assert again.compute_dtype == again.head.compute_dtype == "bfloat16"
    np.testing.assert_array_equal(logits(again), logits(task))


FRESH_PROCESS = """
import sys, numpy as np, seqzoo as sz
for path in sys.argv[1:]:
    task = sz.load(path) if path.endswith(".keras") else sz.from_preset(path)
    ids = task.preprocessor.source_ids(["a b", "g"])
    print(float(np.abs(task({"source_ids": ids, "target_ids": ids})).sum()))
"""


def test_a_process_that_has_imported_nothing_else_loads_both_kinds(preset, tmp_path):
    task, folder = preset
    subwords = SubwordTokenizer(20)
    subwords.adapt(source for source, _ in PAIRS)
    other = sutskever_2014(subwords, subwords, units=4, layers=1, embedding_dim=3)
    other.save(tmp_path / "other.keras")

    paths = [str(folder), str(tmp_path / "other.keras")]
    done = subprocess.run(
        [sys.executable, "-c", FRESH_PROCESS, *paths], capture_output=True, text=True, check=True
    )

    wanted = []
    for each in (task, other):
        ids = each.preprocessor.source_ids(["a b", "g"])
        wanted.append(np.abs(each({"source_ids": ids, "target_ids": ids})).sum())
    assert [float(line) for line in done.stdout.split()] == pytest.approx(wanted, rel=1e-5)
