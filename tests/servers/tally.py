"""Pure. What was asked of a server: requests by what they do, not by method alone, and the bytes of their bodies."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote


@dataclass(slots=True)
class Request:
    """One request. `key` is that of the object, or the prefix that a listing asks for. `status` is 0 until (and
    unless) it is answered; `received` and `sent` are bytes of bodies; `faults` are kinds of what struck it.
    """

    operation: str
    method: str
    path: str
    bucket: str
    key: str
    received: int
    status: int = 0
    sent: int = 0
    faults: list[str] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)


@dataclass(frozen=True, slots=True)
class Counts:
    """Requests by operation (see `operation`), and bytes of all bodies, to the server and from it."""

    operations: Counter[str]
    received: int
    sent: int

    @property
    def requests(self) -> int:
        """All requests."""
        return self.operations.total()

    def __getitem__(self, operation: str) -> int:
        return self.operations[operation]


def count(requests: Iterable[dict[str, Any]]) -> Counts:
    """Add requests up."""
    all_ = list(requests)
    return Counts(Counter(r["operation"] for r in all_), sum(r["received"] for r in all_), sum(r["sent"] for r in all_))


def parse(method: str, target: str, received: int, copies: bool = False) -> Request:
    """Return the record of a request to S3 with path-style addresses; `copies`: it names a source on the server."""
    path, _, query = target.partition("?")
    bucket, _, key = path.lstrip("/").partition("/")
    asked = dict(parse_qsl(query, keep_blank_values=True))
    name = operation(method, bool(key), asked, copies)
    return Request(name, method, target, unquote(bucket), unquote(key) or asked.get("prefix", ""), received)


def operation(method: str, has_key: bool, asked: dict[str, str], copies: bool) -> str:
    """Return what a request does.

    Of objects: GET HEAD PUT COPY DELETE; of multipart uploads: BEGIN PART COMPLETE ABORT and UPLOADS, which lists
    them; of a bucket: LIST, DELETES (many objects at once), BUCKET (anything else).
    """
    if "uploads" in asked:
        return "BEGIN" if method == "POST" else "UPLOADS"
    if "uploadId" in asked:
        return {"PUT": "PART", "POST": "COMPLETE", "DELETE": "ABORT"}.get(method, "UPLOADS")
    if has_key:
        return "COPY" if method == "PUT" and copies else method
    if method == "POST" and "delete" in asked:
        return "DELETES"
    return "LIST" if method == "GET" and not {"location", "versioning"} & set(asked) else "BUCKET"
