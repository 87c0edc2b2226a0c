"""Searches: they know a step function and no model."""

import dataclasses
from typing import Any

from seqzoo.search.beam import BeamSearch
from seqzoo.search.constraints import CONSTRAINTS
from seqzoo.search.greedy import Greedy
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.options import ExampleOptions, PerSource
from seqzoo.search.sample import Sample
from seqzoo.search.step import SharedCache, Step

SEARCHES: dict[str, type] = {"greedy": Greedy, "beam": BeamSearch, "sample": Sample}
"""The searches by name."""

_KINDS = {**SEARCHES, "per_source": PerSource, **CONSTRAINTS}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def search_to_config(value: Any) -> Any:
    """Returns a search, or what stands in one, as a dict with its `kind` and its options."""
    if dataclasses.is_dataclass(value):
        options = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        plain = {name: search_to_config(option) for name, option in options.items()}
        return {"kind": _NAMES[type(value)], **plain}
    return [search_to_config(part) for part in value] if isinstance(value, tuple) else value


def search_from_config(value: Any) -> Any:
    """Returns what `search_to_config` was given."""
    if isinstance(value, dict):
        options = {name: search_from_config(option) for name, option in value.items()}
        return _KINDS[options.pop("kind")](**options)
    return tuple(map(search_from_config, value)) if isinstance(value, (list, tuple)) else value


_OLD_NAMES = {"Rows": ExampleOptions, "Kept": SharedCache}  # for one version


def __getattr__(name: str) -> Any:
    if name in _OLD_NAMES:
        return _OLD_NAMES[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = [
    "SEARCHES",
    "BeamSearch",
    "ExampleOptions",
    "Greedy",
    "Hypotheses",
    "PerSource",
    "Sample",
    "SharedCache",
    "Step",
    "search_from_config",
    "search_to_config",
]
