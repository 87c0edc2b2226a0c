import gzip

import pytest

from seqzoo.datasets import conll

PLAIN = "-DOCSTART- -X- O\n\nEU NNP B-ORG\nrejects VBZ O\n\t\nPeter NNP B-PER\n"
WNUT = "EU\tB-corporation\nrejects\tO\n\t\n\nPeter Blackburn\tB-person"
CONLLU = """# text = don't
1-2\tdon't\t_\t_\t_\t_\t_\t_\t_\t_
1\tdo\tdo\tAUX\tVB\t_\t0\troot\t_\t_
2\tn't\tnot\tPART\tRB\t_\t1\tadvmod\t_\t_
2.1\tgo\tgo\tVERB\tVB\t_\t_\t_\t_\t_

# text = # is a sign
1\t#\t#\tSYM\tNN\t_\t0\troot\t_\t_
"""


def test_columns_are_set_apart_by_spaces_or_tabs(tmp_path):
    path = tmp_path / "a.conll"
    path.write_text(PLAIN)
    both = [(["EU", "rejects"], ["B-ORG", "O"]), (["Peter"], ["B-PER"])]
    assert conll.load(path) == both
    assert conll.load(path, tag_column=1)[1] == (["Peter"], ["NNP"])
    packed = tmp_path / "a.conll.gz"
    packed.write_bytes(gzip.compress(PLAIN.encode()))
    assert conll.load(packed) == both
    path.write_text(WNUT)
    wanted = [(["EU", "rejects"], ["B-corporation", "O"]), (["Peter Blackburn"], ["B-person"])]
    assert conll.load(path) == wanted


def test_no_other_white_space_divides_columns_and_lines(tmp_path):
    path = tmp_path / "a.conll"
    path.write_bytes("\ufeff10\u00a0000   x  B\r\na\u2028b\tc \tO\r\n\t\r\n\u3000 O".encode())
    assert conll.load(path) == [(["10\u00a0000", "a\u2028b"], ["B", "O"]), (["\u3000"], ["O"])]


def test_words_of_conllu_are_read_without_ranges_and_empty_nodes(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU)
    assert conll.load_conllu(path) == [(["do", "n't"], ["AUX", "PART"]), (["#"], ["SYM"])]
    assert conll.load_conllu(path, "xpos")[0][1] == ["VB", "RB"]
    with pytest.raises(ValueError, match=r"Unknown column 'pos'. Known: upos, xpos, deprel"):
        conll.load_conllu(path, "pos")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("EU\tO\nrejects\n", "at least 2 columns. Received: line 2 of .*a.conll, 'rejects'"),
        ("EU\tO\n\nrejects\t\n", "a token and a tag. Received: line 3 of .*a.conll"),
        ("\n\n", "holds no sentence"),
        ("", "must not be empty"),
    ],
)
def test_a_broken_line_is_named(tmp_path, text, message):
    path = tmp_path / "a.conll"
    path.write_text(text)
    with pytest.raises(ValueError, match=message):
        conll.load(path)


def test_a_broken_line_of_conllu_is_named(tmp_path):
    path = tmp_path / "a.conllu"
    path.write_text(CONLLU + "1\tword\n")
    with pytest.raises(ValueError, match=r"ten columns .* Received: line 9 of .*a.conllu"):
        conll.load_conllu(path)
    with pytest.raises(FileNotFoundError, match="No file"):
        conll.load_conllu(tmp_path / "none.conllu")
