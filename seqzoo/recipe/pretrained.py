"""The encoder of a trained or published model, as the start of another one."""

from __future__ import annotations

from pathlib import Path
from typing import Any, NamedTuple

import keras

from seqzoo import importing
from seqzoo.preprocessing.tokenizer import Tokenizer
from seqzoo.recipe.folder import RunFolder
from seqzoo.trained import is_address


class Pretrained(NamedTuple):
    """An encoder of tokens and the tokenizer that it was trained with."""

    encoder: Any
    tokenizer: Tokenizer


def pretrained(
    folder: str | Path, dropout: float | None = None, random_start: bool = False
) -> Pretrained:
    """Loads an encoder for fine-tuning in a `Classifier` or a `Tagger`.

    It computes with the precision that is set, whatever it was trained with.

    Args:
        folder: A run of `seqzoo train`, a preset, a published model with `config.json` and
            `model.safetensors`, or `hf://owner/name`. Nothing in it is executed.
        dropout: From 0 to below 1, in all parts of the encoder; None leaves what it was trained
            with.
        random_start: Whether its weights are random after all, to measure what training was worth.

    Raises:
        ValueError: if there is no such model, or it has no encoder of the tokens of a text.
        OSError: if a file is missing.
    """
    if not is_address(str(folder)) and not Path(folder).is_dir():
        raise FileNotFoundError(
            "A pre-trained encoder comes from a folder: a run, a preset or a published model. "
            f"Received: {str(folder)!r}, which is none. Check the path."
        )
    task = _task_in(folder)
    tokenizer = getattr(task.preprocessor, "tokenizer", None)
    encoder = getattr(task, "encoder", None)
    if tokenizer is None or getattr(encoder, "vocabulary_size", None) is None:
        raise ValueError(
            f"{folder} must hold a model whose encoder reads the tokens of a text, such as a "
            f"MaskedLanguageModel or a published BERT. Received: a {type(task).__name__}."
        )
    return Pretrained(_copy(encoder, dropout, random_start), tokenizer)


def _task_in(folder: str | Path) -> Any:
    preset = RunFolder(Path(folder)).preset
    return importing.from_preset(preset if preset.is_dir() else folder)


def _copy(encoder: Any, dropout: float | None, random_start: bool) -> Any:
    def changed(part: Any) -> Any:
        if isinstance(part, list):
            return [changed(each) for each in part]
        if not isinstance(part, dict):
            return part
        part = {name: changed(each) for name, each in part.items() if name != "dtype"}
        if dropout is not None and "dropout" in part:
            part["dropout"] = dropout
        return part

    config = changed(keras.saving.serialize_keras_object(encoder))
    config.pop("build_config", None)
    copied = keras.saving.deserialize_keras_object(config)
    copied.build((None, None))
    if not random_start:
        copied.set_weights(encoder.get_weights())
    return copied
