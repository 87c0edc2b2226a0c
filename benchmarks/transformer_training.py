"""Training steps of Transformers: seqzoo beside torch, in turns, medians.

    python benchmarks/transformer_training.py --peers peers/bin/python
    python benchmarks/transformer_training.py --peers peers/bin/python --only "4 x 128" --rounds 9

A step is all of it: the batch, forward, the softmax over the vocabulary, back, clipping to a norm
of 1 and Adam. Both sides have the same sizes, no dropout and the same number of threads; the
encoder-decoder is the Marian of transformers. Ratios below 1 mean that seqzoo takes less time;
those of bfloat16 are to seqzoo's own float32.
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
    """What is measured; `length` in tokens, `sides` 2 for an encoder and a decoder."""

    vocabulary: int
    units: int
    layers: int
    heads: int
    batch: int
    length: int
    sides: int = 1


CASES = {
    "GPT, 4 x 128": Case(65, 128, 4, 4, 12, 64),
    "GPT, 6 x 384": Case(65, 384, 6, 6, 8, 256),
    "Marian, 3 + 3 x 256": Case(8000, 256, 3, 8, 64, 32, sides=2),
}


def make_task(case: Case):
    """Returns a task of the sizes of a case, and its training data."""
    import seqzoo as sz
    from seqzoo.preprocessing import WhitespaceTokenizer

    words = [f"w{number}" for number in range(case.vocabulary - 4)]
    tokenizer = WhitespaceTokenizer(vocabulary=["", "<unk>", "<start>", "<end>", *words])
    sizes = {"units": case.units, "layers": case.layers, "num_heads": case.heads, "dropout": 0.0}
    rng = np.random.default_rng(0)
    if case.sides == 1:
        task = sz.zoo.radford_2019(tokenizer, window_length=case.length, end_tokens=False, **sizes)
        return task, [" ".join(rng.choice(words, case.batch * case.length * 20))]
    task = sz.zoo.vaswani_2017(
        tokenizer,
        tokenizer,
        activation="silu",
        norm_position="after",
        label_smoothing=0.0,
        **sizes,
    )
    # The target has one token more, the end.
    sides = [rng.choice(words, (case.batch * 20, case.length - end)) for end in (0, 1)]
    return task, list(zip(*([" ".join(row) for row in side] for side in sides), strict=True))


def make_steps(case: Case, bfloat16: bool):
    """Returns a function that takes so many training steps of a task, as `fit` takes them."""
    import keras

    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy("mixed_bfloat16" if bfloat16 else "float32")
    task, data = make_task(case)
    keras.config.set_dtype_policy(policy)
    task.compile()
    batches = task.make_training_batches(data, None, case.batch, None, 0, None)
    iterator = iter(batches.dataset)
    task.make_train_function()

    def steps(count: int) -> None:
        for _ in range(count):
            logs = task.train_function(iterator)
        float(logs["loss"])

    return steps


def measure(case: Case, torch: Side, name: str, rounds: int) -> dict[str, float]:
    """Returns the seconds of a step of each side."""
    own = {"seqzoo": make_steps(case, False), "seqzoo bfloat16": make_steps(case, True)}
    for kind in ("torch", "torch bfloat16"):
        torch.do("prepare", name=name + kind, case=case._asdict(), bfloat16="bf" in kind)
    times = {kind: [] for kind in (*own, "torch", "torch bfloat16")}

    def run(kind: str, count: int) -> float:
        if kind not in own:
            return torch.do("time", name=name + kind, steps=count)["seconds"]
        start = time.perf_counter()
        own[kind](count)
        return (time.perf_counter() - start) / count

    counts = {}
    for kind in times:
        run(kind, 2)
        counts[kind] = max(1, round(SECONDS / run(kind, 3)))
    for _ in range(rounds):
        for kind, found in times.items():
            found.append(run(kind, counts[kind]))
    return medians(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--only", default="", help="measure the cases whose names hold this")
    options = parser.parse_args()
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(options.threads)
    tf.config.threading.set_inter_op_parallelism_threads(options.threads)
    side = str(Path(__file__).with_name("torch_transformer_side.py"))
    command = [options.peers, side, "--threads", str(options.threads)]
    torch = Side(command, Path(tempfile.mkdtemp()) / "torch.log")
    print(torch.description["library"])
    print("case | seqzoo ms | in bfloat16 | torch ms | in bfloat16 | to torch | bfloat16 to own")
    for name, case in CASES.items():
        if options.only in name:
            found = measure(case, torch, name, options.rounds)
            own, low, peer = (found[k] for k in ("seqzoo", "seqzoo bfloat16", "torch"))
            shown = [f"{1000 * seconds:.1f}" for seconds in found.values()]
            print(" | ".join([name, *shown, f"{own / peer:.2f}", f"{low / own:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
