"""The proof of no look-ahead catches each planted leak, and names where it is."""

import keras
import numpy as np
import pytest

from seqzoo.backtesting import LookAheadError, prove_no_look_ahead
from seqzoo.preprocessing import Columns, ForecastWindows
from seqzoo.training import Adam
from seqzoo.zoo import FORECASTERS

RNG = np.random.default_rng(0)
SERIES = [RNG.normal(size=n).cumsum() for n in (40, 33)]
L, H, ORIGIN = 5, 3, 20


def honest(panel, origin):
    """Mean and spread of the past, and the last value of each series scaled by them."""
    past = panel.parts(0, origin)
    ends = past.starts[1:] - 1
    mean, spread = np.nanmean(past.targets), np.nanstd(past.targets)
    return {"forecast": (past.targets[ends] - mean) / spread, "constants": (mean, spread)}


def scaler_over_all_rows(panel, origin):
    past = panel.parts(0, origin)
    return {"forecast": past.targets[past.starts[1:] - 1] - np.nanmean(panel.targets)}


def back_fill(panel, origin):
    values = panel.targets[panel.rows(0), 0].copy()
    values[10:14] = np.nan
    gaps = np.flatnonzero(np.isnan(values[:origin]))
    for t in gaps[::-1]:
        values[t] = values[t + 1]
    values[origin - 1] = values[origin - 1] if origin - 1 not in gaps else values[origin]
    return {"forecast": values[origin - 4 : origin]}


def centred_mean(panel, origin):
    return {
        "forecast": np.convolve(panel.targets[panel.rows(0), 0], np.ones(3) / 3, "same")[:origin]
    }


def target_as_covariate(panel, origin):
    ahead = panel.targets[panel.rows(0), 0][origin : origin + H]
    return {"forecast": ahead * 0.5 + 1}


def batch_wide_normalisation(panel, origin):
    values = panel.targets[panel.rows(0), 0]
    windows = np.stack([values[t - L : t] for t in (origin - 2, origin, origin + 2)])
    return {"forecast": ((windows - windows.mean()) / windows.std())[1, -1:]}


def shuffled_split(panel, origin):
    values = panel.targets[panel.rows(0), 0]
    rows = np.random.default_rng(0).permutation(len(values) - 1)[:10]
    slope = np.polyfit(values[rows], values[rows + 1], 1)
    return {"forecast": np.polyval(slope, values[origin - 1 : origin]), "constants": slope}


LEAKS = {
    scaler_over_all_rows: "series '0', row",
    back_fill: "series '0', row 20",
    centred_mean: "series '0', row 20",
    target_as_covariate: "series '0', row 2[0-2]",
    batch_wide_normalisation: "series '0', row 2[01]",
    shuffled_split: "series '0', row",
}


def test_an_honest_pipeline_passes():
    assert prove_no_look_ahead(honest, SERIES, [10, ORIGIN]) == 2 * 3 * 3


@pytest.mark.parametrize("leak", LEAKS)
def test_a_planted_leak_is_caught_and_its_place_named(leak):
    origin = 14 if leak is back_fill else ORIGIN
    place = LEAKS[leak].replace("20", str(origin)) if leak is back_fill else LEAKS[leak]
    with pytest.raises(LookAheadError, match=rf"after origin {origin}: on {place}.*column 'y'"):
        prove_no_look_ahead(leak, SERIES, [origin])


def test_the_series_and_the_column_of_a_past_covariate_are_named():
    columns = Columns(past=("wind",))
    table = {"ds": [*range(9)] * 2, "y": RNG.normal(size=18), "wind": RNG.normal(size=18)}
    table["unique_id"] = ["a"] * 9 + ["b"] * 9

    def leak(panel, origin):
        return panel.past[panel.rows(1)][origin + 1]

    with pytest.raises(LookAheadError, match="on series 'b', row 6, column 'wind'"):
        prove_no_look_ahead(leak, table, [5], columns)


def test_known_covariates_may_be_read_ahead():
    table = {"ds": range(9), "y": RNG.normal(size=9), "k": RNG.normal(size=9)}
    columns = Columns(known=("k",))

    def reads_known(panel, origin):
        return panel.known[origin : origin + 2]

    assert prove_no_look_ahead(reads_known, table, [5], columns) == 3


def test_what_fails_on_missing_values_has_read_them():
    def fails(panel, origin):
        if np.isnan(panel.targets).any():
            raise ValueError("NaN!")
        return panel.targets[:origin]

    with pytest.raises(LookAheadError, match=r"pipeline, which fails with ValueError: NaN!"):
        prove_no_look_ahead(fails, SERIES, [ORIGIN])


def test_nothing_and_chance_are_refused():
    with pytest.raises(ValueError, match=r"Received: none"):
        prove_no_look_ahead(lambda panel, origin: [], SERIES, [ORIGIN])
    with pytest.raises(ValueError, match="arrays of numbers"):
        prove_no_look_ahead(lambda panel, origin: None, SERIES, [ORIGIN])
    for origins in ([], [500], [2.5], [0]):
        with pytest.raises(ValueError, match="`origins` must be rows"):
            prove_no_look_ahead(honest, SERIES, origins)
    with pytest.raises(ValueError, match="must return the same for the same data"):
        prove_no_look_ahead(lambda panel, origin: np.random.normal(), SERIES, [ORIGIN])


@pytest.mark.parametrize(
    ("name", "options"),
    [("zeng_2023", {}), ("salinas_2020", {"units": 3, "layers": 1, "path_count": 4})],
)
def test_a_forecaster_that_is_fitted_and_trained_passes_and_one_adapted_to_all_rows_does_not(
    name, options
):
    def pipeline(panel, origin, adapted_to=None):
        past = panel.parts(0, origin)
        windows = ForecastWindows(L, H)
        windows.adapt(adapted_to or past)
        keras.utils.set_random_seed(0)
        forecaster = FORECASTERS[name](windows, **options)
        forecaster.compile(Adam(1e-2), run_eagerly=True)
        forecaster.fit(past, epochs=1, batch_size=16, verbose=0)
        return {"forecast": forecaster.forecast(past), "weights": forecaster.get_weights()}

    assert prove_no_look_ahead(pipeline, SERIES, [ORIGIN]) > 0
    with pytest.raises(LookAheadError, match="after origin 20"):
        prove_no_look_ahead(lambda p, o: pipeline(p, o, adapted_to=p), [SERIES[0][:23]], [ORIGIN])
