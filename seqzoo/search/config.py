"""Searches as plain values, for files."""

import dataclasses
from typing import Any

from seqzoo.search.beam import BeamSearch
from seqzoo.search.constraints import CONSTRAINTS
from seqzoo.search.greedy import Greedy
from seqzoo.search.rows import PerSource
from seqzoo.search.sample import Sample

_KINDS = {
    "greedy": Greedy,
    "beam": BeamSearch,
    "sample": Sample,
    "per_source": PerSource,
    **CONSTRAINTS,
}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def search_to_config(value: Any) -> Any:
    """Returns a search, or what stands in one, as a dict with its `kind` and its options."""
    if dataclasses.is_dataclass(value):
        options = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        shown = {name: search_to_config(option) for name, option in options.items()}
        return {"kind": _NAMES[type(value)], **shown}
    return [search_to_config(part) for part in value] if isinstance(value, tuple) else value


def search_from_config(value: Any) -> Any:
    """Returns what `search_to_config` was given."""
    if isinstance(value, dict):
        options = {name: search_from_config(option) for name, option in value.items()}
        return _KINDS[options.pop("kind")](**options)
    return tuple(map(search_from_config, value)) if isinstance(value, (list, tuple)) else value
