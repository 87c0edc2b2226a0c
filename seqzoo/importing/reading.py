"""A published model becomes a task."""

from __future__ import annotations

import os
from types import ModuleType
from typing import Any

from seqzoo.importing import bart, bert, gpt2, llama, mamba, t5
from seqzoo.importing.model_folder import ModelFolder
from seqzoo.importing.weight_table import rows
from seqzoo.tasks.untrusted_config import bounded_by

FAMILIES: dict[str, ModuleType] = {
    "bert": bert,
    "gpt2": gpt2,
    "llama": llama,
    "mamba": mamba,
    "bart": bart,
    "marian": bart,
    "t5": t5,
}
"""The files that know a kind of model, by its `model_type`."""


def load(folder: str | os.PathLike[str]) -> Any:
    """Makes a task of a published model: `config.json`, `model.safetensors` and its tokenizer.

    Nothing is downloaded, no code of the folder runs and no pickle is read. Padding, unknown, start
    and end token get the ids 0 to 3 of seqzoo; `original_ids` of the tokenizer says which they
    had. Weights become float32.

    Args:
        folder: With `config.json`, `model.safetensors` (or its parts and
            `model.safetensors.index.json`) and the files of the tokenizer: `vocab.txt`,
            `tokenizer.json`, `vocab.json` with `merges.txt`, or a SentencePiece model.

    Returns:
        A `SentenceEncoder` of BERT, a `LanguageModel` or a `Seq2Seq`.

    Raises:
        ValueError: where a file is damaged, the files are not of one model, or the model has a form
            that seqzoo does not have.
        OSError: where a file is missing.
    """
    try:
        return _task(ModelFolder(folder))
    except (ValueError, OSError):
        raise
    except Exception as error:  # what libraries raise for wrong bytes is of any kind
        raise ValueError(f"{os.fspath(folder)} cannot be read as a model: {error}") from error


def _task(folder: ModelFolder) -> Any:
    config = folder.config
    family = config.among("model_type", FAMILIES)
    tokenizer = family.tokenizer(folder)
    try:
        with bounded_by(folder.size):
            task = family.make(config, tokenizer)
    except ValueError as error:  # of a part that was made, which knows no file
        if folder.path in str(error):
            raise
        raise ValueError(f"{config.path} has a value that fits no model. {error}") from error
    table = family.table(task, config, tokenizer)
    values = rows(folder, table, family.IGNORED)
    for row, value in zip(table, values, strict=True):
        row.ours.assign(value)
    return task
