"""CRF operations beside per-step code, and taggers and classifiers beside keras.layers.

    python benchmarks/tagging.py                      # everything, some 4 minutes
    python benchmarks/tagging.py --only crf --rounds 9

The per-step code is written as that of TensorFlow Addons was: a log-sum-exp, or a maximum and an
argmax, over (batch, tags, tags) at each step of a `tf.scan`, which automatic differentiation
follows. The models have the same sizes and arithmetic on either side; those of keras.layers are
compiled with `Adam` of Keras and trained by `train_on_batch`, as seqzoo's are, the tagger's CRF
being the per-step one. The ways take turns, and medians are shown. Ratios above 1 mean that seqzoo
is faster.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable

import seqzoo as sz  # ahead of TensorFlow, for its settings of it

# isort: split
import keras
import numpy as np
import tensorflow as tf

from seqzoo.encoders import RecurrentEncoder
from seqzoo.heads import Classes, Tags
from seqzoo.layers import TokenFeatures
from seqzoo.ops import crf

BATCH, TIME, TAGS = 64, 50, 50  # of the operations
ROWS, STEPS, KINDS = 32, 30, 17  # of the models: sentences, tokens and tags as in newswire
WORDS, EMBEDDING, UNITS = 10_000, 100, 100  # as in Lample et al., 2016
SECONDS = 0.5  # of one measurement


def scanned_log_partition(potentials, transitions, mask):
    """As TensorFlow Addons computed it, one log-sum-exp at a time."""
    steps = tf.transpose(potentials, [1, 0, 2])
    real = tf.transpose(mask)

    def step(alphas, inputs):
        potential, is_real = inputs
        new = tf.reduce_logsumexp(alphas[:, :, None] + transitions, axis=1) + potential
        return tf.where(is_real[:, None], new, alphas)

    alphas = tf.scan(step, (steps[1:], real[1:]), initializer=steps[0])
    return tf.reduce_logsumexp(alphas[-1], axis=-1)


def scanned_viterbi(potentials, transitions, mask):
    """As TensorFlow Addons computed it, keeping where each maximum came from."""
    steps = tf.transpose(potentials, [1, 0, 2])
    real = tf.transpose(mask)

    def forward(state, inputs):
        best, _ = state
        potential, is_real = inputs
        paths = best[:, :, None] + transitions
        new = tf.reduce_max(paths, axis=1) + potential
        places = tf.argmax(paths, axis=1, output_type=tf.int32)
        stay = tf.range(tf.shape(best)[1])[None]
        is_real = is_real[:, None]
        return tf.where(is_real, new, best), tf.where(is_real, places, stay)

    nothing = tf.zeros_like(steps[0], tf.int32)
    bests, places = tf.scan(forward, (steps[1:], real[1:]), initializer=(steps[0], nothing))
    last = tf.argmax(bests[-1], axis=-1, output_type=tf.int32)

    def backward(tag, places):
        return tf.gather(places, tag, batch_dims=1)

    earlier = tf.scan(backward, places, initializer=last, reverse=True)
    return tf.transpose(tf.concat([earlier, last[None]], axis=0)), tf.reduce_max(bests[-1], axis=-1)


def score_of(potentials, tags, transitions, mask):
    """The score of tags in a right-padded batch."""
    unary = tf.gather(potentials, tags, batch_dims=2)
    pairs = tf.gather_nd(transitions, tf.stack([tags[:, :-1], tags[:, 1:]], axis=-1))
    weight = tf.cast(mask, tf.float32)
    return tf.reduce_sum(unary * weight, 1) + tf.reduce_sum(pairs * weight[:, 1:], 1)


def crf_ways() -> dict[str, dict[str, Callable]]:
    rng = np.random.default_rng(0)
    potentials = tf.constant(rng.normal(size=(BATCH, TIME, TAGS)), tf.float32)
    transitions = tf.constant(rng.normal(size=(TAGS, TAGS)), tf.float32)
    tags = tf.constant(rng.integers(0, TAGS, (BATCH, TIME)), tf.int32)
    mask = tf.sequence_mask(np.linspace(TIME // 2, TIME, BATCH).astype(int), TIME)

    def loss(score, log_partition):
        @tf.function
        def run(potentials, transitions):
            with tf.GradientTape() as tape:
                tape.watch([potentials, transitions])
                likelihood = score(potentials, tags, transitions, mask) - log_partition(
                    potentials, transitions, mask
                )
                total = -tf.reduce_sum(likelihood)
            return total, tape.gradient(total, [potentials, transitions])

        return lambda: run(potentials, transitions)

    def best(viterbi):
        run = tf.function(lambda potentials, transitions: viterbi(potentials, transitions, mask))
        return lambda: run(potentials, transitions)

    ways = {
        "crf loss and gradient": {
            "seqzoo": loss(crf.sequence_score, crf.log_partition),
            "other": loss(score_of, scanned_log_partition),
        },
        "crf viterbi": {"seqzoo": best(crf.viterbi), "other": best(scanned_viterbi)},
    }
    for name, (one, other) in ((n, (w["seqzoo"](), w["other"]())) for n, w in ways.items()):
        found, wanted = tf.nest.flatten(one), tf.nest.flatten(other)
        for a, b in list(zip(found, wanted, strict=True))[1:]:
            np.testing.assert_allclose(a, b, rtol=2e-3, atol=2e-3, err_msg=name)
    return ways


class KerasTagger(keras.Model):
    """Embedding, bidirectional LSTM and per-step CRF of keras.layers and TensorFlow."""

    def __init__(self):
        super().__init__()
        self.embedding = keras.layers.Embedding(WORDS, EMBEDDING, mask_zero=True)
        lstm = keras.layers.LSTM(UNITS, return_sequences=True)
        self.both = keras.layers.Bidirectional(lstm)
        self.dense = keras.layers.Dense(KINDS)
        self.transitions = self.add_weight((KINDS, KINDS), name="transitions")

    def call(self, ids):
        return self.dense(self.both(self.embedding(ids)))

    def train_step(self, data):
        ids, tags = data[:2]
        mask = ids != 0
        with tf.GradientTape() as tape:
            potentials, moves = self(ids, training=True), tf.convert_to_tensor(self.transitions)
            likelihood = score_of(potentials, tags, moves, mask) - scanned_log_partition(
                potentials, moves, mask
            )
            loss = -tf.reduce_sum(likelihood) / tf.reduce_sum(tf.cast(mask, tf.float32))
        gradients = tape.gradient(loss, self.trainable_variables)
        self.optimizer.apply(gradients, self.trainable_variables)
        found, _ = scanned_viterbi(potentials, moves, mask)
        right = tf.cast((found == tags) & mask, tf.float32)
        return {"loss": loss, "accuracy": tf.reduce_sum(right)}


def model_ways() -> dict[str, dict[str, Callable]]:
    rng = np.random.default_rng(0)
    lengths = np.linspace(STEPS // 2, STEPS, ROWS).astype(int)
    mask = np.arange(STEPS) < lengths[:, None]
    ids = np.where(mask, rng.integers(1, WORDS, (ROWS, STEPS)), 0).astype("int32")
    tags = np.where(mask, rng.integers(0, KINDS, (ROWS, STEPS)), 0).astype("int32")
    labels = rng.integers(0, 2, ROWS).astype("int32")
    x = {"inputs": ids, "mask": mask}

    features = TokenFeatures(WORDS, EMBEDDING)
    tagger = sz.Tagger(features, RecurrentEncoder(None, EMBEDDING, UNITS), head=Tags(KINDS))
    keras_tagger = KerasTagger()
    encoder = RecurrentEncoder(WORDS, EMBEDDING, UNITS)
    classifier = sz.Classifier(encoder, head=Classes(2), pooling="last")
    layers = [
        keras.layers.Embedding(WORDS, EMBEDDING, mask_zero=True),
        keras.layers.Bidirectional(keras.layers.LSTM(UNITS)),
        keras.layers.Dense(2),
    ]
    keras_classifier = keras.Sequential(layers)
    for model in (tagger, classifier):
        model.compile()
    keras_tagger.compile(keras.optimizers.Adam(global_clipnorm=1.0))
    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    clipped = keras.optimizers.Adam(global_clipnorm=1.0)
    keras_classifier.compile(clipped, loss, metrics=["accuracy"])
    weight = mask.astype("float32")
    return {
        "tagger with CRF, training": {
            "seqzoo": lambda: tagger.train_on_batch(x, tags, sample_weight=weight),
            "other": lambda: keras_tagger.train_on_batch(ids, tags),
        },
        "classifier, training": {
            "seqzoo": lambda: classifier.train_on_batch(x, labels),
            "other": lambda: keras_classifier.train_on_batch(ids, labels),
        },
    }


def measure(ways: dict[str, Callable], rounds: int) -> dict[str, float]:
    """Returns the median seconds of one call of each way, in turns."""
    times: dict[str, list[float]] = {name: [] for name in ways}
    counts = {}
    for name, run in ways.items():
        _seconds(run, 2)
        counts[name] = max(1, round(SECONDS / _seconds(run, 2)))
    for _ in range(rounds):
        for name, run in ways.items():
            times[name].append(_seconds(run, counts[name]))
    return {name: statistics.median(values) for name, values in times.items()}


def _seconds(run: Callable, count: int) -> float:
    start = time.perf_counter()
    for _ in range(count):
        result = run()
    tf.nest.map_structure(np.asarray, result)  # waits for it
    return (time.perf_counter() - start) / count


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--only", default="", help="measure the rows whose names hold this")
    options = parser.parse_args()
    print(f"operations: batch {BATCH}, {TIME} steps, {TAGS} tags")
    print(f"models: batch {ROWS}, {STEPS} steps, {KINDS} tags, {UNITS} units for each direction")
    print("what | seqzoo ms | other ms | ratio")
    for make in (crf_ways, model_ways):
        for name, ways in make().items():
            if options.only in name:
                found = measure(ways, options.rounds)
                ratio = found["other"] / found["seqzoo"]
                shown = [f"{1000 * found[way]:.2f}" for way in ("seqzoo", "other")]
                print(" | ".join([name, *shown, f"{ratio:.2f}"]), flush=True)


if __name__ == "__main__":
    main()
