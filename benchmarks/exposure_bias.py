"""Exposure bias of a translator, with and without scheduled sampling.

    python benchmarks/exposure_bias.py --pairs TRAIN.tsv TEST.tsv --seeds 3 --out bias.png
    python benchmarks/exposure_bias.py

A file has a source and a target in each line, between a tab, as the pronunciations of SIGMORPHON
2020 have, whose targets are sounds with spaces between them. Without one, dates are written, and
tested in formats that were never trained on. The models are `bahdanau_2015` of 128 units; both of
a seed begin with the same weights and take the same steps.
"""

import argparse
import json
from pathlib import Path

import seqzoo as sz  # ahead of TensorFlow, for its settings of it
from seqzoo.datasets.lines import read_lines
from seqzoo.preprocessing import CharacterTokenizer, WhitespaceTokenizer

# isort: split
import keras
import numpy as np

DATES = {"train_size": 4000, "validation_size": 10, "test_size": 1000}


def read_pairs(path):
    return [tuple(line.split("\t")[:2]) for line in read_lines(path) if line]


def load(arguments):
    """Training and test pairs, and the tokenizer of the targets."""
    if arguments.pairs:
        train, test = map(read_pairs, arguments.pairs)
        return train, test, WhitespaceTokenizer
    splits = sz.datasets.dates.load(seed=0, **DATES)
    return splits["train"], splits["test_formats"], CharacterTokenizer


def trained(train, target_tokenizer, epochs, seed, rate, per):
    keras.utils.set_random_seed(seed)
    source, target = CharacterTokenizer(), target_tokenizer()
    source.adapt([text for text, _ in train])
    target.adapt([text for _, text in train])
    task = sz.zoo.bahdanau_2015(source, target, units=128, embedding_dim=64, dropout=0.2)
    steps = epochs * -(-len(train) // 64)
    # Half of the rate is reached at a third of the steps: s = n ln n.
    scale = next(n for n in range(2, steps) if n * np.log(n) > steps / 3)
    sampling = sz.training.ScheduledSampling(rate, "inverse_sigmoid", scale, per, seed)
    decay = keras.optimizers.schedules.CosineDecay(2e-3, steps)
    task.compile(sz.training.Adam(decay, global_clipnorm=1.0), scheduled_sampling=sampling)
    task.fit(train, batch_size=64, epochs=epochs, seed=seed, verbose=0)
    return task


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pairs", type=Path, nargs=2)
    parser.add_argument("--epochs", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rate", type=float, default=0.5)
    parser.add_argument("--out", type=Path, help="picture of the first seed")
    arguments = parser.parse_args()
    train, test, target_tokenizer = load(arguments)
    search = sz.Greedy(max_length=2 + max(len(target) for _, target in test))
    rows = {}
    for seed in range(arguments.seeds):
        found = {}
        for name, rate, per in (
            ("without sampling", 0.0, "token"),
            ("sampled tokens", arguments.rate, "token"),
            ("sampled sequences", arguments.rate, "sequence"),
        ):
            task = trained(train, target_tokenizer, arguments.epochs, seed, rate, per)
            bias = found[name] = sz.explain.exposure_bias(task, test)
            texts = task.generate([source for source, _ in test], search=search)
            exact = np.mean([a == b for a, (_, b) in zip(texts, test, strict=True)])
            row = [bias.gold, bias.own, bias.gap, float(exact)]
            rows.setdefault(name, []).append(row)
            print(json.dumps({"seed": seed, "model": name, "row": row}), flush=True)
        if seed == 0 and arguments.out:
            least = max(1, len(test) // 20)
            sz.explain.plot_exposure_bias(found, arguments.out, least=least)
    print("| model | gold prefixes | own prefixes | gap | exact match |")
    print("|---|---|---|---|---|")
    for name, values in rows.items():
        means, spreads = np.mean(values, axis=0), np.std(values, axis=0)
        cells = [f"{mean:.3f} ± {spread:.3f}" for mean, spread in zip(means, spreads, strict=True)]
        print(f"| {name} | {' | '.join(cells)} |")


if __name__ == "__main__":
    main()
