"""Builds the C client of SavedModels, and gives the arguments it needs for one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

FOLDER = Path(__file__).parent / "c_client"


def build_client(folder: Path, name: str = "translate") -> Path:
    """Compiles the client `name` into `folder`, with headers and libraries of the TensorFlow wheel.

    Raises:
        RuntimeError: if there is no C compiler or it refuses the source.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(
            f"A C compiler named `cc` is needed to build tests/serving/c_client/{name}.c, and "
            "there is none on the PATH. Install one, such as `apt-get install gcc libc6-dev`."
        )
    client = folder / name
    libraries = tf.sysconfig.get_lib()
    command = [compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"]
    command += [
        "-isystem",
        tf.sysconfig.get_include(),
        str(FOLDER / f"{name}.c"),
        "-o",
        str(client),
    ]
    command += [f"-L{libraries}", f"-Wl,-rpath,{libraries}"]
    command += ["-l:libtensorflow_cc.so.2", "-l:libtensorflow_framework.so.2"]
    if shutil.which("ld.gold"):  # takes 2 s for the libraries, where the usual linker takes 10
        command.append("-fuse-ld=gold")
    result = subprocess.run(command, capture_output=True, text=True)
    if result.returncode != 0:
        raise RuntimeError(f"The C client does not compile: {' '.join(command)}\n{result.stderr}")
    return client


def client_arguments(saved_model: Path, scores: bool = False) -> list[str]:
    """Returns the client's arguments for the `serving_default` signature of a SavedModel.

    Its input is called `text` and its outputs `text` and `scores`; `scores` says whether
    they are printed.
    """
    signature = default_signature(saved_model)
    arguments = [str(saved_model)]
    arguments += ["--input", signature.inputs["text"].name]
    arguments += ["--texts", signature.outputs["text"].name]
    if scores:
        arguments += ["--scores", signature.outputs["scores"].name]
    return arguments


def default_signature(saved_model: Path):
    """Returns the `serving_default` signature of a SavedModel, with the names of its tensors."""
    model = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    return model.meta_graphs[0].signature_def["serving_default"]
