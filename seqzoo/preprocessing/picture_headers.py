"""What encoded pictures announce about their size, read before anything is decoded.

A picture of some kilobytes can decode to gigabytes.
"""

from __future__ import annotations

import tensorflow as tf

_EXTENSION, _IMAGE, _END = 0x21, 0x2C, b";"  # what begins a part of a GIF, and the last byte
_LONGEST_HEADER = 32  # bytes that are read of a PNG or BMP


def announced(encoded: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Returns an encoded picture `()`, of a GIF the first frame alone, in a graph or not.

    It is "" if it is no JPEG, PNG, GIF or BMP, or announces more pixels. The size of a JPEG is not
    read yet: see `jpeg_within`. Nothing raises an error.
    """
    header = tf.strings.join([tf.strings.substr(encoded, 0, _LONGEST_HEADER), "\0" * 32])

    def begins(text: bytes) -> tf.Tensor:
        return tf.strings.substr(header, 0, len(text)) == text

    def within(height: tf.Tensor, width: tf.Tensor, picture: tf.Tensor) -> tf.Tensor:
        return tf.where(height * width <= max_pixels, picture, "")

    def png():
        height, width = (_number(header, position, big_endian=True) for position in (20, 16))
        return within(height, width, encoded)

    def bmp():
        height, width = _number(header, 22), _number(header, 18)
        return within(tf.minimum(height, 2**32 - height), width, encoded)  # it may be below 0

    return tf.case(
        [
            (begins(b"\xff\xd8"), lambda: tf.identity(encoded)),
            (begins(b"\x89PNG"), png),
            (begins(b"BM"), bmp),
            (begins(b"GIF8"), lambda: within(*_first_frame(encoded))),
        ],
        default=lambda: tf.constant(b""),
    )


def jpeg_within(encoded: tf.Tensor, max_pixels: int) -> tf.Tensor:
    """Returns a picture that `announced` has let through, or "" for a JPEG of more pixels.

    Raises:
        InvalidArgumentError: if the header of a JPEG cannot be read.
    """

    def pixels():
        return tf.reduce_prod(tf.cast(tf.image.extract_jpeg_shape(encoded)[:2], tf.int64))

    is_jpeg = tf.strings.substr(encoded, 0, 2) == b"\xff\xd8"
    size = tf.cond(is_jpeg, pixels, lambda: tf.constant(0, tf.int64))
    return tf.where(size <= max_pixels, encoded, "")


def _number(header: tf.Tensor, position: int, big_endian: bool = False) -> tf.Tensor:
    """The four bytes from a position on as an int64 of at least 0."""
    four = tf.cast(tf.io.decode_raw(tf.strings.substr(header, position, 4), tf.uint8), tf.int64)
    weights = [256**power for power in range(4)]
    return tf.reduce_sum(four * tf.constant(weights[::-1] if big_endian else weights, tf.int64))


def _first_frame(encoded: tf.Tensor) -> tuple[tf.Tensor, tf.Tensor, tf.Tensor]:
    """Height and width of the first frame of a GIF, and the GIF without those behind it, or "".

    Each frame has a size of its own, whatever that of the whole, and all are decoded together.
    """
    data = tf.cast(tf.io.decode_raw(encoded, tf.uint8), tf.int32)
    end = tf.size(data)
    data = tf.concat([data, tf.zeros([16], tf.int32)], axis=0)  # what is cut off ends in zeros

    def byte(at):
        return data[tf.minimum(at, end)]

    def after_blocks(start):
        """The position behind blocks of data, each behind its length; one of length 0 ends them."""
        (at,) = tf.while_loop(lambda at: byte(at) != 0, lambda at: (at + byte(at) + 1,), [start])
        return at + 1

    def after_colours(flags, position):
        return position + tf.where(flags >= 128, 3 * tf.bitwise.left_shift(2, flags % 8), 0)

    (frame,) = tf.while_loop(
        lambda at: byte(at) == _EXTENSION,
        lambda at: (after_blocks(at + 2),),
        [after_colours(byte(10), 13)],
    )
    frame = tf.minimum(frame, end)
    size = tf.cast(data[frame + 5 : frame + 9], tf.int64)
    behind = after_blocks(after_colours(data[frame + 9], frame + 10) + 1)
    is_whole = (data[frame] == _IMAGE) & (behind <= end)
    picture = tf.where(is_whole, tf.strings.substr(encoded, 0, tf.minimum(behind, end)) + _END, "")
    return size[2] + 256 * size[3], size[0] + 256 * size[1], picture


def gif_pixels(content: bytes) -> int:
    """Returns the pixels of all frames of a GIF together.

    Raises:
        ValueError: if it ends before its end, or holds what no GIF does.
    """
    total, at = 0, 13 + _colour_bytes(content[10:11])
    while (kind := content[at : at + 1]) != _END:
        if kind == bytes([_IMAGE]):
            size = content[at + 5 : at + 9]
            width, height = (int.from_bytes(size[i : i + 2], "little") for i in (0, 2))
            total += width * height
            at += 11 + _colour_bytes(content[at + 9 : at + 10])
        elif kind == bytes([_EXTENSION]):
            at += 2
        else:
            raise ValueError(f"there is no part of a GIF at byte {at}")
        while length := int.from_bytes(content[at : at + 1], "little"):
            at += length + 1
        at += 1
    return total


def _colour_bytes(flags: bytes) -> int:
    (value,) = flags or b"\0"
    return 3 * (2 << value % 8) if value >= 128 else 0
