"""Streams that are tokenised once, and then read as ids in each epoch."""

from __future__ import annotations

import dataclasses
import json
import zlib
from pathlib import Path
from typing import Any

import keras
import tensorflow as tf

from seqzoo.datasets.example_stream import Stream
from seqzoo.files.atomic_write import atomic_file, remove_leftovers, write_atomically
from seqzoo.files.digests import check_digests, read_digests, sha256_of_file, write_digests
from seqzoo.preprocessing.preprocessor import Packer

_ROWS = 1024  # of a record


@dataclasses.dataclass(frozen=True)
class TokenisedStream(Stream):
    """A stream of ids; see `tokenised`, which makes it."""

    made_of: dict[str, Any] = dataclasses.field(default_factory=dict)

    @property
    def origin(self) -> dict[str, Any]:  # pyright: ignore[reportIncompatibleVariableOverride]
        """What the ids were made of: the same wherever they lie."""
        return self.made_of


class TokenisedPacker:
    """Packs rows that are ids already; a `Packer` for `streamed_batches`.

    Args:
        packer: What made the ids.
    """

    def __init__(self, packer: Packer):
        self._packer = packer

    def encode(self, x: Any, y: Any) -> tuple[Any, Any]:
        return x, y

    def pack(self, source: Any, target: Any) -> Any:
        return self._packer.pack(source, target)


def packer_of(stream: Any, packer: Packer) -> Packer:
    """What makes batches of a stream: of ids alone where they are there already."""
    return TokenisedPacker(packer) if isinstance(stream, TokenisedStream) else packer


def tokenised(stream: Stream, preprocessor: Packer, folder: str | Path) -> TokenisedStream:
    r"""Writes the ids of a stream to a folder, a file for each of its own, and streams these.

        pairs = sz.datasets.streams.tab_separated("shards/*.tsv.gz")
        translator.fit(sz.preprocessing.tokenised(pairs, translator.preprocessor, "ids"))

    What is there already is read and not made again, also where a process was killed in the midst
    of it: every file is whole or not there, and has its digest in `SHA256SUMS`.

    Args:
        stream: Raw examples.
        preprocessor: The adapted one of the task.
        folder: Of the ids of this stream and this preprocessor alone.

    Raises:
        ValueError: if the folder holds those of others, a file there is damaged, or `folder` is a
            file.

    Rows are ids of any length `(None,)` on both sides.

    Example:
        >>> from pathlib import Path
        >>> _ = Path("pairs.tsv").write_text("a\tb\nc d\te f\n")
        >>> stream = sz.datasets.streams.tab_separated("pairs.tsv")
        >>> text = sz.preprocessing.TextPairs(sz.preprocessing.ByteTokenizer(normalization=None))
        >>> len(sz.preprocessing.tokenised(stream, text, "ids"))
        2
    """
    folder = Path(folder)
    if folder.is_file():
        raise ValueError(
            f"`folder` must be a folder or a path where there is nothing. Received: {folder}, a "
            "file. Choose another path."
        )
    folder.mkdir(parents=True, exist_ok=True)
    remove_leftovers(folder)
    made_of = _made_of(stream, preprocessor)
    _check_same(folder / "made_of.json", made_of)
    digests = read_digests(folder)
    check_digests(folder, [path.name for path in folder.glob("part-*.tfrecord")])

    def encoded(name: Any) -> tf.data.Dataset:
        batches = stream.read(tf.convert_to_tensor(name)).ragged_batch(_ROWS)
        return batches.map(lambda *sides: tuple(preprocessor.encode(*sides)), tf.data.AUTOTUNE)

    spec = encoded(stream.names[0]).element_spec
    files = []
    for index, name in enumerate(stream.names):
        path = folder / f"part-{index:05d}.tfrecord"
        if not path.is_file():
            with atomic_file(path) as written:
                with tf.io.TFRecordWriter(written) as writer:
                    for rows in encoded(name):
                        writer.write(_to_record(rows))
                digests[path.name] = sha256_of_file(written)
                write_digests(folder, digests)  # first: a file that is there has its digest
        elif path.name not in digests:  # an earlier version wrote it
            digests[path.name] = sha256_of_file(path)
            write_digests(folder, digests)
        files.append(str(path))

    def read(path: tf.Tensor) -> tf.data.Dataset:
        return tf.data.TFRecordDataset(path).map(lambda r: _from_record(r, spec)).unbatch()

    return TokenisedStream(tuple(files), read, stream.shuffle, stream.size, made_of)


def _made_of(stream: Stream, preprocessor: Any) -> dict[str, Any]:
    config = json.dumps(keras.saving.serialize_keras_object(preprocessor), sort_keys=True)
    return {**stream.origin, "preprocessor": zlib.crc32(config.encode())}


def _check_same(file: Path, made_of: dict[str, Any]) -> None:
    if not file.is_file():
        write_atomically(file, json.dumps(made_of).encode())
        return
    try:
        before = dict(json.loads(file.read_bytes().decode()))
        before.setdefault("content", made_of["content"])  # earlier versions wrote none
    except (ValueError, TypeError, RecursionError) as error:
        raise ValueError(
            f"{file} is damaged: it must hold a JSON object. Received: {error}. Remove the folder: "
            "the ids are made again."
        ) from error
    for name in before | made_of:
        if before.get(name) != made_of.get(name):
            raise ValueError(
                f"A folder holds the ids of one stream and one preprocessor. Received: {name}="
                f"{made_of.get(name)}, where {file.parent} has {before.get(name)}. Use another "
                "folder, or remove this one."
            )


def _to_record(rows: Any) -> bytes:
    parts = tf.nest.flatten(rows, expand_composites=True)
    return tf.io.serialize_tensor(tf.stack([tf.io.serialize_tensor(p) for p in parts])).numpy()


def _from_record(record: tf.Tensor, spec: Any) -> Any:
    specs = tf.nest.flatten(spec, expand_composites=True)
    parts = tf.unstack(tf.io.parse_tensor(record, tf.string), num=len(specs))
    tensors = [
        tf.ensure_shape(tf.io.parse_tensor(part, each.dtype), each.shape)
        for part, each in zip(parts, specs, strict=True)
    ]
    return tf.nest.pack_sequence_as(spec, tensors, expand_composites=True)
