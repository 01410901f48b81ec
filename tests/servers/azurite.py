"""Edge. Azure's blob storage by Azurite, in memory, with an account of its own."""

from __future__ import annotations

import base64
import hashlib
import hmac
import http.client
import itertools
from email.utils import formatdate
from typing import Any

from .emulators import find_azurite
from .fresh import FreshBucket, no_proxy
from .process import Process

ACCOUNT, KEY = "testing", base64.b64encode(b"a key for tests, of no worth").decode()
VERSION = "2021-12-02"


class AzuriteServer:
    """A running server."""

    def __init__(self) -> None:
        program = find_azurite()
        assert program is not None, "Azurite is not installed: sh .ci/setup-emulators"
        self._process = Process("azurite")
        self._process.start(
            [
                program,
                "--blobPort",
                "0",
                "--inMemoryPersistence",
                "--disableTelemetry",
                "--skipApiVersionCheck",
                "--silent",
            ],
            env={"AZURITE_ACCOUNTS": f"{ACCOUNT}:{KEY}"},
        )
        self.port = int(self._process.said(r"successfully listens on http://127\.0\.0\.1:(\d+)")[1])
        self.endpoint = f"http://127.0.0.1:{self.port}/{ACCOUNT}"
        self._numbers = itertools.count(1)

    def stop(self) -> None:
        """End the server."""
        self._process.stop()

    def env(self) -> dict[str, str]:
        """Return an environment in which clients find this server and its credentials."""
        return {
            "AZURE_STORAGE_CONNECTION_STRING": self._connection_string(),
            "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
            "AZURE_STORAGE_ACCOUNT_KEY": KEY,
            "AZURE_STORAGE_ENDPOINT": self.endpoint,
            "AZURE_ALLOW_HTTP": "true",
            **no_proxy(),
        }

    def options(self) -> dict[str, Any]:
        """Return the options of a remote on this server."""
        return {"connection_string": self._connection_string()}

    def create_bucket(self) -> FreshBucket:
        """Make a container that was not there before."""
        name = f"container-{next(self._numbers)}"
        self._ask("PUT", name, 201)
        return FreshBucket(name, f"az://{name}/some/project", self.options(), self.env())

    def drop_bucket(self, bucket: FreshBucket) -> None:
        """Remove a container and all that is in it."""
        self._ask("DELETE", bucket.name, 202)

    def _connection_string(self) -> str:
        return f"DefaultEndpointsProtocol=http;AccountName={ACCOUNT};AccountKey={KEY};BlobEndpoint={self.endpoint};"

    def _ask(self, method: str, name: str, status: int) -> None:
        """Send a request about a container, signed as Azure's documentation of Shared Key asks for."""
        sent = {"x-ms-date": formatdate(usegmt=True), "x-ms-version": VERSION}
        what = "".join(f"{k}:{v}\n" for k, v in sorted(sent.items()))
        # On an address with the account in its path, the account stands twice in the resource.
        text = f"{method}{chr(10) * 12}{what}/{ACCOUNT}/{ACCOUNT}/{name}\nrestype:container"
        signature = base64.b64encode(hmac.digest(base64.b64decode(KEY), text.encode(), hashlib.sha256)).decode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)
        try:
            signed = {**sent, "Authorization": f"SharedKey {ACCOUNT}:{signature}"}
            connection.request(method, f"/{ACCOUNT}/{name}?restype=container", headers=signed)
            answer = connection.getresponse()
            said = answer.read()
            assert answer.status == status, f"Azurite answers {answer.status}: {said.decode(errors='replace')}"
        finally:
            connection.close()
