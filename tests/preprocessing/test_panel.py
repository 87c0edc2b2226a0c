"""Series read from tables and arrays, and data that cannot be."""

import numpy as np
import pytest

from seqzoo.preprocessing import Columns, read_panel
from seqzoo.preprocessing.panel import window_origins


def table(stamps, values, series=None):
    columns = {"ds": stamps, "y": values}
    return columns if series is None else columns | {"unique_id": series}


def values_of(panel, index=0):
    return panel.targets[panel.rows(index), 0].tolist()


def test_rows_in_any_order_are_sorted_by_series_and_stamp():
    stamps = ["2024-01-02", "2024-01-01", "2024-01-01", "2024-01-03"]
    panel = read_panel(table(stamps, [2, 1, 10, 3], ["b", "b", "a", "b"]))
    assert panel.names == ("a", "b")
    assert panel.lengths.tolist() == [1, 3]
    assert values_of(panel, 1) == [1, 2, 3]


def test_left_out_stamps_and_empty_fields_are_missing_values():
    panel = read_panel(table(["2024-01-01", "2024-01-02", "2024-01-04"], [1, "", 3]))
    np.testing.assert_array_equal(panel.targets[:, 0], [1, np.nan, np.nan, 3])
    assert str(panel.stamps[2]) == "2024-01-03T00:00:00.000000000"


@pytest.mark.parametrize(
    ("stamps", "third"),
    [
        (["2024-01-31", "2024-02-29", "2024-04-30"], "2024-03-31"),
        (["2024-01-15", "2024-02-15", "2024-04-15"], "2024-03-15"),
        (["2023-01", "2023-02", "2023-04"], "2023-03-01"),
        (["2024-01-01 00:00", "2024-01-01 00:15", "2024-01-01 00:45"], "2024-01-01T00:30"),
        ([3, 4, 6], 5),
    ],
)
def test_months_hours_and_numbers_are_grids(stamps, third):
    panel = read_panel(table(stamps, [1, 2, 4]))
    assert len(panel.stamps) == 4
    assert panel.stamps[2] == (third if isinstance(third, int) else np.datetime64(third))


def test_every_row_may_be_a_step_and_weekdays_go_on_as_weekdays():
    days = np.busday_offset("2024-01-01", np.arange(12))
    panel = read_panel(table([str(day) for day in days], list(range(12))), every="row")
    assert panel.lengths.tolist() == [12]
    ahead = panel.stamps_of(0, 11, 14).astype("datetime64[D]")
    assert [str(day) for day in ahead] == ["2024-01-16", "2024-01-17", "2024-01-18"]


def test_the_season_is_that_of_the_step():
    for first, second, season in (
        ("2024-01-01 00:00", "2024-01-01 01:00", 24),
        ("2024-01-01 00:00", "2024-01-01 00:15", 96),
        ("2024-01-01", "2024-01-02", 7),
        ("2024-01-01", "2024-02-01", 12),
        ("2024-01-01", "2024-04-01", 4),
        (1, 2, 1),
    ):
        assert read_panel(table([first, second], [1, 2])).usual_season() == season


def test_arrays_are_series_without_stamps():
    assert read_panel(np.arange(3.0)).targets.tolist() == [[0], [1], [2]]
    many = read_panel(np.zeros((4, 5, 2)))
    assert (len(many), many.columns.targets) == (4, ("y0", "y1"))
    ragged = read_panel([np.zeros(2), np.zeros(3)])
    assert ragged.starts.tolist() == [0, 2, 5]
    assert len(read_panel([np.zeros(0), [1.0]])) == 2


def test_csv_with_quotes_a_byte_order_mark_and_named_columns(tmp_path):
    path = tmp_path / "sales.csv"
    path.write_text('\ufeff"day","shop","sold"\n2024-01-01,"a, b",1\n2024-01-02,"a, b",2\n')
    panel = read_panel(path, Columns(targets=("sold",), time="day", series="shop"))
    assert panel.names == ("a, b",)
    assert values_of(panel) == [1, 2]


def test_parts_are_rows_of_each_series():
    panel = read_panel([np.arange(5.0), np.arange(3.0)])
    part = panel.parts(1, 4)
    assert part.lengths.tolist() == [3, 2]
    assert values_of(part, 1) == [1, 2]
    assert panel.parts(panel.lengths - 2, panel.lengths).targets[:, 0].tolist() == [3, 4, 1, 2]


def test_splits_follow_each_other_and_hold_what_came_before_as_context():
    splits = read_panel([np.arange(10.0), np.arange(6.0)]).split(validation=2, test=0.5)
    assert [part.lengths.tolist() for part in splits.values()] == [[3, 1], [5, 3], [10, 6]]
    assert splits["test"].context.tolist() == [5, 3]
    series, origins = window_origins(splits["test"], lookback=2, horizon=1, stride=1)
    assert series.tolist() == [0] * 5 + [1] * 3
    assert origins.tolist() == [5, 6, 7, 8, 9, 13, 14, 15]
    assert splits["test"].origin != splits["validation"].origin


def test_one_grid_is_for_all_series_and_months_go_on_on_their_day():
    hours = [f"2024-01-01 {hour:02d}:00" for hour in range(4)]
    panel = read_panel(table([*hours, hours[0], hours[2]], range(6), ["a"] * 4 + ["b"] * 2))
    assert panel.lengths.tolist() == [4, 3]
    assert panel.stamps_of(1, 3, 4)[0] == np.datetime64("2024-01-01T03:00")
    months = read_panel(table([f"2023-{month:02d}-30" for month in (9, 10, 11, 12)], range(4)))
    ahead = [str(each)[:10] for each in months.stamps_of(0, 3, 7)]
    assert ahead == ["2023-12-30", "2024-01-30", "2024-02-29", "2024-03-30"]
    quarters = table(["2023-01-01", "2023-04-01", "2023-10-01"], [1, 2, 4])
    assert read_panel(quarters, every="QS").lengths.tolist() == [4]
    days = read_panel(table(["20240130", "20240131", "20240201"], [1, 2, 3]))
    assert days.lengths.tolist() == [3]


def test_weekdays_are_steps_of_their_own_and_words_for_missing_are_missing():
    days = np.busday_offset("2024-01-01", np.arange(12))
    assert read_panel(table([str(day) for day in days], list(range(12)))).lengths.tolist() == [12]
    panel = read_panel([{"ds": 1, "y": "NA"}, {"ds": 2, "y": "3"}])
    np.testing.assert_array_equal(panel.targets[:, 0], [np.nan, 3])


def test_semicolons_and_tabs_are_read(tmp_path):
    path = tmp_path / "s.csv"
    for separator in ";\t":
        path.write_text(f"ds{separator}y\n1{separator}2\n")
        assert read_panel(path).targets.tolist() == [[2.0]]
    path.write_text("ds,y,y\n1,2,3\n")
    with pytest.raises(ValueError, match="different names"):
        read_panel(path)
    path.write_bytes("ds,y,Größe\n1,2,3\n".encode("latin-1"))
    with pytest.raises(ValueError, match=r"s\.csv must be UTF-8"):
        read_panel(path)


def test_options_that_cannot_be_are_refused():
    for options in ({"targets": "load"}, {"targets": ()}, {"targets": ("y",), "known": ("y",)}):
        with pytest.raises(ValueError, match="each name once"):
            Columns(**options)
    panel = read_panel(np.arange(9.0))
    for parts in ((-0.1, 0.1), (0.6, 0.6), ("2024", 1)):
        with pytest.raises(ValueError, match="Received: "):
            panel.split(*parts)
    for every in (0, -1, "1h"):
        with pytest.raises(ValueError, match="Expected `every` as in a positive int"):
            read_panel(table([1, 2], [1, 2]), every=every)
    with pytest.raises(ValueError, match="as many columns in all"):
        read_panel(np.zeros((5, 2)), Columns())
    with pytest.raises(ValueError, match="Received: a list"):
        read_panel(np.zeros(5), ["y"])


DAY = "2024-01-01"


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (table([DAY, DAY], [1, 2]), r"2024-01-01 twice, series '0', row 1"),
        (table(["2024-10-27 02:00"] * 2, [1, 2], ["x", "x"]), r"series 'x', row 1.*UTC"),
        (
            table([DAY, "2024-01-03", "2024-01-06"], [1, 2, 3]),
            r"steps of 2 days.*series '0', row 2",
        ),
        (
            table([DAY, "2024-01-02"], [1, "x"]),
            r"a number\. Received: 'x' in column 'y'.* row 1",
        ),
        (table([1, 2], [1, np.inf]), r"finite number.*inf in column 'y', series '0', row 1"),
        (table(["today"], [1]), r"'today' in column 'ds', row 0"),
        (table([None, DAY], [1, 2]), r"column 'ds', row 0"),
        (table([1, 2, 3], [1, 2]), r"each of the 3 rows\. Received: 2 in column 'y'"),
        (table([1, 2], [1, 2], ["a"]), r"each of the 2 rows\. Received: 1 in column 'unique_id'"),
        (table(["202401", "202402"], [1, 2]), r"'202401' in column 'ds', row 0"),
        (table([1, 2], [1, 1e300]), r"at most 3e38.*1e\+300 in column 'y', series '0', row 1"),
        ({"ds": [1], "value": [2]}, r"without \['y'\]\. Name yours by `columns="),
        ([np.zeros((2, 2)), np.zeros((2, 3))], r"as many columns in all.*\(2, 2\), \(2, 3\)"),
        (table([DAY, "2024-01-02", "2124-01-01"], [1, 2, 3]), r"gaps.*2124-01-01 after 2024-01-02"),
    ],
)
def test_bad_data_are_told_with_series_and_row(data, message):
    with pytest.raises(ValueError, match=message):
        read_panel(data)


def test_a_line_of_a_csv_with_other_fields_is_told(tmp_path):
    path = tmp_path / "bad.csv"
    path.write_text("ds,y\n1,2\n3\n")
    with pytest.raises(ValueError, match=r"Expected 2 fields.*bad\.csv, line 3"):
        read_panel(path)
    path.write_text("")
    with pytest.raises(ValueError, match="empty"):
        read_panel(path)
