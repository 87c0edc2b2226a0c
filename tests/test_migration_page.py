"""The snippets of the page for users of tfa.seq2seq run as they stand."""

import re
from pathlib import Path

import numpy as np

PAGE = (Path(__file__).parents[1] / "docs" / "from_tfa_seq2seq.md").read_text(encoding="utf-8")


def test_the_snippets_run_one_after_the_other():
    names = {}
    for snippet in re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL):
        exec(compile(snippet, "from_tfa_seq2seq.md", "exec"), names)

    assert 1 < float(names["loss"]) < 5  # of 12 tokens, untrained
    assert names["greedy"].token_ids.shape == names["sample"].token_ids.shape == (2, 1, 7)
    assert names["best"].shape == (2, 7)
    token_ids = names["hypotheses"].token_ids
    assert token_ids.shape == (2, 1, 5)
    np.testing.assert_array_equal(token_ids[0], token_ids[1])
