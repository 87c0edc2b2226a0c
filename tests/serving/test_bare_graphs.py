"""A model of graphs answers lines as `generate` does where there is only TensorFlow."""

import json
import os
import subprocess
import sys
from pathlib import Path

from tiny_graphs import make_graph_task

from seqzoo import Greedy

SCRIPT = Path(__file__).parent / "bare_graphs.py"
GRAPHS = ["a\tto\tb\nb\tto\tc", "c\tto\td", "", "a\tto\tq\nq\tto\ta\na\tto\ta"]


def test_a_python_process_without_seqzoo_answers_the_same(tmp_path):
    task = make_graph_task("beck_2018")
    search = Greedy(max_length=5)
    task.export(tmp_path / "model", search=search)
    quiet = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
    command = [sys.executable, "-I", str(SCRIPT), str(tmp_path / "model/1")]
    asked = json.dumps([*GRAPHS, "a\tb\tc\td"]).encode()
    done = subprocess.run(command, input=asked, capture_output=True, env=quiet)
    assert done.returncode == 0, done.stderr.decode()
    assert json.loads(done.stdout) == [*task.generate(GRAPHS, search=search), ""]
