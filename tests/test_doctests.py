"""The examples in docstrings, which use the public names that `import seqzoo as sz` gives."""

import contextlib
import doctest
import importlib
import pkgutil

import keras
import numpy as np
import pytest

import seqzoo as sz

NAMES = {"sz": sz, "keras": keras, "np": np}
"""What an example may use without importing it."""

MODULES = sorted(each.name for each in pkgutil.walk_packages(sz.__path__, "seqzoo."))

WITH_EXAMPLES = (
    *("layers.LSTM", "layers.GRU", "layers.Recurrent", "layers.Bidirectional", "layers.CRF"),
    *("layers.AdditiveAttention", "heads.Tokens", "heads.Tags", "heads.Classes"),
    *("ops.crf.viterbi", "ops.crf.log_partition", "ops.recurrence.lstm", "ops.attention.attend"),
    *("Greedy", "BeamSearch", "Sample", "metrics.bleu", "metrics.entity_f1", "metrics.accuracy"),
    *("preprocessing.WordTokenizer", "preprocessing.CharacterTokenizer"),
    *("preprocessing.ByteTokenizer", "preprocessing.WhitespaceTokenizer"),
    *("preprocessing.convert_tags", "preprocessing.detect_scheme", "preprocessing.pack_rows"),
    *("training.InverseSquareRoot", "training.ScheduledSampling"),
)
"""The names that users meet first."""


@pytest.mark.parametrize("module", MODULES)
def test_the_examples_of_a_module_give_what_they_show(module, tmp_path):
    runner, report = doctest.DocTestRunner(), []
    for test in doctest.DocTestFinder().find(importlib.import_module(module), globs=NAMES):
        folder = tmp_path / test.name  # some write files
        folder.mkdir()
        with contextlib.chdir(folder):
            runner.run(test, out=report.append)
    assert not runner.failures, "".join(report)


def test_the_names_that_users_meet_first_have_an_example():
    without = []
    for name in WITH_EXAMPLES:
        value = sz
        for part in name.split("."):
            value = getattr(value, part)
        if not doctest.DocTestFinder(recurse=False).find(value, name)[0].examples:
            without.append(name)
    assert without == []
