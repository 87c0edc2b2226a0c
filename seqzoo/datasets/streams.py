"""Examples that need not fit into memory: files, many shards, TFRecord, folders of images."""

from __future__ import annotations

import glob
import os
import re
from collections.abc import Iterator, Sequence

import tensorflow as tf

from seqzoo.datasets import conll
from seqzoo.datasets.stream import Stream
from seqzoo.datasets.text_files import iterate_lines

Pair = tuple[tf.Tensor, tf.Tensor]

_IMAGES = r"(?i).*\.(jpe?g|png|gif|bmp)"


def tab_separated(files: str | Sequence[str], columns: tuple[int, int] = (0, 1), **options):
    """Streams files with a pair in each line, between tabs; plain or gzipped.

    Args:
        files: A path, a pattern such as `"shards/train-*.tsv.gz"`, or several of them.
        columns: Places of source and target.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
    A line with too few columns stops the training with an error that shows it.
    """

    def pair(line: tf.Tensor) -> Pair:
        parts = tf.strings.split(line, "\t")
        check = tf.debugging.assert_greater(
            tf.size(parts),
            max(columns),
            [f"A line needs {max(columns) + 1} columns. Received:", line],
        )
        with tf.control_dependencies([check]):
            return parts[columns[0]], parts[columns[1]]

    return Stream(_found(files), lambda path: _lines(path).map(pair), **options)


def comma_separated(
    files: str | Sequence[str],
    columns: tuple[int, int] = (0, 1),
    header: bool = True,
    **options,
):
    """Streams CSV files, in which fields may be quoted; plain or gzipped.

    Args:
        files: As in `tab_separated`.
        columns: Places of source and target.
        header: Whether the first line of each file names the columns.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
    """
    order = sorted(columns)
    places = [order.index(column) for column in columns]

    def read(path: tf.Tensor) -> tf.data.Dataset:
        settings = {"header": header, "select_cols": order}
        plain, packed = (
            tf.data.experimental.CsvDataset(
                path, [tf.string] * 2, compression_type=kind, **settings
            )
            for kind in ("", "GZIP")
        )
        return _one_of(path, plain, packed).map(lambda *f: (f[places[0]], f[places[1]]))

    return Stream(_found(files), read, **options)


def line_aligned(sources: str | Sequence[str], targets: str | Sequence[str], **options):
    """Streams pairs of files, of which line by line is one pair; plain or gzipped.

    Args:
        sources: As in `tab_separated`.
        targets: As many files, which belong to the sources in the order of their names.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
        ValueError: if there is another number of targets than of sources.
    """
    left, right = _found(sources), _found(targets)
    if len(left) != len(right):
        raise ValueError(
            f"There must be as many target files as source files. Received: {len(left)} sources "
            f"and {len(right)} targets."
        )

    def read(name: tf.Tensor) -> tf.data.Dataset:
        paths = tf.strings.split(name, "\n")
        return tf.data.Dataset.zip(_lines(paths[0]), _lines(paths[1]))

    names = tuple(f"{source}\n{target}" for source, target in zip(left, right, strict=True))
    return Stream(names, read, **options)


def tf_records(files: str | Sequence[str], source: str, target: str, **options):
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

    def pair(record: tf.Tensor) -> Pair:
        example = tf.io.parse_single_example(record, features)
        return example[source], example[target]

    def read(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path, _compression(path)).map(pair)

    return Stream(_found(files), read, **options)


def conll_files(
    files: str | Sequence[str],
    token_column: int = 0,
    tag_column: int = -1,
    conllu: str | None = None,
    **options,
):
    """Streams sentences of CoNLL files, tokens and tags; plain or gzipped.

    Args:
        files: As in `tab_separated`.
        token_column: As in `conll.load`.
        tag_column: As in `conll.load`.
        conllu: Name of a column, such as "upos", of files in CoNLL-U, in place of the two; see
            `conll.load_conllu`.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits no file.
    A line that is wrong stops the training with an error that names file and line.
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

    return Stream(_found(files), read, **options)


def image_folders(folders: str | Sequence[str], **options):
    """Streams the images of folders, each with the name of its folder: `dogs/1.jpg`, "dogs".

    An example is the path of an image, which a captioner reads when its turn has come, and the
    folder's name. For captions, a `tab_separated` file of paths and captions does the same.

    Args:
        folders: A folder, a pattern such as `"images/*"`, or several of them.
        **options: `shuffle` and `size` of `Stream`.

    Raises:
        FileNotFoundError: if a pattern fits nothing, or a folder holds no image.
    """
    names = tuple(path for path in _found(folders) if os.path.isdir(path))
    for name in names:
        if not any(_is_image(entry) for entry in os.listdir(name)):
            raise FileNotFoundError(f"There is no image in {name}. Leave the folder out.")

    def read(name: tf.Tensor) -> tf.data.Dataset:
        paths = tf.data.Dataset.list_files(tf.strings.join([name, "/*"]), shuffle=False)
        images = paths.filter(lambda path: tf.strings.regex_full_match(path, _IMAGES))
        label = tf.strings.split(name, os.sep)[-1]
        return images.map(lambda path: (path, label))

    return Stream(names, read, **options)


def from_dataset(dataset: tf.data.Dataset, name: str = "dataset", **options):
    """Streams a finite `tf.data.Dataset` of pairs of string scalars, one of TFDS for example.

    Args:
        dataset: The pairs.
        name: What a checkpoint calls it.
        **options: `shuffle` and `size` of `Stream`.
    """
    return Stream((name,), lambda _: dataset, **options)


def _is_image(name: str) -> bool:
    return re.fullmatch(_IMAGES, name) is not None


def _found(files: str | Sequence[str]) -> tuple[str, ...]:
    paths: list[str] = []
    for pattern in [files] if isinstance(files, (str, os.PathLike)) else files:
        found = sorted(glob.glob(os.fspath(pattern)))
        if not found:
            raise FileNotFoundError(f"No file fits {os.fspath(pattern)!r}. Check the path.")
        paths += found
    return tuple(paths)


def _compression(path: tf.Tensor) -> tf.Tensor:
    return tf.where(tf.strings.regex_full_match(path, r".*\.gz"), "GZIP", "")


def _lines(path: tf.Tensor) -> tf.data.Dataset:
    return tf.data.TextLineDataset(path, _compression(path))


def _one_of(path: tf.Tensor, plain: tf.data.Dataset, packed: tf.data.Dataset) -> tf.data.Dataset:
    """The dataset that reads the file, the other one being empty."""
    is_packed = tf.cast(tf.strings.regex_full_match(path, r".*\.gz"), tf.int64)
    return packed.take(-is_packed).concatenate(plain.take(is_packed - 1))
