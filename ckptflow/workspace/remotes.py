"""Pure. The remotes of a project, as settings give them: checked, kept, and shown without what nobody may see.

    remotes:
      storage: {url: s3://bucket/path, options: {endpoint_url: "https://..."}}
      backup: /mnt/backup/project       # short for {url: ...}
    remote: storage                     # the one that is taken where none is named

`options` go to the driver of the URL; `trust: true` lets pickles that came from there be loaded unsigned. A remote may
be spread over several files: `config.local.yaml` adds to it what the repository should not hold. An option whose name
is that of a credential is never shown, nor is what a URL holds of them.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ..dataclass import dataclass, field
from ..errors import RemoteNotFound
from ..spec.findings import did_you_mean, listed
from ..store.buckets.urls import shown as shown_url

HIDDEN = "***"

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")
_WORDS = re.compile(r"[^A-Za-z0-9]+|(?<=[a-z0-9])(?=[A-Z])")
_SECRET = ("secret", "token", "passw", "passphrase", "credential", "sas", "signature", "bearer", "cookie")
_IN_URL = re.compile(r"://[^/?#@]*:[^/?#@]*@|://[^?#]*[?#].")


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote. `url` is a URL, or a path relative to the project's root."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    trust: bool = False

    def __str__(self) -> str:
        return f"{self.shown} ({', '.join(sorted(self.options))})" if self.options else self.shown

    @property
    def shown(self) -> str:
        """The URL as it may be seen: without user, password and query."""
        return shown_url(self.url)

    def shown_options(self) -> dict[str, Any]:
        """Return the options by their dotted names, sorted, credentials hidden."""
        return {".".join(path): _as_shown(path[-1], value) for path, value in sorted(leaves(self.options))}


def find_remote(remotes: Mapping[str, Remote], name: str) -> Remote:
    """Return the remote called `name`. Raises `RemoteNotFound`."""
    if name in remotes:
        return remotes[name]
    there = f"remotes are {listed(remotes)}" if remotes else "there are none: `ckptflow remote add NAME URL` adds one"
    raise RemoteNotFound(name, hint=did_you_mean(name, remotes) or there)


def is_name(text: str) -> bool:
    """Tell whether a remote may be called `text`."""
    return _NAME.fullmatch(text) is not None


def is_credential(name: str, value: object) -> bool:
    """Tell whether an option of this name, or what it holds, belongs in no repository and on no screen."""
    if isinstance(value, bool) or value is None:
        return False
    words = [word.lower() for word in _WORDS.split(name) if word]
    named = bool(words) and (
        any(word.startswith(_SECRET) for word in words)
        or words[-1].endswith(("key", "keys"))
        or words == ["auth"]
        or {"access", "key"} <= set(words)
        or "connectionstring" in "".join(words)
    )
    return named or (isinstance(value, str) and has_credentials(value))


def has_credentials(url: str) -> bool:
    """Tell whether a URL holds a password, or a query, where signatures stand."""
    return _IN_URL.search(url) is not None


def leaves(options: Mapping[str, Any], above: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Yield (path, value) of all that is no mapping, or an empty one."""
    for key, value in options.items():
        if isinstance(value, Mapping) and value:
            yield from leaves(value, (*above, str(key)))
        else:
            yield (*above, str(key)), value


def _as_shown(name: str, value: object) -> Any:
    if is_credential(name, value):
        return shown_url(value) if isinstance(value, str) and not is_credential(name, "") and "://" in value else HIDDEN
    return value


def merge_remotes(below: Mapping[str, Any], above: Any) -> Mapping[str, Any]:
    """Return what a stronger layer of settings (`above`) leaves of a weaker one, key by key. Raises ValueError."""
    if above is None:
        return below
    if not isinstance(above, Mapping):
        raise ValueError(f"must be a mapping of names to remotes, is a {type(above).__name__}")
    named = {name: {"url": value} if isinstance(value, str) else value for name, value in above.items()}
    return _merged(below, named)


def parse_remotes(value: Mapping[str, Any]) -> dict[str, Remote]:
    """Return checked remotes by name. Raises ValueError."""
    found: dict[str, Remote] = {}
    for name, fields in sorted(value.items(), key=lambda item: str(item[0])):
        if not isinstance(name, str) or not is_name(name):
            raise ValueError(f"`{name}` is no name of a remote: letters, digits, `-`, `_` and `.`")
        if not isinstance(fields, Mapping):
            raise ValueError(f"remote `{name}` must be a mapping with `url`, or a URL")
        for key in fields:
            if key not in ("url", "options", "trust"):
                raise ValueError(f"remote `{name}` has an unknown key `{key}`; there are `url`, `options` and `trust`")
        url, options, trust = fields.get("url"), fields.get("options"), fields.get("trust", False)
        if not isinstance(url, str) or not url:
            raise ValueError(f"remote `{name}` has no `url`")
        options = {} if options is None else options
        if not isinstance(options, Mapping) or not all(isinstance(key, str) for key in options):
            raise ValueError(f"the `options` of remote `{name}` must be a mapping")
        if not isinstance(trust, bool):
            raise ValueError(f"`trust` of remote `{name}` must be true or false, is {trust!r}")
        found[name] = Remote(url, dict(options), trust)
    return found


def _merged(below: Mapping[str, Any], above: Mapping[str, Any]) -> dict[str, Any]:
    found = dict(below)
    for key, value in above.items():
        known = found.get(key)
        if isinstance(known, Mapping) and isinstance(value, Mapping):
            value = _merged(known, value)
        found[key] = value
    return found
