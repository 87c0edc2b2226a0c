import gzip
import io
import time

import pytest

from seqzoo.datasets.lines import (
    LINE_BYTES,
    csv_columns,
    escape,
    line_groups,
    one_line,
    read_lines,
    read_text,
)


class Chunks:
    """A stream that gives what it has in chunks of its own."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def read1(self, size):
        return self.chunks.pop(0) if self.chunks else b""


CONTENT = "\ufeffone\r\ntwo\u2028 \x85\x0b\x0c\x1c\rthree\n\n\rfour\ufeff\n\r\nlast\r".encode()
LINES = ["one", "two\u2028 \x85\x0b\x0c\x1c\rthree", "", "\rfour\ufeff", "", "last\r"]


def test_a_stream_and_files_are_split_at_line_feeds_and_nowhere_else(tmp_path):
    for size in (2, 9):
        groups = line_groups(io.BytesIO(CONTENT), size)
        assert [line for group in groups for line in group] == LINES
    (tmp_path / "a.txt").write_bytes(CONTENT)
    (tmp_path / "a.txt.gz").write_bytes(gzip.compress(CONTENT))
    for name in ("a.txt", "a.txt.gz"):
        assert read_lines(tmp_path / name) == LINES
        assert read_text(tmp_path / name) == "\n".join(LINES)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_a_byte_order_mark_may_lie_in_two_chunks(cut):
    mark = "\ufeff".encode()
    assert list(line_groups(Chunks(mark[:cut], mark[cut:] + b"a\n", mark + b"\n"), 3)) == [
        ["a"],
        ["\ufeff"],
    ]
    assert list(line_groups(Chunks(mark[:cut], mark[cut:]), 3)) == []


def test_another_encoding_is_read_and_errors_name_file_and_line(tmp_path):
    path = tmp_path / "a.txt"
    path.write_bytes("é\x85\nà\r\n".encode("latin-1"))
    assert read_lines(path, "latin-1") == ["é\x85", "à"]
    path.write_bytes(b"x\n" * 70_000 + b"ab\xe9\n")
    with pytest.raises(ValueError, match=r"byte 0xe9 in line 70001 of .*a\.txt"):
        read_lines(path)
    path.write_bytes("\ufeff".encode())
    with pytest.raises(ValueError, match=r"must not be empty. Received: .*a\.txt"):
        read_lines(path)


def test_fields_of_a_csv_file_may_be_quoted_and_long(tmp_path):
    path, long = tmp_path / "a.csv", "x" * 200_000
    path.write_bytes(f'\ufeffb,a\r\n"1 ""2""\r\n3, 4",{long}\r\n'.encode())
    assert list(csv_columns(path, (1, 0))) == [(long, '1 "2"\n3, 4')]
    assert next(csv_columns(path, header=False)) == ("b", "a")


def test_a_group_holds_what_has_come_and_no_more_lines_than_its_size():
    stream = Chunks(b"1\n2\n3\n4\n5\n6", b"7\n8\n", b"9", b"\n")

    assert list(line_groups(stream, 3)) == [["1", "2", "3"], ["4", "5"], ["67", "8"], ["9"]]


def test_a_letter_may_lie_in_two_chunks_and_the_last_line_may_lack_its_end():
    first, second = "né".encode()[:2], "né".encode()[2:]

    assert list(line_groups(Chunks(first, second), 3)) == [["né"]]


def test_invalid_bytes_become_replacement_characters():
    assert list(line_groups(io.BytesIO(b"a\xff\xfeb\n\xc3"), 3)) == [["a\ufffd\ufffdb"], ["\ufffd"]]


def test_a_line_beyond_the_limit_is_cut_in_linear_time_and_told():
    told = []

    def lines(content, **options):
        groups = line_groups(io.BytesIO(content), 3, tell=told.append, **options)
        return [line for group in groups for line in group]

    assert lines(b"abc\nabcd\nabcdef\r\nx\nabcde", max_bytes=4) == [
        "abc",
        "abcd",
        "abcd",
        "x",
        "abcd",
    ]
    assert told == [
        "Line 3 has 7 bytes. It was cut after the first 4.",
        "Line 5 has 5 bytes. It was cut after the first 4.",
    ]
    del told[:]
    # Chunks of one byte: were each added to all before it, 200,000 would take seconds.
    stream = Chunks(*[b"x"] * 200_000, b"\ny")
    stream.chunks.reverse()
    stream.read1 = lambda size: stream.chunks.pop() if stream.chunks else b""
    start = time.perf_counter()
    first, second = (line for group in line_groups(stream, 3) for line in group)
    assert (len(first), second) == (200_000, "y")
    assert time.perf_counter() - start < 1
    assert lines(b"x" * (LINE_BYTES + 5) + b"\ny") == ["x" * LINE_BYTES, "y"]
    assert len(told) == 1


def test_a_packed_file_unpacks_to_so_much_and_no_more(tmp_path, monkeypatch):
    path = tmp_path / "a.txt.gz"
    path.write_bytes(gzip.compress(b"x" * 300_000 + b"\ny\n"))
    assert len(read_lines(path)[0]) == 300_000
    monkeypatch.setenv("SEQZOO_UNPACKED_BYTES", "200000")
    with pytest.raises(ValueError, match=r"a\.txt\.gz must not unpack to more than 200,000 bytes"):
        read_lines(path)
    monkeypatch.setenv("SEQZOO_UNPACKED_BYTES", "300003")
    assert read_lines(path)[1] == "y"
    monkeypatch.setenv("SEQZOO_UNPACKED_BYTES", "1")  # 100 times the file is allowed anyway
    path.write_bytes(gzip.compress(bytes(range(65, 91)) * 10))
    assert len(read_lines(path)) == 1
    monkeypatch.setenv("SEQZOO_UNPACKED_BYTES", "many")
    with pytest.raises(ValueError, match="SEQZOO_UNPACKED_BYTES must be a number"):
        read_lines(path)


@pytest.mark.parametrize("content", [b"", b"\n", b"\n\n"])
def test_there_are_as_many_lines_as_line_feeds(content):
    lines = [line for group in line_groups(io.BytesIO(content), 3) for line in group]

    assert lines == [""] * len(content)


@pytest.mark.parametrize("text", ["a\tb\nc\rd\\e\\te\\\\n", "", "plain é", "\\", "\t"])
def test_escaped_text_stays_in_its_column_and_can_be_read_back(text):
    escaped = escape(text)
    back = {"\\\\": "\\", "\\t": "\t", "\\n": "\n", "\\r": "\r"}
    letters, place = [], 0
    while place < len(escaped):
        width = 2 if escaped[place] == "\\" else 1
        letters.append(back.get(escaped[place : place + width], escaped[place : place + width]))
        place += width

    assert not set(escaped) & set("\t\n\r")
    assert "".join(letters) == text


def test_text_on_one_line_keeps_its_tabs_and_backslashes():
    assert one_line("a\tb\nc\rd\\e") == "a\tb\\nc\\rd\\e"
