"""Pure. The fields of a stage: what a dotted name means, and what setting, adding to and taking from one changes.

A key that has dots itself is found because it is there (`outs.data/a.csv.cache`). The fields of a `foreach` stage stand
below its `do`, and are named without it. An entry of a list of places is named by its number or its path; one that is a
bare path becomes a mapping when it gets a flag, and a bare path again when it loses its last one. A list or mapping
that becomes empty goes altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...errors import TargetNotFound
from ..findings import did_you_mean, listed
from ..model import Value
from ..nodes import Scalar, from_value, kind
from ..shapes import kinds
from ..table import STAGE
from .changes import Change, Delete, Path, Put, look_up, same
from .edition import Edition
from .typed import Assignment, Op

_FIRST = ("desc", "foreach", "matrix", "do", "call", "cmd", "args", "wdir", "vars", "deps", "params", "env", "chunk")
ORDER = (*_FIRST, *(name for name in STAGE.fields if name not in _FIRST))
"""The order in which the fields of a stage are written."""

_NOWHERE = Scalar(0, 0, 0, None, "")
_PLACES = ("deps", "outs", "metrics", "plots")
_BESIDE_DO = frozenset(("foreach", "do", "matrix"))


def names(edition: Edition) -> list[str]:
    """Return the names of the stages as they are written; a `foreach` or `matrix` stage counts once."""
    stages = edition.data.get("stages") if isinstance(edition.data, dict) else None
    return list(stages) if isinstance(stages, dict) else []


def assign(edition: Edition, name: str, assignments: Iterable[Assignment]) -> Edition:
    """Set, add to, take from and unset fields of a stage, in this order."""
    require(edition, name)
    for each in assignments:
        edition = edition.made(*_changes(edition, name, each))
    return edition


def home_of(edition: Edition, name: str) -> Path:
    """Return where the fields of a stage stand. Raises TargetNotFound."""
    require(edition, name)
    stage = look_up(edition.data, ("stages", name))
    return ("stages", name, "do") if isinstance(stage, dict) and "foreach" in stage else ("stages", name)


def require(edition: Edition, name: str) -> None:
    known = names(edition)
    if name in known:
        return
    group = name.partition("@")[0]
    if group in known:
        hint = f"the stages of a group are written as one: `{group}`"
    else:
        hint = did_you_mean(name, known) or (
            f"stages are {listed(known)}" if known else f"{edition.file} has no stages"
        )
    raise TargetNotFound(name, hint=hint)


def value_at(edition: Edition, path: Path) -> Value:
    """Return what is at `path`; None where nothing is."""
    try:
        return look_up(edition.data, path)
    except LookupError:
        return None


def _changes(edition: Edition, name: str, each: Assignment) -> Sequence[Change]:
    parts = each.key.split(".")
    home: Path = ("stages", name) if parts[0] in _BESIDE_DO else home_of(edition, name)
    path = _resolved(edition, look_up(edition.data, home), parts, home)
    value = _meant(each)
    match each.op:
        case Op.SET:
            return _set(edition, home, path, value)
        case Op.ADD:
            return _added(edition, path, value)
        case Op.TAKE:
            return _emptied(edition, home, _found(edition, path, value))
        case Op.UNSET:
            if not _is_there(edition, path):
                hint = _near(parts[-1], value_at(edition, path[:-1]))
                raise edition.refusal("CF192", f"stage `{name}` has no `{each.key}`", None, hint)
            return _emptied(edition, home, path)


def _meant(each: Assignment) -> Value:
    """Return the value, which is a text where the field, or an item of it, can be nothing else: `cmd=true`."""
    field = STAGE.fields.get(each.key)
    if field is None or each.typed is None or isinstance(each.value, str | list | dict):
        return each.value
    taken = kinds(field.shape)
    only_text = (
        "list" in taken
        if each.op is not Op.SET
        else "text" in taken and kind(from_value(each.value, _NOWHERE)) not in taken
    )
    return each.typed if only_text else each.value


def _set(edition: Edition, home: Path, path: Path, value: Value) -> Sequence[Change]:
    if _is_there(edition, path) and same(value_at(edition, path), value):
        return ()
    for depth in range(len(home) + 1, len(path)):
        above = value_at(edition, path[:depth])
        if not isinstance(above, str):
            continue
        if depth != len(home) + 2 or path[len(home)] not in _PLACES:
            shown = ".".join(map(str, path[len(home) : depth]))
            raise edition.refusal("CF192", f"`{shown}` is a text (`{above}`): there is nothing below it", None)
        inner = _nest(path[depth:], value)
        flagged: Value = {above: inner} if isinstance(path[depth - 1], int) else {"path": above, **inner}
        return [Put(path[:depth], flagged)]
    new_field = not _is_there(edition, path[: len(home) + 1])
    return [Put(path, value, ORDER if new_field else ())]


def _added(edition: Edition, path: Path, value: Value) -> Sequence[Change]:
    """Add to a list, or with `name=path` to a mapping of places."""
    there = value_at(edition, path)
    field = str(path[-1])
    match there:
        case None if field in _PLACES or field == "params":
            return [Put(path, [_param(value) if field == "params" else value], ORDER)]
        case None:
            return [Put(path, [value], ORDER)]
        case list() if field == "params":
            return _added_param(path, there, _param(value))
        case list():
            return () if any(same(item, value) for item in there) else [Put((*path, len(there)), value)]
        case dict() if isinstance(value, str) and "=" in value:
            key, _, place = value.partition("=")
            return [Put((*path, key), place)]
        case dict():
            raise edition.refusal(
                "CF192", f"`{field}` has names: `{value}` needs one", None, f"`{field}+=name={value}`"
            )
        case _:
            return [Put(path, [there, value])]


def _added_param(path: Path, there: list[Value], value: Value) -> Sequence[Change]:
    if isinstance(value, dict):
        file, keys = next(iter(value.items()))
        for number, item in enumerate(there):
            known = item.get(file) if isinstance(item, dict) else None
            if isinstance(known, list) and isinstance(keys, list):
                more = [key for key in keys if key not in known]
                return [Put((*path, number, file, len(known) + n), key) for n, key in enumerate(more)]
    return () if any(same(item, value) for item in there) else [Put((*path, len(there)), value)]


def _param(value: Value) -> Value:
    """Return a param as it is written: `file.yaml:a,b` is a mapping."""
    file, colon, keys = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    if not (colon and file):
        return value
    named: list[Value] = [*keys.split(",")] if keys else []
    return {file: named or None}


def _found(edition: Edition, path: Path, value: Value) -> Path:
    """Return where in a list or mapping the entry `value` stands, named by itself, its path, or its key."""
    there = value_at(edition, path)
    known: list[str] = []
    entries: Iterable[tuple[str | int, Value]] = (
        enumerate(there) if isinstance(there, list) else there.items() if isinstance(there, dict) else ()
    )
    for step, item in entries:
        spelled: list[Value] = [step] if isinstance(step, str) else []
        spelled += [*item, *item.values()] if isinstance(item, dict) else [item]
        if same(item, value) or any(same(each, value) for each in spelled):
            return (*path, step)
        known += [each for each in spelled if isinstance(each, str)]
        if path[-1] == "params" and isinstance(item, dict) and isinstance(value, str):
            inner = _key_of_file(item, value)
            if inner is not None:
                return (*path, step, *inner)
    hint = did_you_mean(str(value), known) or (f"there are: {listed(known)}" if known else None)
    raise edition.refusal("CF192", f"`{path[-1]}` has no `{value}`", None, hint)


def _key_of_file(item: Mapping[str, Value], value: str) -> Path | None:
    file, _, key = value.rpartition(":")
    keys = item.get(file)
    return (file, keys.index(key)) if isinstance(keys, list) and key in keys else None


def _emptied(edition: Edition, home: Path, path: Path) -> Sequence[Change]:
    """Delete what is at `path`, and above it what would be left with nothing."""
    while len(path) > len(home) + 1:
        above = value_at(edition, path[:-1])
        assert isinstance(above, dict | list)
        left = [key for key in above if key != path[-1]] if isinstance(above, dict) else above
        if isinstance(above, dict) and left == ["path"] and len(path) == len(home) + 3:
            return [Put(path[:-1], above["path"])]
        if len(above) > 1:
            break
        entry = path[:-2]
        if len(path) == len(home) + 4 and path[len(home)] in _PLACES and isinstance(path[-3], int):
            return [Put(entry, str(path[-2]))]  # `- path: {flag: ...}` becomes `- path`
        path = path[:-1]
    return [Delete(path)]


def _resolved(edition: Edition, value: Value, parts: Sequence[str], path: Path) -> Path:
    """Return the path that a dotted name means. What is not there yet is taken as a new key."""
    if not parts:
        return path
    match value:
        case dict():
            for count in range(len(parts), 0, -1):
                key = ".".join(parts[:count])
                if key in value:
                    return _resolved(edition, value[key], parts[count:], (*path, key))
            return (*path, *parts)
        case list():
            for count in range(len(parts), 0, -1):
                number = _number(value, ".".join(parts[:count]))
                if number is None:
                    continue
                item, rest = value[number], parts[count:]
                if rest and isinstance(item, dict) and len(item) == 1:
                    (key,) = item
                    return _resolved(edition, item[key], rest, (*path, number, key))
                return _resolved(edition, item, rest, (*path, number))
            known = [_spelled(item) for item in value]
            hint = did_you_mean(".".join(parts), known) or f"there are: {listed(known)}"
            raise edition.refusal("CF192", f"`{path[-1]}` has no `{'.'.join(parts)}`", None, hint)
        case _:
            return (*path, *parts)


def _number(items: Sequence[Value], name: str) -> int | None:
    """Return the number of the item that `name` means: its number, or what it is."""
    for number, item in enumerate(items):
        if name == _spelled(item):
            return number
    return int(name) if name.isascii() and name.isdigit() and int(name) < len(items) else None


def _spelled(item: Value) -> str:
    if isinstance(item, dict):
        return next(iter(item), "")
    return str(item)


def _is_there(edition: Edition, path: Path) -> bool:
    try:
        look_up(edition.data, path)
    except LookupError:
        return False
    return True


def _near(word: str, there: Value) -> str | None:
    return did_you_mean(word, there) if isinstance(there, dict) else None


def _nest(path: Path, value: Value) -> dict[str, Value]:
    for step in reversed(path):
        value = {str(step): value}
    assert isinstance(value, dict)
    return value
