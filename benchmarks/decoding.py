"""Decoding of Transformers by seqzoo beside CTranslate2 and the `generate` of transformers.

    python benchmarks/decoding.py check --peers hf/bin/python
    python benchmarks/decoding.py translation --peers hf/bin/python
    python benchmarks/decoding.py language_model --peers hf/bin/python

A model of random weights is written with `sz.importing.save` and loaded by the others. `check` asks
transformers for the same tokens and scores of 200 inputs, wherever scores are far enough apart to
tell hypotheses from each other. The others give tokens a second, medians of rounds in which all
take turns, in seconds of one thread's CPU, no sequence ending before its limit: `translation` of
Marian's form, 3 + 3 layers of 256 units, with a recurrent decoder whose step multiplies as much
beside it; `language_model` of GPT-2's smallest size, milliseconds a token.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from sides import Side

import seqzoo as sz
from seqzoo.preprocessing import WhitespaceTokenizer

# isort: split
import keras
import tensorflow as tf
from recurrent_decoder import recurrent_translator

PAD, END = 0, 3
VOCABULARY, TOKENS, SOURCE = 8000, 30, 20
NEAR = 1e-4  # scores that are nearer may change places
PENALTIES = (0.0, 0.6, 1.0)
NEVER = -1e9


def words(count: int) -> WhitespaceTokenizer:
    return WhitespaceTokenizer(
        vocabulary=["", "<unk>", "<start>", "<end>", *(f"w{i}" for i in range(4, count))]
    )


def translator(end_bias: float) -> sz.Seq2Seq:
    """A model whose next token is likely one of a few, and hangs on what came before."""
    keras.utils.set_random_seed(0)
    tokenizer = words(VOCABULARY)
    task = sz.zoo.vaswani_2017(
        tokenizer, tokenizer, num_heads=8, activation="silu", norm_position="after"
    )
    ids = tf.ones((1, 2), tf.int32)
    task({"source_ids": ids, "target_ids": ids})
    rng = np.random.default_rng(0)
    for weight in task.trainable_variables:
        is_embedding = "embedding" in weight.path
        if len(weight.shape) == 2:  # what is read outweighs what the last token says of itself
            scale = (1 if is_embedding else 2) * weight.shape[is_embedding] ** -0.5
            weight.assign(rng.normal(scale=scale, size=weight.shape))
    task.decoder.stack.blocks[-1].feed_norm.gain.assign(np.full(256, 3.0))  # of sharper answers
    forbid(task, end_bias)
    return task


def forbid(task: Any, end_bias: float) -> None:
    """Sets the biases of tokens that stand for nothing, for the others do not know of them."""
    bias = np.zeros(task.head.bias.shape, "float32")
    bias[[PAD, 2]], bias[END] = NEVER, end_bias
    task.head.bias.assign(bias)


def start_side(args: argparse.Namespace, task: Any) -> Side:
    """Starts the other side with the model of a task."""
    folder = Path(tempfile.mkdtemp())
    sz.importing.save(task, folder / "model")
    script = str(Path(__file__).with_name("published_side.py"))
    side = Side([args.peers, script, "--threads", str(args.threads)], folder / "peers.log")
    side.do("load", folder=str(folder / "model"))
    print(side.description["library"], flush=True)
    return side


def make_search(beams: int, tokens: int, alpha: float = 1.0) -> Any:
    if beams == 1:
        return sz.Greedy(max_length=tokens)
    return sz.BeamSearch(beams, length_penalty="average", alpha=alpha, max_length=tokens)


def decoder(task: Any, search: Any, jit_compile: bool = False) -> Callable:
    """Returns a function of source ids `(B, S)`: `Hypotheses`."""

    @tf.function(
        input_signature=[tf.TensorSpec([None, None], tf.int32)],
        autograph=False,
        jit_compile=jit_compile,
    )
    def decode(source_ids):
        return task.hypotheses(source_ids, search)

    return decode


def random_inputs(count: int, length: int, shortest: int, vocabulary: int) -> np.ndarray:
    """Ids `(count, length)` of at least so many tokens, padded."""
    rng = np.random.default_rng(0)
    ids = rng.integers(4, vocabulary, (count, length)).astype("int32")
    lengths = rng.integers(shortest, length + 1, (count, 1))
    return np.where(np.arange(length) < lengths, ids, PAD).astype("int32")


def check(args: argparse.Namespace) -> None:
    """Compares the answers to 200 inputs.

    Raises:
        SystemExit: if one differs.
    """
    task = translator(args.end_bias)
    side = start_side(args, task)
    inputs = random_inputs(args.inputs, SOURCE, 4, VOCABULARY)
    wrong = compare(side, task, inputs, 1, 1.0)
    for alpha in PENALTIES:
        wrong += compare(side, task, inputs, 5, alpha)
    if wrong:
        raise SystemExit(f"{wrong} answers differ")


def compare(side: Side, task: Any, inputs: np.ndarray, beams: int, alpha: float) -> int:
    """Prints how many answers are equal, and returns how many differ."""
    theirs = side.do("generate", inputs=inputs.tolist(), beams=beams, tokens=TOKENS, alpha=alpha)
    found = decoder(task, make_search(beams, TOKENS, alpha))(inputs)
    rows = zip(found.token_ids[:, 0].numpy(), found.lengths[:, 0].numpy(), strict=True)
    own = [token_ids[:length].tolist() for token_ids, length in rows]
    same = np.array([a == b for a, b in zip(own, theirs["tokens"], strict=True)])
    ended = sum(row[-1] == END for row in own)
    shown = f"beams {beams}, alpha {alpha}: {same.sum()} of {len(same)} token for token"
    near = same
    if theirs["scores"] is not None:
        apart = np.abs(found.scores[:, 0].numpy() - theirs["scores"])
        near = np.isclose(found.scores[:, 0].numpy(), theirs["scores"], rtol=1e-5, atol=NEAR)
        shown += f", scores at most {apart.max():.1e} apart"
    print(f"{shown}; {ended} end before the limit, {len(set(map(tuple, own)))} differ", flush=True)
    return int(np.sum(~near))


def own_way(task: Any, beams: int, inputs: np.ndarray, tokens: int, jit_compile: bool) -> Callable:
    """Returns a function that decodes once and gives the seconds."""
    decode = decoder(task, make_search(beams, tokens), jit_compile)

    def run() -> float:
        begin = time.process_time()
        lengths = decode(inputs).lengths.numpy()
        seconds = time.process_time() - begin
        if not (lengths == tokens).all():
            raise RuntimeError(f"A sequence ended too soon: {lengths.tolist()}.")
        return seconds

    return run


def other_way(side: Side, engine: str, beams: int, inputs: np.ndarray, tokens: int) -> Callable:
    arguments = {"engine": engine, "inputs": inputs.tolist(), "beams": beams, "tokens": tokens}
    return lambda: side.do("time", **arguments)["cpu_seconds"]


def in_turns(ways: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Returns the median seconds of each way."""
    for run in ways.values():
        run()
    seconds = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            seconds[name].append(run())
    return {name: statistics.median(values) for name, values in seconds.items()}


def measure(args: argparse.Namespace) -> None:
    """Prints tokens a second of all."""
    task = translator(NEVER)
    side = start_side(args, task)
    recurrent = recurrent_translator(VOCABULARY)
    forbid(recurrent, NEVER)
    print("batch, search | " + " | ".join(WAYS) + " | to CTranslate2 | to transformers")
    for batch in args.batches:
        for beams in (1, 5):
            inputs = random_inputs(batch, SOURCE, SOURCE, VOCABULARY)
            ways = {
                f"{name}, {kind}": own_way(each, beams, inputs, TOKENS, kind == "XLA")
                for name, each in (("Transformer", task), ("recurrent", recurrent))
                for kind in ("graph", "XLA")
            } | {name: other_way(side, name, beams, inputs, TOKENS) for name in PEERS}
            found = in_turns(ways, args.rounds)
            shown = [f"{batch * TOKENS / found[name]:,.0f}" for name in WAYS]
            ratios = [
                ", ".join(f"{found[peer] / found[way]:.2f}" for way in WAYS[:4]) for peer in PEERS
            ]
            title = f"{batch}, {'greedy' if beams == 1 else f'beam {beams}'}"
            print(" | ".join([title, *shown, *ratios]), flush=True)


PEERS = ("ctranslate2", "transformers")
WAYS = ("Transformer, graph", "Transformer, XLA", "recurrent, graph", "recurrent, XLA", *PEERS)


def measure_language_model(args: argparse.Namespace) -> None:
    """Prints milliseconds a token of all."""
    keras.utils.set_random_seed(0)
    vocabulary, prompt = 50257, 16
    task = sz.zoo.radford_2019(
        words(vocabulary), units=768, layers=12, num_heads=12, window_length=1024
    )
    task({"token_ids": tf.ones((1, 2), tf.int32)})
    side = start_side(args, task)
    forbid(task, NEVER)
    inputs = random_inputs(1, prompt, prompt, vocabulary)
    ways = {kind: own_way(task, 1, inputs, TOKENS, kind == "XLA") for kind in ("graph", "XLA")} | {
        name: other_way(side, name, 1, inputs, TOKENS) for name in PEERS
    }
    for name, seconds in in_turns(ways, args.rounds).items():
        print(f"{name}: {1000 * seconds / TOKENS:.1f} ms a token", flush=True)


COMMANDS = {"check": check, "translation": measure, "language_model": measure_language_model}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("what", choices=COMMANDS)
    parser.add_argument("--peers", required=True, help="Python of the peers' environment")
    parser.add_argument("--inputs", type=int, default=200)
    parser.add_argument("--end-bias", type=float, default=8.0, help="nats in favour of the end")
    parser.add_argument("--batches", type=int, nargs="+", default=[1, 16])
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--threads", type=int, default=1)
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)
    tf.config.threading.set_inter_op_parallelism_threads(args.threads)
    COMMANDS[args.what](args)


if __name__ == "__main__":
    main()
