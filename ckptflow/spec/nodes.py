"""Pure. The tree of a YAML text as values with positions; what every checker of this room walks.

Not frozen, only because freezing triples the cost of making a node, and a pipeline of 2,000 stages has 50,000: nobody
changes a node after its composer has finished it. Depth is bounded by the composer, so walks may recurse.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeAlias

from ..dataclass import dataclass
from .model import Value


@dataclass(slots=True, eq=False)
class Scalar:
    """One value. `text` is the text between quotes or as it stands; lines and columns from 1, `length` in columns."""

    line: int
    column: int
    length: int
    value: None | bool | int | float | str
    text: str


@dataclass(slots=True, eq=False)
class Sequence:
    """A list."""

    line: int
    column: int
    length: int
    items: list[Node]


@dataclass(slots=True, eq=False)
class Mapping:
    """A mapping in the order of the text, merge keys resolved, no key twice."""

    line: int
    column: int
    length: int
    pairs: list[tuple[Scalar, Node]]

    def get(self, name: str) -> Node | None:
        """Return what stands under `name`, or None."""
        return next((node for key, node in self.pairs if key.text == name), None)

    def key(self, name: str) -> Scalar | None:
        """Return the key `name` itself, for its place, or None."""
        return next((key for key, _ in self.pairs if key.text == name), None)

    def names(self) -> Iterator[str]:
        """Yield the keys as texts."""
        return (key.text for key, _ in self.pairs)


@dataclass(slots=True, eq=False)
class Blank:
    """What could not be resolved; it was reported where that was noticed."""

    line: int
    column: int
    length: int


Node: TypeAlias = Scalar | Sequence | Mapping | Blank


def kind(node: Node) -> str:
    """Return what `node` is, in the words of messages."""
    match node:
        case Sequence():
            return "list"
        case Mapping():
            return "mapping"
        case Blank():
            return "unknown"
        case Scalar(value=None):
            return "nothing"
        case Scalar(value=bool()):
            return "flag"
        case Scalar(value=int()):
            return "whole number"
        case Scalar(value=float()):
            return "number"
        case Scalar():
            return "text"


def to_value(node: Node) -> Value:
    """Return `node` as a plain value. Keys become texts as they are written, as in JSON."""
    match node:
        case Scalar():
            return node.value
        case Sequence():
            return [to_value(item) for item in node.items]
        case Mapping():
            return {key.text: to_value(item) for key, item in node.pairs}
        case Blank():
            raise AssertionError("a blank node has no value; callers check with `whole` first")


def whole(node: Node) -> bool:
    """Tell whether nothing in `node` is blank."""
    match node:
        case Scalar():
            return True
        case Sequence():
            return all(whole(item) for item in node.items)
        case Mapping():
            return all(whole(item) for _, item in node.pairs)
        case Blank():
            return False


def from_value(value: Value, at: Node) -> Node:
    """Return `value` as a node that stands where `at` stands: what a template was replaced with."""
    line, column, length = at.line, at.column, at.length
    match value:
        case list():
            return Sequence(line, column, length, [from_value(item, at) for item in value])
        case dict():
            pairs = [(Scalar(line, column, length, name, name), from_value(v, at)) for name, v in value.items()]
            return Mapping(line, column, length, pairs)
        case _:
            return Scalar(line, column, length, value, scalar_text(value))


def scalar_text(value: None | bool | int | float | str) -> str:
    """Return a scalar as text: `true` and `false` for booleans, nothing for null, numbers as Python writes them."""
    match value:
        case None:
            return ""
        case bool():
            return "true" if value else "false"
        case _:
            return str(value)
