"""What every tokenizer owes its user, over the rows of TOKENIZERS."""

import json
import os
import subprocess
import sys

import hypothesis.strategies as st
import keras
import pytest
import tensorflow as tf
from hypothesis import example, given, settings

from seqzoo.preprocessing import TOKENIZERS, ByteTokenizer

TEXTS = [
    'Grüße, "Welt"! (3.5 km)',
    "zwei  Leute\tgehen\nheim",
    "don't stop: 12:30 o'clock — now…",
    "日本語 😀👍🏽 x￭y ￭",
    "café vs. cafe\u0301",
]
BAD_INPUT = [
    "",
    "   \t\n ",
    "word " * 10_000,
    "👩‍👩‍👧‍👦🏳️‍🌈",
    b"\xff\xfe broken \xc3",
    "\x00",
    "\ud800 lone surrogate",
    "￭￭ ▁▁",
    "<end> <start> <unk>",
    "DIYARBAKIR İÇİN ΟΔΟΣ ΟΔΟΣ. H\u0331",
]


@pytest.fixture(params=TOKENIZERS, scope="module")
def tokenizer(request):
    tokenizer = TOKENIZERS[request.param]()
    tokenizer.adapt(TEXTS)
    return tokenizer


def text(strings):
    return [string.decode() for string in strings.numpy().tolist()]


def test_detokenize_inverts_tokenize_on_normalized_text(tokenizer):
    ids = tokenizer.tokenize(TEXTS)
    assert tokenizer.unknown_id not in ids.flat_values.numpy()
    assert text(tokenizer.detokenize(ids)) == text(tokenizer.normalize(TEXTS))


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=8)
@given(texts=st.lists(st.text(), min_size=1, max_size=20).filter(lambda t: "".join(t).strip()))
def test_any_text_comes_back_from_the_vocabulary_it_made(name, texts):
    texts = [f"{t} ." for t in texts]  # sub-words want some text that is not white space
    tokenizer = TOKENIZERS[name]()
    tokenizer.adapt(texts)
    assert text(tokenizer.detokenize(tokenizer.tokenize(texts))) == text(tokenizer.normalize(texts))


def test_normalized_text_stays_as_it_is(tokenizer):
    once = tokenizer.normalize(TEXTS)
    assert text(tokenizer.normalize(once)) == text(once)


@pytest.mark.parametrize("name", TOKENIZERS)
@settings(deadline=None, max_examples=8)
@given(
    texts=st.lists(st.text(), min_size=1, max_size=20), form=st.sampled_from(["nfc", "nfkc", "nfd"])
)
@example(texts=["AΣ\u2028\u0301 A\u0301Σ", "H\u0331 İ\u0323", "\u0000AΣ\u00ad\u0000"], form="nfc")
def test_a_text_in_normal_form_and_lower_case_stays_as_it_is(name, texts, form):
    tokenizer = TOKENIZERS[name](lowercase=True, normalization=form)
    once = tokenizer.normalize(texts)
    assert text(tokenizer.normalize(once)) == text(once)
    assert [tokenizer.normalize_text(each) for each in texts] == text(once)


def test_ids_are_int32_and_hold_no_padding_start_or_end(tokenizer):
    ids = tokenizer.tokenize([*TEXTS, "", "<end> <start>"])
    assert ids.dtype == tf.int32
    assert ids.shape.as_list() == [len(TEXTS) + 2, None]
    special = {tokenizer.pad_id, tokenizer.start_id, tokenizer.end_id}
    assert not special & set(ids.flat_values.numpy().tolist())


def test_special_tokens_have_the_first_four_ids(tokenizer):
    assert tokenizer.vocabulary[:4] == ["", "<unk>", "<start>", "<end>"]
    assert (tokenizer.pad_id, tokenizer.unknown_id) == (0, 1)
    assert (tokenizer.start_id, tokenizer.end_id) == (2, 3)
    assert len(set(tokenizer.vocabulary)) == tokenizer.vocabulary_size == len(tokenizer.vocabulary)


def test_detokenize_stops_at_the_first_end_and_drops_padding_and_start(tokenizer):
    ids = tokenizer.tokenize(TEXTS[:1]).to_tensor().numpy()[0].tolist()
    rows = [[2, *ids, 3, 0, 0], [*ids, 3, *ids[:2], 3], [0, *ids, 0, 3, 3], [3, *ids, 9, 9, 9]]
    want = text(tokenizer.normalize(TEXTS[:1]))[0]
    assert text(tokenizer.detokenize(rows)) == [want, want, want, ""]


def test_detokenize_keeps_the_leading_shape(tokenizer):
    ids = tokenizer.tokenize(TEXTS[:4]).to_tensor()
    want = text(tokenizer.detokenize(ids))
    grid = tokenizer.detokenize(tf.reshape(ids, (2, 2, -1)))
    assert grid.shape == (2, 2)
    assert text(tf.reshape(grid, [-1])) == want
    assert tokenizer.detokenize(ids[0]).numpy().decode() == want[0]
    assert tokenizer.detokenize(tf.zeros((5, 0), tf.int32)).numpy().tolist() == [b""] * 5
    assert tokenizer.detokenize(tf.zeros((0, 7), tf.int32)).shape == (0,)


def test_an_unknown_token_shows_as_unk(tokenizer):
    assert text(tokenizer.detokenize([[1, 3]])) == ["<unk>"]
    unknown = tokenizer.unknown_id in tokenizer.tokenize(["Ж"]).flat_values.numpy()
    assert unknown == (not isinstance(tokenizer, ByteTokenizer))  # to which no byte is unknown


def test_tokens_have_the_shape_of_the_ids_and_nothing_for_padding(tokenizer):
    ids = tokenizer.tokenize(TEXTS[:2]).to_tensor()
    tokens = tokenizer.tokens(ids)
    assert tokens.shape == ids.shape
    assert ((tokens == b"") == (ids == 0)).numpy().all()


@pytest.mark.parametrize("text_", BAD_INPUT, ids=lambda t: ascii(t)[:20])
def test_bad_input_gets_an_answer_that_does_not_depend_on_the_batch(tokenizer, text_):
    alone = tokenizer.tokenize([text_])
    among = tokenizer.tokenize(["Welt", text_, "zwei"])
    assert alone[0].numpy().tolist() == among[1].numpy().tolist()
    assert tokenizer.detokenize(alone).shape == (1,)


def test_an_empty_text_has_no_tokens_and_comes_back_empty(tokenizer):
    ids = tokenizer.tokenize([""])
    assert ids.row_lengths().numpy().tolist() == [0]
    assert text(tokenizer.detokenize(ids)) == [""]
    assert tokenizer.tokenize(tf.zeros([0], tf.string)).shape[0] == 0


def test_eager_graph_and_dataset_give_the_same_ids(tokenizer):
    strings = tf.constant(TEXTS)
    want = tokenizer.tokenize(strings).to_list()
    signature = [tf.TensorSpec([None], tf.string)]
    assert tf.function(tokenizer.tokenize, input_signature=signature)(strings).to_list() == want
    dataset = tf.data.Dataset.from_tensor_slices(strings).batch(3).map(tokenizer.tokenize)
    assert [row for batch in dataset for row in batch.to_list()] == want


def test_config_makes_the_same_tokenizer(tokenizer):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(tokenizer)))
    again = keras.saving.deserialize_keras_object(config)
    assert again.get_config() == tokenizer.get_config()
    assert again.vocabulary == tokenizer.vocabulary
    assert again.tokenize(TEXTS).to_list() == tokenizer.tokenize(TEXTS).to_list()


def test_config_before_adapt_makes_a_tokenizer_that_can_be_adapted(tokenizer):
    fresh = type(tokenizer)(lowercase=True, normalization=None)
    again = type(tokenizer).from_config(fresh.get_config())
    again.adapt(["ABC abc"])
    assert text(again.detokenize(again.tokenize(["ABC"]))) == ["abc"]


def test_vocabulary_file_makes_the_same_tokenizer(tokenizer, tmp_path):
    path = str(tmp_path / "new" / "vocabulary")
    tokenizer.save_vocabulary(path)
    again = type(tokenizer).load_vocabulary(path)
    assert again.vocabulary == tokenizer.vocabulary
    assert again.tokenize(TEXTS).to_list() == tokenizer.tokenize(TEXTS).to_list()
    assert os.listdir(tmp_path / "new") == ["vocabulary"]


def test_the_same_corpus_gives_the_same_vocabulary_in_any_form(tokenizer):
    dataset = tf.data.Dataset.from_tensor_slices(tf.constant(TEXTS))
    for corpus in (TEXTS, iter(TEXTS), [t.encode() for t in TEXTS], dataset, dataset.batch(2)):
        again = type(tokenizer)()
        again.adapt(corpus)
        assert again.get_config() == tokenizer.get_config()


@pytest.mark.parametrize("name", TOKENIZERS)
def test_a_wrong_corpus_is_refused_in_words(name):
    tokenizer = TOKENIZERS[name]()
    with pytest.raises(ValueError, match="corpus is empty"):
        tokenizer.adapt([])
    with pytest.raises(ValueError, match="one text: 'abc'"):
        tokenizer.adapt("abc")
    with pytest.raises(ValueError, match="dataset of strings"):
        tokenizer.adapt(tf.data.Dataset.range(3))
    if name != "byte":  # its vocabulary is there from the first
        with pytest.raises(ValueError, match=r"Call `adapt\(texts\)` first"):
            tokenizer.tokenize(["abc"])
    with pytest.raises(ValueError, match=r"must be \"nfc\", \"nfkc\", \"nfd\" or None"):
        TOKENIZERS[name](normalization="nfkd")


def test_strings_of_another_rank_are_refused(tokenizer):
    with pytest.raises(ValueError, match=r"shape \(batch,\)"):
        tokenizer.tokenize([["a", "b"]])


@keras.saving.register_keras_serializable(package="test")
class Reader(keras.Model):
    def __init__(self, tokenizer, **kwargs):
        super().__init__(**kwargs)
        self.tokenizer = tokenizer

    def call(self, ids):
        return ids

    def get_config(self):
        return {"tokenizer": keras.saving.serialize_keras_object(self.tokenizer)}

    @classmethod
    def from_config(cls, config):
        return cls(keras.saving.deserialize_keras_object(config["tokenizer"]))


def test_a_keras_file_holds_the_tokenizer(tokenizer, tmp_path):
    reader = Reader(tokenizer)
    reader(keras.ops.zeros((1, 2)))
    reader.save(tmp_path / "reader.keras")
    again = keras.saving.load_model(tmp_path / "reader.keras").tokenizer
    assert again.tokenize(TEXTS).to_list() == tokenizer.tokenize(TEXTS).to_list()


CHILD = """
import json, sys
import tensorflow as tf
texts = [bytes.fromhex(t) for t in json.loads(sys.argv[2])]
for name in ("word", "character", "subword", "whitespace", "byte"):
    if name == "subword":
        import tensorflow_text
    serve = tf.saved_model.load(f"{sys.argv[1]}/{name}").signatures["serving_default"]
    out = serve(text=tf.constant(texts))
    print(json.dumps([out["ids"].numpy().tolist(), [t.hex() for t in out["text"].numpy()]]))
assert not any(m == "seqzoo" or m.startswith("seqzoo.") for m in sys.modules)
"""


def test_a_saved_model_needs_tensorflow_alone_and_tensorflow_text_for_sub_words(tmp_path):
    inputs = [*TEXTS, *(t for t in BAD_INPUT if "\ud800" not in str(t))]
    want = []
    for name, kind in TOKENIZERS.items():
        # The tables of lower case and nfkc are large, and the same whatever the tokenizer.
        normal = {"lowercase": True, "normalization": "nfkc"} if name == "word" else {}
        tokenizer = kind(**normal)
        tokenizer.adapt(TEXTS)
        module = tf.Module()
        module.tokenizer = tokenizer

        def serve(text, tokenizer=tokenizer):
            ids = tokenizer.tokenize(text)
            return {"ids": ids.to_tensor(), "text": tokenizer.detokenize(ids)}

        signature = tf.function(serve, input_signature=[tf.TensorSpec([None], tf.string, "text")])
        graph = signature.get_concrete_function().graph.as_graph_def()
        functions = [node for function in graph.library.function for node in function.node_def]
        assert {node.device for node in [*graph.node, *functions]} == {""}
        assert not {"PyFunc", "EagerPyFunc"} & {node.op for node in [*graph.node, *functions]}
        tf.saved_model.save(module, str(tmp_path / name), signatures=signature)
        out = signature(tf.constant(inputs))
        want.append([out["ids"].numpy().tolist(), [t.hex() for t in out["text"].numpy()]])

    argument = json.dumps([(t if isinstance(t, bytes) else t.encode()).hex() for t in inputs])
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONPATH"}
    environment |= {"LANG": "tr_TR.UTF-8", "LC_ALL": "tr_TR.UTF-8"}  # where I becomes a dotless i
    child = subprocess.run(
        [sys.executable, "-c", CHILD, str(tmp_path), argument],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=environment,
        check=False,
    )
    assert child.returncode == 0, child.stderr
    assert [json.loads(line) for line in child.stdout.splitlines()] == want
