"""The `seqzoo` command: it reads arguments, and leaves the work to `seqzoo.recipe`."""

from __future__ import annotations

import argparse
import contextlib
import csv
import difflib
import json
import os
import re
import signal
import sys
import tempfile
import warnings
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn, cast

# TensorFlow takes seconds to import: what needs it is imported once the arguments are known.
from seqzoo import arguments as flags
from seqzoo.extras import MissingPackageError
from seqzoo.listing import find_recipe, model_lines, own_recipes, recipe_lines
from seqzoo.trained import presets
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
        is_series = getattr(arguments, "kind", None) == "forecaster"
        if arguments.command not in (show_list, new) or is_series:
            _import_tensorflow()
        with _warnings_in_a_line():
            arguments.command(arguments)
        sys.stdout.flush()
    except BrokenPipeError:  # the reader of the pipe has ended, as in `| head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt as stopped:
        print(f"seqzoo: {str(stopped) or 'stopped'}", file=sys.stderr)
        return 128 + getattr(stopped, "number", signal.SIGINT)
    except (ValueError, OSError, FloatingPointError, MissingPackageError) as error:
        print(f"seqzoo: error: {' '.join(str(error).split())}", file=sys.stderr)
        return 2
    return 0


def show_list(arguments: argparse.Namespace) -> None:
    """Show models, trained ones and recipes, with published and measured figures."""
    trained = [f"{each.name:<24}{each.card['about']}" for each in presets().values()]
    models, own, here = model_lines(), own_recipes(), Path("recipes")
    others = [] if own and here.resolve() == own.resolve() else list(recipe_lines(here))
    print("Models (seqzoo.zoo)", *models, sep="\n  ")
    print("\nTrained models (seqzoo predict NAME, sz.from_preset)", *trained, sep="\n  ")
    if own:
        print("\nRecipes (seqzoo train NAME)", *recipe_lines(own, by_name=True), sep="\n  ")
    if others:
        print("\nRecipes (./recipes)", *others, sep="\n  ")


def new(arguments: argparse.Namespace) -> None:
    """Look at a file or folder and write a short recipe that learns from it."""
    _write_recipe(arguments.kind, arguments.data, arguments.out, arguments)


def _write_recipe(kind: str, data: list[str], out: Path | None, given: Any) -> Path:
    from seqzoo.new_recipe import new_recipe

    columns = {name: getattr(given, name) for name in flags.COLUMNS}
    return new_recipe(kind, data, out, columns, given.encoding or "utf-8", tell=_tell)


def train(arguments: argparse.Namespace) -> None:
    """Train a recipe, evaluate it on its test splits and export it."""
    from seqzoo.recipe import run

    run(
        _recipe_of(arguments),
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


def _recipe_of(arguments: argparse.Namespace) -> Path:
    """The file of the recipe that is named, or that is written for a kind of task and its data."""
    name, *data = arguments.recipe
    if name in flags.KINDS:
        if not data:
            raise ValueError(f"`seqzoo train {name}` needs data: seqzoo train {name} DATA.csv")
        if arguments.data is not None:
            raise ValueError("The data of a new recipe come after its kind. Leave out --data.")
        return _write_recipe(name, data, None, arguments)
    if data:
        raise ValueError(
            f"One recipe is trained, or a kind of task and its data. Received: {name!r} and "
            f"{data[0]!r}.{_hint(name, flags.KINDS)} Kinds: {', '.join(flags.KINDS)}."
        )
    for flag in (*flags.COLUMNS, "encoding"):
        if getattr(arguments, flag) is not None:
            raise ValueError(
                f"--{flag} is for `seqzoo train KIND DATA`. A recipe names its columns itself: "
                f"leave the flag out, or change {name}."
            )
    return find_recipe(name)


def evaluate(arguments: argparse.Namespace) -> None:
    """Print the metrics of a split, and those of trivial baselines, as one JSON object."""
    from seqzoo.baselines import baselines
    from seqzoo.recipe import Run, as_ensemble
    from seqzoo.recipe.run import beside_baselines

    run = Run.open(arguments.run, arguments.trust)
    task = run.load_task()
    recipe = run.recipe.completed(task)
    if arguments.others:
        task = as_ensemble(run, task, arguments.others, arguments.trust)
    search = recipe.search_as(_search_flags(arguments))
    splits = run.load_splits(arguments.data)
    if arguments.split not in splits:
        raise ValueError(
            f"Unknown split {arguments.split!r}.{_hint(arguments.split, splits)} "
            f"Known: {', '.join(splits)}."
        )
    examples = splits[arguments.split]
    scores = recipe.scores(task, examples, search)
    trivial = baselines(task, splits["train"])
    print(json.dumps(scores | beside_baselines(trivial, scores, examples, recipe)))


def predict(arguments: argparse.Namespace) -> None:
    """Read lines from stdin and print one line of output for each; of series, a CSV."""
    from seqzoo.recipe import open_trained

    trained = open_trained(arguments.run, arguments.trust, answers=True)
    search = trained.search_as(_search_flags(arguments))
    if hasattr(trained.task, "forecast_rows"):
        _predict_series(trained.task)
        return
    from seqzoo.datasets.lines import escape, line_groups, one_line

    if search is None:
        _refuse_requests(arguments)
    n_best = arguments.n_best or 1
    write = escape if arguments.scores or n_best > 1 else one_line
    stdin, longest = cast(Any, sys.stdin.buffer), trained.task.limits.line_bytes
    read = 0
    for lines in line_groups(stdin, _LINES_AT_ONCE, longest, _tell):
        inputs = [line for line in lines if line.strip(" \t")]
        request = _replacement(arguments)
        if arguments.prefix is not None:
            request["prefixes"] = [arguments.prefix] * len(inputs)
        try:
            found = trained.respond(trained.task, inputs, search, **request) if inputs else []
        except ValueError as error:
            raise _naming_the_line(error, trained.task, lines, read) from error
        answers, read = iter(found), read + len(lines)
        for line in lines:
            columns = []
            for answer in next(answers)[:n_best] if line.strip(" \t") else []:
                several = isinstance(answer.output, list)  # tags, or many labels
                output = " ".join(answer.output) if several else str(answer.output)
                columns.append(write(output))
                columns += [f"{answer.score:.6f}"] if arguments.scores else []
            print("\t".join(columns))
        sys.stdout.flush()


def _naming_the_line(error: ValueError, task: Any, lines: list[str], read: int) -> ValueError:
    """Returns the error of the first line that cannot be read, with its number, or the given one.

    Args:
        error: Of a whole group.
        task: What has a preprocessor.
        lines: The group, blank lines too.
        read: Lines before the group.
    """
    preprocessor = task.preprocessor
    for number, line in enumerate(lines, start=read + 1):
        try:
            if line.strip(" \t"):
                preprocessor.as_raw([preprocessor.tokens(line) if hasattr(task, "tag") else line])
        except ValueError as own:
            message = str(own).replace(" at index 0", "")  # the number says more
            return ValueError(f"Line {number} of the input cannot be read. {message}")
    return error


def _predict_series(forecaster: Any) -> None:
    """Reads a CSV of series from stdin and prints one of the rows that are forecast."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "stdin.csv")
        path.write_bytes(cast(Any, sys.stdin.buffer).read())
        header, rows = forecaster.forecast_rows(path)
    table = csv.writer(sys.stdout, lineterminator="\n")
    table.writerow(header)
    table.writerows(rows)


def _tell(text: str) -> None:
    print(f"seqzoo: {text}", file=sys.stderr)


def explain(arguments: argparse.Namespace) -> None:
    """Draw how much each part of an input counted for the model."""
    from seqzoo.explain import explain_input
    from seqzoo.recipe import open_trained

    trained = open_trained(arguments.run, arguments.trust)
    explain_input(trained.task, arguments.text, arguments.out, arguments.picture)


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


@contextlib.contextmanager
def _warnings_in_a_line() -> Iterator[None]:
    """Shows a warning for users as one line, without the code that it comes from."""
    before = warnings.formatwarning

    def shown(message, category, *place, **more):
        if category is UserWarning:
            return f"seqzoo: {' '.join(str(message).split())}\n"
        return before(message, category, *place, **more)

    warnings.formatwarning = shown
    try:
        yield
    finally:
        warnings.formatwarning = before


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
        (new, flags.add_new_arguments),
        (train, flags.add_train_arguments),
        (evaluate, flags.add_evaluate_arguments),
        (predict, flags.add_predict_arguments),
        (explain, flags.add_explain_arguments),
        (export, flags.add_export_arguments),
    ):
        text, name = command.__doc__, command.__name__.removeprefix("show_")
        sub = commands.add_parser(name, help=text, description=text, allow_abbrev=False)
        add_arguments(sub.add_argument)
        sub.set_defaults(command=command, parser=sub)
    return parser


def _hint(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1)
    return f" Did you mean {close[0]!r}?" if close else ""
