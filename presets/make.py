"""Puts trained models into the package, measures them, and writes what their cards say on pages.

python presets/make.py add RUN NAME       the model of a run, its weights as float16
python presets/make.py measure NAME DATA  figures and answers for its card; DATA holds the
                                          folder that the card's command names by `--data`
python presets/make.py pages              README.md and docs/trained_models.md
"""

from __future__ import annotations

import itertools
import json
import shlex
import shutil
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

HOME = Path(__file__).parent
MODELS = HOME / "seqzoo_presets"
PAGES = (HOME / "README.md", HOME.parent / "docs/trained_models.md")
MARKS = "<!-- table -->\n", "<!-- end of table -->"

FIELDS = (
    *("about", "model", "data", "licence", "data_licence", "command", "recipe", "seed", "minutes"),
    *("metric", "figures", "baselines", "weaknesses", "examples"),
)
"""What every card has."""


def cards() -> dict[str, dict[str, Any]]:
    """The cards of all models by name, that of seqzoo itself first."""
    files = [HOME.parent / "seqzoo/trained/dates/card.json", *sorted(MODELS.glob("*/card.json"))]
    return {file.parent.name: json.loads(file.read_text(encoding="utf-8")) for file in files}


def add(run: str, name: str) -> None:
    """Copies the model of a run, which computes in float32 whatever it was trained in."""
    import seqzoo as sz

    with tempfile.TemporaryDirectory() as folder:
        source, half = Path(folder, "source"), Path(folder, "half")
        source.mkdir()
        shutil.copy(Path(run, "preset/model.weights.h5"), source)
        config = Path(run, "preset/config.json").read_text(encoding="utf-8")
        config = config.replace('"mixed_bfloat16"', '"float32"')
        (source / "config.json").write_text(config, encoding="utf-8")
        sz.from_preset(source).save_preset(half, half=True)
        compact(half)
        (MODELS / name).mkdir(exist_ok=True)
        for file in half.iterdir():
            shutil.copy(file, MODELS / name)


def compact(folder: Path) -> None:
    """Writes the config of a preset on one line."""
    from seqzoo.files.digests import SUMS, sha256, write_digests

    path = folder / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    text = json.dumps(config, ensure_ascii=False, separators=(",", ":"))
    path.write_text(text, encoding="utf-8")
    files = ("config.json", "model.weights.h5")
    (folder / SUMS).unlink()
    write_digests(folder, {name: sha256((folder / name).read_bytes()) for name in files})


def measured(folder: Path, card: dict[str, Any], data: Path | None) -> dict[str, dict[str, float]]:
    """The scores of each split that the card has figures of.

    Args:
        folder: Of the model.
        card: Of the model.
        data: Holds the folder that the card's command names by `--data`.
    """
    import seqzoo as sz
    from seqzoo.listing import find_recipe
    from seqzoo.recipe import load_recipe
    from seqzoo.recipe.fields import set_fields

    words = shlex.split(card["command"])
    given = [(name, value) for name, value in itertools.pairwise(words)]
    settings = [value for name, value in given if name == "--set"]
    recipe = set_fields(load_recipe(find_recipe(card["recipe"])), settings)
    (place,) = [value for name, value in given if name == "--data"] or [None]
    splits = recipe.load_splits(None if place is None or data is None else data / place)
    task = sz.from_preset(folder)
    task.compile()
    search = recipe.completed(task).search
    return {split: recipe.scores(task, splits[split], search) for split in card["figures"]}


def answers(task: Any, inputs: Sequence[str]) -> list[str]:
    """What `seqzoo predict` answers to lines."""
    from seqzoo.recipe.recipe import answers_of

    best = [
        each[0].output for each in answers_of(task)(task, inputs, getattr(task, "search", None))
    ]
    return [" ".join(each) if isinstance(each, list) else str(each) for each in best]


def section(name: str, card: dict[str, Any]) -> str:
    """The card of a model as Markdown."""
    scores = {card["metric"]: card["figures"]} | card.get("other_figures", {})
    rows = {
        "model": card["model"],
        "data": f"{card['data']} ({card['data_licence']})",
        "licence": card["licence"],
        "made again by": f"`{card['command']}`",
        "minutes": card["minutes"],
        **{metric: _figures(figures) for metric, figures in scores.items()},
        **{
            f"{card['metric']}, {baseline}": _figures(figures)
            for baseline, figures in card["baselines"].items()
        },
        "weaknesses": " ".join(card["weaknesses"]),
    }
    table = "".join(f"| {title} | {text} |\n" for title, text in rows.items())
    return f"## {name}\n\n{card['about']}.\n\n| | |\n|---|---|\n{table}"


def table(cards: dict[str, dict[str, Any]]) -> str:
    """The models with their figures, as Markdown."""
    rows = [("model", "what it does", "metric", "test", "baseline"), ("---",) * 5]
    for name, card in cards.items():
        first = next(iter(card["figures"]))
        best = [(figures[first], each) for each, figures in card["baselines"].items()]
        figure, baseline = (min if card["metric"] == "loss" else max)(best)
        shown = _figures({first: figure}).partition(" ")[2]
        result = _figures({first: card["figures"][first]}).partition(" ")[2]
        rows.append((name, card["about"], card["metric"], result, f"{shown}, {baseline}"))
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def _figures(figures: dict[str, float]) -> str:
    return ", ".join(
        f"{split} {figure:.3f}" if figure < 10 else f"{split} {figure:.1f}"
        for split, figure in figures.items()
    )


def pages() -> dict[Path, str]:
    """The texts of the pages that show cards."""
    readme, page = (path.read_text(encoding="utf-8") for path in PAGES)
    known = cards()
    own = {name: card for name, card in known.items() if name != "dates"}
    readme = _between(readme, table(own))
    return {
        PAGES[0]: readme,
        PAGES[1]: _between(page, "\n".join(map(section, known, known.values()))),
    }


def _between(page: str, text: str) -> str:
    start, rest = page.split(MARKS[0])
    return f"{start}{MARKS[0]}\n{text}\n{MARKS[1]}{rest.split(MARKS[1])[1]}"


def main(command: str, *arguments: str) -> None:
    if command == "add":
        add(*arguments)
    elif command == "measure":
        import seqzoo as sz

        name, data = arguments
        card = cards()[name]
        inputs = [given for given, _ in card["examples"]]
        replies = answers(sz.from_preset(MODELS / name), inputs)
        print(json.dumps(dict(zip(inputs, replies, strict=True)), ensure_ascii=False, indent=1))
        print(json.dumps(measured(MODELS / name, card, Path(data)), indent=1))
    else:
        for path, text in pages().items():
            path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:])
