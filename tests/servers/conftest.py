"""Two clients: bare HTTP, which shows what really comes over the wire, and botocore, which is what others build on."""

from __future__ import annotations

import http.client
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from .fresh import FreshBucket
from .moto import MotoServer


class Wire(http.client.HTTPConnection):
    """A connection to a server on this machine that tries nothing again."""

    def __init__(self, port: int) -> None:
        super().__init__("127.0.0.1", port, timeout=60)

    def putrequest(self, *args: Any, **options: Any) -> None:
        """Begin a request: moto looks at no signature, but wants to see one."""
        super().putrequest(*args, **options)
        scope = "testing-key/20200101/us-east-1/s3/aws4_request"
        self.putheader("Authorization", f"AWS4-HMAC-SHA256 Credential={scope}, SignedHeaders=host, Signature=0")

    def ask(self, method: str, path: str, body: Any = None, **headers: str) -> tuple[http.client.HTTPResponse, bytes]:
        """Send a request; return the answer and its body."""
        self.request(method, path, body, headers)
        answer = self.getresponse()
        return answer, answer.read()


@pytest.fixture
def connect(moto_server: MotoServer) -> Iterator[Callable[[], Wire]]:
    """Makes connections, which are closed in the end."""
    made = []

    def connect() -> Wire:
        made.append(Wire(moto_server.port))
        return made[-1]

    yield connect
    for each in made:
        each.close()


@pytest.fixture
def wire(connect: Callable[[], Wire]) -> Wire:
    """One connection."""
    return connect()


@pytest.fixture
def s3() -> Callable[..., Any]:
    """A client of a bucket's server; `attempts` in all, pauses between them aside."""

    def client(bucket: FreshBucket, attempts: int = 1) -> Any:
        from botocore.config import Config
        from botocore.session import Session

        session = Session()
        session.set_credentials(bucket.options["key"], bucket.options["secret"])
        retries = {"total_max_attempts": attempts, "mode": "standard"}
        return session.create_client(
            "s3",
            endpoint_url=bucket.options["endpoint_url"],
            region_name="us-east-1",
            config=Config(retries=retries, connect_timeout=5, read_timeout=5),
        )

    return client
