"""What faults and hostile files do to seqzoo; one sub-command for each bar.

    python benchmarks/faults.py flips --format preset --count 5000
    python benchmarks/faults.py hostile --count 500
    python benchmarks/faults.py kills --count 50
    python benchmarks/faults.py disk
    python benchmarks/faults.py long-rows --size 1000000
    python benchmarks/faults.py searches --count 100
    python benchmarks/faults.py lines --size 67108864
    python benchmarks/faults.py load --minutes 60

Each prints one JSON object, and ends with status 1 where its bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any


def flips(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Flips one bit of a file, reads it, and puts it back: so many times for each format."""
    from flipped_bits import FORMATS, flip

    names = [arguments.format] if arguments.format else list(FORMATS)
    counts = {name: dict(flip(name, arguments.count, arguments.seed)) for name in names}
    return counts, all(not each["silent"] and not each["other errors"] for each in counts.values())


def hostile(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Loads presets and published models whose configs somebody changed who means harm."""
    from hostile_configs import try_all, try_published

    models = Path(__file__).parents[1] / "tests" / "importing" / "golden"
    found = {
        "tasks": try_all(arguments.count, arguments.seed),
        "published": try_published(arguments.count, arguments.seed, models),
    }
    return found, not any(each["breaches"] for each in found.values())


def kills(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Kills processes that train at random moments, resumes them, and looks at what they leave."""
    from killed_runs import kill_runs

    found = kill_runs(arguments.count, arguments.seed)
    return found, not found["wrong"]


def long_rows(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Serves 63 short rows with a long one, by each family's export."""
    from bounded_work import long_rows as measure

    found = measure(arguments.size)
    return found, all(
        each["times"] <= 3 and each["megabytes"] <= 500 and each["others_the_same"]
        for each in found.values()
    )


def searches(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Generates with distinct searches on one task."""
    from bounded_work import searches as measure

    found = measure(arguments.count)
    return found, found["megabytes"] <= 300


def lines(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Reads a long line as `predict` does."""
    from bounded_work import lines as measure

    found = measure(arguments.size)
    return found, found["seconds_whole"] < 2 and len(found["told"]) == 2


def disk(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Writes where no file may be longer than a limit, for every limit in steps of 4 KB."""
    from full_disks import WRITERS, fill_disks

    names = [arguments.writer] if arguments.writer else list(WRITERS)
    found = fill_disks(names, arguments.count, arguments.seed)
    return found, not any(each["wrong"] for each in found.values())


def load(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Sends good and bad rows to the exports of every family, from several clients at once."""
    from mixed_load import load as measure

    def tell(text: str) -> None:
        print(text, file=sys.stderr, flush=True)

    found = measure(arguments.minutes, arguments.clients, arguments.seed, tell)
    return found, not (found["unexpected"] or found["different"]) and found["growth"] <= 5


def main(given: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True)

    command = commands.add_parser("flips", help=flips.__doc__)
    command.add_argument("--format", help="of all if none is given")
    command.add_argument("--count", type=int, default=5000)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=flips)

    command = commands.add_parser("hostile", help=hostile.__doc__)
    command.add_argument("--count", type=int, default=500)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=hostile)

    command = commands.add_parser("kills", help=kills.__doc__)
    command.add_argument("--count", type=int, default=50)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=kills)

    command = commands.add_parser("long-rows", help=long_rows.__doc__)
    command.add_argument("--size", type=int, default=1_000_000)
    command.set_defaults(run=long_rows)

    command = commands.add_parser("searches", help=searches.__doc__)
    command.add_argument("--count", type=int, default=100)
    command.set_defaults(run=searches)

    command = commands.add_parser("lines", help=lines.__doc__)
    command.add_argument("--size", type=int, default=64 << 20)
    command.set_defaults(run=lines)

    command = commands.add_parser("disk", help=disk.__doc__)
    command.add_argument("--writer", help="of all if none is given")
    command.add_argument("--count", type=int, help="limits of each, drawn at random; all if none")
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=disk)

    command = commands.add_parser("load", help=load.__doc__)
    command.add_argument("--minutes", type=float, default=60)
    command.add_argument("--clients", type=int, default=8)
    command.add_argument("--seed", type=int, default=0)
    command.set_defaults(run=load)

    arguments = parser.parse_args(given)
    found, reached = arguments.run(arguments)
    print(json.dumps(found))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
