"""The `seqzoo` command: it reads arguments, and leaves the work to `seqzoo.recipe`."""

from __future__ import annotations

import argparse
import difflib
import json
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

# TensorFlow takes seconds to import: what needs it is imported once the arguments are known.
from seqzoo.listing import model_lines, recipe_lines
from seqzoo.version import __version__

if TYPE_CHECKING:
    from seqzoo.recipe.search_flags import SearchFlags

_LINES_AT_ONCE = 64  # `predict` waits for no more lines than have come


def main(argv: Sequence[str] | None = None) -> int:
    """Runs the command and returns its exit status.

    It is 0, 2 after wrong input, 130 after Ctrl-C, and 143 where SIGTERM stopped `train`.
    """
    for stream, errors in ((sys.stdout, "strict"), (sys.stderr, "backslashreplace")):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors=errors)  # pyright: ignore[reportAttributeAccessIssue]
    try:
        arguments = _parse(argv)
        if arguments.command is not show_list:
            _import_tensorflow()
        arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as stopped:
        print(f"seqzoo: {str(stopped) or 'stopped'}", file=sys.stderr)
        return 128 + getattr(stopped, "number", signal.SIGINT)
    except (ValueError, OSError, FloatingPointError) as error:
        print(f"seqzoo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def show_list(arguments: argparse.Namespace) -> None:
    """Show models and recipes, with published and measured figures."""
    models, recipes = model_lines(), list(recipe_lines("recipes"))
    print("Models (seqzoo.zoo)", *models, sep="\n  ")
    print("\nRecipes (./recipes)", *recipes, sep="\n  ")


def train(arguments: argparse.Namespace) -> None:
    """Train a recipe, evaluate it on its test splits and export it."""
    from seqzoo.recipe import run

    run(
        arguments.recipe,
        out=arguments.out,
        data=arguments.data,
        settings=arguments.set,
        seed=arguments.seed,
        resume=arguments.resume,
        strategy=arguments.strategy,
        precision=arguments.precision,
        accept_changes=arguments.accept_changes,
        trust=arguments.trust,
    )


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the metrics of a split as one JSON object."""
    from seqzoo.recipe import Run

    run = Run.open(arguments.run, arguments.trust)
    search = run.recipe.search_as(_search_flags(arguments))
    splits = run.load_splits(arguments.data)
    if arguments.split not in splits:
        raise ValueError(
            f"Unknown split {arguments.split!r}.{_hint(arguments.split, splits)} "
            f"Known: {', '.join(splits)}."
        )
    print(json.dumps(run.recipe.scores(run.load_task(), splits[arguments.split], search)))


def predict(arguments: argparse.Namespace) -> None:
    """Read lines from stdin and print one line of output for each, as they come."""
    from seqzoo.recipe import open_trained

    trained = open_trained(arguments.run, arguments.trust, answers=True)
    search = trained.search_as(_search_flags(arguments))
    from seqzoo.datasets.lines import escape, line_groups, one_line

    if search is None:
        _refuse_requests(arguments)
    n_best = arguments.n_best or 1
    write = escape if arguments.scores or n_best > 1 else one_line
    stdin, longest = cast(Any, sys.stdin.buffer), trained.task.limits.line_bytes
    for lines in line_groups(stdin, _LINES_AT_ONCE, longest, _tell):
        inputs = [line for line in lines if line.strip(" \t")]
        request = _replacement(arguments)
        if arguments.prefix is not None:
            request["prefixes"] = [arguments.prefix] * len(inputs)
        answers = iter(trained.respond(trained.task, inputs, search, **request) if inputs else [])
        for line in lines:
            columns = []
            for answer in next(answers)[:n_best] if line.strip(" \t") else []:
                several = isinstance(answer.output, list)  # tags, or many labels
                output = " ".join(answer.output) if several else str(answer.output)
                columns.append(write(output))
                columns += [f"{answer.score:.6f}"] if arguments.scores else []
            print("\t".join(columns))
        sys.stdout.flush()


def _tell(text: str) -> None:
    print(f"seqzoo: {text}", file=sys.stderr)


def explain(arguments: argparse.Namespace) -> None:
    """Draw how much each part of an input counted for the model."""
    from seqzoo.explain import explain_input
    from seqzoo.recipe import open_trained

    trained = open_trained(arguments.run, arguments.trust)
    explain_input(trained.task, arguments.text, arguments.out)


def export(arguments: argparse.Namespace) -> None:
    """Write a SavedModel to DEST/1."""
    from seqzoo.recipe import open_trained

    trained = open_trained(arguments.run, arguments.trust)
    search = trained.search_as(_search_flags(arguments))
    if search is None:
        _refuse_requests(arguments)
    trained.task.export(arguments.dest, search=search, **_replacement(arguments))
    print(f"exported to {arguments.dest / '1'}", file=sys.stderr)


def _search_flags(arguments: argparse.Namespace) -> SearchFlags:
    from seqzoo.recipe.search_flags import SearchFlags

    given = vars(arguments)
    return SearchFlags(**{name: given.get(name) for name in SearchFlags._fields})


def _replacement(arguments: argparse.Namespace) -> dict[str, Any]:
    """The argument of `generate` and `export` for unknown words, if it is given."""
    if arguments.replace_unknown is None:
        return {}
    if arguments.replace_unknown is True:
        return {"replace_unknown": True}
    from seqzoo.tasks.unknown_words import read_dictionary

    return {"replace_unknown": read_dictionary(arguments.replace_unknown)}


def _refuse_requests(arguments: argparse.Namespace) -> None:
    for name in ("prefix", "replace_unknown"):
        if getattr(arguments, name, None) is not None:
            flag = name.replace("_", "-")
            raise ValueError(f"This run generates no text. Leave out --{flag}.")


def _import_tensorflow() -> None:
    """Keeps stderr free of what TensorFlow's libraries write as they load, whatever their level."""
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL", "1") == "1":  # as `import seqzoo` sets it
        os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"
    stderr = os.dup(2)
    with open(os.devnull, "w") as null:
        os.dup2(null.fileno(), 2)
    try:
        import tensorflow  # noqa: F401
    finally:
        os.dup2(stderr, 2)
        os.close(stderr)


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        raise ValueError(f"{message} (see `{self.prog} --help`)")


def _parse(argv: Sequence[str] | None) -> argparse.Namespace:
    arguments, unknown = _make_parser().parse_known_args(argv)
    if unknown:
        flags = re.findall(r"--[a-z-]+", arguments.parser.format_help())
        hint = _hint(unknown[0].partition("=")[0], flags)
        arguments.parser.error(f"Unknown argument {unknown[0]!r}.{hint}")
    return arguments


def _make_parser() -> _Parser:
    parser = _Parser(prog="seqzoo", description="A model zoo for sequence models.")
    parser.add_argument("--version", action="version", version=f"seqzoo {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)
    for command, add_arguments in (
        (show_list, lambda add: None),
        (train, _add_train_arguments),
        (evaluate, _add_evaluate_arguments),
        (predict, _add_predict_arguments),
        (explain, _add_explain_arguments),
        (export, _add_export_arguments),
    ):
        text, name = command.__doc__, command.__name__.removeprefix("show_")
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_arguments(sub.add_argument)
        sub.set_defaults(command=command, parser=sub)
    return parser


def _add_train_arguments(add: Callable) -> None:
    add("recipe", type=_existing, metavar="RECIPE.py", help="file that holds a recipe")
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


def _add_evaluate_arguments(add: Callable) -> None:
    _add_run(add)
    add("--data", type=_existing, metavar="DIR", help="data in place of that of the training")
    add("--split", default="test", metavar="NAME", help="split to evaluate (default: test)")
    _add_search(add)


def _add_predict_arguments(add: Callable) -> None:
    _add_run(add)
    _add_n_best(add)
    add("--scores", action="store_true", help="add a column with the score of each answer")
    _add_search(add)
    add("--prefix", metavar="TEXT", help="text that every answer starts with")
    _add_replacement(add)


def _add_explain_arguments(add: Callable) -> None:
    _add_run(add)
    add("text", help="an input of the model: a text, or the path of an image")
    add("--out", required=True, metavar="PICTURE", help="file to write, such as map.png")


def _add_export_arguments(add: Callable) -> None:
    _add_run(add)
    add("dest", type=Path, metavar="DEST", help="folder of the model's versions")
    _add_n_best(add)
    _add_search(add)
    _add_replacement(add)


def _add_run(add: Callable) -> None:
    """Adds the folder of the run."""
    add("run", type=_existing, metavar="RUN", help="folder of a run")
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


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
