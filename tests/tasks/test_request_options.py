"""What a request to a served model sets for itself: the signature `with_options`."""

import dataclasses
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import tensorflow as tf
from tiny_tasks import make_language_model, make_translator

from seqzoo import BeamSearch, Greedy, Sample
from seqzoo.tasks.request import option_specs

BARE = Path(__file__).parents[1] / "serving" / "bare_options.py"
TEXTS = ["a b c", "g", "e e f a", "b d"]
NOTHING = {
    "prefix": [""] * 4,
    "max_length": [-1] * 4,
    "min_length": [-1] * 4,
    "alpha": [float("nan")] * 4,
    "temperature": [float("nan")] * 4,
    "seed": [0, 1, 2, 3],
}
BEAM = BeamSearch(width=4, n_best=2, alpha=0.7, max_length=8)
SAMPLE = Sample(temperature=0.8, n_samples=2, max_length=8)
# What is asked of the rows, and the search that gives the same without being asked.
CASES = {
    "nothing": (BEAM, {}, [BEAM] * 4),
    "lengths": (
        BEAM,
        {"min_length": [3, -1, 8, 5], "max_length": [-1, 4, 99, 2]},
        [
            dataclasses.replace(BEAM, min_length=fewest, max_length=most)
            for fewest, most in [(3, 8), (0, 4), (8, 8), (2, 2)]
        ],
    ),
    "alpha": (
        BEAM,
        {"alpha": [0.0, 2.0, float("nan"), -0.5]},
        [dataclasses.replace(BEAM, alpha=alpha) for alpha in (0.0, 2.0, 0.7, -0.5)],
    ),
    "samples": (
        SAMPLE,
        {"temperature": [0.2, 3.0, 0.0, float("nan")], "seed": [5, 6, 7, 8]},
        [
            dataclasses.replace(SAMPLE, temperature=t, seed=seed)
            for t, seed in [(0.2, 5), (3.0, 6), (0.8, 7), (0.8, 8)]
        ],
    ),
    "greedy": (Greedy(8), {"max_length": [1, 2, 3, 0]}, [Greedy(n) for n in (1, 2, 3, 1)]),
}


@pytest.fixture(scope="module")
def translator():
    return make_translator(units=16)


def ask(task, search, options):
    """The answers of the signature's function to the texts."""
    specs = option_specs(task, search)
    function = task.serving_signatures(search)["with_options"]
    given = {
        name: tf.constant({**NOTHING, **options}[name], spec.dtype) for name, spec in specs.items()
    }
    return {name: part.numpy() for name, part in function(text=tf.constant(TEXTS), **given).items()}


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize("case", CASES)
def test_each_row_gets_what_it_asks_for(translator, case):
    search, options, same = CASES[case]
    found = ask(translator, search, options)
    for row, (text, other) in enumerate(zip(TEXTS, same, strict=True)):
        wanted = translator.generate([text], other, return_hypotheses=True)[0]
        np.testing.assert_allclose(
            found["scores"][row, : len(wanted)], [each.score for each in wanted], rtol=1e-4
        )
        assert found["text"][row, 0].decode() == wanted[0].text


@pytest.mark.usefixtures("eagerly")
def test_a_prefix_counts_up_to_its_first_unknown_token(translator):
    for search in (BEAM, SAMPLE, Greedy(8)):
        found = ask(translator, search, {"prefix": ["b a", "", "c zebra d", "zebra"]})
        wanted = translator.generate(TEXTS, search, True, prefixes=["b a", "", "c", ""])
        for texts, row in zip(found["text"], wanted, strict=True):
            assert texts[0].decode() == row[0].text


def test_the_options_are_those_that_the_search_has(translator):
    assert set(option_specs(translator, Greedy())) == {"max_length", "prefix"}
    assert set(option_specs(translator, BEAM)) == {"max_length", "prefix", "min_length", "alpha"}
    assert set(option_specs(translator, SAMPLE)) == {"max_length", "prefix", "seed", "temperature"}
    assert set(option_specs(make_language_model(), Greedy())) == {"max_length", "prefix"}


@pytest.mark.slow
def test_a_bare_process_answers_requests_with_options(translator, tmp_path):
    translator.export(tmp_path / "m", search=BEAM)
    options = {"alpha": [0.0, 2.0, 0.7, -0.5], "max_length": [3, -1, 5, -1]}
    options = {**options, "min_length": [-1] * 4, "prefix": ["b", "", "c d", ""]}
    asked = json.dumps({"text": TEXTS, **options})
    command = [sys.executable, "-I", str(BARE), str(tmp_path / "m" / "1")]

    result = subprocess.run(command, input=asked, capture_output=True, text=True)

    assert result.returncode == 0, result.stderr
    found, wanted = json.loads(result.stdout), ask(translator, BEAM, options)
    np.testing.assert_allclose(found["scores"], wanted["scores"], rtol=1e-5)
    assert [row[0] for row in found["text"]] == [row[0].decode() for row in wanted["text"]]
    described = json.loads((tmp_path / "m/1/seqzoo.json").read_text())
    assert described["signatures"]["with_options"]["inputs"]["alpha"]["shape"] == [None]
