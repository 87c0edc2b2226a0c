"""Tables of texts, compared with what Python's own csv and json write."""

import csv
import io
import json
import warnings

import pytest

from seqzoo.datasets import tables

ROWS = [("a, b", "x"), ('she said "no"', "y"), ("two\nlines", "x"), ("plain", "ünï")]


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_what_csv_writes_is_read(tmp_path, delimiter):
    text = io.StringIO()
    writer = csv.writer(text, delimiter=delimiter)
    writer.writerows([("text", "other", "label"), *((a, "1", b) for a, b in ROWS)])
    (tmp_path / "t.csv").write_bytes(text.getvalue().encode())

    assert list(tables.read(tmp_path / "t.csv", "text", "label")) == ROWS
    assert list(tables.read(tmp_path / "t.csv", "label")) == [label for _, label in ROWS]


def test_what_json_writes_is_read_and_values_are_as_json_writes_them(tmp_path):
    lines = [json.dumps({"text": text, "label": 3}) for text, _ in ROWS]
    lines += [json.dumps({"label": True, "text": "z", "more": [1]}), ""]
    (tmp_path / "t.json").write_text("\n".join(lines))

    rows = tables.read(tmp_path / "t.json", "text", "label")
    assert list(rows) == [*((text, "3") for text, _ in ROWS), ("z", "true")]


def test_between_tabs_quotes_are_characters_unless_they_hold_the_whole_field(tmp_path):
    (tmp_path / "t.txt").write_text('say "a"\tx\n"say ""b"""\ty\n"a" or "b"\tz\n')

    rows = tables.read(tmp_path / "t.txt", "1", "2", header=False)
    assert list(rows) == [('say "a"', "x"), ('say "b"', "y"), ('"a" or "b"', "z")]


def test_another_encoding_is_read_where_it_is_named(tmp_path):
    (tmp_path / "t.csv").write_bytes("text,label\ncafé,ä\n".encode("cp1252"))
    assert list(tables.read(tmp_path / "t.csv", "text", encoding="cp1252")) == ["café"]


def test_rows_with_an_empty_field_are_left_out_and_told(tmp_path):
    (tmp_path / "t.csv").write_text('text,label\na,x\n\n" ",y\nb,\nc,z\n')
    with pytest.warns(UserWarning, match=r"2 rows of .*t\.csv .*line 4, column 'text'"):
        assert list(tables.read(tmp_path / "t.csv", "text", "label")) == [("a", "x"), ("c", "z")]


def test_an_empty_field_of_another_column_does_not_matter(tmp_path):
    (tmp_path / "t.csv").write_text("text,label\na,\n")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert list(tables.read(tmp_path / "t.csv", "text")) == ["a"]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("text,label\na,x\nb,c,y\n", r"must have 2 columns.*line 3 of .*t\.csv, 'b,c,y'"),
        ('text,label\na,x\n"b\nc\nd,y\n', r"quotes in pairs.*line 3 of .*t\.csv, '\"b'"),
        ('text,label\n"a\nb",x\n"c"d,y\n', r"quotes in pairs.*line 4 of .*t\.csv, '\"c\"d,y'"),
        ("texts,label\na,x\n", r"t\.csv has no column 'text'\. Did you mean 'texts'\?"),
        ('{"text": "a"}\n{"text": ["b"]}\n', r"field 'text' is a text or a number.*line 2 of"),
        ('{"text": "a"}\n{"label": 3}\n', r"field 'text' is a text or a number.*line 2 of"),
        ('{"text": "a"}\n{"text": \n', r"must have one JSON object\. Received: line 2 of"),
        ('[{"text": "a"}]', r"lines of one object each\. Received: .*t\.csv, which is one list"),
        ("\n", r"must not be empty\. Received: .*t\.csv"),
        ("text,label\ncafé,x\n", r"byte 0xe9 in line 2 of .*t\.csv, which is 'é' in cp1252"),
        ("\ufefftext,label\na,x\n", r"t\.csv, which begins as utf-16 does"),
    ],
)
def test_what_is_wrong_is_told_with_file_and_line(tmp_path, content, message):
    encodings = {"\ufeff": "utf-16-le"}
    encoding = "cp1252" if "é" in content else encodings.get(content[0], "utf-8")
    (tmp_path / "t.csv").write_bytes(content.encode(encoding))
    with pytest.raises(ValueError, match=message):
        list(tables.read(tmp_path / "t.csv", "text"))


def test_a_large_table_of_pairs_is_one_to_stream(tmp_path, monkeypatch):
    (tmp_path / "t.csv").write_text("text,label\na,x\n")
    monkeypatch.setattr(tables, "_LARGE", 14)
    assert tables.read(tmp_path / "t.csv", "text", "label").is_large
    assert not tables.read(tmp_path / "t.csv", "text").is_large
    monkeypatch.setattr(tables, "_LARGE", 15)
    assert not tables.read(tmp_path / "t.csv", "text", "label").is_large
