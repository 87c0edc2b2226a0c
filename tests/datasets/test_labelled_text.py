import json

import pytest

from seqzoo.datasets import labelled_text, names, requests


def test_lines_begin_with_their_label(tmp_path):
    path = tmp_path / "train.label"
    path.write_bytes("NUM:date When was caf\xe9 invented ?\nHUM Who ?\n".encode("latin-1"))
    assert labelled_text.load_lines(path, "latin-1") == [
        ("When was café invented ?", "NUM:date"),
        ("Who ?", "HUM"),
    ]
    with pytest.raises(ValueError, match=r"Text must be UTF-8. Received: the byte 0xe9 in line 1"):
        labelled_text.load_lines(path)
    path.write_text("NUM a\nHUM\n")
    with pytest.raises(ValueError, match=r"line 2 of .*train.label, 'HUM'"):
        labelled_text.load_lines(path)


def test_a_file_can_hold_the_texts_of_one_label(tmp_path):
    for label in ("pos", "neg"):
        (tmp_path / label).write_text(f"{label} one \n{label} two\n")
    paths = {label: tmp_path / label for label in ("pos", "neg")}
    assert labelled_text.load_file_per_label(paths) == [
        *(("pos one", "pos"), ("pos two", "pos"), ("neg one", "neg"), ("neg two", "neg")),
    ]


def test_json_lines_are_read_and_broken_ones_named(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text("\n".join(json.dumps({"text": f"t{i}", "label": i}) for i in (0, 1)))
    assert labelled_text.load_json_lines(path) == [("t0", "0"), ("t1", "1")]
    for broken in ('{"text": "a"}', "{", "3", "\n", '{"text": "a", "label": null}', "[1]"):
        path.write_text('{"text": "a", "label": 1}\n' + broken)
        with pytest.raises(ValueError, match=r"with 'text' and 'label', .* line 2 of"):
            labelled_text.load_json_lines(path)


def test_a_share_is_split_off_by_chance_and_again_the_same():
    examples = list(range(50))
    rest, part = labelled_text.split_off(examples, 0.2, seed=3)
    assert len(part) == 10
    assert sorted(rest + part) == examples
    assert part == sorted(part) != examples[:10]
    assert labelled_text.split_off(examples, 0.2, seed=3) == (rest, part)
    assert labelled_text.split_off(examples, 0.2, seed=4)[1] != part


def test_names_have_one_language_or_all_that_write_them_so():
    splits = names.load(seed=0, languages=("de", "en", "fr"))
    several = names.load(seed=0, languages=("de", "en", "fr"), multi_label=True)
    assert set(splits) == {"train", "validation", "test"}
    texts = [{text for text, _ in pairs} for pairs in splits.values()]
    assert sum(map(len, texts)) == len(set().union(*texts)) > 1500
    of_name = dict(pair for pairs in several.values() for pair in pairs)
    assert of_name["Germany"] == ["en"]
    assert of_name["Deutschland"] == ["de"]
    assert of_name["Guatemala"] == ["de", "en", "fr"]
    assert all(label == of_name[text][0] for pairs in splits.values() for text, label in pairs)
    assert "Guatemala" not in set().union(*texts)


def test_requests_hold_unseen_names_and_whole_spans():
    splits = requests.load(seed=1, train_size=300, validation_size=30, test_size=40)
    assert [len(sentences) for sentences in splits.values()] == [300, 30, 40]
    assert splits == requests.load(seed=1, train_size=300, validation_size=30, test_size=40)
    for sentences in splits.values():
        for tokens, tags in sentences:
            assert len(tokens) == len(tags)
            for before, after in zip(["O", *tags], tags, strict=False):
                assert not after.startswith("I-") or before[1:] == after[1:]
    assert {"B-place", "I-place", "B-language", "B-currency", "B-date", "O"} <= {
        tag for _, tags in splits["train"] for tag in tags
    }
