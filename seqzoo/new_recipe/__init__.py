"""Recipes for a user's own data: what a file or folder holds, and the text of a recipe for it.

It loads no TensorFlow, but for series and where a table is too large for memory.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from seqzoo.datasets import splits as datasets_splits
from seqzoo.files.atomic_write import write_atomically
from seqzoo.new_recipe.columns import ROLES, SERIES_ROLES
from seqzoo.new_recipe.layouts import Layout, Named, aligned, find_layout
from seqzoo.new_recipe.recipe_text import recipe_text

__all__ = ["new_recipe"]

_MOST = 5000  # examples of a split that are drawn
_MOST_GENERATED = 1000  # likewise, where a text is generated for each
_UNBALANCED = 0.9  # share of the most frequent label


def new_recipe(
    kind: str,
    data: Sequence[str | Path],
    out: str | Path | None = None,
    columns: Mapping[str, str | None] | None = None,
    encoding: str = "utf-8",
    tell: Callable[[str], Any] = print,
) -> Path:
    """Looks at a file or folder and writes a short recipe that learns from it.

    Args:
        kind: "classifier", "tagger", "translator", "language-model", "captioner" or "forecaster".
        data: The file or folder; two files of which line by line is a pair, for a translator.
        out: File to write; None is named after the data and the kind, in the current folder.
        columns: Names of columns that are not to be guessed, by role: "text", "label", "source",
            "target", "image", "caption"; "token" and "tag" of CoNLL files; "time", "series",
            "target" and "past" of series, several with commas, and "every", their step.
        encoding: Of the file or files.
        tell: Gets each line about what was found.

    Returns:
        The path of the recipe. One that is there already with the same text stays as it is.

    Raises:
        ValueError: if it cannot be seen how to read the data, or they do not suit; names file, line
            and column where it can.
        FileExistsError: if another file is there.
        OSError: if a file cannot be read or written.
    """
    paths, named = [Path(each) for each in data], Named(columns or {}, encoding)
    roles = {"tagger": ("token", "tag"), "forecaster": SERIES_ROLES, **ROLES}[kind]
    for name in (name for name, value in named.columns.items() if value is not None):
        if name not in roles:
            known = ", ".join(f"--{role}" for role in roles)
            raise ValueError(f"--{name} is not for a {kind}, which takes {known}. Leave it out.")
    if len(paths) > 1 + (kind == "translator"):
        raise ValueError(
            f"A {kind} learns from one file or folder. Received: {', '.join(map(str, paths))}. "
            "Give one, such as a folder with train.csv, valid.csv and test.csv."
        )
    if kind == "forecaster":
        return _forecaster(paths[0], named, out, tell)
    if len(paths) == 2:
        path, layout = paths[0].parent, aligned(paths[0], paths[1], named)
        title = paths[0]
    else:
        path, layout = paths[0], find_layout(kind, paths[0], named)
        title = path
    for line in layout.told:
        tell(line)
    target = _default_name(title, kind) if out is None else Path(out)
    shares, splits = _divided(kind, path, layout)
    for line in _about(kind, splits, layout):
        tell(line)
    text = recipe_text(kind, path, layout, shares, splits, target)
    _write(target, text)
    tell(f"wrote {target}; train it by: seqzoo train {target}")
    return target


def _forecaster(
    path: Path, named: Named, out: str | Path | None, tell: Callable[[str], Any]
) -> Path:
    from seqzoo.new_recipe.series_recipe import series_recipe

    if named.encoding != "utf-8":
        raise ValueError(
            f"A table of series must be UTF-8. Received: --encoding {named.encoding}. Convert it."
        )
    target = _default_name(path, "forecaster") if out is None else Path(out)
    _write(target, series_recipe(path, named.columns, target, tell))
    tell(f"wrote {target}; train it by: seqzoo train {target}")
    return target


def _divided(kind: str, path: Path, layout: Layout) -> tuple[dict[str, Any], dict[str, Any]]:
    """The arguments of `splits.divide`, and the splits."""
    reading, files = layout.reading, layout.files
    if layout.has_splits:
        found = reading.examples(path)
        if reading.module != "parallel_text":
            return {}, found
        settings = {} if "test" in found or "validation" not in found else {"test": 0}
        return settings, datasets_splits.divide(found.pop("train"), **found, **settings)
    examples = reading.examples(path / files["train"] if files else path)
    given = {name: reading.examples(path / file) for name, file in files.items() if name != "train"}
    most = _MOST_GENERATED if kind in ("translator", "captioner") else _MOST
    many = getattr(examples, "is_large", False) or sum(1 for _ in examples) * 0.1 > most
    part = most if many else 0.1
    # Where the validation split is a file and there is none for a test, none is drawn.
    drawn = {"validation": part, "test": 0 if set(given) == {"validation"} else part}
    settings: dict[str, Any] = dict(drawn)
    if drawn.keys() - given.keys():
        settings["seed"] = 0
    if kind in ("classifier", "tagger"):
        settings["labelled"] = True
    return settings, datasets_splits.divide(examples, **{**settings, **given})


def _about(kind: str, splits: Mapping[str, Any], layout: Layout) -> list[str]:
    """Lines about the splits and the labels."""
    way = "as the files are" if layout.has_splits or len(layout.files) > 2 else "by seed 0"
    if kind == "language-model" and len(splits["train"]) == 1:
        sizes = [f"{len(part[0]):,} characters {name}" for name, part in splits.items()]
        return ["splits: " + ", ".join(sizes)]
    lines = [f"splits, {way}: " + ", ".join(f"{len(part):,} {n}" for n, part in splits.items())]
    if kind == "classifier" and isinstance(splits["train"], list):
        counts = Counter(label for _, label in splits["train"])
        shown = ", ".join(f"{name} {count:,}" for name, count in counts.most_common(10))
        more = f", and {len(counts) - 10} more" if len(counts) > 10 else ""
        lines.append(f"labels of the training split: {shown}{more}")
        name, most = counts.most_common(1)[0]
        share = most / counts.total()
        if share > _UNBALANCED:
            lines.append(
                f"{share:.0%} of the labels are {name!r}: look at macro_f1 rather than accuracy, "
                "or give `class_weights` to the model"
            )
    return lines


def _default_name(data: Path, kind: str) -> Path:
    stem = Path(data.resolve().name).name.split(".")[0]
    return Path(f"{re.sub(r'[^A-Za-z0-9_]+', '_', stem)}_{kind.replace('-', '_')}.py")


def _write(path: Path, text: str) -> None:
    content = text.encode("utf-8")
    if path.exists():
        if path.is_file() and path.read_bytes() == content:
            return
        raise FileExistsError(
            f"{path} is there already, with another text. Train it as it is by `seqzoo train "
            f"{path}`, or write another file: `seqzoo new … --out FILE.py`."
        )
    write_atomically(path, content)
