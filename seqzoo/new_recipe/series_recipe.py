"""Recipes of forecasters: which columns of a table are what, and how far to look back and ahead."""

from __future__ import annotations

import difflib
import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from seqzoo.amounts import choose_amounts, suited_rate
from seqzoo.new_recipe.file_names import data_files
from seqzoo.new_recipe.layouts import as_code
from seqzoo.preprocessing.panel import Columns, Panel
from seqzoo.preprocessing.reading_series import read_csv, read_panel, read_stamps
from seqzoo.preprocessing.regular_grid import shown_stamp, shown_step

_NUMBER = r"(?i)[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?|[-+]?inf(inity)?"
_MISSING = r"(?i)\s*(na|n/a|nan|null|none)?\s*"
_SEEN = 1000  # rows, from which columns are guessed
_FEWEST = 10  # rows of a series
_PART = 0.15  # of each series, for validation and for the test
_LONGEST_SEASON = 96  # steps, above which a season is longer than a horizon should be
_LEVELS = "0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95"

_KNOWN_NAMES = {
    "time": (
        *("ds", "date", "datetime", "timestamp", "time", "day", "week", "month", "quarter"),
        *("year", "hour", "period"),
    ),
    "series": (
        *("unique_id", "series", "series_id", "item_id", "item", "id", "sku", "product", "store"),
        *("shop", "symbol", "ticker", "sensor", "station", "meter", "region", "country", "name"),
    ),
    "target": ("y", "target", "value", "values", "sales", "demand", "load"),
}


class Windows(NamedTuple):
    """How far a forecaster looks, in steps."""

    lookback: int
    horizon: int
    season: int


def series_recipe(
    data: Path, named: Mapping[str, str | None], file: Path, tell: Callable[[str], Any]
) -> str:
    """Looks at a table of series and returns the text of a recipe that forecasts them.

    Args:
        data: A CSV file with a header, or a folder with one.
        named: What the user says, by the names of `SERIES_ROLES`; several columns with commas.
        file: The file that the text is for.
        tell: Gets each line about what was found.

    Raises:
        ValueError: if it cannot be seen how to read the table, or there is nothing to forecast.
        OSError: if there is no such file.
    """
    path = _table_in(data)
    table = read_csv(path)
    columns, told = _choose_columns(path, table, named)
    every = named.get("every")
    panel = read_panel(path, columns, every)
    windows = _suited_windows(panel, every == "row")
    splits = panel.split(_PART, _PART)
    for line in (*told, *_about(panel, windows, splits)):
        tell(line)
    return _text(path, columns, every, panel, windows, splits, file)


def _table_in(data: Path) -> Path:
    if not data.exists():
        raise FileNotFoundError(f"No file or folder {str(data)!r}. Check the path.")
    if data.is_file():
        return data
    files = [each for each in data_files(data) if re.search(r"\.(csv|tsv)(\.gz)?$", each.name)]
    if len(files) != 1:
        raise ValueError(
            f"A forecaster learns from one CSV file, which is split in time. Received: {data}, "
            f"with {', '.join(each.name for each in files[:8]) or 'none'}. Give the path of one."
        )
    return files[0]


def _choose_columns(
    path: Path, table: Mapping[str, list[str]], named: Mapping[str, str | None]
) -> tuple[Columns, list[str]]:
    rows = len(next(iter(table.values())))
    names = list(table)
    if not rows or all(re.fullmatch(_NUMBER, name.strip()) or _are_dates([name]) for name in names):
        raise ValueError(
            "Expected a CSV file with a line of names and rows of values below it. Received: "
            f"{path}, whose first line is {','.join(names)[:60]!r} of {rows + 1}. Add names such "
            "as ds,y above."
        )
    time = _named(path, names, named, "time") or _guess_time(path, table)
    left = [name for name in names if name != time]
    series = _named(path, left, named, "series") or _guess_series(table, left, time)
    left = [name for name in left if name != series]
    numbers = [name for name in left if _are_numbers(table[name])]
    past = tuple(_several(path, left, named, "past"))
    targets = tuple(_several(path, left, named, "target"))
    if not targets:
        able = [name for name in numbers if name not in past]
        if not able:
            shown = ", ".join(f"{name!r} with {_example(table[name])!r}" for name in left) or "none"
            raise ValueError(
                "A forecaster needs a time and a value in columns of their own. Received: "
                f"{path}, where beside {time!r} no column holds numbers such as 3.14: {shown}. "
                "Name the column by --target, or give another file."
            )
        usual = [name for name in able if name.strip().lower() in _KNOWN_NAMES["target"]]
        targets = tuple(usual[:1] or able)
    others = [name for name in left if name not in (*targets, *past)]
    told = [f"target: {_shown(targets)} (--target names others, with commas)"]
    told += [f"read up to the forecast: {_shown(past)}"] if past else []
    told += [f"left out: {_shown(others)} (--past reads them too, up to the forecast)"]
    told = told if others else told[:-1]
    for name in (*targets, *past):
        if not _are_numbers(table[name]):
            told.append(f"column {name!r} holds words, such as {_example(table[name])!r}")
    known = {} if series is None else {"series": series}
    chosen = Columns(targets=targets, past=past, time=time, **known)
    return chosen, [f"time: column {time!r} (--time names another)", *told]


def _named(path: Path, names: Sequence[str], named: Mapping[str, str | None], role: str) -> Any:
    found = _several(path, names, named, role)
    if len(found) > 1:
        raise ValueError(f"--{role} must name one column. Received: {', '.join(found)}.")
    return found[0] if found else None


def _several(
    path: Path, names: Sequence[str], named: Mapping[str, str | None], role: str
) -> list[str]:
    """The columns that the user has named: one name, which may hold commas, or several."""
    given = named.get(role)
    if not given:
        return []
    found = [given] if given in names else [each.strip() for each in given.split(",")]
    for name in found:
        if name not in names:
            close = difflib.get_close_matches(name, names, n=1)
            hint = f" Did you mean {close[0]!r}?" if close else ""
            raise ValueError(
                f"--{role} must name a column of {path}. Received: {name!r}.{hint} Its columns are "
                f"{', '.join(names)}."
            )
    return found


def _guess_time(path: Path, table: Mapping[str, list[str]]) -> str:
    by_name = {name.strip().lower(): name for name in reversed(list(table))}
    usual = [by_name[name] for name in _KNOWN_NAMES["time"] if name in by_name]
    dated = [name for name in table if _are_dates(table[name][:_SEEN])]
    found = [name for name in usual if name in dated] or dated or usual
    if not found:
        shown = ", ".join(f"{name!r} with {_example(table[name])!r}" for name in table)
        raise ValueError(
            "A forecaster needs a column of dates or times, such as 2024-03-31 or 2024-03-31 "
            f"14:00, and one of values. Received: {path}, whose columns are {shown}. Name the "
            "column by --time; where rows have no dates, add a column with their numbers."
        )
    return found[0]


def _guess_series(table: Mapping[str, list[str]], names: Sequence[str], time: str) -> str | None:
    """The column that tells rows of the same time apart; None where no two have the same one."""
    stamps = table[time]
    if len(set(stamps)) == len(stamps):
        return None
    by_name = {name.strip().lower(): name for name in reversed(names)}
    usual = [by_name[name] for name in _KNOWN_NAMES["series"] if name in by_name]
    words = [name for name in names if name not in usual and not _are_numbers(table[name])]
    able = [
        name
        for name in (*usual, *words)
        if len(set(zip(table[name], stamps, strict=True))) == len(stamps)
        and 2 * len(set(table[name])) <= len(stamps)
    ]
    return next(iter((*able, *usual)), None)


def _are_numbers(values: Sequence[str]) -> bool:
    there = [each.strip() for each in values[:_SEEN] if not re.fullmatch(_MISSING, each)]
    matching = sum(bool(re.fullmatch(_NUMBER, each)) for each in there)
    return matching > 0.9 * len(there)


def _are_dates(values: Sequence[str]) -> bool:
    try:
        return read_stamps(values, "").dtype.kind == "M"
    except ValueError:
        return False


def _example(values: Sequence[str]) -> str:
    return next((each for each in values if not re.fullmatch(_MISSING, each)), "")[:40]


def _shown(names: Sequence[str]) -> str:
    more = f", and {len(names) - 10} more" if len(names) > 10 else ""
    return f"{', '.join(map(repr, names[:10]))}{more}"


def _suited_windows(panel: Panel, by_rows: bool) -> Windows:
    """How far to look back and ahead in series, by the step of their stamps if they have one."""
    lengths = panel.lengths
    longest, usual = int(lengths.max(initial=0)), int(np.median(lengths)) if len(lengths) else 0
    if longest < _FEWEST:
        raise ValueError(
            f"A forecaster needs a series of at least {_FEWEST} rows: some to learn from, some to "
            f"choose by, some to test. Received: at most {longest}. Give more rows, or check which "
            f"column tells series apart (--series; now {panel.columns.series!r})."
        )
    if all(_spread(panel, index) == 0 for index in range(len(panel))):
        raise ValueError(
            "A series must change to be forecast. Received: the same value in each row, or none, "
            f"in {_shown(panel.columns.targets)}. Name other columns by --target."
        )
    season = 1 if by_rows else panel.usual_season()
    usual = max(usual, _FEWEST)
    horizon = season if _FEWEST <= season <= _LONGEST_SEASON else 2 * season
    horizon = 12 if season == 1 or season > _LONGEST_SEASON else horizon
    lookback = 7 * horizon if season in (24, 48) else 4 * horizon  # hours have weeks too
    horizon = max(1, min(horizon, int(_PART * usual)))
    learned = usual - 2 * int(_PART * usual)
    lookback = max(1, min(lookback, (learned - horizon) // 2))
    if lookback > season:
        lookback -= lookback % season
    elif season < learned - horizon:
        lookback = season  # which the seasonal naive forecast repeats
    return Windows(lookback, horizon, season)


def _spread(panel: Panel, index: int) -> float:
    values = panel.targets[panel.rows(index)]
    seen = values[np.isfinite(values).any(axis=1)]
    return max((np.nanmax(column) - np.nanmin(column) for column in seen.T), default=0.0)


def _about(panel: Panel, windows: Windows, splits: Mapping[str, Panel]) -> list[str]:
    """Lines about series, steps and splits."""
    lengths = panel.lengths
    if len(panel) == 1:
        told = [f"one series of {lengths[0]:,} rows"]
    else:
        counts = f"{lengths.min():,} to {lengths.max():,}"
        told = [f"series: {len(panel):,} of {counts} rows, by column {panel.columns.series!r}"]
    first, last = shown_stamp(panel.stamps.min()), shown_stamp(panel.stamps.max())
    told[0] += f", {first} to {last}, in steps of {shown_step(panel.step)}"
    missing = int(np.isnan(panel.targets).sum())
    if missing:
        told.append(f"missing: {missing / panel.targets.size:.1%} of the values")
    still = [panel.names[index] for index in range(len(panel)) if _spread(panel, index) == 0]
    if still:
        told.append(f"series that never change: {_shown(still)}")
    told.append(
        f"reads {windows.lookback} steps and forecasts {windows.horizon}; a season has "
        f"{windows.season} (--set model.lookback, model.horizon, model.season)"
    )
    rows = [
        f"{len(part.stamps) - int(np.sum(part.context)):,} {name}" for name, part in splits.items()
    ]
    return [*told, "splits, in time: " + ", ".join(rows)]


def _text(
    path: Path,
    columns: Columns,
    every: str | None,
    panel: Panel,
    windows: Windows,
    splits: Mapping[str, Panel],
    file: Path,
) -> str:
    count = int(np.maximum(splits["train"].lengths - windows.lookback - windows.horizon, 1).sum())
    steps = windows.lookback + windows.horizon
    batch_size, epochs = choose_amounts(count, steps * len(columns.targets))
    rate = suited_rate(1e-3, -(-count // batch_size) * epochs)
    named = [f"targets={as_code(columns.targets)}"]
    named += [f"past={as_code(columns.past)}"] if columns.past else []
    named += [f"series={as_code(columns.series)}"] if len(panel) > 1 else []
    named += [f"time={as_code(columns.time)}"]
    given = f", every={as_code(every)}" if every else ""
    return f'''"""A forecaster of {path.name}; change it as you like.

    seqzoo train {shlex.quote(file.name)} --set training.epochs={2 * epochs}
    seqzoo predict runs/{file.stem}-0 < {shlex.quote(path.name)}

Errors are in standard deviations of what each series has in the training part.
"""

from dataclasses import dataclass
from pathlib import Path

from seqzoo import zoo
from seqzoo.heads import Quantiles
from seqzoo.preprocessing import Columns, ForecastWindows, read_panel
from seqzoo.recipe import Recipe, TrainingOptions

DATA = Path({as_code(str(path.resolve()))})
COLUMNS = {_call("Columns", named)}


@dataclass(frozen=True)
class Model:
    """How far it looks back and ahead, and the season of the naive forecast, in steps."""

    lookback: int = {windows.lookback}
    horizon: int = {windows.horizon}
    season: int = {windows.season}


def load(folder, data):
    path = folder or DATA  # `--data` gives another file
    return read_panel(path, COLUMNS{given}).split(validation={_PART}, test={_PART})


def build(splits, model):
    season = model.season
    windows = ForecastWindows(model.lookback, model.horizon, COLUMNS, season=season{given})
    windows.adapt(splits["train"])
    head = Quantiles(model.horizon, levels=({_LEVELS}))
    return zoo.zeng_2023(windows, head=head)


training = TrainingOptions(
    epochs={epochs},
    batch_size={batch_size},
    learning_rate={rate:.2g},
    schedule="cosine",
)
recipe = Recipe(load=load, build=build, training=training, model=Model())
'''


def _call(name: str, arguments: Sequence[str]) -> str:
    """A call as code, on as many lines as it needs."""
    line = f"{name}({', '.join(arguments)})"
    if len(line) < 85:
        return line
    return f"{name}(\n" + "".join(f"    {each},\n" for each in arguments) + ")"
