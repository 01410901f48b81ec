"""Pure. Nested values as one level of dotted names, and how two such levels differ.

A list counts as one value, shown as its text; an empty mapping is nothing. A name that is not there and one that is
null are the same: a report can say no more of either than that there is no value.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from ..dataclass import dataclass
from ..spec.model import Value
from ..spec.nodes import scalar_text

Scalar: TypeAlias = None | bool | int | float | str


@dataclass(frozen=True, slots=True)
class Change:
    """One value in two versions; None where there is none."""

    old: Scalar
    new: Scalar

    @property
    def diff(self) -> int | float | None:
        """New minus old where both are numbers."""
        if isinstance(self.old, int | float) and isinstance(self.new, int | float):
            return self.new - self.old
        return None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form, that of DVC."""
        doc: dict[str, Any] = {"old": self.old, "new": self.new}
        return doc if self.diff is None else {**doc, "diff": self.diff}


Changes: TypeAlias = dict[str, dict[str, Change]]
"""By file, then by name, both sorted."""


def flatten(value: Value, prefix: str = "") -> dict[str, Scalar]:
    """Return the values in `value` by dotted name; one that is no mapping stands under `prefix` itself."""
    return dict(_flat(value, prefix))


def _flat(value: Value, prefix: str) -> Iterator[tuple[str, Scalar]]:
    match value:
        case dict():
            for name, each in value.items():
                yield from _flat(each, f"{prefix}.{name}" if prefix else name)
        case list():
            yield prefix, list_text(value)
        case _:
            yield prefix, value


def list_text(value: list[Value]) -> str:
    """Return a list as text, `[1, 2, 'a']`, as DVC has it."""
    return str(value)


def numbers_and_texts(value: Value) -> Value:
    """Return what of `value` is a metric: numbers, booleans and texts, in mappings. None where there is nothing."""
    match value:
        case dict():
            found: dict[str, Value] = {}
            for name, each in value.items():
                metric = numbers_and_texts(each)
                if metric is not None:
                    found[name] = metric
            return found or None
        case list():
            return None
        case _:
            return value


def compare(old: Mapping[str, Value], new: Mapping[str, Value], *, unchanged: bool = False) -> Changes:
    """Return how the values of files differ, by file and name; with `unchanged`, all of them."""
    found: Changes = {}
    for file in sorted(old.keys() | new.keys()):
        before, after = (flatten(each[file]) if each.get(file) is not None else {} for each in (old, new))
        changes = {
            name: Change(before.get(name), after.get(name))
            for name in sorted(before.keys() | after.keys())
            if unchanged or not _same(before.get(name), after.get(name))
        }
        if changes:
            found[file] = changes
    return found


def _same(old: Scalar, new: Scalar) -> bool:
    """Equal as Python has it, so that 1 and 1.0 do not differ, but for NaN, which is no change either."""
    return old == new or (old != old and new != new)


def shown(value: Scalar, precision: int | None = None) -> str:
    """Return a value as reports show it: `-` for none, decimals rounded to `precision` places."""
    match value:
        case None:
            return "-"
        case float() if precision is not None:
            return str(round(value, precision))
        case _:
            return scalar_text(value)
