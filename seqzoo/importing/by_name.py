"""Trained models of any kind: by name, in folders and in repositories of Hugging Face."""

from __future__ import annotations

import os
import re
from typing import Any

from seqzoo.extras import import_huggingface_hub
from seqzoo.files.atomic_write import recover_folder
from seqzoo.importing.model_folder import INDEX, WEIGHTS
from seqzoo.importing.reading import load
from seqzoo.tasks.saving import PRESET_WEIGHTS, load_preset
from seqzoo.trained import find_preset, is_address

_ADDRESS = re.compile(r"hf://([\w.-]+/[\w.-]+)(?:@(\S+))?")
_FILES = (
    *("config.json", PRESET_WEIGHTS, "SHA256SUMS"),
    *(WEIGHTS, INDEX, "model-*-of-*.safetensors", "sentence_bert_config.json"),
    *("tokenizer.json", "tokenizer_config.json", "vocab.json", "vocab.txt", "merges.txt"),
    *("tokenizer.model", "spiece.model", "source.spm", "target.spm"),
)


def from_preset(folder: str | os.PathLike[str]) -> Any:
    """Loads a trained model: a preset, or a published model that `importing.load` reads.

    No code of it runs, wherever it comes from; it is checked as `load` checks a file.

    Args:
        folder: That `save_preset` wrote, or of a published model; or the name of a trained model of
            `sz.presets()`; or `hf://owner/name`, a repository of Hugging Face whose files are
            downloaded by the package `huggingface_hub` into its cache, where they stay. A branch,
            a tag or a commit may stand behind an `@`: `hf://owner/name@v1.0`.

    Returns:
        The `Task`, not compiled.

    Raises:
        FileNotFoundError: if there is nothing at `folder`, and no trained model of the name.
        OSError: if a repository cannot be downloaded.
        ValueError: if there is no model, it is damaged, or its files do not belong together.
        MissingPackageError: if `huggingface_hub` is needed and not installed.

    Example:
        >>> model = sz.zoo.gu_2023(sz.preprocessing.ByteTokenizer(), units=8, layers=1)
        >>> model.save_preset("preset")
        >>> type(sz.from_preset("preset")).__name__
        'LanguageModel'
        >>> sz.from_preset("dates").generate(["3 avril 2021"])
        ['2021-04-03']
    """
    path = os.fspath(folder)
    if is_address(path):
        return _load(_download(path))
    recover_folder(path)
    return _load(path if os.path.exists(path) else os.fspath(find_preset(path)))


def _load(path: str) -> Any:
    is_published = _has(path, WEIGHTS, INDEX) and not _has(path, PRESET_WEIGHTS)
    return load(path) if is_published else load_preset(path)


def _has(folder: str, *names: str) -> bool:
    return any(os.path.isfile(os.path.join(folder, name)) for name in names)


def _download(address: str) -> str:
    """The folder in the cache of Hugging Face that holds the files of a repository."""
    match = _ADDRESS.fullmatch(address)
    if match is None:
        raise ValueError(
            "An address must be hf://owner/name, or hf://owner/name@revision. Received: "
            f"{address!r}."
        )
    hub = import_huggingface_hub()
    name, revision = match.groups()
    try:
        folder = hub.snapshot_download(repo_id=name, revision=revision, allow_patterns=list(_FILES))
    except Exception as error:  # of the package and of its own ones for the network
        reason = (str(error).strip() or type(error).__name__).split("\n")[0]
        raise OSError(
            f"{address} cannot be downloaded. ({reason}) Check the name, the revision and the "
            "network."
        ) from error
    if not _has(folder, PRESET_WEIGHTS, WEIGHTS, INDEX):
        raise ValueError(
            f"{address} must hold {PRESET_WEIGHTS}, which `save_preset` writes, or {WEIGHTS}. "
            "Neither is there. Give the address of another model."
        )
    return folder
