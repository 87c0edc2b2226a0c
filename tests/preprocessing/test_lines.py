import io

import pytest

from seqzoo.preprocessing.lines import escape, line_groups, one_line


class Chunks:
    """A stream that gives what it has in chunks of its own."""

    def __init__(self, *chunks):
        self.chunks = list(chunks)

    def read1(self, size):
        return self.chunks.pop(0) if self.chunks else b""


def test_lines_are_split_at_line_feeds_and_nowhere_else():
    content = "one\r\ntwo\u2028 \x85\x0b\x0c\rthree\n\n\rfour\n".encode()

    (lines,) = line_groups(io.BytesIO(content), 9)
    assert lines == ["one", "two\u2028 \x85\x0b\x0c\rthree", "", "\rfour"]


def test_a_group_holds_what_has_come_and_no_more_lines_than_its_size():
    stream = Chunks(b"1\n2\n3\n4\n5\n6", b"7\n8\n", b"9", b"\n")

    assert list(line_groups(stream, 3)) == [["1", "2", "3"], ["4", "5"], ["67", "8"], ["9"]]


def test_a_letter_may_lie_in_two_chunks_and_the_last_line_may_lack_its_end():
    first, second = "né".encode()[:2], "né".encode()[2:]

    assert list(line_groups(Chunks(first, second), 3)) == [["né"]]


def test_invalid_bytes_become_replacement_characters():
    assert list(line_groups(io.BytesIO(b"a\xff\xfeb\n\xc3"), 3)) == [["a\ufffd\ufffdb"], ["\ufffd"]]


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
