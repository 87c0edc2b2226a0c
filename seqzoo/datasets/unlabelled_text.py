"""Plain text without labels, split into words as treebanks split them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from seqzoo.datasets.lines import json_lines, read_lines

_TAGS = re.compile(r"<[^<> ]+ ?/?>(?<!<unk>)")
_MARKS = re.compile(
    r"\.{2,}|-{2,}|(?<!\d)[.,:](?!\d)|(?<=\d)[.,:](?!\d)|(?<!\d)[.,:](?=\d)|"
    r"[!?;()\[\]{}\"“”$%&*/\\+=~^|#]"
)
_CLITIC = re.compile(r"(?<=\w)(n['\u2019]t|['\u2019](?:s|m|d|re|ve|ll))\b", re.IGNORECASE)


def load(paths: Sequence[str | Path], split_clitics: bool = True) -> list[str]:
    r"""Reads files and puts spaces around punctuation marks; a line is a text.

    Args:
        paths: Files of lines, plain or gzipped; those called `.jsonl` hold a JSON object with
            `text` on each line. Marks of HTML are left out.
        split_clitics: Whether "doesn't" and "it's" become "does n't" and "it 's", as in the Penn
            Treebank and in Universal Dependencies.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is empty or not UTF-8, or a line of a `.jsonl` file has no text.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("plain.txt").write_text("the cat sat\nthe dog ran\n")
        >>> list(sz.datasets.unlabelled_text.load(["plain.txt"]))
        ['the cat sat', 'the dog ran']
    """
    texts = [text for path in paths for text in _texts(Path(path))]
    return [spaced(text, split_clitics) for text in texts if text.strip()]


def spaced(text: str, split_clitics: bool = True) -> str:
    r"""Returns a text with one space between words, punctuation marks being words.

    Example:
        >>> from seqzoo.datasets.unlabelled_text import spaced
        >>> spaced("She doesn't know (3.5 km).")
        "She does n't know ( 3.5 km ) ."
    """
    text = _MARKS.sub(r" \g<0> ", _TAGS.sub(" ", text))
    if split_clitics:
        text = _CLITIC.sub(r" \1", text)
    return " ".join(text.split())


def _texts(path: Path) -> list[str]:
    if ".jsonl" not in path.suffixes:
        return read_lines(path)
    return [text for (text,) in json_lines(path, "text")]
