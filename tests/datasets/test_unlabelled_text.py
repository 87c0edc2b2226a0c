"""Plain text, split into words as treebanks split them."""

import gzip

import pytest

from seqzoo.datasets import unlabelled_text


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("It's fine, isn't it?", "It 's fine , is n't it ?"),
        ('She said: "3.5 km (or 1,000 m)..."', 'She said : " 3.5 km ( or 1,000 m ) ... "'),
        ("A<br /><br />B <unk> a < b", "A B <unk> a < b"),
        ("well--known self-made", "well -- known self-made"),
        ("the 1990s' end.", "the 1990s' end ."),
    ],
)
def test_marks_and_clitics_are_words(text, wanted):
    assert unlabelled_text.spaced(text) == wanted


def test_clitics_stay_where_they_are_told_to():
    assert unlabelled_text.spaced("It's, isn't it?", split_clitics=False) == "It's , isn't it ?"


def test_lines_and_json_lines_are_read_and_broken_ones_named(tmp_path):
    lines, records = tmp_path / "a.txt", tmp_path / "b.jsonl.gz"
    lines.write_text("One.\n\nTwo.\n")
    records.write_bytes(gzip.compress(b'{"text": "Three.", "label": 1}\n'))
    assert unlabelled_text.load([lines, records]) == ["One .", "Two .", "Three ."]
    broken = tmp_path / "c.jsonl"
    broken.write_text('{"text": "a"}\n{"label": 1}\n')
    with pytest.raises(ValueError, match=r"line 2 of .*c\.jsonl"):
        unlabelled_text.load([broken])
