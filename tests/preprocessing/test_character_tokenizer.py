import json

import hypothesis.strategies as st
from hypothesis import given, settings

from seqzoo.preprocessing import CharacterTokenizer


def adapted(texts, **settings_):
    tokenizer = CharacterTokenizer(**settings_)
    tokenizer.adapt(texts)
    return tokenizer


@settings(deadline=None, max_examples=30)
@given(st.lists(st.text(), min_size=1, max_size=20))
def test_every_character_is_one_token_and_comes_back(texts):
    tokenizer = adapted(texts, normalization=None)
    ids = tokenizer.tokenize(texts)
    assert ids.row_lengths().numpy().tolist() == [len(text) for text in texts]
    want = [text.replace("\x00", "\ufffd") for text in texts]
    assert [t.decode() for t in tokenizer.detokenize(ids).numpy()] == want


def test_white_space_is_kept_and_shown_readably():
    tokenizer = adapted(["a \n\tb"])
    ids = tokenizer.tokenize(["a \n\tb "])
    assert tokenizer.detokenize(ids).numpy().tolist() == [b"a \n\tb "]
    assert "".join(t.decode() for t in tokenizer.tokens(ids)[0].numpy()) == "a␣↵⇥b␣"


def test_line_breaks_survive_the_vocabulary_file_and_it_stays_readable(tmp_path):
    tokenizer = adapted(['a\r\n\u2028\t\\"é'])
    tokenizer.save_vocabulary(str(tmp_path / "v.json"))
    assert "é" in (tmp_path / "v.json").read_text(encoding="utf-8")
    assert json.loads((tmp_path / "v.json").read_bytes())["tokens"] == tokenizer.vocabulary
    assert CharacterTokenizer.load_vocabulary(str(tmp_path / "v.json")).vocabulary[4:] == sorted(
        'a\r\n\u2028\t\\"é'
    )


def test_invalid_bytes_become_replacement_characters():
    tokenizer = adapted([b"a\xff\x00b"])
    assert tokenizer.vocabulary[4:] == ["\ufffd", "a", "b"]
    assert tokenizer.detokenize(tokenizer.tokenize([b"\xffa"])).numpy()[0].decode() == "\ufffda"
