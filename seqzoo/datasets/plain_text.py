"""Running text from files, line by line or whole: Penn Treebank, WikiText, one long text.

Files are UTF-8, plain or gzipped. `datasets.lines` says where a line ends. Without a file
there is `python_topics`, the reference of the language that every Python brings along.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

from seqzoo.datasets.lines import read_lines, read_text

_STEMS = {"validation": ("validation", "valid", "val", "dev")}


def load(
    folder: str | Path, splits: Sequence[str] = ("train", "validation", "test")
) -> dict[str, list[str]]:
    r"""Reads the lines of one file for each split.

    Its name has the split's between points: `train.txt`, `ptb.train.txt`, `wiki.train.tokens`, and
    the same with `.gz` behind. `"validation"` may be called `validation`, `valid`, `val` or `dev`.

    Args:
        folder: Folder that holds the files.
        splits: Names of the splits to read.

    Returns:
        A dict from each name in `splits` to its lines, empty ones too.

    Raises:
        FileNotFoundError: if the folder or a file is missing; names what was looked for.
        ValueError: if a file is empty or not UTF-8, or several could hold a split.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.txt").write_text("the cat sat\nthe dog ran\n")
        >>> sz.datasets.plain_text.load(".", splits=["train"])["train"]
        ['the cat sat', 'the dog ran']
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            "`folder` must hold files such as train.txt and valid.txt. Received: "
            f"{str(folder)!r}, which is no folder. Check the path."
        )
    return {split: read_lines(_find(folder, split)) for split in splits}


def load_whole(
    path: str | Path, validation: float = 0.1, test: float = 0.0
) -> dict[str, list[str]]:
    """Reads one long text, whose last parts are held out: each split is a list of one text.

    Args:
        path: A file, or a folder that holds one `.txt` or `.txt.gz` file.
        validation: Share of the characters that are held out for validation.
        test: Share behind those for a test; without, there is no such split.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if the file is empty or not UTF-8, or a part would hold no character.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("book.txt").write_text("abcdefghij")
        >>> sz.datasets.plain_text.load_whole("book.txt", validation=0.2)
        {'train': ['abcdefgh'], 'validation': ['ij']}
    """
    text = read_text(_only_file(Path(path)))
    if not (validation > 0 and test >= 0 and validation + test < 1):
        raise ValueError(
            "`validation` must be above 0, `test` at least 0, and both together below 1. "
            f"Received: validation={validation}, test={test}."
        )
    ends = [round(len(text) * share) for share in (1 - validation - test, 1 - test, 1)]
    parts = {
        "train": text[: ends[0]],
        "validation": text[ends[0] : ends[1]],
        "test": text[ends[1] :],
    }
    if test == 0:
        del parts["test"]
    for name, part in parts.items():
        if not part:
            raise ValueError(
                f"The text is too short to hold out its parts: {name!r} would be empty. Received: "
                f"{len(text)} characters in {path}."
            )
    return {name: [part] for name, part in parts.items()}


def load_files(folder: str | Path) -> list[str]:
    """Reads the texts of a folder, each a `.txt` or `.txt.gz` file, in the order of their names.

    Raises:
        FileNotFoundError: if there is no such file.
        ValueError: if a file is empty or not UTF-8.
    """
    files = sorted([*Path(folder).glob("*.txt"), *Path(folder).glob("*.txt.gz")])
    if not files:
        raise FileNotFoundError(f"{folder} must hold .txt or .txt.gz files. Received: none.")
    return [read_text(path) for path in files]


def python_topics(validation: float = 0.05, test: float = 0.05, seed: int = 0) -> dict:
    """Returns the lines of Python's language reference, as `help()` shows it.

    They hold about 460,000 characters, what exactly depends on the version of Python. The splits
    are of whole topics.

    Args:
        validation: Share of the topics that are held out for validation.
        test: Share that is held out for a test.
        seed: Seed of the choice.
    """
    from pydoc_data.topics import topics

    names = sorted(topics)
    random.Random(seed).shuffle(names)
    ends = [round(len(names) * share) for share in (test, test + validation, 1)]
    parts = {
        "train": names[ends[1] :],
        "validation": names[ends[0] : ends[1]],
        "test": names[: ends[0]],
    }
    return {
        split: [line for name in chosen for line in topics[name].rstrip("\n").split("\n")]
        for split, chosen in parts.items()
    }


def _find(folder: Path, split: str) -> Path:
    stems = _STEMS.get(split, (split,))
    for stem in stems:
        names = [
            path
            for path in sorted(folder.iterdir())
            if path.is_file() and stem in path.name.removesuffix(".gz").split(".")
        ]
        if len(names) > 1:
            raise ValueError(
                f"One file must hold the split {split!r}. Received: "
                f"{', '.join(path.name for path in names)} in {folder}. Move the others away."
            )
        if names:
            return names[0]
    raise FileNotFoundError(
        f"The split {split!r} needs a file in {folder} that is called {stems[0]}.txt or "
        f"ptb.{stems[0]}.txt, or has {', '.join(stems)} between points in its name in another "
        "way, plain or .gz. None is there. Check the folder, or rename the file."
    )


def _only_file(path: Path) -> Path:
    if not path.is_dir():
        return path
    files = [*sorted(path.glob("*.txt")), *sorted(path.glob("*.txt.gz"))]
    if len(files) != 1:
        raise FileNotFoundError(
            f"{path} must hold one .txt or .txt.gz file. Received: "
            f"{', '.join(file.name for file in files) or 'none'}. Give the path of the file."
        )
    return files[0]
