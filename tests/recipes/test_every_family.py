"""A recipe of every family takes `--strategy`, `--precision`, `--resume` and the settings."""

import json
from pathlib import Path

import pytest

from seqzoo import cli

FOLDER = Path(__file__).parents[2] / "recipes"
FAMILIES = {
    "translation/dates": ["data.train_size=40", "data.validation_size=4", "data.test_size=4"],
    "classification/questions": [],
    "tagging/entities": [],
    "language_model/tiny_shakespeare": ["model.window_length=8", "training.warmup_steps=2"],
    "captioning/scenes": ["data.train_size=16", "data.validation_size=2", "data.test_size=8"],
}
FILES = {
    "classification/questions": {
        "train.label": "HUM:ind Who is Ann ?\nNUM:date When was it ?\n" * 10,
        "test.label": "HUM:ind Who is Bob ?\n",
    },
    "tagging/entities": {
        f"{name}.conll": "Ann\tB-person\nsleeps\tO\n\nin\tO\nNew\tB-location\nYork\tI-location\n"
        * 2
        for name in ("train", "dev", "test")
    },
    "language_model/tiny_shakespeare": {"input.txt": "First Citizen:\nSpeak, speak.\n\n" * 40},
}


def train(name, folder, *arguments, settings=()):
    command = ["train", str(FOLDER / f"{name}.py"), "--out", str(folder / "run"), *arguments]
    if name in FILES:
        data = folder / "data"
        data.mkdir(exist_ok=True)
        for file, text in FILES[name].items():
            (data / file).write_text(text)
        command += ["--data", str(data)]
    for setting in settings:
        command += ["--set", setting]
    return cli.main(command)


@pytest.mark.slow
@pytest.mark.parametrize("precision", ["mixed_bfloat16", "mixed_float16"])
@pytest.mark.parametrize("name", FAMILIES)
def test_a_recipe_trains_on_replicas_in_16_bits_and_goes_on(name, precision, tmp_path, capsys):
    small = ["model.units=6", "model.embedding_dim=5", "training.batch_size=4", *FAMILIES[name]]
    options = ["--strategy", "mirrored", "--precision", precision, "--seed", "0"]
    assert train(name, tmp_path, *options, settings=[*small, "training.epochs=1"]) == 0
    assert train(name, tmp_path, "--resume", settings=["training.epochs=2"]) == 0
    said = capsys.readouterr()
    assert "resuming from step " in said.err
    *_, last = said.out.splitlines()
    assert all(value is not None for value in json.loads(last).values())  # all are finite
    assert (tmp_path / "run/history.csv").read_text().count("\n") == 1 + 2
    assert precision in (tmp_path / "run/preset/config.json").read_text()
