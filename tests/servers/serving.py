"""Edge. `python -m tests.servers.serving`: moto's S3 on 127.0.0.1 and a free port, until standard input ends.

Prints the port. The tests speak to it under `/-/` (JSON in, JSON out): `bucket`, `requests`, `faults`, `held`, `clock`.
"""

from __future__ import annotations

import os
import threading
from datetime import timedelta
from typing import Any
from urllib.parse import unquote

import moto.s3.models
from moto.core import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import ThreadedWSGIServer

from .faults import Fault
from .handler import Handler, Layer

REGION = "us-east-1"


class Control:
    """What the tests can ask of the layer."""

    def __init__(self, layer: Layer) -> None:
        self._layer = layer

    def __call__(self, method: str, path: str, asked: Any) -> Any:
        """Answer a request under `/-/`: the verb is `METHOD NAME`."""
        name, _, rest = unquote(path).partition("/")
        match f"{method} {name}":
            case "PUT bucket":
                with self._layer.one:
                    s3_backends[DEFAULT_ACCOUNT_ID]["aws"].create_bucket(rest, REGION)
            case "DELETE bucket":
                self._drop(rest)
            case "GET requests":
                with self._layer.lock:
                    return [request.to_dict() for request in self._layer.requests]
            case "DELETE requests":
                with self._layer.lock:
                    self._layer.requests.clear()
            case "POST faults":
                with self._layer.lock:
                    return self._layer.faults.add(Fault.from_dict(asked))
            case "GET faults":
                with self._layer.lock:
                    return {number: [a.fitted, a.struck] for number, a in self._layer.faults.active.items()}
            case "DELETE faults":
                with self._layer.lock:
                    for number in [int(rest)] if rest else list(self._layer.faults.active):
                        self._layer.faults.active.pop(number, None)
            case "POST held":
                self._layer.release(go_on=bool(asked))
            case "GET held":
                with self._layer.lock:
                    self._layer.lock.wait_for(lambda: len(self._layer.held) >= int(rest or 0), timeout=200)
                    return len(self._layer.held)
            case "PUT clock":
                self._layer.ahead = timedelta(seconds=asked)
            case verb:
                raise ValueError(f"there is no `{verb}`")
        return None

    def _drop(self, name: str) -> None:
        """Remove a bucket with all that is in it, for which S3 has no request."""
        with self._layer.one:
            bucket = s3_backends[DEFAULT_ACCOUNT_ID]["aws"].buckets.pop(name)
            for key in bucket.keys.values():
                key.dispose()
            for upload in bucket.multiparts.values():
                upload.dispose()
            s3_backends.bucket_accounts.pop(name, None)


def main() -> None:
    """Serve until standard input ends."""
    layer = Layer(DomainDispatcherApplication(create_backend_app))
    moto.s3.models.utcnow = layer.now
    handler = type("Bound", (Handler,), {"layer": layer, "control": staticmethod(Control(layer))})
    server = ThreadedWSGIServer("127.0.0.1", 0, layer.application, handler=handler)
    threading.Thread(target=_until_input_ends, daemon=True).start()
    print(f"listens on {server.server_port}", flush=True)
    server.serve_forever()


def _until_input_ends() -> None:
    while os.read(0, 4096):
        pass
    os._exit(0)  # threads may be held by a fault, and nothing is to be kept


if __name__ == "__main__":
    main()
