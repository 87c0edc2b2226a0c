"""The arguments of each command of `seqzoo`."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path

from seqzoo.trained import is_address, presets

KINDS = ("classifier", "tagger", "translator", "language-model", "captioner", "forecaster")
"""The kinds of task that `seqzoo new` writes recipes for."""

COLUMNS = {
    "text": "column of the texts",
    "label": "column of their labels",
    "source": "column, or language, that is translated",
    "target": "column, or language, of the translations; columns of a forecaster, with commas",
    "image": "column with the names of images",
    "caption": "column of captions",
    "token": "number of the column of tokens, from 1",
    "tag": "number of the column of tags; of CoNLL-U upos, xpos or deprel",
    "time": "column of dates or times",
    "series": "column that tells series apart",
    "past": "columns that a forecaster reads beside its targets, with commas",
    "every": "step of the times, such as 1h or 1D; row: each row is one",
}
"""The columns of a user's own data by the flags that name them."""


def add_new_arguments(add: Callable) -> None:
    add("kind", choices=KINDS, help=f"what to learn: {', '.join(KINDS)}", metavar="KIND")
    add(
        "data",
        nargs="+",
        metavar="DATA",
        help="a table (CSV, TSV, JSON lines), CoNLL, text, a folder, or two aligned files",
    )
    add("--out", type=Path, metavar="RECIPE.py", help="new file (default: DATA_KIND.py)")
    _add_columns(add)


def _add_columns(add: Callable) -> None:
    for name, help in COLUMNS.items():
        add(f"--{name}", metavar="NAME", help=f"{help} (default: guessed)")
    add("--encoding", metavar="NAME", help="of the data, such as cp1252 (default: utf-8)")


def add_train_arguments(add: Callable) -> None:
    add(
        "recipe",
        nargs="+",
        metavar="RECIPE | KIND DATA",
        help="name or file of a recipe, or the kind of a new one and its data; see `seqzoo new`",
    )
    add("--data", type=_existing, metavar="DIR", help="data in place of the embedded default")
    add("--out", type=Path, metavar="RUN", help="new folder (default: runs/RECIPE-SEED)")
    add(
        "--set",
        action="append",
        default=[],
        metavar="FIELD=VALUE",
        help="a field of the recipe",
    )
    add(
        "--seed",
        type=int,
        metavar="N",
        help="makes operations deterministic too (default: 0)",
    )
    add("--resume", action="store_true", help="continue the run, or start one where there is none")
    add(
        "--accept-changes",
        action="store_true",
        help="resume although recipe, data or code have changed",
    )
    add(
        "--strategy",
        choices=("auto", "mirrored", "multiworker", "tpu"),
        help="devices to train on",
    )
    add("--precision", choices=("float32", "mixed_bfloat16", "mixed_float16"), help="dtype policy")
    _add_trust(add, "the run's links may lead elsewhere, and its copy of the recipe may be resumed")
    _add_columns(add)


def add_evaluate_arguments(add: Callable) -> None:
    _add_run(add)
    add(
        "others",
        nargs="*",
        type=_run,
        metavar="RUN",
        help="further runs of the recipe, to evaluate as an ensemble with the first",
    )
    add("--data", type=_existing, metavar="DIR", help="data in place of that of the training")
    add("--split", default="test", metavar="NAME", help="split to evaluate (default: test)")
    _add_search(add)


def add_predict_arguments(add: Callable) -> None:
    _add_run(add)
    _add_n_best(add)
    add("--scores", action="store_true", help="add a column with the score of each answer")
    _add_search(add)
    add("--prefix", metavar="TEXT", help="text that every answer starts with")
    _add_replacement(add)


def add_explain_arguments(add: Callable) -> None:
    _add_run(add)
    add("text", help="an input of the model: a text, or the path of an image or of a CSV of series")
    add("--out", required=True, metavar="FILE", help="file to write, such as map.png")
    add("--picture", metavar="NAME", help="another of its pictures, such as heads or states")


def add_export_arguments(add: Callable) -> None:
    _add_run(add)
    add("dest", type=Path, metavar="DEST", help="folder of the model's versions")
    _add_n_best(add)
    _add_search(add)
    _add_replacement(add)


def _add_run(add: Callable) -> None:
    """Adds the folder of the run."""
    add(
        "run",
        type=_run,
        metavar="RUN",
        help="folder of a run, name of a trained model, or hf://owner/name",
    )
    _add_trust(add, "the run's recipe.py may be executed, and its links may lead elsewhere")


def _add_trust(add: Callable, help: str) -> None:
    add("--trust", action="store_true", help=f"{help} (or SEQZOO_TRUST=1)")


def _add_search(add: Callable) -> None:
    """Adds the flags that change the search of the recipe; see `seqzoo.recipe.search_flags`."""
    add("--beam", type=_positive, metavar="N", help="width of a beam search")
    penalties = ("none", "average", "gnmt")
    add("--length-penalty", choices=penalties, help="what a beam divides sums of log-probs by")
    add("--alpha", type=float, metavar="X", help="strength of the length penalty")
    add(
        "--min-length",
        type=_positive,
        metavar="N",
        help="minimum tokens of a beam's answers",
    )
    add("--max-length", type=_positive, metavar="N", help="maximum tokens of an answer")
    add("--no-repeat-ngram", type=_positive, metavar="N", help="generate no N-gram of tokens twice")
    add("--ban", action="append", metavar="TEXT", help="phrase never to generate; can be repeated")
    add("--sample", action="store_true", default=None, help="draw tokens by their probabilities")
    add("--temperature", type=float, metavar="X", help="temperature of samples")
    add("--top-k", type=_positive, metavar="N", help="sample from the N most probable tokens")
    add("--top-p", type=float, metavar="X", help="sample from the top share X of the probability")
    add("--seed", type=int, metavar="N", help="seed of samples")


def _add_replacement(add: Callable) -> None:
    """Adds what replaces words that a translator does not know."""
    add(
        "--replace-unknown",
        nargs="?",
        const=True,
        type=_existing,
        metavar="DICTIONARY",
        help="replace unknown words by source words; lines are: word, tab, translation",
    )


def _add_n_best(add: Callable) -> None:
    """Adds the number of answers to each input."""
    add("--n-best", type=_positive, metavar="N", help="number of answers to each input, in columns")


def _run(text: str) -> str | Path:
    """Returns the path of an existing folder, the name of a trained model, or an address."""
    if is_address(text):
        return text
    is_name = not os.path.exists(text) and text in presets()
    return Path(text) if is_name else _existing(text)


def _existing(text: str) -> Path:
    """Returns the path of an existing file or folder."""
    if not os.path.exists(text):
        raise argparse.ArgumentTypeError(f"no file or folder {text!r}. Check the path")
    return Path(text)


def _positive(text: str) -> int:
    """Returns an int of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"must be a positive integer. Received: {text!r}")
    return int(text)
