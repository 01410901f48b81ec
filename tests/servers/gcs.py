"""Edge. Google's storage by `gcp-storage-emulator`, in memory.

It is a stub: it answers one request at a time, checks no credentials and no preconditions, and knows the listing of the
JSON interface only, which gcsfs uses and obstore does not.
"""

from __future__ import annotations

import http.client
import itertools
import json
from typing import Any
from urllib.parse import quote

from .emulators import find_gcs
from .fresh import FreshBucket, no_proxy
from .process import Process, free_port


class GcsServer:
    """A running server."""

    def __init__(self) -> None:
        program = find_gcs()
        assert program is not None, "gcp-storage-emulator is not installed: sh .ci/setup-emulators"
        self._process = Process("gcs")
        self.port = free_port()
        self._process.start([program, "start", "--host", "127.0.0.1", "--port", str(self.port), "--in-memory"])
        self._process.said("All services started")  # not if another program has taken the port since
        self._process.await_port(self.port)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        """End the server."""
        self._process.stop()

    def env(self) -> dict[str, str]:
        """Return an environment in which clients find this server."""
        return {"STORAGE_EMULATOR_HOST": self.endpoint, **no_proxy()}

    def options(self) -> dict[str, Any]:
        """Return the options of a remote on this server."""
        return {"endpoint_url": self.endpoint, "token": "anon", "project": "testing"}

    def create_bucket(self) -> FreshBucket:
        """Make a bucket that was not there before."""
        name = f"bucket-{next(self._numbers)}"
        self.ask("POST", "/storage/v1/b?project=testing", {"name": name})
        return FreshBucket(name, f"gs://{name}/some/project", self.options(), self.env())

    def drop_bucket(self, bucket: FreshBucket) -> None:
        """Remove a bucket and all that is in it."""
        for item in self.ask("GET", f"/storage/v1/b/{bucket.name}/o").get("items", []):
            self.ask("DELETE", f"/storage/v1/b/{bucket.name}/o/{quote(item['name'], safe='')}")
        self.ask("DELETE", f"/storage/v1/b/{bucket.name}")

    def ask(self, method: str, path: str, data: Any = None) -> Any:
        """Send a request, with bytes as they are or with JSON; return the JSON of its answer. Fails unless it is
        answered with success.
        """
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            raw = isinstance(data, bytes)
            body = data if raw or data is None else json.dumps(data)
            kind = "application/octet-stream" if raw else "application/json"  # the emulator takes JSON apart
            connection.request(method, path, body, {"Content-Type": kind})
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status < 300, f"the emulator answers {answer.status}: {said.decode(errors='replace')}"
            return json.loads(said) if said else None
        finally:
            connection.close()
