"""What the flags of `predict` ask of a translator."""

import io
import sys

import pytest
from tiny_tasks import trained_translator

from seqzoo import BeamSearch, Sample, cli
from seqzoo.recipe import TrainedModel
from seqzoo.recipe.recipe import generated_answers
from seqzoo.search.constraints import BannedPhrases, NoRepeatNGram

TEXTS = ["a b c", "", "e e f a"]
BEAM = BeamSearch(width=3, max_length=8)


@pytest.fixture
def predict(monkeypatch, capsys, tmp_path):
    """Runs the command on a run of the trained translator; returns status and output."""
    trained = TrainedModel("letters", trained_translator().task, BEAM, generated_answers)
    monkeypatch.setattr("seqzoo.recipe.open_trained", lambda *_, **__: trained)

    def command(*flags):
        lines = "".join(f"{text}\n" for text in TEXTS).encode()
        monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(lines)))
        capsys.readouterr()
        status = cli.main(["predict", str(tmp_path), *flags])
        return status, capsys.readouterr()

    return command


@pytest.mark.usefixtures("eagerly")
@pytest.mark.parametrize(
    ("flags", "search", "request_options"),
    [
        ("", BEAM, {}),
        ("--beam 4 --length-penalty gnmt --alpha 0.4 --min-length 3",
         BeamSearch(4, length_penalty="gnmt", alpha=0.4, min_length=3, max_length=8), {}),
        ("--max-length 2", BeamSearch(width=3, max_length=2), {}),
        ("--prefix g", BEAM, {"prefixes": ["g"] * 3}),
        ("--no-repeat-ngram 1 --ban a",
         BeamSearch(3, max_length=8, constraints=(NoRepeatNGram(1), BannedPhrases(("a",)))), {}),
        ("--temperature 2 --top-k 3 --seed 4",
         Sample(temperature=2.0, top_k=3, seed=4, max_length=8), {}),
        ("--replace-unknown", BEAM, {"replace_unknown": True}),
    ],
)  # fmt: skip
def test_a_line_is_what_generate_gives_for_the_flags(predict, flags, search, request_options):
    status, printed = predict(*flags.split())

    assert status == 0
    answers = trained_translator().task.generate(TEXTS, search, **request_options)
    if "--temperature" not in flags:  # whose seed hangs on the place among lines that are not empty
        assert printed.out == "".join(f"{answer}\n" for answer in answers)
    else:
        assert printed.out.count("\n") == 3


def test_an_option_out_of_its_range_is_one_line_and_status_2(predict):
    for flags, message in (
        ("--top-p 2", "`top_p` must be above 0 and at most 1. Received: top_p=2.0"),
        ("--ban zebra", "must hold tokens of the vocabulary. Received: 'zebra'"),
        ("--prefix zebra", "`prefixes` must hold tokens of the vocabulary"),
        ("--beam 2 --sample", "--sample is for samples and --beam for a beam"),
        ("--min-length 9", "`min_length` must be at most `max_length`. Received: min_length=9"),
    ):
        status, printed = predict(*flags.split())
        assert status == 2
        assert printed.out == ""
        assert message in printed.err
        assert printed.err.count("\n") == 1
