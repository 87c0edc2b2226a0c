"""Arguments that several commands of `seqzoo` take, and what they may be."""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable
from pathlib import Path


def add_run(add: Callable) -> None:
    """Adds the run that a command is about."""
    add("run", type=existing, metavar="RUN", help="folder of a run")


def add_search(add: Callable) -> None:
    """Adds the flags that change the search of the recipe; see `seqzoo.recipe.search_flags`."""
    add("--beam", type=positive, metavar="N", help="width of a beam search")
    penalties = ("none", "average", "gnmt")
    add("--length-penalty", choices=penalties, help="what a beam divides sums of log-probs by")
    add("--alpha", type=float, metavar="X", help="strength of the length penalty")
    add("--min-length", type=positive, metavar="N", help="of a beam's answers, in tokens")
    add("--max-length", type=positive, metavar="N", help="of answers, in tokens")
    add("--no-repeat-ngram", type=positive, metavar="N", help="say no N tokens in a row twice")
    add("--ban", action="append", metavar="TEXT", help="a phrase never to be said; may come twice")
    add("--sample", action="store_true", default=None, help="draw tokens by their probabilities")
    add("--temperature", type=float, metavar="X", help="of samples")
    add("--top-k", type=positive, metavar="N", help="sample of the N most probable tokens")
    add("--top-p", type=float, metavar="X", help="sample of the share X of the probability")
    add("--seed", type=int, metavar="N", help="of samples")


def add_replacement(add: Callable) -> None:
    """Adds what is done with words that a translator does not know."""
    add(
        "--replace-unknown",
        nargs="?",
        const=True,
        type=existing,
        metavar="DICTIONARY",
        help="put words of the source for unknown ones; lines of a word, a tab, its translation",
    )


def add_n_best(add: Callable) -> None:
    """Adds how many answers are wanted."""
    add("--n-best", type=positive, metavar="N", help="answers to an input, in columns")


def existing(text: str) -> Path:
    """Returns a path at which something is."""
    if not os.path.exists(text):
        raise argparse.ArgumentTypeError(f"nothing is at {text!r}. Check the path")
    return Path(text)


def positive(text: str) -> int:
    """Returns an int of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"a positive integer is wanted. Received: {text!r}")
    return int(text)
