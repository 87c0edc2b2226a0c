"""Sentence pairs from text files: line-aligned ones (`train.de`, `train.en`) or tab-separated ones.

Files are UTF-8, plain or gzipped. `datasets.lines` says where a line ends: other separators inside
a sentence never shift the alignment. Lines are passed on as they stand, empty ones too.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import cast

from seqzoo.datasets.lines import aligned, read_lines, tab_columns

Pairs = Sequence[tuple[str, str]]

_LARGE = 256 * 2**20  # bytes of the files of a split, above which it is streamed

_VALIDATION_STEMS = ("validation", "valid", "val", "dev")


def load(
    folder: str | Path,
    source: str,
    target: str,
    splits: Sequence[str] = ("train", "validation", "test"),
) -> dict[str, Pairs]:
    r"""Reads line-aligned files named `<split>.<language>` or `<split>.<language>.gz`.

    The training split may lie in shards, `train-*.<language>`; it is then a
    `seqzoo.datasets.streams.Stream`, as it is where its files are larger than 256 MiB: memory holds
    but a part of it.

    Args:
        folder: Folder that holds the files.
        source: Suffix of the source files, such as `"de"`.
        target: Suffix of the target files, such as `"en"`.
        splits: Names of the splits to read. `"validation"` may be called `validation`, `valid`,
            `val` or `dev` on disk; `"test"` is `test` or else the first of `test_*` in
            alphabetical order (`test_2016_flickr`); every other name stands for itself.

    Returns:
        A dict from each name in `splits` to a sequence of `(source, target)`.

    Raises:
        FileNotFoundError: if the folder or a file is missing; names what was looked for.
        ValueError: if a file is empty or not UTF-8, or if two files differ in their numbers of
            lines.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.de").write_text("guten Tag\n")
        >>> _ = Path("train.en").write_text("good day\n")
        >>> list(sz.datasets.parallel_text.load(".", "de", "en", splits=["train"])["train"])
        [('guten Tag', 'good day')]
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(
            f"`folder` must hold files such as train.{source} and train.{target}. "
            f"Received: {str(folder)!r}, which is no folder. Check the path."
        )
    return {split: _load_split(folder, split, source, target) for split in splits}


def load_aligned(folder: str | Path, source: str, target: str, encoding: str = "utf-8") -> Pairs:
    """Reads two files of a folder, of which line by line is a pair; empty lines are left out.

    Args:
        folder: Folder that holds the files.
        source: Name of the file of the sources, plain or gzipped.
        target: Name of that of the targets.
        encoding: Of both.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a file is empty or not in the encoding, or if the two differ in their numbers
            of lines.
    """
    paths = [Path(folder, name) for name in (source, target)]
    lines = [read_lines(path, encoding) for path in paths]
    pairs = aligned(paths[0], lines[0], paths[1], lines[1])
    return [pair for pair in pairs if all(text.strip() for text in pair)]


def load_tab_separated(path: str | Path) -> Pairs:
    r"""Reads one pair from each line: source, tab, target; further columns are left out.

    Raises:
        FileNotFoundError: if the file is missing.
        ValueError: if the file is empty or not UTF-8, or if a line has no tab.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("pairs.tsv").write_text("guten Tag\tgood day\n")
        >>> sz.datasets.parallel_text.load_tab_separated("pairs.tsv")
        [('guten Tag', 'good day')]
    """
    pairs = list(tab_columns(path))
    if not pairs:
        raise ValueError(f"A file of pairs must not be empty. Received: {path}.")
    return pairs


def _load_split(folder: Path, split: str, source: str, target: str) -> Pairs:
    for ending in ("", ".gz"):
        shards = [
            sorted(map(str, folder.glob(f"{split}-*.{language}{ending}")))
            for language in (source, target)
        ]
        if split == "train" and shards[0]:
            return _streamed(*shards)
    stems = _stems(folder, split, source)
    source_path = _find(folder, split, stems, source)
    # The target has the stem of the source, so that val.de never meets valid.en.
    stem = source_path.name.removesuffix(".gz").removesuffix(f".{source}")
    target_path = _find(folder, split, [stem], target)
    if split == "train" and sum(p.stat().st_size for p in (source_path, target_path)) > _LARGE:
        return _streamed([str(source_path)], [str(target_path)])
    lines = [read_lines(path) for path in (source_path, target_path)]
    return list(aligned(source_path, lines[0], target_path, lines[1]))


def _streamed(sources: list[str], targets: list[str]) -> Pairs:
    from seqzoo.datasets import streams  # it loads TensorFlow

    return cast(Pairs, streams.line_aligned(sources, targets))


def _stems(folder: Path, split: str, language: str) -> list[str]:
    """Returns the file stems that may hold a split, the preferred one first."""
    if split == "validation":
        return list(_VALIDATION_STEMS)
    if split == "test":
        names = [path.name.removesuffix(".gz") for path in folder.glob("test_*")]
        suffix = f".{language}"
        others = {name.removesuffix(suffix) for name in names if name.endswith(suffix)}
        return ["test", *sorted(others)]
    return [split]


def _find(folder: Path, split: str, stems: Sequence[str], language: str) -> Path:
    names = [f"{stem}.{language}{ending}" for stem in stems for ending in ("", ".gz")]
    for name in names:
        if (folder / name).is_file():
            return folder / name
    raise FileNotFoundError(
        f"The split {split!r} needs one of these files in {folder}: {', '.join(names)}. "
        "None is there. Check the folder and the language, or rename the file."
    )
