"""How the examples of a file or folder are read, by the kind of task."""

from __future__ import annotations

import importlib
import itertools
import json
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

from seqzoo.datasets.labelled_text import text_files
from seqzoo.datasets.lines import iterate_lines
from seqzoo.datasets.tables import JSON, delimiter_of
from seqzoo.new_recipe.columns import choose_columns
from seqzoo.new_recipe.file_names import (
    SPLITS,
    data_files,
    ending,
    folders,
    has_pair,
    label_files,
    split_name,
    splits_of,
    stem_and_suffix,
)

_TABLES = (".csv", ".tsv", ".tab", ".jsonl", ".ndjson", ".json")
_TEXTS = (".txt", ".text", ".tokens", "")
_SEEN = 2000  # lines
_CONLLU_TAGS = {"upos": 3, "xpos": 4, "deprel": 7}


def as_code(value: Any) -> str:
    """Returns a value as Python code, with texts in double quotes."""
    if isinstance(value, tuple):
        return f"({', '.join(map(as_code, value))}{',' * (len(value) == 1)})"
    if isinstance(value, str):  # what JSON makes of a text is Python too
        return json.dumps(value, ensure_ascii=not value.isprintable())
    return repr(value)


class Reading(NamedTuple):
    """A call of a function in `seqzoo.datasets`, whose first argument is a path.

    Attributes:
        module: Name of the module.
        function: Name of the function.
        arguments: Those behind the path.
        keywords: Those by name.
        files: Where the first argument is a dict of files in place of the path: their names, in a
            folder, by key. The code takes it from the variable `files`.
    """

    module: str
    function: str
    arguments: tuple[Any, ...] = ()
    keywords: Mapping[str, Any] = MappingProxyType({})
    files: Mapping[str, str] = MappingProxyType({})

    def code(self, path: str) -> str:
        """Returns the call as Python code, given that of its path."""
        arguments = ["files" if self.files else path, *map(as_code, self.arguments)]
        arguments += [f"{name}={as_code(value)}" for name, value in self.keywords.items()]
        return f"{self.module}.{self.function}({', '.join(arguments)})"

    def examples(self, path: Path) -> Any:
        """Returns what the call does."""
        function = getattr(importlib.import_module(f"seqzoo.datasets.{self.module}"), self.function)
        first = {key: path / name for key, name in self.files.items()} if self.files else path
        return function(first, *self.arguments, **self.keywords)


class Layout(NamedTuple):
    """How the examples of a file or folder are read.

    Attributes:
        reading: The call.
        files: The file of each split in the folder, by split; empty where the call reads all.
        has_splits: Whether the call returns a dict of splits.
        told: Lines about what was found and guessed.
    """

    reading: Reading
    files: Mapping[str, str] = MappingProxyType({})
    has_splits: bool = False
    told: Sequence[str] = ()


class Named(NamedTuple):
    """What the user says about the data: names of columns, and the encoding."""

    columns: Mapping[str, str | None]
    encoding: str = "utf-8"

    @property
    def keywords(self) -> dict[str, str]:
        return {} if self.encoding == "utf-8" else {"encoding": self.encoding}


def find_layout(kind: str, path: Path, named: Named) -> Layout:
    """Looks at a file or folder.

    Raises:
        ValueError: if it cannot be seen how to read it; says what it may be.
        OSError: if there is no such file or folder.
    """
    if not path.exists():
        raise FileNotFoundError(f"No file or folder {str(path)!r}. Check the path.")
    return _FINDERS[kind](path, named)


def _classifier(path: Path, named: Named) -> Layout:
    if path.is_file():
        if _is_table(path, named.encoding, "classifier"):
            return _table("classifier", path, named)
        return _label_lines(path, named)
    inner = [each for each in folders(path) if text_files(each)]
    splits = splits_of(folders(path))
    if "train" in splits and any(map(text_files, folders(path / splits["train"]))):
        reading = Reading("labelled_text", "load_folders", (), named.keywords)
        return Layout(reading, splits, told=["a folder of texts for each label, in each split"])
    if len(inner) > 1:
        reading = Reading("labelled_text", "load_folders", (), named.keywords)
        return Layout(reading, told=["labels: " + ", ".join(each.name for each in inner)])
    files = data_files(path)
    if not splits_of(files).get("train") and (labels := label_files(files)):
        keywords = {**named.keywords}
        reading = Reading("labelled_text", "load_file_per_label", (), keywords, labels)
        return Layout(reading, told=["a file for each label: " + ", ".join(labels.values())])
    return _split_files(path, files, lambda file: _classifier(file, named))


def _translator(path: Path, named: Named) -> Layout:
    source, target = named.columns.get("source"), named.columns.get("target")
    if path.is_file():
        return _table("translator", path, named)
    files = data_files(path)
    stems = {
        suffix: stem for stem, suffix in map(stem_and_suffix, files) if split_name(stem) == "train"
    }
    languages = [each for each in (source, target) if each in stems]
    if len(languages) < 2 and not set(stems) & {each.strip(".") for each in _TABLES}:
        languages = sorted(stems) if len(stems) == 2 else languages
        if len(stems) > 2:
            raise ValueError(
                f"{path} holds {', '.join(sorted(stems))}. Say which two by --source and --target."
            )
    if len(languages) == 2:
        pair = tuple(languages)
        told = [
            f"from {pair[0]} to {pair[1]}; for the other way, --source {pair[1]} --target {pair[0]}"
        ]
        reading = Reading("parallel_text", "load", pair)
        names = [split for split in SPLITS if has_pair(files, split, pair)]
        if len(names) < 3:
            reading = reading._replace(keywords={"splits": tuple(names)})
        return Layout(reading, has_splits=True, told=told)
    return _split_files(path, files, lambda file: _translator(file, named))


def aligned(source: Path, target: Path, named: Named) -> Layout:
    """The layout of two files in one folder, of which line by line is a pair."""
    for path in (source, target):
        if not path.is_file():
            raise FileNotFoundError(f"No file {str(path)!r}. Check the path.")
    if source.parent.resolve() != target.parent.resolve():
        raise ValueError(
            f"The two files must be in one folder. Received: {source} and {target}. Move one."
        )
    reading = Reading("parallel_text", "load_aligned", (source.name, target.name), named.keywords)
    return Layout(reading, told=[f"line by line, {source.name} to {target.name}"])


def _tagger(path: Path, named: Named) -> Layout:
    if path.is_dir():
        return _split_files(path, data_files(path), lambda file: _tagger(file, named))
    lines = list(itertools.islice(iterate_lines(path, named.encoding), _SEEN))
    rows = [line for line in lines if line.strip() and not line.startswith(("#", "-DOCSTART-"))]
    if not rows:
        raise ValueError(f"{path} holds no token. Each line must have a token and its tag.")
    tag, token = named.columns.get("tag"), named.columns.get("token")
    if rows[0].count("\t") == 9 and re.match(r"\d+([-.]\d+)?\t", rows[0]):
        if tag is not None and tag not in _CONLLU_TAGS:
            raise ValueError(f"--tag must be one of {', '.join(_CONLLU_TAGS)}. Received: {tag!r}.")
        told = [f"CoNLL-U; tag: {tag or 'upos'} (--tag {', '.join(_CONLLU_TAGS)})"]
        return Layout(Reading("conll", "load_conllu", (tag,) if tag else ()), told=told)
    for name, value in (("token", token), ("tag", tag)):
        if value is not None and not (value.isdecimal() and int(value) > 0):
            raise ValueError(
                f"--{name} must be the number of a column, from 1. Received: {value!r}."
            )
    columns = {"token_column": token, "tag_column": tag}
    keywords = {name: int(value) - 1 for name, value in columns.items() if value is not None}
    told = [f"token: column {token or 1}; tag: column {tag or 'the last'} (--token, --tag)"]
    return Layout(Reading("conll", "load", (), {**keywords, **named.keywords}), told=told)


def _language_model(path: Path, named: Named) -> Layout:
    if path.is_file():
        if path.suffixes and ending(path) in _TABLES:
            return _table("language-model", path, named)
        if named.encoding != "utf-8":
            raise ValueError(
                f"A text must be UTF-8. Received: --encoding {named.encoding}. Convert it."
            )
        told = ["one text; its last tenths are the validation and test splits"]
        return Layout(Reading("plain_text", "load_whole", (0.1, 0.1)), has_splits=True, told=told)
    files = [
        each for each in data_files(path) if each.suffix in (".gz", ".txt", ".tokens", ".text", "")
    ]
    splits = splits_of(files)
    if {"train", "validation"} <= set(splits):
        names = tuple(split for split in SPLITS if split in splits)
        keywords = {} if len(names) == 3 else {"splits": names}
        return Layout(Reading("plain_text", "load", (), keywords), has_splits=True, told=["lines"])
    if len(files) > 2:
        return Layout(
            Reading("plain_text", "load_files"), told=[f"{len(files)} files, each a text"]
        )
    return _split_files(path, data_files(path), lambda file: _language_model(file, named))


def _captioner(path: Path, named: Named) -> Layout:
    if path.is_file():
        layout = _table("captioner", path, named)
        image, caption = layout.reading.arguments
        reading = Reading("captioned_images", "load_table", (image, caption), named.keywords)
        return layout._replace(reading=reading)
    if any(path.glob("*.token.txt*")):
        return Layout(Reading("captioned_images", "load"), has_splits=True, told=["as Flickr8k"])
    files = [each for each in data_files(path) if ending(each) in (*_TABLES, ".txt")]
    if any(each.with_suffix(".txt").is_file() for each in path.rglob("*.[jp][pn]*g")):
        told = ["a text beside each image, a caption on each line"]
        return Layout(Reading("captioned_images", "load_beside", (), named.keywords), told=told)
    return _split_files(path, files, lambda file: _captioner(file, named))


_FINDERS: dict[str, Callable[[Path, Named], Layout]] = {
    "classifier": _classifier,
    "tagger": _tagger,
    "translator": _translator,
    "language-model": _language_model,
    "captioner": _captioner,
}


def _table(kind: str, path: Path, named: Named) -> Layout:
    chosen = choose_columns(path, kind, named.columns, named.encoding)
    header = {} if chosen.header else {"header": False}
    reading = Reading("tables", "read", chosen.names, {**named.keywords, **header})
    return Layout(reading, told=chosen.told)


def _is_table(path: Path, encoding: str, kind: str) -> bool:
    """Whether a file is a table, by its ending or what its first line holds."""
    if ending(path) in _TABLES:
        return True
    delimiter = delimiter_of(path, encoding)
    first = next(line for line in iterate_lines(path, encoding) if line.strip())
    names = {name.strip().lower() for name in first.split(delimiter)}
    return delimiter in (JSON, "\t") or (len(names) > 1 and {"text", "label"} & names != set())


def _label_lines(path: Path, named: Named) -> Layout:
    lines = list(itertools.islice(iterate_lines(path, named.encoding), _SEEN))
    labels = {line.split(maxsplit=1)[0] for line in lines if line.strip()}
    if len(labels) > max(2, len(lines) / 3):
        raise ValueError(
            f"Each line of {path} must begin with a label, or the file be a table of texts and "
            f"labels. Received: {len(labels)} different first words in {len(lines)} lines, such "
            f"as {lines[0][:40]!r} in line 1. Give a .csv, .tsv or .jsonl file."
        )
    reading = Reading("labelled_text", "load_lines", (), named.keywords)
    shown = ", ".join(sorted(labels)[:10])
    return Layout(reading, told=[f"lines of a label, a space and a text; labels: {shown}"])


def _split_files(path: Path, files: Iterable[Path], look: Callable[[Path], Layout]) -> Layout:
    """The layout of a folder with a file for each split, or with one file."""
    files = list(files)
    splits = splits_of(files)
    if "train" in splits:
        return look(path / splits["train"])._replace(files=splits)
    if len(files) == 1:
        layout = look(files[0])
        return layout._replace(files={"train": files[0].name})
    names = ", ".join(file.name for file in files[:8]) or "none"
    raise ValueError(
        f"A folder must have one file, or files called train, valid and test. Received: {path} "
        f"with {names}. Give the path of one of them."
    )
