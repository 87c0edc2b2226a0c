"""Models of residues answer texts where there is only TensorFlow, alone as together."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
from tiny_answering_tasks import make_residue_classifier, make_residue_tagger

SCRIPT = Path(__file__).parent / "bare_sequences.py"
SEQUENCES = ["ACGTTGCA", "acgu", "", "NNRY", "C", "ACGTACGTACGTNNAC", "AXE"]


def ask(folder):
    """The answers of another process to all sequences together, and to each alone."""
    command = [sys.executable, "-I", str(SCRIPT), str(folder / "1")]
    options = {"capture_output": True, "text": True, "check": True}
    return json.loads(subprocess.run(command, input=json.dumps(SEQUENCES), **options).stdout)


def test_a_classifier_answers_raw_sequences_without_seqzoo(tmp_path):
    task = make_residue_classifier()
    task.export(tmp_path / "model")
    together, alone = ask(tmp_path / "model")
    labels = task.classify(SEQUENCES[:-1])
    wanted = task.probabilities(SEQUENCES[:-1])
    for rows in (together, alone):
        assert [row["label"] for row in rows] == [*labels, ""]  # E is no base
        found = [row["probabilities"] for row in rows]
        np.testing.assert_allclose(found[:-1], wanted, rtol=1e-4, atol=1e-6)
        assert found[-1] == [0.0, 0.0]


def test_a_tagger_answers_raw_sequences_without_seqzoo(tmp_path):
    task = make_residue_tagger()
    task.export(tmp_path / "model")
    wanted = [*task.tag(SEQUENCES[:-1]), []]
    assert [len(tags) for tags in wanted] == [*map(len, SEQUENCES[:-1]), 0]
    for rows in ask(tmp_path / "model"):
        assert [row["tags"] for row in rows] == wanted
