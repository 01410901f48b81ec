"""Pure. What can be done with the stages of a file: each takes an edition and returns the next one."""

from __future__ import annotations

from collections.abc import Mapping

from ..model import Value
from .changes import Delete, Put, Rename, look_up, same
from .edition import Edition
from .fields import ORDER, home_of, names, require, value_at
from .splicing import is_written


def add(edition: Edition, name: str, fields: Mapping[str, Value], *, force: bool = False) -> Edition:
    """Write a new stage at the end. With `force` one of that name is changed to be this one, field by field."""
    ordered = {key: fields[key] for key in (*(k for k in ORDER if k in fields), *(k for k in fields if k not in ORDER))}
    if name not in names(edition):
        return edition.made(Put(("stages", name), ordered, apart=True))
    old = look_up(edition.data, ("stages", name))
    if not force:
        raise edition.refusal("CF191", f"there is a stage `{name}` already", None, "--force replaces it")
    if not isinstance(old, dict) or "foreach" in old:
        return edition.made(Put(("stages", name), ordered, apart=True))
    path = ("stages", name)
    wanted = [Put((*path, key), value, ORDER) for key, value in ordered.items() if not _has(old, key, value)]
    unwanted = [Delete((*path, key)) for key in old if key not in ordered]
    return edition.made(*wanted, *unwanted)


def rename(edition: Edition, old: str, new: str) -> Edition:
    """Give a stage another name, where it stands."""
    require(edition, old)
    if new in names(edition):
        raise edition.refusal(
            "CF191", f"there is a stage `{new}` already", None, "choose another name, or rename that one first"
        )
    return edition.made(Rename(("stages", old), new))


def remove(edition: Edition, name: str) -> Edition:
    """Take a stage out, with the comments that are its own."""
    require(edition, name)
    return edition.made(Delete(("stages", name)))


def freeze(edition: Edition, name: str) -> Edition:
    """Let a stage not be run again until it is thawed."""
    path = home_of(edition, name)
    if value_at(edition, (*path, "frozen")) is True:
        return edition
    return edition.made(Put((*path, "frozen"), True, ORDER))


def unfreeze(edition: Edition, name: str) -> Edition:
    """Let a stage run again. The key goes; where it comes from a merged mapping, `false` is set against it."""
    path = (*home_of(edition, name), "frozen")
    if is_written(edition.text, path):
        return edition.made(Delete(path))
    return edition.made(Put(path, False, ORDER)) if value_at(edition, path) else edition


def _has(stage: Mapping[str, Value], key: str, value: Value) -> bool:
    return key in stage and same(stage[key], value)
