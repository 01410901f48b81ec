"""Pure. `foreach` and `matrix`: one declaration -> its items, each with the name behind `@` and the values it sets.

The rules are DVC's. `foreach` goes over a list or a mapping; `item` is the value and, for a mapping, `key` its key. A
list of plain values names its stages by them, a list that holds a list or mapping by position. `matrix` makes every
combination of its axes; `item` is the mapping of axis to value and `key` the name: the values joined by `-`, a list or
mapping among them as the axis with its position (`conf0`).
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product

from ..dataclass import dataclass
from .findings import Findings
from .model import Value
from .nodes import Mapping, Node, Scalar, kind, to_value, whole
from .template import Templates, has_template, rendered

RESERVED = frozenset(("item", "key"))
MOST_ITEMS = 100_000


@dataclass(frozen=True, slots=True)
class Item:
    """One stage of a group: what stands behind `@`, and what `${}` can name besides."""

    name: str
    values: dict[str, Value]


@dataclass(frozen=True, slots=True)
class Group:
    """The items of a declaration. `body` is the stage that each of them makes; `own`: their values stand in the
    pipeline file itself.
    """

    body: Mapping
    items: tuple[Item, ...]
    own: bool


def expand(key: Scalar, node: Mapping, templates: Templates) -> Group | None:
    """Return the group that `node`, a stage with `foreach` or `matrix`, declares; None after mistakes were noted."""
    findings = templates.findings
    matrix, foreach = node.get("matrix"), node.get("foreach")
    if matrix is not None and (foreach is not None or node.get("do") is not None):
        findings.add(
            "CF126", f"stage `{key.text}` has `matrix` beside `foreach`", node.key("matrix"), "keep one of them"
        )
        return None
    axes = matrix if matrix is not None else foreach
    do = node.get("do")
    if axes is None:
        findings.add("CF116", f"stage `{key.text}` has `do` and no `foreach`", node.key("do"), "foreach: [...]")
        return None
    if matrix is None and do is None:
        findings.add("CF116", f"stage `{key.text}` has `foreach` and no `do`", node.key("foreach"), "do: {cmd: ...}")
        return None
    for other in [name for name in node.names() if matrix is None and name not in ("foreach", "do")]:
        message = f"`{other}` stands beside `foreach` in stage `{key.text}`"
        findings.add("CF110", message, node.key(other), "put it under `do`")
    body: Node | None = do if matrix is None else _without(node, "matrix")
    if not isinstance(body, Mapping):
        findings.add("CF111", f"`do` takes a mapping, not {kind(body) if body else 'nothing'}", body or key)
        return None
    resolved = templates.resolve(axes)
    if not whole(resolved):
        return None
    value = to_value(resolved)
    items = _matrix(value, axes, findings) if matrix is not None else _foreach(value, axes, findings)
    return None if items is None else Group(body, items, own=not has_template(axes))


def _without(node: Mapping, name: str) -> Mapping:
    return Mapping(node.line, node.column, node.length, [pair for pair in node.pairs if pair[0].text != name])


def _foreach(value: Value, node: Node, findings: Findings) -> tuple[Item, ...] | None:
    match value:
        case dict():
            return tuple(Item(name, {"item": each, "key": name}) for name, each in value.items())
        case list() if any(isinstance(each, list | dict) for each in value):
            return tuple(Item(str(i), {"item": each}) for i, each in enumerate(value))
        case list():
            named = {_name(each): each for each in value}
            return tuple(Item(name, {"item": each}) for name, each in named.items())
        case _:
            findings.add(
                "CF111", "`foreach` takes a list or a mapping", node, "foreach: [a, b], or ${a.list.of.params}"
            )
            return None


def _matrix(value: Value, node: Node, findings: Findings) -> tuple[Item, ...] | None:
    if not isinstance(value, dict):
        findings.add("CF111", "`matrix` takes a mapping of axes", node, "matrix: {size: [1, 2], kind: [a, b]}")
        return None
    axes: dict[str, list[Value]] = {}
    total = 1
    for axis, each in value.items():
        if not isinstance(each, list | dict):
            where = node.get(axis) if isinstance(node, Mapping) else None
            findings.add("CF111", f"the axis `{axis}` of `matrix` takes a list", where or node, f"{axis}: [...]")
            return None
        axes[axis] = list(each)
        total *= len(axes[axis])
    if total > MOST_ITEMS:
        findings.add("CF108", f"`matrix` makes {total:,} stages; the limit is {MOST_ITEMS:,}", node)
        return None
    found: dict[str, Item] = {}
    for chosen in product(*(enumerate(values) for values in axes.values())):
        item: dict[str, Value] = dict(zip(axes, (each for _, each in chosen), strict=True))
        name = "-".join(_fragments(axes, chosen))
        found[name] = Item(name, {"item": item, "key": name})
    return tuple(found.values())


def _fragments(axes: dict[str, list[Value]], chosen: tuple[tuple[int, Value], ...]) -> Iterator[str]:
    for axis, (position, value) in zip(axes, chosen, strict=True):
        yield f"{axis}{position}" if isinstance(value, list | dict) else _name(value)


def _name(value: Value) -> str:
    assert not isinstance(value, list | dict)
    return rendered(value)
