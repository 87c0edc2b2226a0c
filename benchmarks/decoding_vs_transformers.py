"""Decoding of one Transformer by seqzoo's searches beside the `generate` of transformers.

    python benchmarks/decoding_vs_transformers.py check --peers hf/bin/python
    python benchmarks/decoding_vs_transformers.py time --peers hf/bin/python

Both run a Marian model of 3 + 3 layers with the same random weights: `marian.py` is the step that
seqzoo's searches drive, `MarianMTModel` the other side. `check` asks for the same tokens and scores
of 200 inputs, wherever scores are far enough apart to tell hypotheses from each other; `time` gives
tokens a second, medians of rounds in which both take turns, no sequence ending before its limit.
There a third side is seqzoo with a recurrent decoder whose step multiplies as much, from
`recurrent_decoder.py`.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from pathlib import Path

import numpy as np
from sides import Side

from seqzoo.search import BeamSearch, Greedy

# isort: split
import tensorflow as tf
from marian import END, PAD, Marian
from recurrent_decoder import RecurrentModel

HEADS, VOCABULARY, TOKENS, SOURCE = 4, 8000, 30, 20
NEAR = 1e-4  # scores that are nearer may change places
PENALTIES = (0.0, 0.6, 1.0)


def start_side(args: argparse.Namespace, end_bias: float) -> tuple[Side, Marian]:
    """Starts the other side, and reads the weights that it has made."""
    folder = Path(tempfile.mkdtemp())
    weights = str(folder / "marian.npz")
    script = str(Path(__file__).with_name("transformers_side.py"))
    sizes = ["--vocabulary", str(VOCABULARY), "--heads", str(HEADS)]
    command = [args.peers, script, "--weights", weights, *sizes, f"--end-bias={end_bias}"]
    side = Side(command, folder / "transformers.log")
    print(side.description["library"], flush=True)
    return side, Marian(weights, HEADS)


def decoder(model: Marian | RecurrentModel, search, jit_compile: bool = False):
    """Returns a function of source ids `(B, S)`: `Hypotheses`."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
        jit_compile=jit_compile,
    )
    def decode(source_ids):
        state, memory = model.begin(source_ids, search.width, search.max_length)
        return search(model.stepper(), state, memory, PAD, END)

    return decode


def random_inputs(count: int, shortest: int = SOURCE) -> np.ndarray:
    """Sources `(count, SOURCE)` of at least so many tokens, padded."""
    rng = np.random.default_rng(0)
    ids = rng.integers(2, VOCABULARY, (count, SOURCE)).astype("int32")
    lengths = rng.integers(shortest, SOURCE + 1, (count, 1))
    return np.where(np.arange(SOURCE) < lengths, ids, PAD).astype("int32")


def check(args: argparse.Namespace) -> None:
    """Compares the answers to 200 inputs.

    Raises:
        SystemExit: if one differs.
    """
    side, model = start_side(args, args.end_bias)
    inputs = random_inputs(args.inputs, shortest=4)
    wrong = compare(side, model, inputs, Greedy(max_length=TOKENS), {"num_beams": 1})
    for alpha in PENALTIES:
        search = BeamSearch(5, length_penalty="average", alpha=alpha, max_length=TOKENS)
        options = {"num_beams": 5, "early_stopping": True, "length_penalty": alpha}
        wrong += compare(side, model, inputs, search, options)
    if wrong:
        raise SystemExit(f"{wrong} answers differ")


def compare(side: Side, model: Marian, inputs: np.ndarray, search, options: dict) -> int:
    """Prints how many answers are equal, and returns how many differ."""
    options = {**options, "max_new_tokens": TOKENS}
    theirs = side.do("generate", inputs=inputs.tolist(), search=options)
    found = decoder(model, search)(inputs)
    rows = zip(found.token_ids[:, 0].numpy(), found.lengths[:, 0].numpy(), strict=True)
    ours = [token_ids[:length].tolist() for token_ids, length in rows]
    scores = found.scores[:, 0].numpy()
    same = np.array([a == b for a, b in zip(ours, theirs["tokens"], strict=True)])
    ended = sum(row[-1] == END for row in ours)
    shown = f"{type(search).__name__} {options}: {same.sum()} of {len(same)} token for token"
    near = same
    if theirs["scores"] is not None:
        apart = np.abs(scores - theirs["scores"])
        near = apart < NEAR
        shown += f", scores at most {apart.max():.1e} apart"
    print(f"{shown}; {ended} end before the limit, {len(set(map(tuple, ours)))} differ", flush=True)
    return int(np.sum(~near))


def measure(args: argparse.Namespace) -> None:
    """Prints tokens a second of both."""
    side, model = start_side(args, end_bias=-1e9)
    recurrent = RecurrentModel(VOCABULARY, END)
    print(f"a step of the recurrent decoder multiplies by {recurrent.weights_read():,} weights")
    print("batch, search | graph | XLA | recurrent, graph | recurrent, XLA | transformers | times")
    for batch in args.batches:
        for beams in (1, 5):
            inputs = random_inputs(batch)
            ways = {
                (kind, jit_compile): ours(each, beams, inputs, jit_compile)
                for kind, each in (("Marian", model), ("recurrent", recurrent))
                for jit_compile in (False, True)
            }
            ways["theirs"] = others(side, beams, inputs)
            rates = {name: [] for name in ways}
            for run in ways.values():
                run()
            for _ in range(args.rounds):
                for name, run in ways.items():
                    rates[name].append(batch * TOKENS / run())
            found = {name: statistics.median(values) for name, values in rates.items()}
            times = [f"{found[name] / found['theirs']:.2f}" for name in ways if name != "theirs"]
            shown = [f"{found[name]:,.0f}" for name in rates]
            title = f"{batch}, {'greedy' if beams == 1 else f'beam {beams}'}"
            print(" | ".join([title, *shown, ", ".join(times)]), flush=True)


def ours(model: Marian | RecurrentModel, beams: int, inputs: np.ndarray, jit_compile: bool):
    """Returns a function that decodes once and gives the seconds."""
    search = Greedy(max_length=TOKENS) if beams == 1 else BeamSearch(beams, max_length=TOKENS)
    decode = decoder(model, search, jit_compile)

    def run() -> float:
        begin = time.perf_counter()
        lengths = decode(inputs).lengths.numpy()
        seconds = time.perf_counter() - begin
        if not (lengths == TOKENS).all():
            raise RuntimeError(f"A sequence ended too soon: {lengths.tolist()}.")
        return seconds

    return run


def others(side: Side, beams: int, inputs: np.ndarray):
    options = {"num_beams": beams, "max_new_tokens": TOKENS}
    options |= {"early_stopping": True, "length_penalty": 1.0} if beams > 1 else {}

    def run() -> float:
        answer = side.do("time", inputs=inputs.tolist(), search=options)
        if answer["tokens"] != len(inputs) * TOKENS:
            raise RuntimeError(f"A sequence ended too soon: {answer}.")
        return answer["seconds"]

    return run


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=("check", "time"))
    parser.add_argument("--peers", required=True, help="Python of the environment of transformers")
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--end-bias", type=float, default=8.0, help="nats in favour of the end")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16, 64])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=2)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    {"check": check, "time": measure}[args.what](args)


if __name__ == "__main__":
    main()
