"""Training and beam-5 decoding of one translation model, seqzoo beside JoeyNMT 2.3.

    python benchmarks/multi30k_words.py --data DATA --work WORK
    peers/bin/python benchmarks/joeynmt_side.py fit --work WORK --epochs 2
    python benchmarks/seqzoo_side.py fit --work WORK --epochs 2
    python benchmarks/translation_vs_joeynmt.py --work WORK --peers peers/bin/python

Each side is a process of its own with its model ready. They take turns, so that what else the
machine does meets all of them; the figures are medians over the rounds. README.md beside this
file says what is compared and what is not.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from sides import Side, medians

from seqzoo.metrics import bleu

HERE = Path(__file__).parent


def start_sides(work: Path, peers: str, precisions: list[str]) -> dict[str, Side]:
    """Starts JoeyNMT and seqzoo in each precision."""
    sides = {}
    serve = ["serve", "--work", str(work)]
    for precision in precisions:
        command = [sys.executable, str(HERE / "seqzoo_side.py"), *serve, "--precision", precision]
        sides[f"seqzoo {precision}"] = Side(command, work / f"seqzoo_{precision}.log")
    command = [peers, str(HERE / "joeynmt_side.py"), *serve]
    sides["joeynmt float32"] = Side(command, work / "joeynmt.log")
    for name, side in sides.items():
        print(name, json.dumps(side.description))
    return sides


def compare_training(sides: dict[str, Side], rounds: int, steps: int) -> dict[str, float]:
    """Returns target tokens per second of each side."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    for side in sides.values():
        side.do("train", steps=3)  # tracing and memory
    for _ in range(rounds):
        for name, side in sides.items():
            answer = side.do("train", steps=steps)
            rates[name].append(answer["tokens"] / answer["seconds"])
    return report("training, target tokens per second", rates)


def compare_decoding(sides: dict[str, Side], work: Path, rounds: int) -> dict[str, float]:
    """Returns sentences per second of each side, and prints the BLEU of what they gave."""
    rates: dict[str, list[float]] = {name: [] for name in sides}
    references = (work / "test.en").read_text(encoding="utf-8").rstrip("\n").split("\n")
    for name, side in sides.items():
        trained = "joeynmt/best.ckpt" if name.startswith("joeynmt") else "seqzoo"
        side.do("load", checkpoint=str(work / trained))
        output = work / f"{name.replace(' ', '_')}.txt"
        side.do("translate", output=str(output))  # tracing and memory
        translations = output.read_text(encoding="utf-8").rstrip("\n").split("\n")
        print(f"{name}: BLEU {bleu(translations, references, lowercase=True):.2f}")
    for _ in range(rounds):
        for name, side in sides.items():
            answer = side.do("translate", output=str(work / "again.txt"))
            rates[name].append(answer["sentences"] / answer["seconds"])
    return report("beam 5, sentences per second", rates)


def report(what: str, rates: dict[str, list[float]]) -> dict[str, float]:
    """Prints and returns the median of each side."""
    middle = medians(rates)
    for name, median in middle.items():
        ratio = median / middle["joeynmt float32"]
        spread = ", ".join(f"{value:.0f}" for value in rates[name])
        print(f"{what}: {name} {median:.0f} ({spread}), {ratio:.2f} times JoeyNMT", flush=True)
    return middle


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--work", type=Path, required=True, help="folder of multi30k_words.py")
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--steps", type=int, default=20, help="train steps in a round")
    parser.add_argument("--precisions", nargs="+", default=["float32", "mixed_bfloat16"])
    options = parser.parse_args()
    sides = start_sides(options.work, options.peers, options.precisions)
    training = compare_training(sides, options.rounds, options.steps)
    decoding = compare_decoding(sides, options.work, options.rounds)
    print(json.dumps({"training_tokens_per_s": training, "beam5_sentences_per_s": decoding}))


if __name__ == "__main__":
    main()
