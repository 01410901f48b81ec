"""Pure. Edits of the remotes in the two configuration files of a project: the repository's, and this machine's own.

Each takes the editions of both files and returns the next ones; every line that is not meant stays (`spec.edit`).
Where a value goes: a credential to this machine's file, always; a value that stands there already stays there, since it
would hide another one; what belongs to a remote that the repository does not know goes there too, so that it never has
a piece of a remote without its URL; all else to the repository's.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..dataclass import dataclass, replace
from ..errors import UsageError
from ..spec.edit.changes import Delete, Path, Put, look_up, same
from ..spec.edit.edition import Edition
from ..spec.edit.typed import parse_value
from ..spec.findings import did_you_mean
from ..spec.model import Value
from .remotes import has_credentials, is_credential

_OPTION = re.compile(r"[A-Za-z0-9_-]+(?:\.[A-Za-z0-9_-]+)*")


@dataclass(frozen=True, slots=True)
class Configs:
    """Both files under edit, and what there is to say about what was done."""

    shared: Edition
    local: Edition
    notes: tuple[str, ...] = ()
    has_secrets: bool = False

    def noted(self, note: str) -> Configs:
        """Return the same with one more note."""
        return self if note in self.notes else replace(self, notes=(*self.notes, note))


@dataclass(frozen=True, slots=True)
class Wish:
    """A value for what is at `path` below a remote: ("url",), ("options", "region"). `value` None: it goes."""

    path: tuple[str, ...]
    value: Value

    @property
    def name(self) -> str:
        """The path as people write it."""
        return ".".join(self.path)

    @property
    def is_secret(self) -> bool:
        """Whether the repository must not hold it."""
        if self.path == ("url",):
            return isinstance(self.value, str) and has_credentials(self.value)
        return self.path[0] == "options" and is_credential(self.path[-1], self.value)


def wishes_of(key: str, value: Value) -> list[Wish]:
    """Return what an option of a driver asks for: `key` may have dots, a mapping as `value` is taken apart.

    Raises `UsageError` for what is no name of an option, and for no value.
    """
    if _OPTION.fullmatch(key) is None:
        raise UsageError(f"`{key}` is no name of an option", hint="for example `endpoint_url`")
    if value is None:
        raise UsageError(f"option `{key}` has no value", hint=f"`options.{key}=` in `remote set` takes it away")
    return _taken_apart(("options", *key.split(".")), value)


def parse_option(text: str) -> tuple[str, Value]:
    """Return name and value of an option that is `key=value` on the command line. Raises `UsageError`."""
    key, equals, typed = text.partition("=")
    if not equals:
        raise UsageError(f"`{key}` is no key=value", hint="for example `endpoint_url=https://host:9000`")
    if not typed:
        raise UsageError(f"option `{key}` has no value")
    return key, _meant(key, typed)


def parse_setting(text: str) -> list[Wish]:
    """Return what `key=value` of `remote set` asks for; without a value, that the key goes. Raises `UsageError`."""
    key, equals, typed = text.partition("=")
    first, _, rest = key.partition(".")
    if not equals:
        raise UsageError(f"`{key}` is no key=value", hint="for example `trust=true`, `options.region=eu-north-1`")
    if first == "options" and rest:
        if typed:
            return wishes_of(rest, _meant(rest, typed))
        return [Wish(("options", *rest.split(".")), None)]
    if key == "options" and not typed:
        return [Wish(("options",), None)]
    if key == "url":
        if not typed:
            raise UsageError("a remote cannot be without its URL", hint="`ckptflow remote remove` takes it away")
        return [Wish(("url",), typed)]
    if key in ("trust", "default"):
        value = parse_value(typed) if typed else None
        if typed and not isinstance(value, bool):
            raise UsageError(f"`{key}` is true or false, not `{typed}`", hint=f"for example `{key}=true`")
        return [Wish((key,), value)]
    near = did_you_mean(key, ("url", "trust", "default", "options"))
    raise UsageError(f"a remote has no `{key}`", hint=near or f"an option of the driver is `options.{key}=...`")


def _meant(key: str, typed: str) -> Value:
    """Return a value as it was meant: a password of digits is a text."""
    return typed if is_credential(key.rpartition(".")[2], "") else parse_value(typed)


def _taken_apart(path: tuple[str, ...], value: Value) -> list[Wish]:
    if isinstance(value, dict) and value:
        return [wish for key, below in value.items() for wish in _taken_apart((*path, key), below)]
    return [Wish(path, value)]


def add(configs: Configs, name: str, wishes: Iterable[Wish], *, default: bool, local: bool) -> Configs:
    """Write a new remote; the first of `wishes` is its URL. With `local`, this machine's file alone has it, as it does
    where the URL is a secret."""
    url, *others = wishes
    if local or url.is_secret:
        configs = _written(configs, name, url, local=local)
    else:
        configs = replace(configs, shared=_put(configs.shared, name, url))
    for wish in others:
        configs = _written(configs, name, wish, local=local)
    return choose(configs, name, local=local) if default else configs


def assign(configs: Configs, name: str, wish: Wish, *, local: bool) -> Configs:
    """Set a value of a remote, or take it away. Raises `UsageError` for what is not there to go."""
    if wish.value is not None:
        return _written(configs, name, wish, local=local)
    full = ("remotes", name, *wish.path)
    if not _is_there(configs.shared, full) and not _is_there(configs.local, full):
        raise UsageError(f"remote `{name}` has no `{wish.name}` in this project's configuration")
    return _everywhere_without(configs, full)


def choose(configs: Configs, name: str, *, local: bool) -> Configs:
    """Let `name` be the remote that is taken where none is named."""
    if local or _is_there(configs.local, ("remote",)) or not _knows(configs.shared, name):
        return replace(configs, local=_changed(configs.local, ("remote",), name))
    return replace(configs, shared=_changed(configs.shared, ("remote",), name))


def unchoose(configs: Configs, name: str) -> Configs:
    """Let `name` no longer be the remote that is taken where none is named."""
    for edition in (configs.shared, configs.local):
        if isinstance(edition.data, dict) and edition.data.get("remote") == name:
            configs = _with(configs, edition, _without(edition, ("remote",)))
    return configs


def remove(configs: Configs, name: str) -> Configs:
    """Take a remote out of both files. Raises `UsageError` where neither has it."""
    full = ("remotes", name)
    if not _is_there(configs.shared, full) and not _is_there(configs.local, full):
        raise UsageError(
            f"remote `{name}` is not in this project's configuration but in the user's",
            hint="`ckptflow config` shows the files; edit that one",
        )
    return unchoose(_everywhere_without(configs, full), name)


def _written(configs: Configs, name: str, wish: Wish, *, local: bool) -> Configs:
    full = ("remotes", name, *wish.path)
    if wish.is_secret:
        configs = replace(configs, has_secrets=True)
        if not local:
            configs = configs.noted(
                f"`{wish.name}` holds what looks like a credential: it is kept in {configs.local.file}, not in git"
            )
        if wish.path != ("url",) and _is_there(configs.shared, full):
            configs = replace(configs, shared=_without(configs.shared, full))
            configs = configs.noted(f"`{wish.name}` was in {configs.shared.file}: if that was committed, replace it")
    if local or wish.is_secret or _is_there(configs.local, full) or not _knows(configs.shared, name):
        return replace(configs, local=_put(configs.local, name, wish))
    return replace(configs, shared=_put(configs.shared, name, wish))


def _put(edition: Edition, name: str, wish: Wish) -> Edition:
    path: Path = ("remotes", name)
    there = _value_at(edition, path)
    if isinstance(there, str):  # the short form
        if wish.path == ("url",):
            return _changed(edition, path, wish.value)
        return edition.made(Put(path, {"url": there, **_nested(wish.path, wish.value)}))
    for depth in range(1, len(wish.path)):
        above = _value_at(edition, (*path, *wish.path[:depth]))
        if not isinstance(above, dict) and above is not None:
            raise UsageError(f"`{'.'.join(wish.path[:depth])}` of remote `{name}` is a value: nothing can be below it")
    if there is None:
        return edition.made(Put(path, _nested(wish.path, wish.value), apart=True))
    return _changed(edition, (*path, *wish.path), wish.value)


def _changed(edition: Edition, path: Path, value: Value) -> Edition:
    """Return the edition with a value at `path`; the same where it is there already."""
    if _is_there(edition, path) and same(_value_at(edition, path), value):
        return edition
    return edition.made(Put(path, value))


def _everywhere_without(configs: Configs, path: Path) -> Configs:
    for edition in (configs.shared, configs.local):
        if _is_there(edition, path):
            configs = _with(configs, edition, _without(edition, path))
    return configs


def _with(configs: Configs, old: Edition, new: Edition) -> Configs:
    return replace(configs, shared=new) if old is configs.shared else replace(configs, local=new)


def _without(edition: Edition, path: Path) -> Edition:
    """Take away what is at `path`, and above it what would be left with nothing.

    `remotes` itself stays, empty: comments above it may be about the whole file.
    """
    while len(path) > 1:
        above = _value_at(edition, path[:-1])
        if not isinstance(above, dict) or len(above) > 1:
            break
        path = path[:-1]
    if path == ("remotes",):
        return edition.made(Put(path, {}))
    if isinstance(edition.data, dict) and len(edition.data) == 1:
        edition = edition.made(Put(("remotes",), {}))
    return edition.made(Delete(path))


def _knows(edition: Edition, name: str) -> bool:
    """Tell whether a file has the URL of a remote."""
    there = _value_at(edition, ("remotes", name))
    return isinstance(there, str) or (isinstance(there, dict) and "url" in there)


def _is_there(edition: Edition, path: Path) -> bool:
    try:
        look_up(edition.data, path)
    except LookupError:
        return False
    return True


def _value_at(edition: Edition, path: Path) -> Value:
    return look_up(edition.data, path) if _is_there(edition, path) else None


def _nested(path: tuple[str, ...], value: Value) -> dict[str, Value]:
    for step in reversed(path):
        value = {step: value}
    assert isinstance(value, dict)
    return value
