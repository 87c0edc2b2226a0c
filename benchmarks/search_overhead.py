"""What a search itself costs for each step, beside the same search on stock kernels.

The step function returns log-probs that are computed in advance, in which padding and the start
token are impossible, as in those of a task; so all time is the search's own. The ways
take turns, and the median over the rounds is shown, in milliseconds: `stock` ranks with
`tf.math.top_k` over the whole vocabulary, `scattered` writes each step with
`tf.tensor_scatter_nd_update` (it tells where there are alignments, `--source`). With `--logits` the
step gives logits and the search's time holds their normalisation: `logits` as they lie ready,
`written` by a step that writes them anew, as a model does, and `constrained` the same with
constraints, which change them in place.

    python benchmarks/search_overhead.py --vocabulary 32000 --batch 64 --width 5
    python benchmarks/search_overhead.py --vocabulary 2000 --steps 100 --source 50
    python benchmarks/search_overhead.py --logits
"""

import argparse
import dataclasses
import statistics
import time
from unittest import mock

from seqzoo.ops.decoding import (
    beams,
    buffers,  # ahead of TensorFlow, for its settings of it
)
from seqzoo.ops.decoding.log_probs import LogProbs, log_sums
from seqzoo.search import BeamSearch, Greedy
from seqzoo.search.constraints import BannedTokens, NoRepeatNGram, RepetitionPenalty

# isort: split
import tensorflow as tf

PAD, START, END = 0, 1, 2
CONSTRAINTS = (NoRepeatNGram(3), RepetitionPenalty(1.2), BannedTokens((5, 6, 7)))


def log_probs(rows, vocabulary):
    """Log-probs of two steps that take turns, as no two steps read the same; no special token."""
    logits = tf.random.stateless_normal((2, rows, vocabulary), seed=(0, 1))
    values = tf.nn.log_softmax(logits)
    return tf.where(tf.range(vocabulary) <= END, -float("inf"), values)


def as_they_are(values):
    return LogProbs(values, tf.zeros_like(values[:, 0]), (PAD, START))


def normalised(values):
    return LogProbs(values, log_sums(values), (PAD, START))


def written_anew(values):
    values = values + 1.0
    return LogProbs(values, log_sums(values), (PAD, START))


def search_function(search, rows, args, jit_compile=False, read=as_they_are):
    def decode(ready):
        def step(token_ids, state, encoded):
            values = ready[state["time"][0] % 2]  # this slice and the next one copy nothing
            log_probs = read(values[: tf.shape(token_ids)[0]])
            return log_probs, {**state, "time": state["time"] + 1}

        state = {"time": tf.zeros((rows,), "int32")}
        if args.source:
            state["alignment"] = tf.fill((rows, args.source), 1 / args.source)
        return search(step, state, (), START, END)

    return tf.function(decode, jit_compile=jit_compile)


def replaced(run, module, name, value):
    """Runs (and traces, the first time) with something else in place of a part of the search."""

    def run_replaced(argument):
        with mock.patch.object(module, name, value):
            return run(argument)

    return run_replaced


def milliseconds(run, argument):
    begin = time.perf_counter()
    for result in tf.nest.flatten(run(argument)):
        if result is not None:
            result.numpy()
    return 1e3 * (time.perf_counter() - begin)


def compare(ways, argument, rounds):
    for run in ways.values():
        run(argument)
    taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            taken[name].append(milliseconds(run, argument))
    return {name: statistics.median(times) for name, times in taken.items()}


def report(title, medians, steps):
    shown = ", ".join(f"{name} {value / steps:.2f}" for name, value in medians.items())
    print(f"{title:<28} {shown}", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("--vocabulary", type=int, nargs="+", default=[32000])
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--width", type=int, default=5)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--rounds", type=int, default=11)
    parser.add_argument("--source", type=int, default=0, help="length of alignments")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--xla", action="store_true")
    parser.add_argument("--logits", action="store_true", help="a step that gives logits")
    args = parser.parse_args()
    tf.config.threading.set_intra_op_parallelism_threads(args.threads)

    for vocabulary in args.vocabulary:
        print(f"vocabulary {vocabulary}, batch {args.batch}, width {args.width}: ms for a step")
        wide = log_probs(args.batch * args.width, vocabulary)
        ways = ranking_ways(args.batch, args.width)
        report("ranking alone", compare(ways, wide[0], args.rounds), steps=1)
        for search in (
            BeamSearch(args.width, max_length=args.steps),
            Greedy(max_length=args.steps),
        ):
            values = wide[:, : args.batch * search.width]
            ways = search_ways(search, args.batch * search.width, args)
            report(type(search).__name__, compare(ways, values, args.rounds), args.steps)


def ranking_ways(batch, width):
    totals = tf.zeros((batch, width))

    def stock(values):
        sums = tf.reshape(totals, (-1, 1)) + values
        return tf.math.top_k(tf.reshape(sums, (batch, -1)), 2 * width)

    chunked = tf.function(lambda values: beams.top_sums(totals, values, 2 * width))
    return {"seqzoo": chunked, "stock": tf.function(stock)}


def search_ways(search, rows, args):
    ways = {name: search_function(search, rows, args) for name in ("seqzoo", "stock", "scattered")}
    ways["stock"] = replaced(ways["stock"], beams, "WIDE_VOCABULARY", 10**9)
    ways["scattered"] = replaced(ways["scattered"], buffers, "blank", buffers.general_blank)
    if args.logits:
        constrained = dataclasses.replace(search, constraints=CONSTRAINTS)
        ways = {
            "logits": search_function(search, rows, args, read=normalised),
            "written": search_function(search, rows, args, read=written_anew),
            "constrained": search_function(constrained, rows, args, read=written_anew),
        }
    if args.xla:
        ways["seqzoo XLA"] = search_function(search, rows, args, jit_compile=True)
    return ways


if __name__ == "__main__":
    main()
