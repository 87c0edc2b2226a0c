"""A task becomes a folder that other engines load as a published model."""

from __future__ import annotations

import json
import os
from types import ModuleType
from typing import Any

import keras
import numpy as np

from seqzoo.files.atomic_write import atomic_folder
from seqzoo.importing import bart, bert, gpt2, llama, mamba, t5
from seqzoo.importing.model_folder import CONFIG, WEIGHTS, ModelConfig
from seqzoo.importing.tokenizer_files import write_tokenizer
from seqzoo.layers.mixers.mamba import Mamba
from seqzoo.layers.positions import LearnedPositions, RelativePositions, RotaryPositions
from seqzoo.preprocessing.published import PublishedTokenizer
from seqzoo.tasks.language_model import LanguageModel
from seqzoo.tasks.sentence_encoder import SentenceEncoder
from seqzoo.tasks.seq2seq import Seq2Seq

_FREE = {"name", "dtype", "dropout", "stochastic_depth", "initializer", "build_config"}
_FREE |= {"max_length", "shared_object_id"}
"""Fields of configs that say nothing about what a trained model answers."""


class _OwnIds:
    """The ids of a tokenizer that is no published one: they are the published ids too."""

    pad_id, unknown_id, start_id, end_id = range(4)
    max_length = None

    def __init__(self, vocabulary_size: int):
        self.vocabulary_size = vocabulary_size
        self.pieces = range(vocabulary_size)
        self.original_ids = np.arange(vocabulary_size)

    def from_original(self, ids: Any) -> np.ndarray:
        return np.asarray(ids)


def save(task: Any, folder: str | os.PathLike[str]) -> None:
    """Writes a task as `config.json`, `model.safetensors` and, if it has one, its tokenizer.

    A tokenizer that came with a published model is written as it was; of another, none is, and the
    ids of the model are those here: padding 0, unknown 1, start 2, end 3.

    Args:
        task: A task of the form of BERT, GPT-2, LLaMA, Mamba, BART, Marian or T5, such as one of
            `zoo.radford_2019` or `zoo.touvron_2023`, or one that was loaded.
        folder: Where it goes: a new folder, or an empty one.

    Raises:
        ValueError: where the task has a form that none of these models has or is quantized, or
            something is at `folder`.
        OSError: if it cannot be written.

    Example:
        >>> text = sz.preprocessing.ByteTokenizer()
        >>> model = sz.zoo.radford_2019(text, units=8, layers=1, num_heads=2)
        >>> sz.importing.save(model, "gpt2")
        >>> import os
        >>> sorted(os.listdir("gpt2"))
        ['config.json', 'model.safetensors']
    """
    from safetensors.numpy import save as as_safetensors

    if task.quantized_layers():
        raise ValueError(
            f"Published models hold float weights. Received: {task.name}, which is quantized. Save "
            "it as it was before `quantize`."
        )
    family = _family_of(task)
    tokenizer = _tokenizer_of(task)
    fields = family.config_of(task) | _ids_of(task, tokenizer)
    untied = {"lm_head.weight"} if not getattr(task, "tie_embeddings", True) else set()
    config = ModelConfig(CONFIG, fields, untied)
    _check_form(task, family.make(config, tokenizer))
    tensors: dict[str, np.ndarray] = {}
    for row in family.table(task, config, tokenizer):
        written = row.write(keras.ops.convert_to_numpy(row.ours).astype(np.float32))
        tensors |= zip(row.theirs, map(np.ascontiguousarray, written), strict=True)
    with atomic_folder(folder) as path:
        contents = {
            CONFIG: json.dumps(fields, indent=2).encode(),
            WEIGHTS: as_safetensors(tensors, metadata={"format": "pt"}),
        }
        contents |= write_tokenizer(task.preprocessor)
        for name, content in contents.items():
            with open(os.path.join(path, name), "wb") as file:
                file.write(content)


def _family_of(task: Any) -> ModuleType:
    """Returns the family whose form a task has, by its positions."""
    stack = getattr(getattr(task, "encoder", None), "stack", None)
    positions = getattr(stack, "positions", None)
    if isinstance(task, SentenceEncoder) and isinstance(positions, LearnedPositions):
        return bert
    if isinstance(task, LanguageModel) and stack is not None:
        if all(isinstance(block.mixer, Mamba) for block in stack.blocks):
            return mamba
        known = {LearnedPositions: gpt2, RotaryPositions: llama}
        if type(positions) in known:
            return known[type(positions)]
    if isinstance(task, Seq2Seq) and stack is not None and hasattr(task.decoder, "stack"):
        return t5 if isinstance(positions, RelativePositions) else bart
    raise _other_form(f"a {type(task).__name__} of other parts")


def _other_form(received: str) -> ValueError:
    return ValueError(
        "A task is written in the form of BERT, GPT-2, LLaMA, Mamba, BART, Marian or T5. Received: "
        f"{received}. Save it with `task.save_preset`, which knows every form."
    )


def _tokenizer_of(task: Any) -> Any:
    """Returns the tokenizers as the families take them."""
    text = task.preprocessor
    if isinstance(task, Seq2Seq):
        sides = None if text is None else (text.source, text.target)
        if sides is None or not all(isinstance(each, PublishedTokenizer) for each in sides):
            sides = (_OwnIds(task.encoder.vocabulary_size), _OwnIds(task.decoder.vocabulary_size))
        return sides[0] if _family_of(task) is t5 else sides
    tokenizer = None if text is None else text.tokenizer
    if isinstance(tokenizer, PublishedTokenizer):
        return tokenizer
    return _OwnIds(task.encoder.vocabulary_size)


def _ids_of(task: Any, tokenizer: Any) -> dict[str, Any]:
    """Returns the special ids for a config."""
    tokenizer = tokenizer[-1] if isinstance(tokenizer, tuple) else tokenizer
    pad, _, start, end = (int(i) if i >= 0 else None for i in tokenizer.original_ids[:4])
    ids = {"vocab_size": len(tokenizer.pieces), "pad_token_id": pad}
    if isinstance(task, SentenceEncoder):
        return ids
    if isinstance(task, LanguageModel):
        return ids | {"bos_token_id": end if start is None else start, "eos_token_id": end}
    before = getattr(tokenizer, "before", [])
    return ids | {
        "bos_token_id": before[0] if before else None,
        "eos_token_id": end,
        "decoder_start_token_id": start,
    }


def _check_form(task: Any, rebuilt: Any) -> None:
    """Refuses a task that is not what a config makes of it."""
    own, other = (getattr(each.head, "bias", None) for each in (task, rebuilt))
    if own is not None and other is None and np.any(keras.ops.convert_to_numpy(own)):
        raise _other_form(
            "a head whose bias is not 0, which these models do not have: make it with "
            "`heads.Tokens(…, use_bias=False)`"
        )
    for name in ("encoder", "decoder"):
        parts = [getattr(each, name, None) for each in (task, rebuilt)]
        if None not in parts and (wrong := _difference(*map(_config, parts))):
            raise _other_form(f"{name} with {wrong}")


def _config(layer: Any) -> Any:
    return keras.saving.serialize_keras_object(layer)["config"]


def _difference(own: Any, other: Any) -> str:
    """Returns what differs in two configs, where both say something; "" if nothing does."""
    if isinstance(own, dict) and isinstance(other, dict):
        for key in sorted(own.keys() & other.keys() - _FREE):
            if wrong := _difference(own[key], other[key]):
                return f"{key}: {wrong}"
        return ""
    if isinstance(own, (list, tuple)) and isinstance(other, (list, tuple)):
        if len(own) != len(other):
            return f"{len(own)} parts in place of {len(other)}"
        return next(filter(None, map(_difference, own, other)), "")
    if own is None or other is None or own == other:
        return ""
    return f"{own!r} in place of {other!r}"
