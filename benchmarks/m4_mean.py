"""The scores of M4 of each of several runs of the recipe, and of the mean of their forecasts.

for seed in 0 1 2; do seqzoo train m4_hourly --data DIR --seed $seed; done
python benchmarks/m4_mean.py --data DIR runs/m4_hourly-0 runs/m4_hourly-1 runs/m4_hourly-2
"""

import argparse
import json
from pathlib import Path

import seqzoo as sz
from seqzoo.recipe import load_recipe
from seqzoo.tasks import MeanForecaster

RECIPE = Path(__file__).parents[1] / "recipes/forecasting/m4_hourly.py"
NAMES = ("owa", "smape", "mase", "msis", "coverage_95", "coverage_80")


def main(arguments: list[str] | None = None) -> None:
    """Prints a line of JSON for each run, and one for the mean of all."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("runs", nargs="+", type=Path)
    parser.add_argument("--data", type=Path, help="the folder of M4's files")
    options = parser.parse_args(arguments)
    recipe = load_recipe(RECIPE)
    panel = recipe.load_splits(options.data)["test"]
    members = [sz.from_preset(str(run / "preset")) for run in options.runs]
    rows = {run.name: member for run, member in zip(options.runs, members, strict=True)}
    for name, forecaster in (rows | {"mean": MeanForecaster(members)}).items():
        scores = recipe.report(forecaster, panel)
        print(json.dumps({"run": name, **{each: round(scores[each], 4) for each in NAMES}}))


if __name__ == "__main__":
    main()
