"""Tokens a second of training through `fit`: padded batches, length buckets and packed rows.

    python benchmarks/packing.py [--only NAME]

Corpora are drawn: words at random, log-normal lengths as those of Multi30k and of Tatoeba. A step
of each way holds about 3,500 real tokens. The ways are

    corpus    rows of random examples, padded to the longest of the corpus: one shape
    batch     rows of random examples, padded to the longest of the batch
    buckets   rows of examples of like length: `fit(examples)`
    packed    several examples in a row: `fit(examples, packed=True)`

They take turns in one process; each turn is a `fit` of `--steps` steps, whose first steps are left
out. Tokens are those of the targets without padding; the speed is the median of the turns.
"""

import argparse
import statistics
import time

import seqzoo as sz  # ahead of TensorFlow, for its settings of it
from seqzoo.preprocessing.batching import training_batches

# isort: split
import keras
import numpy as np
import tensorflow as tf

WORDS, EXAMPLES, UNITS = 2000, 4000, 128
TOKENS = 3500  # of a step, about
WARM_UP = 2  # steps of a turn that are not counted


def draw_lengths(rng, mean, deviation, low, high):
    """Lengths `(EXAMPLES,)` whose logarithms are normal, with that mean of the lengths."""
    drawn = np.exp(rng.normal(np.log(mean) - deviation**2 / 2, deviation, EXAMPLES))
    return np.clip(np.round(drawn), low, high).astype(int)


LENGTHS = {  # mean, standard deviation of the logarithm, shortest, longest
    "Multi30k": (12.4, 0.33, 3, 43),
    "Tatoeba": (7.5, 0.5, 2, 60),
}


def draw_texts(rng, lengths):
    words = rng.integers(0, WORDS, lengths.sum()).astype(str)
    return [" ".join(each) for each in np.split(words, np.cumsum(lengths)[:-1])]


def tokenizer():
    vocabulary = ["", "<unk>", "<start>", "<end>", *map(str, range(WORDS))]
    return sz.preprocessing.WhitespaceTokenizer(normalization=None, vocabulary=vocabulary)


def translation(corpus, build):
    """A translator, pairs of sentences whose lengths go together, and the tokens of each."""
    rng = np.random.default_rng(0)
    source = draw_lengths(rng, *LENGTHS[corpus])
    target = np.maximum(1, np.round(source * np.exp(rng.normal(0, 0.15, EXAMPLES)))).astype(int)
    pairs = list(zip(draw_texts(rng, source), draw_texts(rng, target), strict=True))
    return build(tokenizer(), tokenizer()), pairs, np.maximum(source, target) + 1


def transformer(*tokenizers):
    return sz.zoo.vaswani_2017(*tokenizers, units=UNITS, layers=2, num_heads=4, dropout=0.0)


def recurrent(*tokenizers):
    return sz.zoo.bahdanau_2015(*tokenizers, units=UNITS, embedding_dim=UNITS, cell="lstm")


CASES = {
    "Transformer, Multi30k": lambda: translation("Multi30k", transformer),
    "Transformer, Tatoeba": lambda: translation("Tatoeba", transformer),
    "LSTM with attention, Multi30k": lambda: translation("Multi30k", recurrent),
}


class Padded:
    """Takes the place of a task's `make_training_batches`: no buckets, and any longest row."""

    def __init__(self, task, longest=None):
        self.task, self.longest = task, longest

    def __call__(self, x, y, batch_size, tokens_per_batch, seed, steps_per_epoch):
        examples = self.task.raw_examples(x, y)
        sizes = batch_size, tokens_per_batch, seed
        batches = training_batches(examples, self.task.preprocessor, *sizes, by_length=False)
        if self.longest is None:
            return batches
        return batches._replace(pack=lambda rows: self._filled(batches.pack(rows)))

    def _filled(self, batch):
        def fill(leaf):
            if len(leaf.shape) < 2:
                return leaf
            missing = self.longest - tf.shape(leaf)[1]
            return tf.pad(leaf, [[0, 0], [0, missing], *[[0, 0]] * (len(leaf.shape) - 2)])

        return tf.nest.map_structure(fill, batch)


class Clock(keras.callbacks.Callback):
    """Seconds and tokens of the steps after the first ones."""

    def __init__(self, task):
        super().__init__()
        self.task = task

    def on_train_batch_end(self, batch, logs=None):
        if batch == WARM_UP - 1:
            self.start, self.before = time.perf_counter(), self._counted()
        self.end, self.after = time.perf_counter(), self._counted()

    def _counted(self):
        return float(self.task.token_sum.result())

    @property
    def speed(self):
        return (self.after - self.before) / (self.end - self.start)


def turn(task, examples, way, lengths, steps):
    """Trains in one way, and returns target tokens a second."""
    longest, mean = int(lengths.max()), lengths.mean()
    options = {"batch_size": round(TOKENS / mean)}
    task.__dict__.pop("make_training_batches", None)
    if way in ("corpus", "batch"):
        padded = Padded(task, longest if way == "corpus" else None)
        task.__dict__["make_training_batches"] = padded  # around Keras's tracking
    if way == "packed":
        options = {"batch_size": round(TOKENS / longest), "packed": True}
    clock = Clock(task)
    task.fit(examples, steps_per_epoch=steps, callbacks=[clock], verbose=0, **options)
    return clock.speed


WAYS = ("corpus", "batch", "buckets", "packed")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", choices=CASES)
    parser.add_argument("--steps", type=int, default=7)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| model, lengths | way | tokens a second | to corpus | to batch | to buckets |")
    print("|---|---|---|---|---|---|", flush=True)
    for case, make in CASES.items():
        if arguments.only not in (None, case):
            continue
        keras.utils.set_random_seed(0)
        task, examples, lengths = make()
        task.compile()
        speeds = {way: [] for way in WAYS}
        for number in range(arguments.rounds + 1):
            for way in WAYS:
                steps = arguments.steps if number else WARM_UP + 1  # the first turn traces
                speed = turn(task, examples, way, lengths, steps)
                if number:
                    speeds[way].append(speed)
        medians = {way: statistics.median(each) for way, each in speeds.items()}
        for way, speed in medians.items():
            ratios = [f"{speed / medians[other]:.2f}" for other in WAYS[:3]]
            print(f"| {case} | {way} | {speed:.0f} | {' | '.join(ratios)} |", flush=True)


if __name__ == "__main__":
    main()
