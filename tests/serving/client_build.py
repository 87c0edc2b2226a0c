"""Builds the C client of SavedModels, and gives the arguments it needs for one."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

SOURCE = Path(__file__).parent / "c_client" / "translate.c"


def build_client(folder: Path) -> Path:
    """Compiles the client into `folder` with the headers and libraries of the TensorFlow wheel.

    Raises:
        RuntimeError: if there is no C compiler or it refuses the source.
    """
    compiler = shutil.which("cc")
    if compiler is None:
        raise RuntimeError(
            "A C compiler named `cc` is needed to build tests/serving/c_client/translate.c, and "
            "there is none on the PATH. Install one, such as `apt-get install gcc libc6-dev`."
        )
    client = folder / "translate"
    libraries = tf.sysconfig.get_lib()
    command = [compiler, "-std=c11", "-O1", "-Wall", "-Wextra", "-Werror"]
    command += ["-isystem", tf.sysconfig.get_include(), str(SOURCE), "-o", str(client)]
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
    model = saved_model_pb2.SavedModel.FromString((saved_model / "saved_model.pb").read_bytes())
    signature = model.meta_graphs[0].signature_def["serving_default"]
    arguments = [str(saved_model)]
    arguments += ["--input", signature.inputs["text"].name]
    arguments += ["--texts", signature.outputs["text"].name]
    if scores:
        arguments += ["--scores", signature.outputs["scores"].name]
    return arguments
