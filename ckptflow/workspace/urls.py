"""Edge. What lies at a URL that is a dep: named by what its server says of it, by its bytes where that says nothing.

A server's entity tag or checksum changes with the content; so do, on servers that have neither, size and time of the
last change taken together. HTTP is asked by the standard library, every other scheme through fsspec.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..errors import DepMissing, DepUnreadable
from ..ids import Digest, Hasher, digest

_TAGS = ("etag", "md5hash", "md5", "checksum", "content_hash", "sha256", "crc32c")
_TIMES = ("last-modified", "lastmodified", "mtime", "updated", "last_modified", "modified")
_SECONDS = 30.0
_BLOCK = 1 << 20


def url_digest(url: str) -> tuple[Digest, int]:
    """Return the digest that names the content at `url`, and its size in bytes, 0 where that is not told.

    Raises `DepMissing` where there is positively nothing, `DepUnreadable` where that cannot be found out.
    """
    try:
        facts = _http_facts(url) if url.lower().startswith(("http://", "https://")) else _fsspec_facts(url)
    except FileNotFoundError as error:
        raise DepMissing(f"dep `{url}` is missing", hint="correct the URL") from error
    except ImportError as error:
        raise DepUnreadable(f"`{url}` cannot be read: {error}", hint="install the package that it names") from error
    except Exception as error:  # drivers of fsspec raise what their libraries raise
        raise DepUnreadable(f"`{url}` cannot be read: {error}", hint="is the network there?") from error
    size = int(facts.get("size") or facts.get("content-length") or 0)
    tag = next((f"{name} {facts[name]}" for name in _TAGS if facts.get(name)), None)
    time = next((f"{size} {facts[name]}" for name in _TIMES if facts.get(name)), None)
    told = tag or time
    return (digest(f"url {told}".encode()), size) if told else _content(url)


def _http_facts(url: str) -> Mapping[str, Any]:
    with _opened(url, "HEAD") as answer:
        return {name.lower(): value for name, value in answer.headers.items()}


def _opened(url: str, method: str) -> Any:
    from urllib.error import HTTPError
    from urllib.request import Request, urlopen

    try:
        return urlopen(Request(url, method=method), timeout=_SECONDS)  # noqa: S310 - http and https alone come here
    except HTTPError as error:
        if error.code in (404, 410):
            raise FileNotFoundError(url) from error
        raise


def _fsspec_facts(url: str) -> Mapping[str, Any]:
    from fsspec.core import url_to_fs

    fs, path = url_to_fs(url, use_listings_cache=False)
    found = fs.info(path)
    if found.get("type") == "directory":
        names = sorted(fs.find(path, detail=True).items())
        rows = [[name, {k.lower(): str(v) for k, v in info.items()}] for name, info in names]
        told = [f"{name} {[row.get(key) for key in (*_TAGS, *_TIMES, 'size')]}" for name, row in rows]
        return {"checksum": digest("\n".join(told).encode()), "size": sum(info.get("size") or 0 for _, info in names)}
    return {str(name).lower(): value for name, value in found.items()}


def _content(url: str) -> tuple[Digest, int]:
    """Return digest and size of the bytes themselves."""
    hasher, size = Hasher(), 0
    try:
        with _reader(url) as file:
            while block := file.read(_BLOCK):
                hasher.update(block)
                size += len(block)
    except Exception as error:  # as above
        raise DepUnreadable(f"`{url}` cannot be read: {error}", hint="is the network there?") from error
    return hasher.digest(), size


def _reader(url: str) -> Any:
    if url.lower().startswith(("http://", "https://")):
        return _opened(url, "GET")
    import fsspec

    return fsspec.open(url, "rb")
