"""What faults and hostile files do to seqzoo; one sub-command for each bar.

    python benchmarks/faults.py flips --format preset --count 5000
    python benchmarks/faults.py hostile --count 500
    python benchmarks/faults.py kills --count 50

Each prints one JSON object, and ends with status 1 where its bar is missed.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import Any


def flips(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Flips one bit of a file, reads it, and puts it back: so many times for each format."""
    from flipped_bits import FORMATS, flip

    names = [arguments.format] if arguments.format else list(FORMATS)
    counts = {name: dict(flip(name, arguments.count, arguments.seed)) for name in names}
    return counts, all(not each["silent"] and not each["other errors"] for each in counts.values())


def hostile(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Loads presets whose configs were changed by somebody who means harm."""
    from hostile_configs import try_all

    found = try_all(arguments.count, arguments.seed)
    return found, not found["breaches"]


def kills(arguments: argparse.Namespace) -> tuple[dict[str, Any], bool]:
    """Kills processes that train at random moments, resumes them, and looks at what they leave."""
    from killed_runs import kill_runs

    found = kill_runs(arguments.count, arguments.seed)
    return found, not found["wrong"]


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

    arguments = parser.parse_args(given)
    found, reached = arguments.run(arguments)
    print(json.dumps(found))
    return 0 if reached else 1


if __name__ == "__main__":
    sys.exit(main())
