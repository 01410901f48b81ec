"""Pure. What is to go wrong with which requests; shared by the tests, which say it, and the server, which does it.

A fault is asked about each request that its method and path fit, and counts those. Faults that need a body - to cut it,
to damage it - fit only requests or answers that have one, so that a fault that has struck has done what it says.
Several may strike one request: what happens before the server sees it first, then what happens to the answer.
"""

from __future__ import annotations

import re
from collections.abc import Container
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from .tally import Request


class Kind(StrEnum):
    """What goes wrong. Those above the line keep the request from the server, or change it on its way there."""

    LATE = "late"  # taken `seconds` later
    HANG = "hang"  # taken when released, which may be after the client has given up
    ERROR = "error"  # answered with `status` and not taken
    RESET = "reset"  # the connection is reset, nothing is taken
    FLIP_REQUEST = "flip-request"  # one bit of what is to be stored is another
    # ----
    SILENT = "silent"  # taken, and answered when released
    LOST = "lost"  # taken, and the connection is reset instead of an answer
    TRUNCATED = "truncated"  # half the body, then an orderly end of the connection
    TORN = "torn"  # half the body, then a reset
    FLIP_ANSWER = "flip-answer"  # one bit of the body is another
    SLOW = "slow"  # the body in ten pieces, over `seconds`


BEFORE = frozenset({Kind.LATE, Kind.HANG, Kind.ERROR, Kind.RESET, Kind.FLIP_REQUEST})
NEED_BODY = frozenset({Kind.FLIP_REQUEST, Kind.TRUNCATED, Kind.TORN, Kind.FLIP_ANSWER, Kind.SLOW})

ERRORS = {
    403: ("AccessDenied", "Access Denied"),
    500: ("InternalError", "We encountered an internal error. Please try again."),
    503: ("SlowDown", "Please reduce your request rate."),
}
"""Codes and messages of S3."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault: a kind, which requests it is for, and how often it strikes.

    `operation` is one of those of `tally.operation`, or several: `PUT|PART`; `method` likewise. `path` is searched in
    the path and query as sent (`/bucket/key?list-type=2`). Of the requests that fit, the first `after` are spared, then
    each `every`-th is struck, `times` in all (None: without end).
    """

    kind: Kind
    operation: str = ""
    method: str = ""
    path: str = ""
    after: int = 0
    every: int = 1
    times: int | None = None
    status: int = 500
    seconds: float = 0.0

    def fits(self, request: Request, has_body: bool) -> bool:
        """Return whether this is for such a request (`has_body`: what it would damage is there)."""
        return (
            (has_body or self.kind not in NEED_BODY)
            and (not self.operation or request.operation in self.operation.split("|"))
            and (not self.method or request.method in self.method.split("|"))
            and re.search(self.path, request.path) is not None
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return asdict(self)

    @classmethod
    def from_dict(cls, data: dict[str, Any]) -> Fault:
        """Return what `to_dict` was made from."""
        return cls(**{**data, "kind": Kind(data["kind"])})


@dataclass(slots=True)
class Active:
    """A fault in force: how many requests have fitted, and how many were struck."""

    fault: Fault
    fitted: int = 0
    struck: int = 0

    def strikes(self, request: Request, has_body: bool) -> bool:
        """Count a request; return whether the fault strikes it."""
        fault = self.fault
        if not fault.fits(request, has_body):
            return False
        self.fitted += 1
        turn = self.fitted - fault.after
        if turn <= 0 or turn % fault.every or (fault.times is not None and self.struck >= fault.times):
            return False
        self.struck += 1
        return True


@dataclass(slots=True)
class Faults:
    """All faults in force, in the order in which they were set, by number. Not for several threads at once."""

    active: dict[int, Active] = field(default_factory=dict)
    _next: int = 1

    def add(self, fault: Fault) -> int:
        """Put a fault in force; return its number."""
        number = self._next
        self._next += 1
        self.active[number] = Active(fault)
        return number

    def before(self, request: Request, has_body: bool) -> list[Fault]:
        """Return what strikes a request on its way to the server."""
        return self._striking(BEFORE, request, has_body)

    def behind(self, request: Request, has_body: bool) -> list[Fault]:
        """Return what strikes the answer."""
        return self._striking(frozenset(Kind) - BEFORE, request, has_body)

    def _striking(self, kinds: Container[Kind], request: Request, has_body: bool) -> list[Fault]:
        return [a.fault for a in self.active.values() if a.fault.kind in kinds and a.strikes(request, has_body)]


def flipped(data: bytes, start: int = 0, size: int | None = None) -> bytes:
    """Return `data` with one bit changed, in the middle of the `size` bytes from `start` on."""
    at = start + (len(data) - start if size is None else size) // 2
    return data[:at] + bytes([data[at] ^ 0x10]) + data[at + 1 :]
