"""Pure. URLs of remotes: taken apart, and shown without credentials."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ...dataclass import dataclass
from ...errors import StoreError

_URL = re.compile(
    r"(?P<scheme>[A-Za-z][A-Za-z0-9+.-]*):(?://(?P<host>[^/?#]*)(?P<path>[^?#]*)|(?P<rest>.*))", re.DOTALL
)
_USER_INFO = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*://)[^/\s@]*@")
_QUERY = re.compile(r"(\b[A-Za-z][A-Za-z0-9+.-]*://[^\s?#]*)[?#]\S*")
_OPEN = frozenset({"region", "region_name", "endpoint", "endpoint_url", "endpointurl", "use_ssl", "anon", "driver"})
"""Options whose values are no secrets."""


@dataclass(frozen=True, slots=True)
class Url:
    """`scheme://host/path`; `host` is the bucket or container where there is one, and may hold `user@`."""

    scheme: str
    host: str
    path: str


def parse_url(text: str) -> Url | None:
    """Return the parts of a URL; None for a path. `path` has no slashes at its ends. A query is left out."""
    found = _URL.fullmatch(text)
    if found is None or len(found["scheme"]) == 1:  # one letter is a drive of Windows
        return None
    path = found["path"] if found["rest"] is None else found["rest"]
    return Url(found["scheme"].lower(), found["host"] or "", path.strip("/"))


def bucket_and_prefix(url: Url) -> tuple[str, str]:
    """Return bucket (or container) and prefix of a URL of object storage. Raises `StoreError`."""
    bucket = url.host.rpartition("@")[2]
    if not bucket:
        raise StoreError(f"{url.scheme}:// names no bucket", hint=f"write {url.scheme}://bucket/path")
    parts = url.path.split("/") if url.path else []
    if any(part in ("", ".", "..") for part in parts):
        raise StoreError(f"not a path in a bucket: {url.path}", hint="no empty parts, no `.`, no `..`")
    return bucket, url.path


def shown(text: str) -> str:
    """Return a URL as people may see it: no user and password, no query."""
    return _QUERY.sub(r"\1", _USER_INFO.sub(r"\1", text)).rstrip("/")


def scrub(text: str, secrets: Iterable[str] = ()) -> str:
    """Return a text without `secrets`, and its URLs without users, passwords and queries (signatures stand there)."""
    for secret in sorted(secrets, key=len, reverse=True):
        text = text.replace(secret, "***")
    return _QUERY.sub(r"\1", _USER_INFO.sub(r"\1", text))


def secrets_in(options: Mapping[str, Any]) -> frozenset[str]:
    """Return every text in options, at any depth, that may be a secret."""
    found: set[str] = set()
    for key, value in options.items():
        if isinstance(value, Mapping):
            found |= secrets_in(value)
        elif isinstance(value, str) and len(value) >= 4 and key not in _OPEN:
            found.add(value)
    return frozenset(found)
