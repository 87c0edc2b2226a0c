"""Searches: they know a step function and no model."""

import dataclasses
import typing
from typing import Any

from seqzoo.search.beam import BeamSearch
from seqzoo.search.constraints import CONSTRAINTS, Constraint
from seqzoo.search.greedy import Greedy
from seqzoo.search.hypotheses import Hypotheses
from seqzoo.search.options import ExampleOptions, PerSource
from seqzoo.search.rollout import rollout
from seqzoo.search.sample import Sample
from seqzoo.search.step import SharedCache, Step

SEARCHES: dict[str, type] = {"greedy": Greedy, "beam": BeamSearch, "sample": Sample}
"""The searches by name."""

_KINDS = {**SEARCHES, "per_source": PerSource, **CONSTRAINTS}
_NAMES = {kind: name for name, kind in _KINDS.items()}


def search_to_config(value: Any) -> Any:
    """Returns a search, or what stands in one, as a dict with its `kind` and its options.

    Example:
        >>> config = sz.search.search_to_config(sz.Greedy(max_length=20))
        >>> config["kind"], sz.search.search_from_config(config) == sz.Greedy(max_length=20)
        ('greedy', True)
    """
    if dataclasses.is_dataclass(value):
        options = {field.name: getattr(value, field.name) for field in dataclasses.fields(value)}
        plain = {name: search_to_config(option) for name, option in options.items()}
        return {"kind": _NAMES[type(value)], **plain}
    return [search_to_config(part) for part in value] if isinstance(value, tuple) else value


def search_from_config(value: Any) -> Any:
    """Returns what `search_to_config` was given.

    Raises:
        ValueError: if it is no such config: a kind or an option is unknown, or of another type.

    Example:
        >>> sz.search.search_from_config({"kind": "greedy", "max_length": 20})
        Greedy(max_length=20, constraints=())
    """
    if isinstance(value, dict):
        options = {name: search_from_config(option) for name, option in value.items()}
        name = options.pop("kind", None)
        kind = _KINDS.get(name) if isinstance(name, str) else None
        if kind is None:
            raise ValueError(f"Unknown kind of search {name!r}. Known: {', '.join(_KINDS)}.")
        _check_types(name, kind, options)
        return kind(**options)
    return tuple(map(search_from_config, value)) if isinstance(value, (list, tuple)) else value


def _check_types(name: str, kind: type, options: dict[str, Any]) -> None:
    types = typing.get_type_hints(kind)
    for option, value in options.items():
        if option not in types or not _is_of_type(value, types[option]):
            raise ValueError(
                f"A config of a search is wrong: {name} has {option}={str(value)[:40]!r}."
            )


def _is_of_type(value: Any, hint: Any) -> bool:
    """Whether an option is of the type of its field."""
    origin, parts = typing.get_origin(hint), typing.get_args(hint)
    if origin is typing.Literal:
        return isinstance(value, str) and value in parts
    if origin is tuple:
        return isinstance(value, tuple) and all(_is_of_type(each, parts[0]) for each in value)
    if parts:
        return any(_is_of_type(value, part) for part in parts)
    if hint is Constraint:
        return isinstance(value, tuple(CONSTRAINTS.values()))
    kinds = (int, float) if hint is float else hint
    return isinstance(value, kinds) and not isinstance(value, bool)


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
    "rollout",
    "search_from_config",
    "search_to_config",
]
