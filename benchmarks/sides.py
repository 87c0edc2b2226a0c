"""Processes that measure when they are told to, and the figures of several that take turns."""

from __future__ import annotations

import json
import statistics
import subprocess
from pathlib import Path
from typing import Any


class Side:
    """A process that takes commands as JSON lines and answers each by one."""

    def __init__(self, command: list[str], log: Path):
        self.log = log
        self.process = subprocess.Popen(
            command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=log.open("w"),
            text=True,
        )
        self.description = self._answer()

    def do(self, what: str, **arguments: Any) -> dict[str, Any]:
        print(json.dumps({"do": what, **arguments}), file=self.process.stdin, flush=True)
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        line = self.process.stdout.readline()
        answer = json.loads(line) if line else {"error": "the process ended"}
        if "error" in answer:
            raise RuntimeError(f"{answer['error']}; see {self.log}")
        return answer


def medians(values: dict[str, list[float]]) -> dict[str, float]:
    """Returns the median of each side."""
    return {name: statistics.median(found) for name, found in values.items()}
