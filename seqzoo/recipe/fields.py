"""Fields of settings, set by name from text."""

from __future__ import annotations

import dataclasses
import difflib
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any, Literal, TypeVar, Union

Settings = TypeVar("Settings")

_WORDS = {"true": True, "false": False}


def set_fields(settings: Settings, assignments: Iterable[str]) -> Settings:
    """Returns settings with some fields of their parts replaced.

    Args:
        settings: A dataclass. Those of its fields that hold dataclasses are its parts.
        assignments: Texts such as `"training.epochs=3"`: the name of a part, a point, the name
            of a field, an equals sign and a value of the field's type. `none` stands for None
            where the type allows it.

    Raises:
        ValueError: if a text is no assignment, a field is unknown, or a value is not of its type.
    """
    known = _types(settings)
    changes: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        name, equals, text = assignment.partition("=")
        if not equals:
            raise ValueError(
                f"A setting is written field=value, such as training.epochs=3. "
                f"Received: {assignment!r}."
            )
        if name not in known:
            raise ValueError(f"Unknown field {name!r}.{_hint(name, known)} Known: {_list(known)}.")
        part, field = name.split(".")
        changes.setdefault(part, {})[field] = _parse(name, text, known[name])
    # All of a part at once, as some fields go together only.
    parts = {
        part: dataclasses.replace(getattr(settings, part), **fields)
        for part, fields in changes.items()
    }
    return dataclasses.replace(settings, **parts)  # pyright: ignore[reportArgumentType]


def _types(settings: Any) -> dict[str, Any]:
    """The type of every field of every part, by its full name."""
    parts = {each.name: getattr(settings, each.name) for each in dataclasses.fields(settings)}
    return {
        f"{name}.{field.name}": typing.get_type_hints(type(part))[field.name]
        for name, part in parts.items()
        if dataclasses.is_dataclass(part)
        for field in dataclasses.fields(part)
    }


def _hint(name: str, known: Iterable[str]) -> str:
    """Looks for a near name, or for a part that has a field of a near name."""
    close = difflib.get_close_matches(name, known, n=1)
    if not close:
        by_field = {full.split(".")[1]: full for full in known}
        close = [by_field[near] for near in difflib.get_close_matches(name, by_field, n=1)]
    return f" Did you mean {close[0]!r}?" if close else ""


def _parse(name: str, text: str, field_type: Any) -> Any:
    options = (field_type,)
    if typing.get_origin(field_type) in _UNIONS:
        options = typing.get_args(field_type)
    if type(None) in options and text.lower() == "none":
        return None
    (kind,) = [option for option in options if option is not type(None)]
    if typing.get_origin(kind) is Literal:
        choices = {str(choice): choice for choice in typing.get_args(kind)}
        expected, read = f"one of {_list(choices)}", choices.__getitem__
    else:
        expected, read = _READERS[kind]
    try:
        return read(text)
    except (KeyError, ValueError):
        or_none = " or none" if type(None) in options else ""
        raise ValueError(f"`{name}` must be {expected}{or_none}. Received: {text!r}.") from None


_UNIONS = (Union, types.UnionType)
_READERS: dict[type, tuple[str, Callable[[str], Any]]] = {
    int: ("an integer", int),
    float: ("a number", float),
    bool: ("true or false", lambda text: _WORDS[text.lower()]),
    str: ("text", str),
}


def _list(names: Iterable[str]) -> str:
    return ", ".join(names)
