"""Edge. One call at a time cleans up a remote: a lease, taken with a conditional write and given back at the end.

It counts by the server's clock, and may be taken over when it was not renewed for an hour. Whoever holds one makes
sure, before each thing that needs it, that it has not grown old: a machine that slept meanwhile finds out.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from ..dataclass import dataclass, field
from ..errors import Locked, StoreError
from ..store.bucket import Bucket
from ..store.layout import CONDEMNED, LEASE
from ..store.protocol import NotThere
from .ages import Moment

LEASE_SECONDS = 3600.0
_RENEW_SECONDS = 600.0


@dataclass(slots=True)
class Lease:
    """The right to clean up a remote. Raises `StoreError`."""

    bucket: Bucket
    text: dict[str, str]
    version: str = ""
    taken: Moment = field(default_factory=Moment)

    def make_sure(self) -> None:
        """Renew it if it is some minutes old. Raises `StoreError` where somebody has taken over."""
        if self.taken.age > _RENEW_SECONDS:
            began = Moment()
            if not self.bucket.replace(LEASE, _encode(self.text), self.version):
                raise StoreError(
                    f"another `gc` has taken over {self.bucket.url}",
                    hint="nothing is lost: what this one had begun, the next call finishes",
                )
            self.version = self.bucket.read(LEASE)[1]
            self.taken = began


@contextmanager
def take(bucket: Bucket, run: str) -> Iterator[Lease]:
    """Hold the lease for the length of the block. Raises `Locked` at once where somebody else does; `StoreError`."""
    text = {"run": run, "host": socket.gethostname(), "pid": str(os.getpid()), "token": os.urandom(8).hex()}
    lease = Lease(bucket, text)
    if not bucket.create(LEASE, _encode(text)):
        _take_over(bucket, text)
    data, lease.version = bucket.read(LEASE)
    if data != _encode(text):  # a remote that ignores conditions: the other was later, and goes on
        raise Locked(f"the remote {bucket.url}", _holder(data))
    try:
        yield lease
    finally:
        with suppress(StoreError):
            if bucket.read(LEASE)[0] == _encode(text):
                bucket.delete([LEASE])


def _take_over(bucket: Bucket, text: dict[str, str]) -> None:
    """Take a lease that is there already, if its holder has let it grow old by the server's clock."""
    with suppress(NotThere):
        data, version = bucket.read(LEASE)
        entry = bucket.stat(LEASE)
        if entry is not None and server_now(bucket) - entry.written_ns < LEASE_SECONDS * 1e9:
            raise Locked(f"the remote {bucket.url}", _holder(data))
        if bucket.replace(LEASE, _encode(text), version):
            return
    raise Locked(f"the remote {bucket.url}", "another `gc`, which was quicker")


def server_now(bucket: Bucket, folder: str = CONDEMNED) -> int:
    """Return the server's time in ns: that of something just written to `folder`, which is removed again.

    Raises `StoreError`.
    """
    name = f"{folder}clock-{os.urandom(8).hex()}"
    bucket.put(name, b"")
    entry = bucket.stat(name)
    bucket.delete([name])
    if entry is None:
        raise StoreError(f"{bucket.url} does not keep what is written", hint="`ckptflow remote check` tells more")
    return entry.written_ns


def _holder(data: bytes) -> str:
    try:
        doc = json.loads(data)
        return f"`gc` {doc['run']}, pid {doc['pid']} on {doc['host']}"
    except (ValueError, KeyError, TypeError):
        return "another `gc`"


def _encode(text: dict[str, str]) -> bytes:
    return json.dumps(text, sort_keys=True).encode()
