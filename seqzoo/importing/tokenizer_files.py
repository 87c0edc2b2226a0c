"""The files of published tokenizers: WordPiece, byte-level BPE and SentencePiece."""

from __future__ import annotations

import base64
import json
from collections.abc import Sequence
from typing import Any

from seqzoo.importing.model_folder import ModelFolder
from seqzoo.preprocessing.byte_pairs import BytePairTokenizer
from seqzoo.preprocessing.pairs import TextPairs
from seqzoo.preprocessing.sentence_pieces import SentencePieceTokenizer, pieces_of_model
from seqzoo.preprocessing.word_pieces import WordPieceTokenizer

JSON, JSON_CONFIG = "tokenizer.json", "tokenizer_config.json"
BERT_TOKENS = ("[PAD]", "[UNK]", "[CLS]", "[SEP]")
LLAMA3_PATTERN = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}|"
    r" ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
)
_MAX_UNNAMED = 128
"""Rows of an embedding without a token: tables are filled up to a multiple of 64 or 128."""


def word_pieces(folder: ModelFolder, max_length: int) -> WordPieceTokenizer:
    """Returns the tokenizer of BERT, of `vocab.txt` or `tokenizer.json`."""
    settings = folder.json(JSON_CONFIG) if folder.has(JSON_CONFIG) else {}
    if folder.has("vocab.txt"):
        name = "vocab.txt"
        pieces = _text(folder, name).split("\n")
        pieces = [piece.removesuffix("\r") for piece in pieces if piece]
    else:
        name = JSON
        if not folder.has(JSON):
            raise FileNotFoundError(
                f"{folder.path} has no vocab.txt and no {JSON}. Add the one that was published "
                "with the model."
            )
        content = folder.json(JSON)
        model = _part(folder, content, "model")
        if model.get("type") != "WordPiece":
            raise _unreadable(folder, f"model.type is {model.get('type')!r}", "WordPiece")
        pieces = _in_order(folder, name, model.get("vocab"), content.get("added_tokens"))
        given = content.get("normalizer") or {}
        settings = {"do_lower_case": given.get("lowercase", True)} | {
            ours: given.get(theirs)
            for ours, theirs in (
                ("strip_accents", "strip_accents"),
                ("tokenize_chinese_chars", "handle_chinese_chars"),
            )
        }
    lowercase = bool(settings.get("do_lower_case", True))
    if settings.get("strip_accents") not in (None, lowercase):
        raise _unreadable(
            folder, "accents are stripped without lower case, or stay with it", "both"
        )
    if settings.get("tokenize_chinese_chars") not in (None, True):
        raise _unreadable(folder, "Chinese characters are no words", "words")
    ids = {piece: i for i, piece in enumerate(pieces)}
    special = [ids.get(token) for token in BERT_TOKENS]
    if None in special:
        raise ValueError(
            f"{folder.file(name)} must hold the tokens {', '.join(BERT_TOKENS)}. It lacks "
            f"{BERT_TOKENS[special.index(None)]}. Give the vocabulary of the model."
        )
    if len(pieces) != _size(folder):
        raise _mismatch(folder, name, len(pieces))
    around = [special[2]], [special[3]]
    return _made(folder, name, WordPieceTokenizer, pieces, special, *around, max_length, lowercase)


def language_tokenizer(folder: ModelFolder) -> Any:
    """Returns the tokenizer of a language model, whose start token stands before a text.

    Where one token is start and end, it is the end.
    """
    config = folder.config
    end, start = config.required_id("eos_token_id"), config.token_id("bos_token_id")
    special = [None, None, None if start == end else start, end]
    for name in ("tokenizer.model", "spiece.model"):
        if folder.has(name):
            return sentence_pieces(folder, name, special)
    return byte_pairs(folder, special)


def byte_pairs(
    folder: ModelFolder,
    special: Sequence[int | None],
    before: Sequence[int] = (),
) -> BytePairTokenizer:
    """Returns a byte-level tokenizer, of `tokenizer.json` or `vocab.json` and `merges.txt`."""
    pattern, whole_words, form = "gpt2", False, None
    if folder.has(JSON):
        name, content = JSON, folder.json(JSON)
        model = _part(folder, content, "model")
        if model.get("type") != "BPE" or model.get("byte_fallback"):
            raise _unreadable(
                folder,
                f"model.type is {model.get('type')!r}, byte_fallback {model.get('byte_fallback')}",
                "byte-level BPE",
            )
        pattern = _pattern(folder, content.get("pre_tokenizer"))
        form = _normal_form(folder, content.get("normalizer"))
        vocabulary, added = model.get("vocab"), content.get("added_tokens")
        merges, whole_words = model.get("merges"), bool(model.get("ignore_merges"))
    elif folder.has("vocab.json"):
        name, added, vocabulary = "vocab.json", None, folder.json("vocab.json")
        lines = _text(folder, "merges.txt").split("\n")
        merges = [line for line in lines if line and not line.startswith("#version")]
    else:
        raise FileNotFoundError(
            f"{folder.path} has no tokenizer: no {JSON}, no vocab.json with merges.txt and no "
            "tokenizer.model. Add the files that were published with the model."
        )
    pieces = _filled(folder, name, _in_order(folder, name, vocabulary, added))
    special = _with_unknown(special, pieces)
    if not isinstance(merges, list):
        raise _unreadable(folder, "`merges` is no list", "a list")
    merges = [" ".join(map(str, m)) if isinstance(m, list) else str(m) for m in merges]
    options = {"pattern": pattern, "whole_words": whole_words, "normalization": form}
    arguments = (pieces, merges, special, before)
    return _made(folder, name, BytePairTokenizer, *arguments, **options)


def sentence_pieces(
    folder: ModelFolder,
    name: str,
    special: Sequence[int | None],
    vocabulary: str | None = None,
    extra: Sequence[str] = (),
) -> SentencePieceTokenizer:
    """Returns the tokenizer of a SentencePiece model.

    Args:
        folder: That holds it.
        name: Of the file of the model.
        special: See `PublishedTokenizer`; an unknown token of None is that of the model.
        vocabulary: Name of a JSON file of ids, where they are not those of the model.
        extra: Tokens behind those of the model.
    """
    if not folder.has(name):
        raise FileNotFoundError(
            f"{folder.path} has no {name}. Add the files of the tokenizer that were published with "
            "the model."
        )
    model = folder.bytes(name)
    try:
        pieces, source = pieces_of_model(model), name
    except ValueError as error:
        raise ValueError(f"{folder.file(name)} makes no tokenizer. {error}") from error
    if vocabulary is not None:
        own, source = pieces, vocabulary
        pieces = _in_order(folder, vocabulary, folder.json(vocabulary), None)
        if len({*own} & {*pieces}) < len(own) / 2:
            raise ValueError(
                f"{folder.file(name)} and {vocabulary} must be of one model. Received: fewer than "
                "half of the subwords are in it."
            )
    special = _with_unknown(special, pieces)
    pieces = _filled(folder, source, [*pieces, *extra])
    content = base64.b64encode(model).decode()
    return _made(folder, name, SentencePieceTokenizer, pieces, content, special)


def write_tokenizer(preprocessor: Any) -> dict[str, bytes]:
    """Returns the files of the published tokenizers of a preprocessor, by name."""
    if isinstance(preprocessor, TextPairs):
        source, target = preprocessor.source, preprocessor.target
        if isinstance(source, SentencePieceTokenizer) and source is not target:
            ids = {piece: i for i, piece in enumerate(source.pieces)}
            return {
                "source.spm": base64.b64decode(source.model),
                "target.spm": base64.b64decode(target.model),
                "vocab.json": json.dumps(ids, ensure_ascii=False).encode(),
            }
        tokenizer, model = source, "spiece.model"
    else:
        tokenizer, model = getattr(preprocessor, "tokenizer", None), "tokenizer.model"
    if isinstance(tokenizer, SentencePieceTokenizer):
        return {model: base64.b64decode(tokenizer.model)}
    if isinstance(tokenizer, WordPieceTokenizer):
        settings = {
            "tokenizer_class": "BertTokenizer",
            "do_lower_case": tokenizer.lowercase,
            "model_max_length": tokenizer.max_length,
        }
        return {
            "vocab.txt": "".join(f"{piece}\n" for piece in tokenizer.pieces).encode(),
            JSON_CONFIG: json.dumps(settings).encode(),
        }
    if isinstance(tokenizer, BytePairTokenizer):
        return {JSON: json.dumps(_byte_pair_json(tokenizer), ensure_ascii=False).encode()}
    return {}


def _byte_pair_json(tokenizer: BytePairTokenizer) -> dict[str, Any]:
    settings, pieces = tokenizer.get_config(), tokenizer.pieces
    by_bytes = {"type": "ByteLevel", "add_prefix_space": False, "trim_offsets": True}
    words: dict[str, Any] = by_bytes | {"use_regex": True}
    if tokenizer.pattern == "llama3":
        split = {"type": "Split", "pattern": {"Regex": LLAMA3_PATTERN}}
        split |= {"behavior": "Isolated", "invert": False}
        words = {"type": "Sequence", "pretokenizers": [split, by_bytes | {"use_regex": False}]}
    special = sorted({i for i in settings["special_ids"] if i is not None})
    flags = dict.fromkeys(("single_word", "lstrip", "rstrip", "normalized"), False)
    return {
        "version": "1.0",
        "added_tokens": [
            {"id": i, "content": pieces[i], **flags, "special": True} for i in special
        ],
        "normalizer": {"type": "NFC"} if tokenizer.normalization else None,
        "pre_tokenizer": words,
        "post_processor": None,
        "decoder": by_bytes | {"use_regex": True},
        "model": {
            "type": "BPE",
            "vocab": {piece: i for i, piece in enumerate(pieces)},
            "merges": settings["merges"],
            "ignore_merges": tokenizer.whole_words,
        },
    }


def _made(folder: ModelFolder, name: str, kind: Any, *arguments: Any, **options: Any) -> Any:
    """Makes a tokenizer; an error names the file."""
    try:
        return kind(*arguments, **options)
    except ValueError as error:
        raise ValueError(f"{folder.file(name)} makes no tokenizer. {error}") from error


def _with_unknown(special: Sequence[int | None], pieces: list[str]) -> list[int | None]:
    """Returns the special ids with that of the unknown token, where the model has one."""
    pad, _, start, end = special
    return [pad, pieces.index("<unk>") if "<unk>" in pieces else None, start, end]


def _text(folder: ModelFolder, name: str) -> str:
    if not folder.has(name):
        raise FileNotFoundError(f"{folder.path} has no {name}. Add it.")
    try:
        return folder.bytes(name).decode()
    except UnicodeDecodeError as error:
        raise ValueError(f"{folder.file(name)} must be UTF-8. {error}") from error


def _part(folder: ModelFolder, content: dict[str, Any], name: str) -> dict[str, Any]:
    part = content.get(name)
    if not isinstance(part, dict):
        raise _unreadable(folder, f"`{name}` is {str(part)[:40]}", "an object")
    return part


def _unreadable(folder: ModelFolder, received: str, required: str) -> ValueError:
    return ValueError(
        f"The tokenizer in {folder.path} must be WordPiece, byte-level BPE as GPT-2 or LLaMA 3 "
        f"have it ({required} here), or come with its SentencePiece model. Received: {received}. "
        "Add the files of such a tokenizer."
    )


def _in_order(folder: ModelFolder, name: str, vocabulary: Any, added: Any) -> list[str]:
    """Returns the tokens of a table of ids, in the order of the ids."""
    try:
        ids = {str(piece): int(i) for piece, i in vocabulary.items()}
        ids |= {str(each["content"]): int(each["id"]) for each in added or ()}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError(
            f"{folder.file(name)} must give each token an id. Received: {str(vocabulary)[:60]}."
        ) from error
    if not ids or min(ids.values()) < 0 or max(ids.values()) >= _size(folder):
        raise _mismatch(folder, name, max(ids.values(), default=-1) + 1)
    pieces: list[str | None] = [None] * (max(ids.values()) + 1)
    for piece, i in ids.items():
        pieces[i] = piece
    return [_unnamed(i) if piece is None else piece for i, piece in enumerate(pieces)]


def _filled(folder: ModelFolder, name: str, pieces: list[str]) -> list[str]:
    """Returns the tokens with a name for each further row of the embedding."""
    size = _size(folder)
    if not len(pieces) <= size <= len(pieces) + _MAX_UNNAMED:
        raise _mismatch(folder, name, len(pieces))
    return [*pieces, *map(_unnamed, range(len(pieces), size))]


def _size(folder: ModelFolder) -> int:
    return folder.config.count("vocab_size")


def _mismatch(folder: ModelFolder, name: str, count: int) -> ValueError:
    return ValueError(
        f"{folder.file(name)} holds {count} tokens and the model has {_size(folder)}, the "
        f"`vocab_size` in {folder.config.path}. Give the tokenizer of this model."
    )


def _unnamed(i: int) -> str:
    return f"<unnamed_{i}>"


def _pattern(folder: ModelFolder, given: Any) -> str:
    """Returns the name of the pattern that a `pre_tokenizer` describes."""
    parts = given.get("pretokenizers", [given]) if isinstance(given, dict) else []
    kinds = [part.get("type") for part in parts if isinstance(part, dict)]
    last = parts[-1] if parts else {}
    if kinds == ["ByteLevel"] and last.get("use_regex", True) and not last.get("add_prefix_space"):
        return "gpt2"
    if kinds == ["Split", "ByteLevel"] and not last.get("use_regex", True):
        pattern = parts[0].get("pattern")
        if isinstance(pattern, dict) and pattern.get("Regex") == LLAMA3_PATTERN:
            return "llama3"
    raise _unreadable(folder, f"pre_tokenizer={str(given)[:150]}", "one of their patterns")


def _normal_form(folder: ModelFolder, given: Any) -> str | None:
    kind = given.get("type") if isinstance(given, dict) else given
    if kind not in (None, "NFC"):
        raise _unreadable(folder, f"normalizer={str(given)[:80]}", "NFC or no normalizer")
    return "nfc" if kind else None
