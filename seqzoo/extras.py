"""Packages that not everybody needs, imported when used; errors say how to install them."""

from __future__ import annotations

import importlib
from typing import Any


class MissingPackageError(ImportError):
    """A package is needed that is not installed; the message says how to install it."""


def import_tfds() -> Any:
    """Imports TensorFlow Datasets.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import("tensorflow_datasets", "Data sets of TFDS need", "pip install 'seqzoo[tfds]'.")


def import_huggingface_hub() -> Any:
    """Imports the package that downloads from Hugging Face.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import(
        "huggingface_hub", "Models of hf:// addresses need", "pip install 'seqzoo[hub]'."
    )


def import_optuna() -> Any:
    """Imports Optuna.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import("optuna", "Samplers of Optuna need", "pip install 'seqzoo[tuning]'.")


def import_keras_tuner() -> Any:
    """Imports KerasTuner.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import("keras_tuner", "Oracles of KerasTuner need", "pip install 'seqzoo[tuning]'.")


def import_tensorflow_text() -> Any:
    """Imports TensorFlow Text, which cuts sub-words in the graph.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import(
        "tensorflow_text",
        "Sub-words need",
        "pip install tensorflow-text. It has no wheels for Windows: use WordTokenizer, "
        "CharacterTokenizer or ByteTokenizer there, or the Windows Subsystem for Linux.",
    )


def import_pretty_midi() -> Any:
    """Imports the package that reads and writes MIDI files.

    Raises:
        MissingPackageError: if it is not installed.
    """
    return _import("pretty_midi", "MIDI files need", "pip install 'seqzoo[music]'.")


def import_biopython() -> Any:
    """Imports the package that reads FASTA and GenBank.

    Returns:
        Its `SeqIO`, and the error of a sequence whose letters a file does not tell.

    Raises:
        MissingPackageError: if it is not installed.
    """
    name, needed = "Bio", "Files of sequences need"
    package = _import(name, needed, "pip install 'seqzoo[biology]'.")
    modules = (importlib.import_module(f"{package.__name__}.{part}") for part in ("SeqIO", "Seq"))
    seq_io, seq = modules
    return seq_io, seq.UndefinedSequenceError


def _import(name: str, needed: str, way: str) -> Any:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name != name:  # it is there, and lacks another package itself
            raise
        raise MissingPackageError(
            f"{needed} the package {name}, which is not installed. Install it: {way}", name=name
        ) from error
