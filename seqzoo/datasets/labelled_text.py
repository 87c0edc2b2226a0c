"""Texts and their labels from files: `label text` on each line, a file for each label, or JSON."""

import random
import re
from collections.abc import Mapping, Sequence
from pathlib import Path

from seqzoo.datasets.lines import json_lines, read_lines, read_text, refuse_line

Examples = list[tuple[str, str]]


def load_lines(path: str | Path, encoding: str = "utf-8") -> Examples:
    r"""Reads lines of a label, a space or tab, and a text.

    Args:
        path: A file, plain or gzipped.
        encoding: Of the file.

    Returns:
        Pairs of text and label.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a line has no text, or the file is empty or not in the encoding.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.txt").write_text("good a moving film\nbad dull\n")
        >>> sz.datasets.labelled_text.load_lines("train.txt")
        [('a moving film', 'good'), ('dull', 'bad')]
    """
    examples = []
    for number, line in enumerate(read_lines(path, encoding), start=1):
        label, *text = re.split("[ \t]+", line.strip(" \t"), maxsplit=1)
        if not text:
            refuse_line(path, number, line, "a label, a space and a text")
        examples.append((text[0], label))
    return examples


def load_file_per_label(paths: Mapping[str, str | Path], encoding: str = "utf-8") -> Examples:
    r"""Reads files that hold one text a line, each file those of one label.

    Args:
        paths: Files by label.
        encoding: Of the files.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("good.txt").write_text("a moving film\n"), Path("bad.txt").write_text("dull\n")
        >>> sz.datasets.labelled_text.load_file_per_label({"good": "good.txt", "bad": "bad.txt"})
        [('a moving film', 'good'), ('dull', 'bad')]
    """
    return [
        (line.strip(" \t"), label)
        for label, path in paths.items()
        for line in read_lines(path, encoding)
    ]


def load_folders(folder: str | Path, encoding: str = "utf-8") -> Examples:
    """Reads a folder for each label, in which each file is a text: `good/1.txt`, `bad/2.txt`.

    Args:
        folder: Holds the folders, whose names are the labels. Files that are called `.txt`, or have
            no ending, are texts, plain or gzipped.
        encoding: Of the files.

    Raises:
        FileNotFoundError: if there is no folder of texts in it.
        ValueError: if a file is empty or not in the encoding.
    """
    examples = [
        (read_text(path, encoding).strip(), label.name)
        for label in sorted(Path(folder).iterdir())
        if label.is_dir()
        for path in text_files(label)
    ]
    if not examples:
        raise FileNotFoundError(
            f"{folder} must hold a folder of texts, such as 1.txt, for each label. There is none."
        )
    return examples


def text_files(folder: Path) -> list[Path]:
    """Returns the files of a folder that are called `.txt` or have no ending, also gzipped."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_file() and Path(path.name.removesuffix(".gz")).suffix in ("", ".txt")
    ]


def load_json_lines(path: str | Path, text: str = "text", label: str = "label") -> Examples:
    r"""Reads a file with one JSON object a line.

    Args:
        path: A file, plain or gzipped.
        text: Name of the field with the text.
        label: Name of the field with the label, a text or an integer; null is none.

    Raises:
        ValueError: if a line is no object with the two fields; names file and line.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.jsonl").write_text('{"text": "a moving film", "label": "good"}\n')
        >>> sz.datasets.labelled_text.load_json_lines("train.jsonl")
        [('a moving film', 'good')]
    """
    return [(each, name) for each, name in json_lines(path, text, label)]


def split_off(examples: Sequence, share: float, seed: int = 0) -> tuple[list, list]:
    """Divides examples by chance, the same for the same seed.

    Args:
        examples: Any examples.
        share: From 0 to 1: how much of them the second part gets.
        seed: Int.

    Returns:
        Two lists, each in the order of the examples.

    Example:
        >>> sz.datasets.labelled_text.split_off([1, 2, 3, 4, 5], share=0.4)
        ([1, 2, 3], [4, 5])
    """
    chosen = set(random.Random(seed).sample(range(len(examples)), round(share * len(examples))))
    parts: tuple[list, list] = ([], [])
    for index, example in enumerate(examples):
        parts[index in chosen].append(example)
    return parts
