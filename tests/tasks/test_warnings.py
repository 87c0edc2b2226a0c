"""Work with a task gives no warnings on which a user cannot act."""

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
from tiny_answering_tasks import classified, make_classifier

import seqzoo as sz

ROOT = Path(__file__).parents[2]


def test_a_task_is_trained_saved_loaded_and_exported_without_a_warning(tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        # Of Keras's variables as they are saved; Python hides it outside of tests.
        warnings.filterwarnings("ignore", "__array__ implementation", DeprecationWarning)
        task = make_classifier()
        task.compile()
        task.fit(classified(12), validation_data=classified(6, seed=1), epochs=1, verbose=0)
        task.evaluate(classified(6, seed=1), verbose=0)
        task.save(tmp_path / "task.keras")
        answers = sz.load(tmp_path / "task.keras").classify(["a b", "c"])
        task.export(tmp_path / "served")
    assert answers == task.classify(["a b", "c"])


@pytest.mark.parametrize(("given", "level"), [(None, "1"), ("0", "0")])
def test_notices_of_tensorflow_are_hidden_unless_a_user_sets_the_level(given, level):
    environment = {k: v for k, v in os.environ.items() if k != "TF_CPP_MIN_LOG_LEVEL"}
    environment |= {} if given is None else {"TF_CPP_MIN_LOG_LEVEL": given}
    code = "import seqzoo, os; print(os.environ['TF_CPP_MIN_LOG_LEVEL'])"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, cwd=ROOT, env=environment
    )
    assert shown.stdout.strip() == level, shown.stderr
