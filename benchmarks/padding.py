"""Tokens a second of one train step on texts of very different lengths, batched in four ways.

    python benchmarks/padding.py --data DIR

`--data` holds `imdb/train.jsonl.gz` (a JSON object with a `text` in each line) and
`wikitext2/wiki.train.tokens.gz`. The model is a language model: an embedding of 64, an LSTM of 128
units, a softmax over 2,000 words. Batches are made of all texts asked for, and some of them, drawn
at random, are trained on. Padding is what is not a real token; shapes are those of all batches, and
one trace serves them all. A token batch has as many steps, padding counted, as padded batches have
on average, and a packed one as many as the largest of them, so that it needs no more memory.
"""

import argparse
import gzip
import json
import time
from pathlib import Path

import seqzoo as sz  # ahead of TensorFlow, for its settings of it
from seqzoo.preprocessing.batching import make_buckets

# isort: split
import keras
import numpy as np
import tensorflow as tf

VOCABULARY, EMBEDDING, UNITS = 2000, 64, 128
ROWS, LONGEST = 32, 800


def imdb(folder):
    with gzip.open(folder / "imdb/train.jsonl.gz", "rt", encoding="utf-8") as file:
        lines = (json.loads(line) for line in file)
        return [line.get("text", "") for line in lines]


def wikitext(folder):
    with gzip.open(folder / "wikitext2/wiki.train.tokens.gz", "rt", encoding="utf-8") as file:
        return [line for line in file if line.strip()]


CORPORA = {"IMDB": imdb, "WikiText-2": wikitext}


def as_ids(texts, count, seed):
    """Ids of some texts, each word a number below the size of the vocabulary."""
    chosen = np.random.default_rng(seed).permutation(len(texts))[:count]
    hashed = tf.strings.to_hash_bucket_fast(
        tf.strings.split([texts[i] for i in chosen]), VOCABULARY - 1
    )
    return tf.cast(hashed[:, :LONGEST] + 1, tf.int32)


def padded(ids):
    """Rows in their random order, padded to the longest of the batch."""
    return [_batch(ids[i : i + ROWS]) for i in range(0, ids.nrows(), ROWS)]


def bucketed(ids):
    """Rows of like length, as many as `padded` has."""
    return _of_buckets(ids, batch_size=ROWS)


def by_tokens(ids):
    """Rows of like length, as many as have the steps of a padded batch."""
    return _of_buckets(ids, tokens_per_batch=int(np.mean(_areas(ids))))


def packed(ids):
    """Several texts in a row, as many rows as have the steps of the largest padded batch."""
    rows = sz.preprocessing.pack_rows(ids, LONGEST)
    size = max(1, max(_areas(ids)) // LONGEST)
    return [
        (rows.values[i : i + size], rows.segment_ids[i : i + size])
        for i in range(0, rows.values.shape[0], size)
    ]


WAYS = {"padded": padded, "buckets": bucketed, "token batches": by_tokens, "packed": packed}


def _areas(ids):
    return [int(tf.size(values)) for values, _ in padded(ids)]


def _batch(rows):
    values = rows.to_tensor()
    return values, tf.cast(values > 0, tf.int32)


def _of_buckets(ids, **sizes):
    lengths = ids.row_lengths().numpy()
    buckets = make_buckets(np.stack([lengths, lengths]), **sizes)
    batches = []
    for bucket, rows in enumerate(buckets.rows):
        places = np.flatnonzero(buckets.of_example == bucket)
        batches += [
            _batch(tf.gather(ids, places[i : i + rows])) for i in range(0, len(places), rows)
        ]
    order = np.random.default_rng(0).permutation(len(batches))
    return [batches[i] for i in order]


def make_step():
    """A compiled train step of ids and segment ids `(B, T)`."""
    keras.utils.set_random_seed(0)
    embedding = keras.layers.Embedding(VOCABULARY, EMBEDDING)
    lstm = sz.layers.LSTM(UNITS, return_sequences=True)
    head = sz.heads.Tokens(VOCABULARY)
    embedding.build((None, None))
    lstm.build((None, None, EMBEDDING))
    head.build((None, None, UNITS))
    variables = [w for layer in (embedding, lstm, head) for w in layer.trainable_variables]
    optimizer = sz.training.Adam(1e-3)
    optimizer.build(variables)
    spec = tf.TensorSpec([None, None], tf.int32)

    @tf.function(input_signature=[spec, spec])
    def step(ids, segment_ids):
        inputs, goals = ids[:, :-1], ids[:, 1:]
        same = segment_ids[:, 1:] == segment_ids[:, :-1]
        weight = tf.cast(same & (goals > 0), tf.float32)
        with tf.GradientTape() as tape:
            hidden = lstm(
                embedding(inputs), mask=segment_ids[:, :-1] > 0, segment_ids=segment_ids[:, :-1]
            )
            total, count = head.loss(goals, head(hidden), weight)
            loss = total / count
        gradients = [tf.convert_to_tensor(g) for g in tape.gradient(loss, variables)]
        optimizer.apply(gradients, variables)
        return loss

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--texts", type=int, default=4000)
    parser.add_argument("--steps", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    print("| corpus | batches | padding | shapes | tokens a second | to padded |")
    print("|---|---|---|---|---|---|")
    step = make_step()
    for corpus, load in CORPORA.items():
        ids = as_ids(load(arguments.data), arguments.texts, seed=0)
        batches = {name: make(ids) for name, make in WAYS.items()}
        speeds = {name: [] for name in WAYS}
        rng = np.random.default_rng(0)
        for ways in batches.values():
            step(*ways[0])
        for _ in range(arguments.rounds):
            for name, ways in batches.items():
                chosen = [ways[i] for i in rng.choice(len(ways), arguments.steps)]
                tokens = sum(np.count_nonzero(values) for values, _ in chosen)
                start = time.perf_counter()
                for batch in chosen:
                    step(*batch)
                speeds[name].append(tokens / (time.perf_counter() - start))
        for name, ways in batches.items():
            area = sum(int(tf.size(values)) for values, _ in ways)
            padding = 1 - int(tf.size(ids.flat_values)) / area
            shapes = len({tuple(values.shape) for values, _ in ways})
            speed = np.median(speeds[name])
            ratio = speed / np.median(speeds["padded"])
            print(f"| {corpus} | {name} | {padding:.3f} | {shapes} | {speed:.0f} | {ratio:.2f} |")


if __name__ == "__main__":
    main()
