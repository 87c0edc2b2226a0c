"""What the names of files and folders say about the data in them."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

SPLITS = {
    "train": ("train", "training", "trn"),
    "validation": ("validation", "valid", "val", "dev", "development"),
    "test": ("test", "testing", "tst"),
}


def splits_of(files: Iterable[Path]) -> dict[str, str]:
    """The names of the files, or folders, that are called as splits are."""
    found: dict[str, list[str]] = {}
    for file in files:
        if split := split_name(file.name):
            found.setdefault(split, []).append(file.name)
    for split, names in found.items():
        if len(names) > 1:
            raise ValueError(
                f"One file must hold the {split} split. Received: {', '.join(names[:8])}. Move the "
                "others away, or give the path of one file."
            )
    return {split: found[split][0] for split in SPLITS if split in found}


def split_name(name: str) -> str | None:
    """Returns the split that a word of a name stands for, if any."""
    words = {word.removesuffix("set") for word in re.split(r"[^a-z]+", name.lower())}
    return next((split for split, known in SPLITS.items() if words & {*known}), None)


def data_files(path: Path) -> list[Path]:
    """The files of a folder that may be data."""
    return [
        each
        for each in sorted(path.iterdir())
        if each.is_file()
        and not each.name.startswith((".", "_"))
        and not each.name.lower().startswith(("readme", "license"))
        and ending(each) not in (".md", ".py", ".pdf", ".zip", ".html")
    ]


def folders(path: Path) -> list[Path]:
    """The folders in a folder."""
    return [each for each in sorted(path.iterdir()) if each.is_dir() and each.name[0] not in "._"]


def label_files(files: list[Path]) -> dict[str, str]:
    """A file for each label: `good.txt` and `bad.txt`, or `reviews.good` and `reviews.bad`."""
    pairs = [stem_and_suffix(file) for file in files]
    stems, suffixes = [stem for stem, _ in pairs], [suffix for _, suffix in pairs]
    if len(files) > 1 and len(set(stems)) == 1:
        labels = suffixes
    elif len(files) > 1 and set(suffixes) <= {"", "txt"} and len(set(stems)) == len(files):
        labels = stems
    else:
        return {}
    return {label: file.name for label, file in zip(labels, files, strict=True)}


def stem_and_suffix(file: Path) -> tuple[str, str]:
    """The name before and behind the last point, without .gz."""
    bare = Path(file.name.removesuffix(".gz"))
    return bare.stem, bare.suffix.lstrip(".")


def has_pair(files: list[Path], split: str, languages: tuple[str, ...]) -> bool:
    """Whether a split has a file of each language, such as train.de and train.en."""
    found = {suffix for stem, suffix in map(stem_and_suffix, files) if split_name(stem) == split}
    return set(languages) <= found


def ending(path: Path) -> str:
    """The ending of a name without .gz, such as ".csv"."""
    return Path(path.name.removesuffix(".gz")).suffix.lower()
