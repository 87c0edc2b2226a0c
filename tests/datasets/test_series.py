"""Sets of time series in the files of their authors."""

import gzip

import numpy as np
import pytest

from seqzoo.datasets import series as series_of
from seqzoo.preprocessing import Columns, read_panel


@pytest.fixture
def m4(tmp_path):
    train = '"V1","V2","V3","V4"\n"H2",1,2.5,3\n"H10",4,5,\n'
    (tmp_path / "Hourly-train.csv.gz").write_bytes(gzip.compress(train.encode()))
    (tmp_path / "Hourly-test.csv").write_text("V1,V2\r\nH10,7\r\nH2,6\r\n")
    return tmp_path


def test_series_of_m4_have_what_is_forecast_at_their_end(m4):
    names, series = series_of.m4(m4)
    assert names == ["H2", "H10"]
    assert [each.tolist() for each in series] == [[1, 2.5, 3, 6], [4, 5, 7]]


def test_files_of_m4_that_do_not_fit_are_refused(m4):
    (m4 / "Hourly-test.csv").write_text("V1,V2\nH2,x\n")
    with pytest.raises(ValueError, match=r"numbers between commas. Received: line 2 of .*H2,x"):
        series_of.m4(m4)
    (m4 / "Hourly-test.csv").write_text("V1,V2\nH2,1\nH3,1\n")
    with pytest.raises(ValueError, match="Received: 2 and 2, of which 1 are in both"):
        series_of.m4(m4)
    with pytest.raises(FileNotFoundError, match=r"Daily-train\.csv"):
        series_of.m4(m4, "Daily")


def test_exchange_rates_are_eight_columns(tmp_path):
    row = ",".join(f"0.{i}" for i in range(1, 9))
    (tmp_path / "exchange_rate.txt").write_text(f"{row}\n{row}\n")
    rates = series_of.exchange_rates(tmp_path)
    np.testing.assert_allclose(rates, [np.arange(1, 9) / 10] * 2)
    (tmp_path / "exchange_rate.txt").write_text(f"{row}\n{row},1\n")
    with pytest.raises(ValueError, match=r"8 numbers between commas. Received: line 2"):
        series_of.exchange_rates(tmp_path)


def test_a_file_with_a_header_needs_no_loader(tmp_path):
    (tmp_path / "a.csv").write_text('"Month","Passengers"\n"1949-01",112\n"1949-02",118')
    panel = read_panel(tmp_path / "a.csv", Columns(["Passengers"], time="Month"), every="1M")
    assert panel.targets[:, 0].tolist() == [112, 118]
    assert panel.usual_season() == 12
