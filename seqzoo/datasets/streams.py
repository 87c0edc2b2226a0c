"""Examples that need not fit into memory: files, many shards, TFRecord, folders of images."""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import tensorflow as tf

from seqzoo.datasets import conll
from seqzoo.datasets.example_stream import Stream
from seqzoo.datasets.lines import (
    Paths,
    aligned,
    csv_columns,
    find_files,
    iterate_lines,
    tab_columns,
)
from seqzoo.datasets.tables import Rows

_BLOCK = 1024  # lines that go from a file to the pipeline together
_IMAGES = r"(?i).*\.(jpe?g|png|gif|bmp)"


def tab_separated(files: Paths, columns: tuple[int, int] = (0, 1), **options) -> Stream:
    r"""Streams files with a pair in each line, between tabs; plain or gzipped.

    A line with too few columns stops the training with an error that names file and line.

    Args:
        files: A path, a pattern such as `"shards/train-*.tsv.gz"`, or several of them. A path that
            exists is that file, also with the brackets of a pattern in it.
        columns: Indices of source and target.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("pairs.tsv").write_text("guten Tag\tgood day\n")
        >>> list(sz.datasets.streams.tab_separated("pairs.tsv"))
        [('guten Tag', 'good day')]
    """
    return Stream(find_files(files), _reader(tab_columns, columns), **options)


def comma_separated(
    files: Paths, columns: tuple[int, int] = (0, 1), header: bool = True, **options
) -> Stream:
    r"""Streams CSV files, in which fields may be quoted; plain or gzipped.

    A record that lacks one of the two fields stops the training with an error that names file and
    line.

    Args:
        files: As in `tab_separated`.
        columns: Indices of source and target.
        header: Whether the first line of each file names the columns.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("pairs.csv").write_text('text,label\n"dull, long",bad\n')
        >>> list(sz.datasets.streams.comma_separated("pairs.csv"))
        [('dull, long', 'bad')]
    """
    return Stream(find_files(files), _reader(csv_columns, columns, header), **options)


def line_aligned(sources: Paths, targets: Paths, **options) -> Stream:
    r"""Streams pairs of files, of which line by line is one pair; plain or gzipped.

    Files of a pair that differ in their numbers of lines stop the training with an error that
    names both.

    Args:
        sources: As in `tab_separated`.
        targets: As many files, which belong to the sources in the order of their names.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
        ValueError: if there is another number of targets than of sources.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("a.de").write_text("guten Tag\n"), Path("a.en").write_text("good day\n")
        >>> list(sz.datasets.streams.line_aligned("a.de", "a.en"))
        [('guten Tag', 'good day')]
    """
    left, right = find_files(sources), find_files(targets)
    if len(left) != len(right):
        raise ValueError(
            f"There must be as many target files as source files. Received: {len(left)} sources "
            f"and {len(right)} targets."
        )

    def pairs(name: str) -> Iterator[tuple[str, str]]:
        source, target = name.split("\n")
        return aligned(source, iterate_lines(source), target, iterate_lines(target))

    names = tuple(f"{source}\n{target}" for source, target in zip(left, right, strict=True))
    return Stream(names, _reader(pairs), **options)


def tf_records(files: Paths, source: str, target: str, **options) -> Stream:
    """Streams TFRecord files of `tf.train.Example`; plain or gzipped.

    Args:
        files: As in `tab_separated`.
        source: Name of the feature of bytes that holds the source.
        target: Name of that of the target.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
    """
    features = {name: tf.io.FixedLenFeature([], tf.string) for name in (source, target)}

    def pair(record: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor]:
        example = tf.io.parse_single_example(record, features)
        return example[source], example[target]

    def read(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(
            path, tf.where(tf.strings.regex_full_match(path, r".*\.gz"), "GZIP", "")
        ).map(pair)

    return Stream(find_files(files), read, **options)


def conll_files(
    files: Paths,
    token_column: int = 0,
    tag_column: int = -1,
    conllu: str | None = None,
    **options,
) -> Stream:
    r"""Streams sentences of CoNLL files, tokens and tags; plain or gzipped.

    A line that is wrong stops the training with an error that names file and line.

    Args:
        files: As in `tab_separated`.
        token_column: As in `conll.load`.
        tag_column: As in `conll.load`.
        conllu: Name of a column, such as "upos", of files in CoNLL-U, in place of the two; see
            `conll.load_conllu`.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("train.txt").write_text("Ann B-PER\nleft O\n")
        >>> list(sz.datasets.streams.conll_files("train.txt"))
        [(['Ann', 'left'], ['B-PER', 'O'])]
    """

    def sentences(path: bytes) -> Iterator[tuple[list[str], list[str]]]:
        name = os.fsdecode(path)
        lines = iterate_lines(name)
        if conllu is not None:
            return conll.read_conllu(lines, name, conllu)
        return conll.read(lines, name, token_column, tag_column)

    words = tf.TensorSpec([None], tf.string)

    def read(path: tf.Tensor) -> tf.data.Dataset:
        signature = (words, words)
        return tf.data.Dataset.from_generator(sentences, args=(path,), output_signature=signature)

    return Stream(find_files(files), read, **options)


def image_folders(folders: Paths, **options) -> Stream:
    """Streams the images of folders, each with the name of its folder: `dogs/1.jpg`, "dogs".

    An example is the path of an image, which a captioner reads when its turn has come, and the
    folder's name. For captions, a `tab_separated` file of paths and captions does the same.

    Args:
        folders: A folder, a pattern such as `"images/*"`, or several of them.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits nothing, or a folder holds no image.
    """
    names = tuple(path for path in find_files(folders) if os.path.isdir(path))
    for name in names:
        if not any(_is_image(entry) for entry in os.listdir(name)):
            raise FileNotFoundError(f"There is no image in {name}. Leave the folder out.")

    def images(folder: str) -> Iterator[tuple[str, str]]:
        label = os.path.basename(os.path.normpath(folder))
        for name in sorted(filter(_is_image, os.listdir(folder))):
            yield os.path.join(folder, name), label

    return Stream(names, _reader(images), **options)


def of_rows(rows: Rows, keep: Callable[[Any], bool] = lambda row: True, **options) -> Stream:
    """Streams the rows of a table with two columns.

    A row that is wrong stops the training with an error that names file and line.

    Args:
        rows: See `seqzoo.datasets.tables`.
        keep: Function of a row that says whether it is an example.
        **options: `shuffle` and `size` of `Stream`.
    """
    return Stream((str(rows.path),), _reader(lambda path: filter(keep, rows)), **options)


def from_dataset(dataset: tf.data.Dataset, name: str = "dataset", **options) -> Stream:
    """Streams a finite `tf.data.Dataset` of pairs of string scalars, one of TFDS for example.

    Args:
        dataset: The pairs.
        name: What a checkpoint calls it.
        **options: `shuffle` and `size` of `Stream`.
    """
    return Stream((name,), lambda _: dataset, **options)


def _encoded(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def _is_image(name: str) -> bool:
    return re.fullmatch(_IMAGES, name) is not None


def _reader(examples: Callable[..., Iterator[tuple[str, str]]], *settings: Any) -> Callable:
    """Makes a dataset of what Python reads of a file, block by block."""

    def blocks(path: bytes) -> Iterator[tuple[np.ndarray, ...]]:
        pairs = examples(os.fsdecode(path), *settings)
        while block := list(itertools.islice(pairs, _BLOCK)):
            yield tuple(
                np.array(list(map(_encoded, side)), object) for side in zip(*block, strict=True)
            )

    strings = tf.TensorSpec([None], tf.string)

    def read(path: tf.Tensor) -> tf.data.Dataset:
        signature = (strings, strings)
        dataset = tf.data.Dataset.from_generator(blocks, args=(path,), output_signature=signature)
        return dataset.unbatch()

    return read
