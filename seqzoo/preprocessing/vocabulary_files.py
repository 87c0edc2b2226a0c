"""Files of vocabularies: with a digest if a tokenizer wrote them, without one if users did."""

from __future__ import annotations

import json
import os
import string
from pathlib import Path

from seqzoo.files.atomic_write import write_atomically
from seqzoo.files.digests import sha256

_MODEL_MARK = b"\xc2\x3e\x47" + b"sha256:"  # field 1000 of a protobuf message, 71 bytes long
_HEX = frozenset(string.hexdigits.encode())


def write_tokens(path: str | os.PathLike[str], tokens: list[str]) -> None:
    """Writes a JSON object of the digest and the tokens, one on a line.

    JSON, because a token may itself be a line break.
    """
    text = _text(tokens)
    write_atomically(path, f'{{"sha256": "{sha256(text)}",\n"tokens": '.encode() + text + b"}\n")


def read_tokens(path: str | os.PathLike[str]) -> list[str]:
    """Reads what `write_tokens` wrote, or a JSON list of tokens alone.

    Raises:
        ValueError: if the file is damaged or holds something else.
        OSError: if it cannot be read.
    """
    try:
        content = json.loads(Path(path).read_bytes().decode())
    except (ValueError, RecursionError) as error:
        raise ValueError(
            f"{path} must hold tokens as a JSON list. Received: {error}. Give a file that "
            "`save_vocabulary` wrote, or a list of strings in UTF-8."
        ) from error
    has_digest = isinstance(content, dict) and content.keys() == {"sha256", "tokens"}
    tokens = content["tokens"] if has_digest else content
    if not isinstance(tokens, list) or not all(isinstance(each, str) for each in tokens):
        raise ValueError(
            f"{path} must hold tokens as a JSON list. Received: {str(content)[:50]} … Give a file "
            "that `save_vocabulary` wrote, or a list of strings in UTF-8."
        )
    if has_digest and content["sha256"] != sha256(_text(tokens)):
        raise ValueError(
            f"{path} is damaged: its tokens must have the digest that it holds. Restore it from a "
            "copy; if it was changed on purpose, leave only the list of tokens in it."
        )
    return tokens


def _text(tokens: list[str]) -> bytes:
    text = json.dumps(tokens, ensure_ascii=False, indent=0)
    return text.encode(errors="surrogatepass")  # JSON can write what is no UTF-8


def write_model(path: str | os.PathLike[str], model: bytes) -> None:
    """Writes a SentencePiece model with its digest, in a field that SentencePiece passes over."""
    content = model + _MODEL_MARK
    write_atomically(path, content + sha256(content).encode())


def read_model(path: str | os.PathLike[str]) -> bytes:
    """Reads what `write_model` wrote, or a model that SentencePiece wrote.

    Raises:
        ValueError: if the file is damaged.
        OSError: if it cannot be read.
    """
    content = Path(path).read_bytes()
    before, digest = content[:-64], content[-64:]
    has_mark = before.endswith(_MODEL_MARK)
    if not has_mark and not (len(digest) == 64 and _HEX.issuperset(digest)):
        return content
    if not has_mark or digest != sha256(before).encode():
        raise ValueError(
            f"{path} is damaged: it must have the digest at its end. Restore it from a copy."
        )
    return before.removesuffix(_MODEL_MARK)
