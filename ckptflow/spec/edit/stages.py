"""Pure. What can be done with the stages of a file: each takes a draft and returns the next one.

A field is named with dots (`chunk.rows`); a key that has dots itself is found because it is there (`outs.data/a.csv.cache`).
The fields of a `foreach` stage stand below its `do`, and are named without it. An entry of a list of places is named by its
number or its path; one that is a bare path becomes a mapping when it gets a flag, and a bare path again when it loses its
last one. A list or mapping that becomes empty goes altogether.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from ...errors import TargetNotFound
from ..findings import did_you_mean, listed
from ..model import Value
from ..table import STAGE
from .changes import Change, Delete, Path, Put, Rename, look_up, same
from .draft import Draft
from .splicing import is_written
from .typed import Assignment, Op

_FIRST = ("desc", "foreach", "matrix", "do", "call", "cmd", "args", "wdir", "vars", "deps", "params", "env", "chunk")
ORDER = (*_FIRST, *(name for name in STAGE.fields if name not in _FIRST))
"""The order in which the fields of a stage are written."""

_PLACES = ("deps", "outs", "metrics", "plots")
_BESIDE_DO = frozenset(("foreach", "do", "matrix"))


def names(draft: Draft) -> list[str]:
    """Return the names of the stages as they are written; a `foreach` or `matrix` stage counts once."""
    stages = draft.data.get("stages") if isinstance(draft.data, dict) else None
    return list(stages) if isinstance(stages, dict) else []


def add(draft: Draft, name: str, fields: Mapping[str, Value], *, force: bool = False) -> Draft:
    """Write a new stage at the end. With `force` one of that name is changed to be this one, field by field."""
    ordered = {key: fields[key] for key in sorted(fields, key=ORDER.index)}
    if name not in names(draft):
        return draft.made(Put(("stages", name), ordered, apart=True))
    old = look_up(draft.data, ("stages", name))
    if not force:
        draft.refuse("CF191", f"there is a stage `{name}` already", None, "--force replaces it")
    if not isinstance(old, dict) or "foreach" in old:
        return draft.made(Put(("stages", name), ordered, apart=True))
    path = ("stages", name)
    wanted = [Put((*path, key), value, ORDER) for key, value in ordered.items() if not _has(old, key, value)]
    unwanted = [Delete((*path, key)) for key in old if key not in ordered]
    return draft.made(*wanted, *unwanted)


def assign(draft: Draft, name: str, assignments: Iterable[Assignment]) -> Draft:
    """Set, add to, take from and unset fields of a stage, in this order."""
    _require(draft, name)
    for each in assignments:
        draft = draft.made(*_changes(draft, name, each))
    return draft


def rename(draft: Draft, old: str, new: str) -> Draft:
    """Give a stage another name, where it stands."""
    _require(draft, old)
    if new in names(draft):
        draft.refuse("CF191", f"there is a stage `{new}` already", None, "choose another name, or rename that one first")
    return draft.made(Rename(("stages", old), new))


def remove(draft: Draft, name: str) -> Draft:
    """Take a stage out, with the comments that are its own."""
    _require(draft, name)
    return draft.made(Delete(("stages", name)))


def freeze(draft: Draft, name: str) -> Draft:
    """Let a stage not be run again until it is thawed."""
    path = _home(draft, name)
    if _value(draft, (*path, "frozen")) is True:
        return draft
    return draft.made(Put((*path, "frozen"), True, ORDER))


def unfreeze(draft: Draft, name: str) -> Draft:
    """Let a stage run again. The key goes; where it comes from a merged mapping, `false` is set against it."""
    path = (*_home(draft, name), "frozen")
    if is_written(draft.text, path):
        return draft.made(Delete(path))
    return draft.made(Put(path, False, ORDER)) if _value(draft, path) else draft


def _changes(draft: Draft, name: str, each: Assignment) -> Sequence[Change]:
    parts = each.key.split(".")
    home: Path = ("stages", name) if parts[0] in _BESIDE_DO else _home(draft, name)
    fields = look_up(draft.data, home)
    path = _resolved(draft, fields, parts, home)
    match each.op:
        case Op.SET:
            return _set(draft, home, path, each.value)
        case Op.ADD:
            return _added(draft, path, each.value)
        case Op.TAKE:
            return _emptied(draft, home, _found(draft, path, each.value))
        case Op.UNSET:
            if _value(draft, path, missing=...) is ...:
                hint = _near(parts[-1], _value(draft, path[:-1]))
                draft.refuse("CF192", f"stage `{name}` has no `{each.key}`", None, hint)
            return _emptied(draft, home, path)


def _set(draft: Draft, home: Path, path: Path, value: Value) -> Sequence[Change]:
    if same(_value(draft, path, missing=...), value):
        return ()
    for depth in range(len(home) + 1, len(path)):
        above = _value(draft, path[:depth], missing=...)
        if not isinstance(above, str):
            continue
        if depth != len(home) + 2 or path[len(home)] not in _PLACES:
            shown = ".".join(map(str, path[len(home) : depth]))
            draft.refuse("CF192", f"`{shown}` is a text (`{above}`): there is nothing below it", None)
        inner = _nest(path[depth:], value)
        flagged: Value = {above: inner} if isinstance(path[depth - 1], int) else {"path": above, **inner}
        return [Put(path[:depth], flagged)]
    return [Put(path, value, ORDER if len(path) == len(home) + 1 or path[len(home)] not in _fields(draft, home) else ())]


def _added(draft: Draft, path: Path, value: Value) -> Sequence[Change]:
    """Add to a list, or with `name=path` to a mapping of places."""
    there = _value(draft, path)
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
            draft.refuse("CF192", f"`{field}` has names: `{value}` needs one", None, f"`{field}+=name={value}`")
        case _:
            return [Put(path, [there, value])]


def _added_param(path: Path, there: list[Value], value: Value) -> Sequence[Change]:
    if isinstance(value, dict):
        ((file, keys),) = value.items()
        for number, item in enumerate(there):
            known = item.get(file) if isinstance(item, dict) else None
            if isinstance(known, list) and isinstance(keys, list):
                more = [key for key in keys if key not in known]
                return [Put((*path, number, file, len(known) + n), key) for n, key in enumerate(more)]
    return () if any(same(item, value) for item in there) else [Put((*path, len(there)), value)]


def _param(value: Value) -> Value:
    """Return a param as it is written: `file.yaml:a,b` is a mapping."""
    file, colon, keys = value.rpartition(":") if isinstance(value, str) else ("", "", "")
    return {file: keys.split(",") if keys else None} if colon and file else value


def _found(draft: Draft, path: Path, value: Value) -> Path:
    """Return where in a list or mapping the entry `value` stands, named by itself, its path, or its key."""
    there = _value(draft, path)
    known: list[str] = []
    entries = enumerate(there) if isinstance(there, list) else there.items() if isinstance(there, dict) else ()
    for step, item in entries:
        spelled = [step] if isinstance(step, str) else []
        spelled += [item] if isinstance(item, str) else [*item, *item.values()] if isinstance(item, dict) else []
        if same(item, value) or any(same(each, value) for each in spelled):
            return (*path, step)
        known += [each for each in spelled if isinstance(each, str)]
        if path[-1] == "params" and isinstance(item, dict) and isinstance(value, str):
            inner = _key_of_file(item, value)
            if inner is not None:
                return (*path, step, *inner)
    hint = did_you_mean(str(value), known) or (f"there are: {listed(known)}" if known else None)
    draft.refuse("CF192", f"`{path[-1]}` has no `{value}`", None, hint)


def _key_of_file(item: Mapping[str, Value], value: str) -> Path | None:
    file, _, key = value.rpartition(":")
    keys = item.get(file)
    return (file, keys.index(key)) if isinstance(keys, list) and key in keys else None


def _emptied(draft: Draft, home: Path, path: Path) -> Sequence[Change]:
    """Delete what is at `path`, and above it what would be left with nothing."""
    while len(path) > len(home) + 1:
        above = _value(draft, path[:-1])
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


def _resolved(draft: Draft, value: Value, parts: Sequence[str], path: Path) -> Path:
    """Return the path that a dotted name means. What is not there yet is taken as a new key."""
    if not parts:
        return path
    match value:
        case dict():
            for count in range(len(parts), 0, -1):
                key = ".".join(parts[:count])
                if key in value:
                    return _resolved(draft, value[key], parts[count:], (*path, key))
            return (*path, *parts)
        case list():
            for count in range(len(parts), 0, -1):
                number = _number(value, ".".join(parts[:count]))
                if number is None:
                    continue
                item, rest = value[number], parts[count:]
                if rest and isinstance(item, dict) and len(item) == 1:
                    (key,) = item
                    return _resolved(draft, item[key], rest, (*path, number, key))
                return _resolved(draft, item, rest, (*path, number))
            known = [_spelled(item) for item in value]
            hint = did_you_mean(".".join(parts), known) or f"there are: {listed(known)}"
            draft.refuse("CF192", f"`{path[-1]}` has no `{'.'.join(parts)}`", None, hint)
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


def _home(draft: Draft, name: str) -> Path:
    """Return where the fields of a stage stand. Raises TargetNotFound."""
    _require(draft, name)
    stage = look_up(draft.data, ("stages", name))
    return ("stages", name, "do") if isinstance(stage, dict) and "foreach" in stage else ("stages", name)


def _require(draft: Draft, name: str) -> None:
    known = names(draft)
    if name in known:
        return
    group = name.partition("@")[0]
    if group in known:
        hint = f"the stages of a group are written as one: `{group}`"
    else:
        hint = did_you_mean(name, known) or (f"stages are {listed(known)}" if known else f"{draft.file} has no stages")
    raise TargetNotFound(name, hint=hint)


def _fields(draft: Draft, home: Path) -> Mapping[str, Value]:
    fields = look_up(draft.data, home)
    return fields if isinstance(fields, dict) else {}


def _has(stage: Mapping[str, Value], key: str, value: Value) -> bool:
    return key in stage and same(stage[key], value)


def _value(draft: Draft, path: Path, missing: Value = None) -> Value:
    try:
        return look_up(draft.data, path)
    except LookupError:
        return missing


def _near(word: str, there: Value) -> str | None:
    return did_you_mean(word, there) if isinstance(there, dict) else None


def _nest(path: Path, value: Value) -> dict[str, Value]:
    for step in reversed(path):
        value = {str(step): value}
    assert isinstance(value, dict)
    return value
