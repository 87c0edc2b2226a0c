"""Sets of time series of the literature, in files as they are published.

They come as what `preprocessing.read_panel` takes. A file in its own format that has a header and
columns needs no loader: `read_panel` reads it.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np

from seqzoo.datasets.lines import find_file, iterate_lines, refuse_line

_COUNTRIES = 8


def m4(folder: str | Path, frequency: str = "Hourly") -> tuple[list[str], list[np.ndarray]]:
    """Reads series of the M4 competition, the values to be forecast at the end of each.

    The files are `Hourly-train.csv` and `Hourly-test.csv`, or those of another frequency, plain or
    `.gz`: a series in each line, its name first, empty fields behind its end.

    Args:
        folder: Holds both files.
        frequency: `"Yearly"`, `"Quarterly"`, `"Monthly"`, `"Weekly"`, `"Daily"` or `"Hourly"`.

    Returns:
        The names of the series, and their values `(L,)`, of any lengths.

    Raises:
        FileNotFoundError: if a file is missing.
        ValueError: if a field is no number, or the files hold other series. It names file and line.

    Reference: Makridakis et al., 2020, https://doi.org/10.1016/j.ijforecast.2019.04.014;
    https://github.com/Mcompetitions/M4-methods

    Example:
        >>> names, series = sz.datasets.series.m4("data/m4_hourly")  # doctest: +SKIP
        >>> names[0], len(series[0])  # doctest: +SKIP
        ('H1', 748)
    """
    past, future = (
        _ragged_rows(find_file(Path(folder), [f"{frequency}-{part}.csv"]))
        for part in ("train", "test")
    )
    if past.keys() != future.keys():
        raise ValueError(
            f"Expected the series of {frequency}-train.csv in {frequency}-test.csv too. Received: "
            f"{len(past)} and {len(future)}, of which {len(past.keys() & future.keys())} are in "
            "both."
        )
    return list(past), [np.concatenate([past[name], future[name]]) for name in past]


def exchange_rates(folder: str | Path) -> np.ndarray:
    """Reads the exchange rates of eight countries on 7,588 days, `(7588, 8)`.

    The file is `exchange_rate.txt`, plain or `.gz`, without a header. It has no dates: those of
    other copies are made up.

    Args:
        folder: Holds the file.

    Raises:
        FileNotFoundError: if there is no file.
        ValueError: if a line does not hold eight numbers. It names file and line.

    Reference: Lai et al., 2018, https://arxiv.org/abs/1703.07015;
    https://github.com/laiguokun/multivariate-time-series-data

    Example:
        >>> sz.datasets.series.exchange_rates("data/exchange_rate").shape  # doctest: +SKIP
        (7588, 8)
    """
    path = find_file(Path(folder), ["exchange_rate.txt"])
    rows = []
    for number, line in enumerate(iterate_lines(path), 1):
        row = _numbers(path, number, line, line.split(","))
        if len(row) != _COUNTRIES:
            refuse_line(path, number, line, f"{_COUNTRIES} numbers between commas")
        rows.append(row)
    return np.array(rows)


def _ragged_rows(path: Path) -> dict[str, np.ndarray]:
    """The values of each series by its name, from lines `name,value,…,,`."""
    rows: dict[str, np.ndarray] = {}
    for number, line in enumerate(iterate_lines(path), 1):
        name, *fields = (field.strip().strip('"') for field in line.split(","))
        if number > 1 and name:
            rows[name] = _numbers(path, number, line, [field for field in fields if field])
    return rows


def _numbers(path: Path, number: int, line: str, fields: list[str]) -> np.ndarray:
    try:
        return np.array([float(field) for field in fields])
    except ValueError:
        refuse_line(path, number, line, "numbers between commas")
