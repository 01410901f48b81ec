"""Edge. An S3 server by moto in a process of its own, what was asked of it, and what goes wrong with it.

moto keeps everything in one process and forgets it with that process. It checks no credentials; a refusal is a fault
(`Fault(Kind.ERROR, status=403)`). Clients of S3 try again by themselves, up to ten times and with pauses: a fault that
is to reach the caller has no `times`.
"""

from __future__ import annotations

import http.client
import itertools
import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .faults import Fault
from .fresh import FreshBucket, s3_env, s3_options
from .process import Process
from .tally import Counts, count

KEY, SECRET = "testing-key", "testing-secret"


class MotoServer:
    """A running server. May be used by several threads."""

    def __init__(self) -> None:
        self._process = Process("moto")
        self._process.start_module("tests.servers.serving")
        self.port = int(self._process.said(r"listens on (\d+)")[1])
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int:
        """The server's process."""
        return self._process.pid

    def stop(self) -> None:
        """End the server."""
        self._process.stop()

    def env(self) -> dict[str, str]:
        """Return an environment in which clients find this server and its credentials."""
        return s3_env(self.endpoint, KEY, SECRET, self._process.empty)

    def options(self) -> dict[str, Any]:
        """Return the options of a remote on this server."""
        return s3_options(self.endpoint, KEY, SECRET)

    def create_bucket(self) -> FreshBucket:
        """Make a bucket that was not there before."""
        name = f"bucket-{next(self._numbers)}"
        self._ask("PUT", f"bucket/{name}")
        return FreshBucket(name, f"s3://{name}/some/project", self.options(), self.env())

    def drop_bucket(self, bucket: FreshBucket) -> None:
        """Remove a bucket and all that is in it."""
        self._ask("DELETE", f"bucket/{bucket.name}")

    def requests(self, bucket: str = "", key: str = "", operation: str = "") -> list[dict[str, Any]]:
        """Return all requests since `reset` in the order in which they came: those to a bucket, to keys (or of
        prefixes, where they list) that start with `key`, of one operation. The fields are those of `tally.Request`.
        """
        return [
            request
            for request in self._ask("GET", "requests")
            if (not bucket or request["bucket"] == bucket)
            and request["key"].startswith(key)
            and (not operation or request["operation"] == operation)
        ]

    def counts(self, bucket: str = "", key: str = "") -> Counts:
        """Count them by operation, with their bytes."""
        return count(self.requests(bucket, key))

    def reset(self) -> None:
        """Begin to count anew."""
        self._ask("DELETE", "requests")

    def inject(self, fault: Fault) -> int:
        """Put a fault in force; return its number."""
        return int(self._ask("POST", "faults", fault.to_dict()))

    @contextmanager
    def fault(self, fault: Fault) -> Iterator[int]:
        """Have a fault in force while the `with` lasts. Fails if it never struck: then the test has tested nothing."""
        number = self.inject(fault)
        try:
            yield number
            struck = self.struck(number)
        finally:
            self.forget(number)
        assert struck, f"no request was struck by {fault}"

    def forget(self, number: int) -> None:
        """Take one fault away."""
        self._ask("DELETE", f"faults/{number}")

    def struck(self, number: int) -> int:
        """Return how many requests a fault has struck."""
        return int(self._ask("GET", "faults")[str(number)][1])

    def await_held(self, count: int = 1) -> int:
        """Wait until so many requests hang; return how many do. Fails if they do not come."""
        held = int(self._ask("GET", f"held/{count}"))
        assert held >= count, f"{held} requests hang, not {count}"
        return held

    def release(self) -> None:
        """Let the requests that hang go on, as if nothing had been; new ones hang as before."""
        self._ask("POST", "held", True)

    def clock(self, ahead: float = 0.0) -> None:
        """Set the server's clock so many seconds ahead of this machine's (or behind): the header `Date` of all answers
        and the times at which objects are stored from now on.
        """
        self._ask("PUT", "clock", ahead)

    def calm(self) -> None:
        """Take all faults away and set the clock right; requests that hang are forgotten, their connections reset."""
        self.clock()
        self._ask("DELETE", "faults")
        self._ask("POST", "held", False)

    def _ask(self, method: str, path: str, data: Any = None) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=240)
        try:
            connection.request(method, f"/-/{path}", None if data is None else json.dumps(data))
            return json.loads(connection.getresponse().read())
        finally:
            connection.close()
