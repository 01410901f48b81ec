"""Pure. The remotes of a project, as settings give them: checked and kept.

    remotes:
      storage: {url: s3://bucket/path, options: {endpoint_url: "https://..."}}
      backup: /mnt/backup/project       # short for {url: ...}
    remote: storage                     # the one that is taken where none is named

`options` go to the driver of the URL; `trust: true` lets pickles that came from there be loaded unsigned. A remote may
be spread over several files: `config.local.yaml` adds to it what the repository should not hold. What options hold is
never shown.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass, field

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.-]*")


@dataclass(frozen=True, slots=True)
class Remote:
    """One remote. `url` is a URL, or a path relative to the project's root."""

    url: str
    options: Mapping[str, Any] = field(default_factory=dict, repr=False)
    trust: bool = False

    def __str__(self) -> str:
        return f"{self.url} ({', '.join(sorted(self.options))})" if self.options else self.url


def merge_remotes(below: Mapping[str, Any], above: Any) -> Mapping[str, Any]:
    """Return what a stronger layer of settings (`above`) leaves of a weaker one, key by key. Raises ValueError."""
    if above is None:
        return below
    if not isinstance(above, Mapping):
        raise ValueError(f"must be a mapping of names to remotes, is {above!r}")
    named = {name: {"url": value} if isinstance(value, str) else value for name, value in above.items()}
    return _merged(below, named)


def parse_remotes(value: Mapping[str, Any]) -> dict[str, Remote]:
    """Return checked remotes by name. Raises ValueError."""
    found: dict[str, Remote] = {}
    for name, fields in sorted(value.items(), key=lambda item: str(item[0])):
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            raise ValueError(f"`{name}` is no name of a remote: letters, digits, `-`, `_` and `.`")
        if not isinstance(fields, Mapping):
            raise ValueError(f"remote `{name}` must be a mapping with `url`, or a URL")
        for key in fields:
            if key not in ("url", "options", "trust"):
                raise ValueError(f"remote `{name}` has an unknown key `{key}`; there are `url`, `options` and `trust`")
        url, options, trust = fields.get("url"), fields.get("options", {}), fields.get("trust", False)
        if not isinstance(url, str) or not url:
            raise ValueError(f"remote `{name}` has no `url`")
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
