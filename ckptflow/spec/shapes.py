"""Pure. What a value in a pipeline file may look like, as data with two readers: `conform` and `schema`.

One description is walked twice, so the check at run time and the JSON Schema that editors use cannot disagree. A shape
says what stands in one place of the file; what a place must mean together with others (a dep that exists, one out a
stage) is checked where stages are built.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from ..dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class Text:
    """A text without NUL. `pattern`, if any, is found in it; `says` describes that, `code` is for texts without it."""

    says: str = "a text"
    pattern: str | None = None
    code: str = "CF113"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words; `later` are words of the language that this version does not do yet."""

    words: tuple[str, ...]
    later: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Count:
    """A whole number of at least `least`."""

    least: int


@dataclass(frozen=True, slots=True)
class Size:
    """Bytes: a whole number, or a text such as `64MiB`."""


@dataclass(frozen=True, slots=True)
class Duration:
    """Time: seconds as a number above 0, or a text such as `3h50m`."""


@dataclass(frozen=True, slots=True)
class Single:
    """A text, number or boolean: what an environment variable can hold."""


@dataclass(frozen=True, slots=True)
class Nothing:
    """No value: `key:` with nothing behind it."""


@dataclass(frozen=True, slots=True)
class Anything:
    """Any value."""


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of at least `least` items of one shape."""

    item: Shape
    least: int = 0


@dataclass(frozen=True, slots=True)
class Pairs:
    """A mapping from names that users choose to values of one shape; exactly `size` of them if it is not None. Names
    in `known` have a shape of their own.
    """

    value: Shape
    key: Text = Text()
    least: int = 0
    size: int | None = None
    known: Mapping[str, Shape] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Field:
    """One key of a record. `later`: part of the language, not done by this version."""

    name: str
    shape: Shape
    doc: str
    required: bool = False
    later: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A mapping with known keys. `what` names it in messages (`stage`); of the keys `one_of` exactly one is given."""

    what: str
    fields: Mapping[str, Field]
    one_of: tuple[str, ...] = ()


def record(what: str, *fields: Field, one_of: tuple[str, ...] = ()) -> Record:
    """Return the record of these fields, in their order."""
    return Record(what, {field.name: field for field in fields}, one_of)


@dataclass(frozen=True, slots=True)
class Either:
    """One of several shapes, told apart by the kind of node they take (`by_kind`); made by `either`."""

    options: tuple[Shape, ...]
    by_kind: Mapping[str, Shape]


@dataclass(frozen=True, slots=True)
class Deferred:
    """A shape that the schema shows and that is checked later, after templates have been resolved. A mapping that has
    the key of a pair in `cases` has that shape instead.
    """

    shape: Shape
    cases: tuple[tuple[str, Shape], ...] = ()


@dataclass(frozen=True, slots=True)
class Plain:
    """A shape in which `${}` has no meaning: its text is taken as it is."""

    shape: Shape


Shape: TypeAlias = (
    Text
    | Choice
    | Flag
    | Count
    | Size
    | Duration
    | Single
    | Nothing
    | Anything
    | ListOf
    | Pairs
    | Record
    | Either
    | Deferred
    | Plain
)

_SCALARS = frozenset(("text", "whole number", "number", "flag"))
_KINDS: dict[type, frozenset[str]] = {
    Text: frozenset(("text",)),
    Choice: frozenset(("text",)),
    Flag: frozenset(("flag",)),
    Count: frozenset(("whole number",)),
    Size: frozenset(("text", "whole number")),
    Duration: frozenset(("text", "whole number", "number")),
    Single: _SCALARS,
    Nothing: frozenset(("nothing",)),
    Anything: _SCALARS | {"nothing", "list", "mapping"},
    ListOf: frozenset(("list",)),
    Pairs: frozenset(("mapping",)),
    Record: frozenset(("mapping",)),
}


def kinds(shape: Shape) -> frozenset[str]:
    """Return the kinds of node (`nodes.kind`) that `shape` can take."""
    match shape:
        case Either():
            return frozenset(shape.by_kind)
        case Deferred(shape=inner) | Plain(inner):
            return kinds(inner)
        case _:
            return _KINDS[type(shape)]


def either(*options: Shape) -> Either:
    """Return the shape that is one of `options`; of two that take the same kind the first counts."""
    return Either(options, {kind: option for option in reversed(options) for kind in kinds(option)})


def says(shape: Shape) -> str:
    """Return what `shape` asks for, in the words of messages: "a whole number of at least 1"."""
    match shape:
        case Text():
            return shape.says
        case Choice(words):
            return "one of " + ", ".join(f"`{word}`" for word in words)
        case Flag():
            return "true or false"
        case Count(least):
            return f"a whole number of at least {least}"
        case Size():
            return "a size such as 64MiB or 10kB"
        case Duration():
            return "a duration such as 90s, 5m or 3h50m"
        case Single():
            return "a text, a number, true or false"
        case Nothing():
            return "nothing"
        case Anything():
            return "any value"
        case ListOf():
            return "a list"
        case Pairs() | Record():
            return "a mapping"
        case Either(options):
            return " or ".join(dict.fromkeys(says(option) for option in options))
        case Deferred(shape=inner) | Plain(inner):
            return says(inner)
