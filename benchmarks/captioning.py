"""Captioning from cached features: a train step beside a Python loop, and what the search costs.

`steps` trains Show, Attend and Tell on features that lie ready, beside the same model written with
Keras's layers as a loop in Python over the words, which is unrolled into the graph of the train
step. There are two of those: `loop` is as tutorials write it, where the attention is called on the
features for each word, and so projects them for each; `loop, keys once` is written by somebody who
has seen that, and projects them ahead of the loop. All have the same batch and lengths, and make
the logits of a word inside the loop or, ours, of all words after it. With `--captions 5`, every
five captions are of one image, which ours encodes once and the loops with each caption. `search`
captions images in one compiled call, and tells how much of the time is the search's own: the rest
is what its decoder steps take when they run alone, on as many rows, fed with the same tokens. Both
take turns, and medians are shown.

    python benchmarks/captioning.py steps --captions 5
    python benchmarks/captioning.py search --images 1000 --width 3
"""

import argparse
import statistics
import time

import seqzoo as sz  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
import tensorflow as tf

from seqzoo.decoders import CaptionDecoder
from seqzoo.encoders import FeatureEncoder


class LoopCaptioner(keras.Model):
    """The same model and the same weights, a step of Keras's layers for each word."""

    def __init__(self, vocabulary, places, width, units, embedding_dim, keys_once):
        super().__init__()
        self.keys_once = keys_once
        dense = keras.layers.Dense
        self.project = dense(units, activation="relu")
        self.positions = self.add_weight((places, units), name="positions")
        self.begin_h, self.begin_c = (dense(units, activation="tanh") for _ in range(2))
        self.embedding = keras.layers.Embedding(vocabulary, embedding_dim)
        self.key, self.query = (dense(units, use_bias=False) for _ in range(2))
        self.score = dense(1, use_bias=False)
        self.gate = dense(1, activation="sigmoid")
        self.cell = keras.layers.LSTMCell(units)
        self.readout, self.head = dense(units), dense(vocabulary)

    def call(self, x, training=False):
        grid = self.project(x["features"]) + self.positions
        state, keys, logits = tf.reduce_mean(grid, axis=1), self.key(grid), []
        states = [self.begin_h(state), self.begin_c(state)]
        words = self.embedding(x["target_ids"])
        for place in range(words.shape[1]):
            keys = keys if self.keys_once else self.key(grid)
            hidden = tf.nn.tanh(self.query(states[0])[:, None] + keys)
            weights = tf.nn.softmax(self.score(hidden), axis=1)
            context = self.gate(states[0]) * tf.reduce_sum(weights * grid, axis=1)
            word = words[:, place]
            output, states = self.cell(tf.concat([word, context], axis=1), states)
            read = self.readout(tf.concat([output, context, word], axis=1))
            pairs = tf.reshape(read, (-1, read.shape[1] // 2, 2))
            logits.append(self.head(tf.reduce_max(pairs, axis=2)))
        return tf.stack(logits, axis=1)


def make_ours(args):
    decoder = CaptionDecoder(
        args.vocabulary,
        embedding_dim=args.embedding_dim,
        units=args.units,
        attend_from="previous",
        readout="maxout",
        gate_context=True,
    )
    return sz.Captioner(FeatureEncoder(args.places, args.features, args.units), decoder)


def batch(args):
    """Features, one row for each caption, and captions."""
    features = tf.random.stateless_normal((args.batch, args.places, args.features), (0, 1))
    shape = (args.batch, args.length)
    ids = tf.random.stateless_uniform(shape, (2, 3), 4, args.vocabulary, tf.int32)
    return {"features": features, "target_ids": ids}, tf.roll(ids, -1, axis=1)


def seconds(run):
    begin = time.perf_counter()
    run()
    return time.perf_counter() - begin


def take_turns(ways, rounds):
    for run in ways.values():
        run()
    taken = {name: [] for name in ways}
    for _ in range(rounds):
        for name, run in ways.items():
            taken[name].append(seconds(run))
    return {name: statistics.median(times) for name, times in taken.items()}


def make_loop(args, keys_once):
    task = LoopCaptioner(
        *(args.vocabulary, args.places, args.features, args.units, args.embedding_dim), keys_once
    )
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    task.compile(keras.optimizers.Adam(1e-3, global_clipnorm=1.0), loss, jit_compile=args.jit)
    return task


def compare_steps(args):
    ours = make_ours(args)
    ours.compile(sz.training.Adam(1e-3, global_clipnorm=1.0), jit_compile=args.jit)
    models = {
        "ours": ours,
        "loop": make_loop(args, False),
        "loop, keys once": make_loop(args, True),
    }
    x, y = batch(args)
    if args.captions > 1:  # those of an image stand together; a loop takes the image with each
        places = tf.range(args.batch) // args.captions * args.captions
        x["features"] = tf.gather(x["features"], places)
    grouped = {
        "features": x["features"][:: args.captions],
        "target_ids": tf.reshape(x["target_ids"], (-1, args.captions, args.length)),
    }
    grouped = grouped, tf.reshape(y, (-1, args.captions, args.length))
    batches = {name: grouped if name == "ours" else (x, y) for name in models}
    ways = {name: lambda n=name: models[n].train_on_batch(*batches[n]) for name in models}
    begin = {name: seconds(run) for name, run in ways.items()}
    sizes = {name: model.count_params() for name, model in models.items()}
    if len(set(sizes.values())) > 1:
        raise SystemExit(f"weights differ: {sizes}")
    medians = take_turns(ways, args.rounds)
    for name, value in medians.items():
        times = value / medians["ours"]
        print(
            f"{name}: {1 / value:.2f} steps a second, the first after {begin[name]:.1f} s; "
            f"ours takes {times:.2f} times as many"
        )


def share_of_search(args):
    task = make_ours(args)
    search = sz.BeamSearch(width=args.width, max_length=args.length, stop="all")
    features = batch(argparse.Namespace(**{**vars(args), "batch": args.images}))[0]["features"]
    rows = args.images * args.width

    @tf.function
    def whole(features):
        return task.hypotheses({"features": features}, search).scores

    @tf.function
    def steps_alone(features, token_ids):
        encoded = task.encode({"features": features})
        state, memory = task.decoder.start(encoded, args.images, args.length, args.width)
        step = task.decoder.stepper()

        def advance(time, state, total):
            hidden, state = step(token_ids[time], state, memory)
            log_probs = task.head.readout(task.head(hidden))
            return time + 1, state, total + log_probs[:, 0]

        return tf.while_loop(
            lambda time, *_: time < args.length, advance, (0, state, tf.zeros([rows]))
        )[2]

    ids = tf.random.stateless_uniform((args.length, rows), (4, 5), 4, args.vocabulary, tf.int32)
    ways = {
        "whole": lambda: whole(features).numpy(),
        "steps": lambda: steps_alone(features, ids).numpy(),
    }
    medians = take_turns(ways, args.rounds)
    share = 1 - medians["steps"] / medians["whole"]
    print(f"{args.images} images, beam {args.width}, {args.length} steps: {medians['whole']:.2f} s")
    print(f"the search takes {100 * share:.0f} % of it")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n\n")[0])
    parser.add_argument("what", choices=("steps", "search"))
    for name, value in (
        *(("batch", 64), ("length", 20), ("vocabulary", 2500), ("places", 64), ("features", 256)),
        *(("units", 256), ("embedding-dim", 128), ("images", 1000), ("width", 3), ("rounds", 5)),
        ("captions", 1),
    ):
        parser.add_argument(f"--{name}", type=int, default=value)
    parser.add_argument("--precision", default="float32", help="mixed_bfloat16 for 16 bits")
    parser.add_argument("--jit", action="store_true", help="compile all by XLA")
    args = parser.parse_args()
    keras.config.set_dtype_policy(args.precision)
    (compare_steps if args.what == "steps" else share_of_search)(args)


if __name__ == "__main__":
    main()
