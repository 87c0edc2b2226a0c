"""Training steps of a language model of LSTMs: seqzoo beside torch.nn, in turns, medians.

    python benchmarks/language_model.py --peers peers/bin/python
    python benchmarks/language_model.py --peers peers/bin/python --only small --rounds 9

A step is all of it: the batch, forward, the softmax over the vocabulary, back through the window,
clipping to a norm of 1 and Adam, the state carried to the next batch. Both have the same model
and the same 2 threads. Ratios above 1 mean that seqzoo is faster.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path
from typing import NamedTuple

import numpy as np
from sides import Side, medians

SECONDS = 2.0  # of one measurement


class Case(NamedTuple):
    """What is measured; `window` in tokens."""

    vocabulary: int
    units: int
    layers: int
    batch: int
    window: int
    dropout: float


CASES = {
    "characters": Case(65, 256, 1, 64, 64, 0.2),
    "words, small": Case(10_000, 200, 2, 20, 20, 0.0),
    "words, medium": Case(10_000, 650, 2, 20, 35, 0.5),
}


def make_steps(case: Case):
    """Returns a function that takes so many training steps of a task, as `fit` takes them."""
    import seqzoo as sz
    from seqzoo.decoders import LanguageDecoder
    from seqzoo.encoders import LanguageEncoder
    from seqzoo.preprocessing import RunningText, WhitespaceTokenizer

    words = [f"w{number}" for number in range(case.vocabulary - 4)]
    tokenizer = WhitespaceTokenizer(vocabulary=["", "<unk>", "<start>", "<end>", *words])
    rates = dict.fromkeys(("input_dropout", "dropout", "output_dropout"), case.dropout)
    sizes = {"embedding_dim": case.units, "units": case.units, "layers": case.layers}
    encoder = LanguageEncoder(case.vocabulary, **sizes, **rates)
    text = RunningText(tokenizer, end_tokens=False, window_length=case.window)
    task = sz.LanguageModel(LanguageDecoder(encoder), text)
    task.compile()
    said = np.random.default_rng(0).choice(words, case.batch * case.window * 50)
    batches = task.make_training_batches(" ".join(said), None, case.batch, None, 0, None)
    iterator = iter(batches.dataset)
    task.make_train_function()

    def steps(count: int) -> None:
        for _ in range(count):
            logs = task.train_function(iterator)
        float(logs["loss"])

    return steps


def measure(case: Case, torch: Side, name: str, rounds: int) -> dict[str, float]:
    """Returns the seconds of a step of each side."""
    steps = make_steps(case)
    torch.do("prepare", name=name, case=case._asdict())
    counts, times = {}, {"seqzoo": [], "torch": []}

    def run(side: str, count: int) -> float:
        if side == "torch":
            return torch.do("time", name=name, steps=count)["seconds"]
        start = time.perf_counter()
        steps(count)
        return (time.perf_counter() - start) / count

    for side in times:
        run(side, 2)
        counts[side] = max(1, round(SECONDS / run(side, 3)))
    for _ in range(rounds):
        for side in times:
            times[side].append(run(side, counts[side]))
    return medians(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measure the cases whose names hold this")
    options = parser.parse_args()
    side = str(Path(__file__).parent / "torch_language_model_side.py")
    torch = Side([options.peers, side], Path(tempfile.mkdtemp()) / "torch.log")
    print(torch.description["library"])
    print("case | seqzoo ms | torch ms | to torch")
    for name, case in CASES.items():
        if options.only in name:
            found = measure(case, torch, name, options.rounds)
            ms = [f"{1000 * found[side]:.1f}" for side in ("seqzoo", "torch")]
            print(" | ".join([name, *ms, f"{found['torch'] / found['seqzoo']:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
