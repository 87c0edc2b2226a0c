"""The recipes of biology: their splits, a training on files, and what they answer."""

import io
import json
import sys
from pathlib import Path

import pytest
import tensorflow as tf

import seqzoo as sz
from seqzoo import cli
from seqzoo.datasets.sequences import with_helices, with_motif
from seqzoo.datasets.similarity import similarity_groups
from seqzoo.recipe import load_recipe, run
from seqzoo.recipe.fields import set_fields

FOLDER = Path(__file__).parents[2] / "recipes/biology"
SMALL = ["model.units=4", "model.blocks=1", "training.epochs=1", "training.batch_size=16"]
MADE = with_motif(60, length=30, seed=3)
PROTEINS = with_helices(30, seed=3)


def write(name, folder):
    """Files of the form that a recipe reads."""
    if name == "splice":
        lines = [f"{label},  NAME-{i},   {bases}\n" for i, (bases, label) in enumerate(MADE)]
        (folder / "splice.data").write_text("".join(lines))
    elif name == "promoters":
        for label, file in (("yes", "Ecoli_prom.fa"), ("no", "Ecoli_non_prom.fa")):
            records = [f">{bases[:4]}\r\n{bases}\r\n" for bases, own in MADE if own == label]
            (folder / file).write_bytes("".join(records).encode())
    else:
        rows = ["input,dssp3,dssp8,cb513_mask"]
        for letters, states in PROTEINS:
            mask = " ".join("01"[index % 2] for index in range(len(letters)))
            rows.append(f"{letters},{states},{states.replace('C', 'T')},{mask}")
        (folder / "CB513.csv").write_text("\n".join([*rows, ""]))


NAMES = ("splice", "promoters", "secondary_structure")
SCORES = {
    "splice": {"accuracy", "macro_f1", "baseline_accuracy"},
    "promoters": {"accuracy", "matthews_correlation", "baseline_matthews_correlation"},
    "secondary_structure": {"q8", "q3", "q3_of_sums", "token_accuracy", "baseline_q3"},
}


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_trains_on_files_beside_its_baselines_and_answers_lines(
    name, tmp_path, capsys, monkeypatch
):
    write(name, tmp_path)
    out = tmp_path / "run"
    scores = run(FOLDER / f"{name}.py", out=out, data=tmp_path, settings=SMALL)
    assert SCORES[name] <= scores.keys()
    assert scores == json.loads((out / "metrics.json").read_text())
    assert (out / "plots/motifs.png").is_file()
    capsys.readouterr()

    task = sz.from_preset(out / "preset")
    line = "MKVLAGGE" if name == "secondary_structure" else "ACGTNacgu"
    served = tf.saved_model.load(str(out / "export/1")).signatures["serving_default"]
    answers = served(tf.constant([line, ""]))
    if name == "secondary_structure":
        wanted = " ".join(task.tag([line])[0])
        assert answers["tags"].numpy()[0].tolist() == [each.encode() for each in wanted.split()]
        assert scores["token_accuracy"] == pytest.approx(scores["q8"])  # the same residues weigh
    else:
        (wanted,) = task.classify([line])
        assert answers["label"].numpy()[0].decode() == wanted
    stdin = io.TextIOWrapper(io.BytesIO(f"{line}\n\n".encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli.main(["predict", str(out)]) == 0
    assert capsys.readouterr().out.splitlines() == [wanted, ""]
    stdin = io.TextIOWrapper(io.BytesIO((f"{line}\n" * 70 + f"\n{line}\nM1\n{line}\n").encode()))
    monkeypatch.setattr(sys, "stdin", stdin)
    assert cli.main(["predict", str(out)]) == 2
    (told,) = (text for text in capsys.readouterr().err.splitlines() if "error" in text)
    assert "Line 73 of the input cannot be read. A sequence of" in told
    assert "index" not in told
    assert cli.main(["explain", str(out), line, "--out", str(tmp_path / "a.png")]) == 0


@pytest.mark.parametrize("name", NAMES)
def test_a_recipe_has_an_embedded_default_and_similar_sequences_are_in_one_split(name):
    recipe = load_recipe(FOLDER / f"{name}.py")
    splits = recipe.load_splits(None)
    count = sum(map(len, splits.values()))
    assert count >= 200
    assert len(splits["train"]) > 0.6 * count
    assert len(splits["test"]) >= 0.09 * count


def test_every_fold_of_the_splice_junctions_is_tested_on_once(tmp_path):
    write("splice", tmp_path)
    tested = []
    for fold in range(5):
        settings = ["data.folds=5", f"data.fold={fold}"]
        splits = set_fields(load_recipe(FOLDER / "splice.py"), settings).load_splits(tmp_path)
        sequences = [bases for part in splits.values() for bases, _ in part]
        groups = dict(zip(sequences, similarity_groups(sequences), strict=True))
        homes = [{groups[bases] for bases, _ in part} for part in splits.values()]
        assert not homes[0] & homes[1] | homes[0] & homes[2] | homes[1] & homes[2]
        tested += splits["test"]
    assert sorted(tested) == sorted(MADE)


def test_a_promoter_has_one_answer_on_both_strands_if_it_is_told_so():
    settings = [*SMALL, "model.both_strands=true"]
    recipe = set_fields(load_recipe(FOLDER / "promoters.py"), settings)
    splits = recipe.load_splits(None)
    task = recipe.build(splits, recipe.model)
    sequences = [bases for bases, _ in splits["test"][:5]]
    others = [sz.preprocessing.reverse_complement(bases) for bases in sequences]
    assert task.probabilities(sequences) == pytest.approx(task.probabilities(others), abs=1e-6)
