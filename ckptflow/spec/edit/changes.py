"""Pure. What an edit changes, as data: a few changes of a document, and what each does to plain values.

The second half is what the text is held against: an edit is right if what it wrote, read again, is this.
"""

from __future__ import annotations

from typing import TypeAlias

from ...dataclass import dataclass
from ..model import Value

Path: TypeAlias = tuple[str | int, ...]
"""Keys of mappings and numbers of list items, from the top of the document."""


@dataclass(frozen=True, slots=True)
class Put:
    """The value at `path` becomes `value`; what is missing on the way is made.

    The number after a list's last adds an item. A new key stands where `order` (keys of that mapping) has it, else at
    the end. `apart`: with a blank line before it, where its neighbours have one.
    """

    path: Path
    value: Value
    order: tuple[str, ...] = ()
    apart: bool = False


@dataclass(frozen=True, slots=True)
class Delete:
    """The key or item at `path` goes, with the comments that belong to it."""

    path: Path


@dataclass(frozen=True, slots=True)
class Rename:
    """The key at `path` gets another name and stays where it is."""

    path: Path
    key: str


Change: TypeAlias = Put | Delete | Rename


def look_up(data: Value, path: Path) -> Value:
    """Return the value at `path`. Raises LookupError."""
    for step in path:
        match data, step:
            case dict(), str():
                data = data[step]
            case list(), int():
                data = data[step]
            case _:
                raise LookupError(step)
    return data


def changed(data: Value, change: Change) -> Value:
    """Return what `data` is after `change`; `data` itself stays as it is. Raises LookupError where it cannot be."""
    match change:
        case Put(path, value):
            return _put(data, path, value)
        case Delete(path):
            return _deleted(data, path)
        case Rename(path, key):
            return _renamed(data, path, key)


def _put(data: Value, path: Path, value: Value) -> Value:
    if not path:
        return value
    step, rest = path[0], path[1:]
    match data, step:
        case None, str():
            return {step: _put(None, rest, value)}
        case None, 0:
            return [_put(None, rest, value)]
        case dict(), str():
            return {**data, step: _put(data.get(step), rest, value)}
        case list(), int() if step <= len(data):
            inner = _put(data[step] if step < len(data) else None, rest, value)
            return [*data[:step], inner, *data[step + 1 :]]
        case _:
            raise LookupError(step)


def _deleted(data: Value, path: Path) -> Value:
    step, rest = path[0], path[1:]
    match data, step:
        case dict(), str():
            if rest:
                return {**data, step: _deleted(data[step], rest)}
            look_up(data, path)
            return {key: value for key, value in data.items() if key != step}
        case list(), int():
            inner = [_deleted(data[step], rest)] if rest else []
            return [*data[:step], *inner, *data[step + 1 :]]
        case _:
            raise LookupError(step)


def _renamed(data: Value, path: Path, name: str) -> Value:
    step, rest = path[0], path[1:]
    match data, step:
        case dict(), str() if rest:
            return {**data, step: _renamed(data[step], rest, name)}
        case list(), int() if rest:
            return [*data[:step], _renamed(data[step], rest, name), *data[step + 1 :]]
        case dict(), str() if step in data:
            return {name if key == step else key: value for key, value in data.items()}
        case _:
            raise LookupError(step)


def same(one: Value, other: Value) -> bool:
    """Tell whether two values are the same: types count (1 is not true), the order of keys does not, NaN is NaN."""
    match one, other:
        case dict(), dict():
            return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
        case list(), list():
            return len(one) == len(other) and all(map(same, one, other))
        case _:
            return type(one) is type(other) and (one == other or repr(one) == repr(other))
