"""Models of repositories of Hugging Face go the way of folders. Nothing is downloaded here."""

import fnmatch
import io
import json
import shutil
import sys
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

import seqzoo as sz
from seqzoo import cli, importing
from seqzoo.extras import MissingPackageError
from seqzoo.recipe import pretrained

BERT = Path(__file__).parent / "golden/bert"
DATES = sz.presets()["dates"].folder


@pytest.fixture
def hub(tmp_path, monkeypatch):
    """Stands in for `huggingface_hub`: its repositories are the folders in `repositories`."""
    hub = SimpleNamespace(repositories={}, requests=[])

    def snapshot_download(repo_id, revision, allow_patterns):
        hub.requests.append((repo_id, revision))
        if repo_id not in hub.repositories:
            raise ConnectionError(f"404 Client Error.\n\nRepository Not Found for {repo_id}.")
        cache = tmp_path / "cache" / repo_id.replace("/", "--")
        cache.mkdir(parents=True)
        source = hub.repositories[repo_id]
        for path in filter(Path.is_file, source.rglob("*")):
            name = str(path.relative_to(source))
            if any(fnmatch.fnmatch(name, pattern) for pattern in allow_patterns):
                (cache / name).symlink_to(path)
        hub.files = {path.name for path in cache.rglob("*")}
        return str(cache)

    hub.snapshot_download = snapshot_download
    monkeypatch.setitem(sys.modules, "huggingface_hub", hub)
    return hub


def test_a_preset_is_loaded_and_no_more_of_its_repository(hub, tmp_path):
    repository = tmp_path / "repository"
    shutil.copytree(DATES, repository)
    for name in ("setup.py", "pytorch_model.bin", "onnx/model.safetensors"):
        (repository / name).parent.mkdir(exist_ok=True)
        (repository / name).write_text("not wanted")
    hub.repositories["ann/dates"] = repository
    task = sz.from_preset("hf://ann/dates@v1.0")
    assert hub.requests == [("ann/dates", "v1.0")]
    assert hub.files == {"SHA256SUMS", "config.json", "model.weights.h5"}
    assert task.count_params() == sz.from_preset("dates").count_params()


def test_a_published_model_is_loaded(hub):
    hub.repositories["ann/bert-tiny"] = BERT
    task = sz.from_preset("hf://ann/bert-tiny")
    assert hub.requests == [("ann/bert-tiny", None)]
    again = importing.load(BERT)
    for found, wanted in zip(task.get_weights(), again.get_weights(), strict=True):
        np.testing.assert_array_equal(found, wanted)


def test_a_published_model_in_a_folder_is_loaded_too():
    assert type(sz.from_preset(BERT)) is type(importing.load(BERT))


def test_an_encoder_is_taken_from_an_address(hub):
    hub.repositories["ann/bert-tiny"] = BERT
    _, tokenizer = pretrained("hf://ann/bert-tiny")
    assert tokenizer.vocabulary == importing.load(BERT).preprocessor.tokenizer.vocabulary


def test_the_command_line_answers_from_an_address(hub, monkeypatch, capsys):
    hub.repositories["ann/dates"] = DATES
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(b"3 avril 2021\n")))
    assert cli.main(["predict", "hf://ann/dates"]) == 0
    assert capsys.readouterr().out == "2021-04-03\n"


def test_a_config_of_the_network_may_name_no_more_than_one_of_a_folder(hub, tmp_path):
    folder = tmp_path / "repository"
    shutil.copytree(DATES, folder)
    (folder / "SHA256SUMS").unlink()
    config = json.loads((folder / "config.json").read_text())
    config["config"]["head"] = {"module": "os", "class_name": "system", "config": {}}
    (folder / "config.json").write_text(json.dumps(config))
    hub.repositories["ann/evil"] = folder
    with pytest.raises(ValueError, match="system of os"):
        sz.from_preset("hf://ann/evil")


@pytest.mark.parametrize("address", ["hf://bert", "hf://ann/bert/main", "hf://", "hf://ann/b@"])
def test_a_wrong_address_is_told(hub, address):
    with pytest.raises(ValueError, match=r"must be hf://owner/name, .* Received: 'hf://"):
        sz.from_preset(address)
    assert hub.requests == []


def test_a_repository_that_cannot_be_had_is_told_in_a_line(hub, tmp_path, capsys):
    with pytest.raises(OSError, match=r"hf://ann/gone cannot be downloaded. \(404 Client Error"):
        sz.from_preset("hf://ann/gone")
    (tmp_path / "pickle").mkdir()
    (tmp_path / "pickle/pytorch_model.bin").write_text("pickle")
    hub.repositories["ann/pickle"] = tmp_path / "pickle"
    with pytest.raises(ValueError, match=r"hf://ann/pickle must hold model\.weights\.h5, which"):
        sz.from_preset("hf://ann/pickle")
    assert cli.main(["predict", "hf://ann/gone"]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_without_the_package_its_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "huggingface_hub", None)
    with pytest.raises(MissingPackageError, match=r"huggingface_hub.*pip install 'seqzoo\[hub\]'"):
        sz.from_preset("hf://ann/dates")
