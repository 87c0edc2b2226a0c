"""Multi30k as words: the same tokens and vocabularies for every library that is compared.

    python benchmarks/multi30k_words.py --data multi30k --work DIR

DIR gets `train`, `validation` and `test`, each with the ending of either language: one
sentence a line, in lower case, a space between any two tokens; and `vocabulary.<language>`,
one word a line, the most frequent first, without special tokens. Only the standard library
is used, so that the environment of any peer can run it. The tokens are those of
`seqzoo.preprocessing.WordTokenizer`, which leaves the files' lines as they are.
"""

from __future__ import annotations

import argparse
import gzip
import re
import unicodedata
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

SPLITS = {"train": "train", "validation": "val", "test": "test_2016_flickr"}

_WORD = r"(?:\d+(?:[.,]\d+)*|[^\W\d_])+"  # 3.5 and 1,000 are whole
_TOKEN = re.compile(rf"{_WORD}(?:['\u2019\-]{_WORD})*|[^\w\s]|_")  # so are man's and t-shirt
_SPACE_BEFORE = re.compile(r" ([.,;:!?)%])")
_SPACE_AFTER = re.compile(r"([(]) ")


def tokenize(sentence: str) -> str:
    """Returns the tokens of a sentence in lower case, a space between any two."""
    return " ".join(_TOKEN.findall(unicodedata.normalize("NFC", sentence).lower()))


def detokenize(tokens: str) -> str:
    """Returns readable text: the marks that close go to the left, the bracket that opens right.

    sacreBLEU's 13a splits the same marks off again, so that no score depends on it.
    """
    return _SPACE_AFTER.sub(r"\1", _SPACE_BEFORE.sub(r"\1", tokens))


def read_lines(path: Path) -> list[str]:
    """Returns the lines of a text file, or of the gzip file of that name and `.gz`."""
    if path.exists():
        return path.read_text(encoding="utf-8").rstrip("\n").split("\n")
    with gzip.open(f"{path}.gz", "rt", encoding="utf-8") as file:
        return file.read().rstrip("\n").split("\n")


def vocabulary(sentences: Iterable[str], min_frequency: int) -> list[str]:
    """Returns the words seen `min_frequency` times or more, the most frequent first."""
    counts = Counter(word for sentence in sentences for word in sentence.split(" "))
    kept = [word for word, count in counts.items() if count >= min_frequency]
    return sorted(kept, key=lambda word: (-counts[word], word))


def prepare(data: Path, work: Path, languages: tuple[str, str], min_frequency: int) -> None:
    """Writes the token files and the vocabularies, and prints their sizes."""
    work.mkdir(parents=True, exist_ok=True)
    for language in languages:
        for split, name in SPLITS.items():
            tokens = [tokenize(line) for line in read_lines(data / f"{name}.{language}")]
            _write_lines(work / f"{split}.{language}", tokens)
            if split == "train":
                words = vocabulary(tokens, min_frequency)
                _write_lines(work / f"vocabulary.{language}", words)
                print(f"{language}: {len(words)} words seen {min_frequency} times or more")


def _write_lines(path: Path, lines: list[str]) -> None:
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=Path, required=True, help="folder of the raw corpus")
    parser.add_argument("--work", type=Path, required=True, help="folder to write to")
    parser.add_argument("--languages", nargs=2, default=("de", "en"))
    parser.add_argument("--min-frequency", type=int, default=2)
    options = parser.parse_args()
    prepare(options.data, options.work, tuple(options.languages), options.min_frequency)


if __name__ == "__main__":
    main()
