"""A published model answers here as it does in transformers, and is written back as it was.

`golden/` was made by `make_published_models.py`, which stands beside it.
"""

from pathlib import Path

import numpy as np
import pytest

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
    ids = tokenizer.tokenize(expected["texts"].tolist()).to_list()
    ends = np.cumsum(expected["text_lengths"])[:-1]
    for row, text_ids in zip(ids, np.split(expected["text_ids"], ends), strict=True):
        assert tokenizer.original(row).tolist() == text_ids.tolist()


@pytest.mark.parametrize("family", FAMILIES)
def test_a_model_gives_the_logits_the_tokens_and_the_ids_of_transformers(family):
    check_outputs(GOLDEN / family)
