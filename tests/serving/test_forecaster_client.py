"""A forecaster answers a C program, and a Python process with TensorFlow alone, as it does here."""

import subprocess
import sys

import keras
import numpy as np
import pytest
from client_build import build_client, default_signature

import seqzoo as sz

BARE = """
import sys
for name in ("seqzoo", "keras", "keras_hub", "tensorflow_text"):
    sys.modules[name] = None
import numpy as np, tensorflow as tf
history = np.array([line.split() for line in sys.stdin], np.float32).reshape(1, -1, 1)
answer = tf.saved_model.load(sys.argv[1]).signatures["serving_default"]
print(*answer(history=tf.constant(history))["forecast"].numpy().ravel().tolist(), sep="\\n")
"""
HISTORIES = {
    "whole": "3.5\n4\n6.25\n5\n7\n8.5\n",
    "missing": "3.5\nnan\n6.25\nnan\n",
    "one": "12\n",
    "all missing": "nan\nnan\n",
    "none": "",
}


@pytest.fixture(scope="module")
def forecaster():
    keras.utils.set_random_seed(0)
    windows = sz.preprocessing.ForecastWindows(lookback=4, horizon=3)
    windows.adapt(np.arange(20.0) ** 1.5)
    return sz.zoo.livieris_2020(windows, filters=(3,), units=4)


@pytest.fixture(scope="module")
def saved_model(forecaster, tmp_path_factory):
    folder = tmp_path_factory.mktemp("forecaster")
    forecaster.export(folder)
    return folder / "1"


@pytest.fixture(scope="module")
def client(tmp_path_factory):
    return build_client(tmp_path_factory.mktemp("client"), "forecast")


def ask(command, lines: str) -> subprocess.CompletedProcess:
    return subprocess.run(command, input=lines, capture_output=True, text=True)


def client_command(client, saved_model) -> list[str]:
    signature = default_signature(saved_model)
    tensors = signature.inputs["history"].name, signature.outputs["forecast"].name
    return [str(client), str(saved_model), "--history", tensors[0], "--forecast", tensors[1]]


@pytest.mark.parametrize("name", HISTORIES)
def test_both_answer_as_the_forecaster(name, forecaster, saved_model, client):
    lines = HISTORIES[name]
    history = np.array([line.split() for line in lines.splitlines()], "float32").reshape(1, -1, 1)
    want = forecaster.answer_raw({"history": history})["forecast"].numpy().ravel()
    assert np.isfinite(want).all()
    in_c = ask(client_command(client, saved_model), lines)
    in_python = ask([sys.executable, "-I", "-c", BARE, str(saved_model)], lines)
    for result in (in_c, in_python):
        assert result.returncode == 0, result.stderr
        np.testing.assert_allclose(np.array(result.stdout.split(), float), want, rtol=1e-5)


@pytest.mark.parametrize("lines", ["1\n2 3\n", "1\n\n2\n", "1\none\n"])
def test_a_line_that_is_no_row_is_said_with_status_2(lines, saved_model, client):
    result = ask(client_command(client, saved_model), lines)
    assert (result.returncode, result.stdout) == (2, "")
    assert "forecast: " in result.stderr.splitlines()[-1]
