"""Resident memory of a process that reads training batches of a corpus, whatever its size.

    python benchmarks/stream_memory.py 100000 10000000

Each size is a process of its own, which reads as many lines of made-up pairs of 3 to 12 words from
four shards as there are, shuffles, tokenises, buckets and packs them, in batches of 256.
"""

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def write_shards(folder, lines):
    import numpy as np

    rng = np.random.default_rng(0)
    sentences = [
        " ".join(f"w{word}" for word in rng.integers(2000, size=rng.integers(3, 13)))
        for _ in range(10_000)
    ]
    pairs = "".join(f"{text}\t{text}\n" for text in sentences)
    for shard in range(4):
        with open(folder / f"part-{shard}.tsv", "w") as file:
            for start in range(0, lines // 4, len(sentences)):
                left = min(len(sentences), lines // 4 - start)
                complete = left == len(sentences)
                file.write(pairs if complete else "".join(pairs.splitlines(True)[:left]))


def read(folder, lines):
    import seqzoo as sz

    vocabulary = ["", "<unk>", "<start>", "<end>", *(f"w{word}" for word in range(2000))]
    tokenizer = sz.preprocessing.WordTokenizer(normalization=None, vocabulary=vocabulary)
    stream = sz.datasets.streams.tab_separated(f"{folder}/part-*.tsv", shuffle=50_000, size=lines)
    pairs = sz.preprocessing.TextPairs(tokenizer)
    batches = sz.preprocessing.streamed_batches(stream, pairs, batch_size=256)
    start, tokens = time.perf_counter(), 0
    for _, _, weight in batches.dataset.take(lines // 256):
        tokens += int(weight.numpy().sum())
    seconds = time.perf_counter() - start
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{lines} lines: {most:.0f} MiB at most, {tokens / seconds:.0f} target tokens a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("lines", type=int, nargs="+")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.folder:
        read(arguments.folder, arguments.lines[0])
        return
    for lines in arguments.lines:
        with tempfile.TemporaryDirectory() as folder:
            write_shards(Path(folder), lines)
            command = [sys.executable, __file__, str(lines), "--folder", folder]
            subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
