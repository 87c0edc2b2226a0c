"""Sentences and their tags from CoNLL files: a token a line, in columns, and a blank line between.

CoNLL-U, the format of Universal Dependencies, is read too: lines that begin with `#` are comments
there, and the ids of multi-word tokens (`3-4`) and of empty nodes (`8.1`) are left out.
"""

import re
from collections.abc import Iterable, Iterator
from pathlib import Path

from seqzoo.datasets.lines import min_columns, read_lines, refuse_line

Sentences = list[tuple[list[str], list[str]]]

_COLUMNS = {"upos": 3, "xpos": 4, "deprel": 7}  # of the ten of CoNLL-U


def load(
    path: str | Path, token_column: int = 0, tag_column: int = -1, encoding: str = "utf-8"
) -> Sentences:
    r"""Reads tokens and tags; columns stand between tabs, or between spaces where there is no tab.

    No other white space divides columns: a token may hold a no-break space.

    Lines that begin with `-DOCSTART-` are left out.

    Args:
        path: A file, plain or gzipped.
        token_column: Which column holds the token, 0 being the first.
        tag_column: Which column holds the tag, -1 being the last.
        encoding: Of the file.

    Returns:
        Pairs of tokens and tags.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a line has too few columns, or an empty token or tag; names file and line.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.txt").write_text("Ann B-PER\nleft O\n\nBob B-PER\n")
        >>> sz.datasets.conll.load("train.txt")
        [(['Ann', 'left'], ['B-PER', 'O']), (['Bob'], ['B-PER'])]
    """
    sentences = list(read(read_lines(Path(path), encoding), path, token_column, tag_column))
    if not sentences:
        raise ValueError(f"{path} holds no sentence. Each line must have a token and its tag.")
    return sentences


def read(
    lines: Iterable[str], path: str | Path, token_column: int = 0, tag_column: int = -1
) -> Iterator[tuple[list[str], list[str]]]:
    """Yields the tokens and tags of each sentence, of lines that come one by one; see `load`.

    Example:
        >>> list(sz.datasets.conll.read(["Ann B-PER", "left O", "", "Bob B-PER"], "train.txt"))
        [(['Ann', 'left'], ['B-PER', 'O']), (['Bob'], ['B-PER'])]
    """
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t"):
            if tokens:
                yield tokens, tags
            tokens, tags = [], []
        elif not line.startswith("-DOCSTART-"):
            columns = line.split("\t") if "\t" in line else re.split(" +", line.strip(" "))
            least = max(2, min_columns((token_column, tag_column)))
            if len(columns) < least:
                refuse_line(path, number, line, f"at least {least} columns")
            token, tag = columns[token_column].strip(" "), columns[tag_column].strip(" ")
            if not token or not tag:
                refuse_line(path, number, line, "a token and a tag")
            tokens.append(token)
            tags.append(tag)
    if tokens:
        yield tokens, tags


def load_conllu(path: str | Path, column: str = "upos") -> Sentences:
    """Reads the words of a CoNLL-U file and one of their columns.

    Args:
        path: A file, plain or gzipped.
        column: `"upos"`, `"xpos"` or `"deprel"`.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if the column is unknown, or a line has not ten; names file and line.
    Reference: https://universaldependencies.org/format.html
    """
    sentences = list(read_conllu(read_lines(Path(path)), path, column))
    if not sentences:
        raise ValueError(f"{path} holds no sentence. Check the file.")
    return sentences


def read_conllu(
    lines: Iterable[str], path: str | Path, column: str = "upos"
) -> Iterator[tuple[list[str], list[str]]]:
    """Yields the words and tags of each sentence, of lines that come one by one."""
    if column not in _COLUMNS:
        raise ValueError(f"Unknown column {column!r}. Known: {', '.join(_COLUMNS)}.")
    tokens: list[str] = []
    tags: list[str] = []
    for number, line in enumerate(lines, start=1):
        if not line.strip(" \t"):
            if tokens:
                yield tokens, tags
            tokens, tags = [], []
        elif not line.startswith("#"):
            columns = line.split("\t")
            if len(columns) != 10 or not re.fullmatch(r"\d+([-.]\d+)?", columns[0]):
                refuse_line(path, number, line, "ten columns between tabs, the first a number,")
            if columns[0].isdecimal():
                tokens.append(columns[1])
                tags.append(columns[_COLUMNS[column]])
    if tokens:
        yield tokens, tags
