"""Steps of recurrent layers: seqzoo beside keras.layers and torch.nn, in turns, medians.

    python benchmarks/layers.py --peers peers/bin/python
    python benchmarks/layers.py --backend jax                  # seqzoo and Keras on JAX alone
    python benchmarks/layers.py --only "LSTM small" --rounds 9

A training step is forward and backward to all weights and the input; inference is one row of 20
steps. All libraries have the same 2 threads and as many rounds. Ratios above 1 mean that seqzoo
is faster.
"""

from __future__ import annotations

import argparse
import tempfile
import time
from pathlib import Path

import backend_option  # ahead of Keras

import seqzoo  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
from layer_steps import Case, make_step
from sides import Side, medians

SIZES = {"small": (32, 30, 128, 256), "middle": (64, 40, 256, 512), "large": (128, 50, 512, 1024)}
INFERENCE = {"256": (1, 20, 128, 256), "512": (1, 20, 256, 512)}
SECONDS = 0.5  # of one measurement


def cases(precisions: list[str]) -> dict[str, Case]:
    """Returns what is measured, by the name that the table shows."""
    found = {}
    for precision in precisions:
        for kind in ("LSTM", "GRU"):
            for size, shape in SIZES.items():
                base = Case(kind, *shape, precision=precision)
                name = f"{kind} {size} {precision}"
                found[name] = base
                found[f"{name} masked"] = base._replace(masked=True)
                found[f"{name} bidirectional"] = base._replace(bidirectional=True)
            for size, shape in INFERENCE.items():
                found[f"{kind} inference {size} {precision}"] = Case(
                    kind, *shape, training=False, precision=precision
                )
    return found


def measure(case: Case, name: str, torch: Side | None, rounds: int) -> dict[str, float]:
    """Returns seconds of one step of each library."""
    steps = {library: make_step(library, case) for library in ("seqzoo", "keras")}
    times = {library: [] for library in steps}
    counts = {}
    for library, step in steps.items():
        step()
        counts[library] = max(1, round(SECONDS / _seconds(step, 2)))
    compared = torch is not None and not case.masked
    if compared:
        torch.do("prepare", name=name, case=case._asdict())
        torch.do("time", name=name, steps=1)
        once = torch.do("time", name=name, steps=2)["seconds"]
        counts["torch"], times["torch"] = max(1, round(SECONDS / once)), []
    for _ in range(rounds):
        for library, step in steps.items():
            times[library].append(_seconds(step, counts[library]))
        if compared:
            answer = torch.do("time", name=name, steps=counts["torch"])
            times["torch"].append(answer["seconds"])
    return medians(times)


def _seconds(step, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        step()
    return (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], parents=[backend_option.PARSER]
    )
    parser.add_argument("--peers", help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measure the cases whose names hold this")
    parser.add_argument("--precisions", nargs="+", default=["float32"])
    options = parser.parse_args()
    torch = None
    if options.peers:
        side = str(Path(__file__).parent / "torch_side.py")
        torch = Side([options.peers, side], Path(tempfile.mkdtemp()) / "torch.log")
        print(torch.description["library"])
    print(f"seqzoo {seqzoo.__version__}, keras {keras.__version__} on {keras.backend.backend()}")
    print("devices:", ", ".join(keras.distribution.list_devices()))
    print("case | seqzoo ms | keras ms | torch ms | to keras | to torch")
    for name, case in cases(options.precisions).items():
        if options.only not in name:
            continue
        found = measure(case, name, torch, options.rounds)
        shown = [
            f"{1000 * found[k]:.2f}" if k in found else "" for k in ("seqzoo", "keras", "torch")
        ]
        ratios = [
            f"{found[k] / found['seqzoo']:.2f}" if k in found else "" for k in ("keras", "torch")
        ]
        print(" | ".join([name, *shown, *ratios]), flush=True)


if __name__ == "__main__":
    main()
