"""A trained translator answers as `generate` does where there is only TensorFlow: Python and C."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from client_build import client_arguments
from translators import Answers, assert_same, sentences, train

SCRIPT = Path(__file__).parent / "bare_python.py"
# TensorFlow Text brings the operations of sub-words, and itself imports Keras.
NEEDED = {"words": [], "subwords": ["keras", "tensorflow_text"]}


@pytest.fixture(scope="module", params=["words", pytest.param("subwords", marks=pytest.mark.slow)])
def kind(request):
    return request.param


@pytest.fixture(scope="module")
def translator(kind, tmp_path_factory):
    return train(kind, tmp_path_factory.mktemp("served") / kind)


def ask(command: list[str], lines: list[bytes]) -> Answers:
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    result = subprocess.run(command, input=b"\n".join(lines), capture_output=True, env=quiet)
    assert result.returncode == 0, result.stderr.decode()
    cells = [line.split(b"\t") for line in result.stdout.removesuffix(b"\n").split(b"\n")]
    return Answers(
        np.array([row[::2] for row in cells], object),
        np.array([row[1::2] for row in cells], "float32"),
    )


def test_the_questions_are_many_and_the_answers_differ(translator):
    assert len(translator.sentences) == len(sentences()) == 200
    assert len(set(translator.answers.texts[:, 0])) > 100
    assert translator.answers.texts[1].tolist() == [b"", b""]  # of an empty line


def test_a_python_process_without_seqzoo_answers_the_same(kind, translator):
    command = [sys.executable, "-I", str(SCRIPT), str(translator.folder), *NEEDED[kind]]

    assert_same(ask(command, translator.sentences), translator.answers)


def test_a_c_program_answers_the_same(kind, translator, client):
    command = [str(client), *client_arguments(translator.folder, scores=True)]
    if kind == "subwords":
        command += ["--library", str(sentencepiece_operations())]

    assert_same(ask(command, translator.sentences), translator.answers)


def sentencepiece_operations() -> Path:
    import tensorflow_text

    return Path(tensorflow_text.__file__).parent / "python/ops/_sentencepiece_tokenizer.so"
