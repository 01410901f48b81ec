"""Edge. The HTTP side of the process behind `moto`: reads a request whole, lets faults strike it, gives it to moto.

werkzeug's own handler closes the connection after each answer; this one keeps it, as S3 does. One lock is held round
moto's application: it looks at a condition and then writes, and two threads could both find that a key is free.
A reset is a real one: SO_LINGER of zero and a close, which makes the kernel send RST.
"""

from __future__ import annotations

import io
import json
import os
import socket
import struct
import threading
import time
from collections.abc import Callable, Iterable
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from http.client import responses
from typing import Any

from moto.moto_server.werkzeug_app import MotoRequestHandler

from .faults import ERRORS, Fault, Faults, Kind, flipped
from .tally import Request, parse

CONTROL = "/-/"
"""Paths that are no bucket's: the tests speak to the layer here."""
PIECES = 10

Application = Callable[[dict[str, Any], Callable[..., Any]], Iterable[bytes]]


class Dropped(Exception):
    """The connection was ended, there is nothing more to do with it."""


class Held:
    """A request that hangs."""

    def __init__(self) -> None:
        self.over = threading.Event()
        self.go_on = False


class Layer:
    """What the threads of all connections share. `lock` is held to look at or change any of it."""

    def __init__(self, application: Application) -> None:
        self.application = application
        self.one = threading.Lock()
        self.lock = threading.Condition()
        self.faults = Faults()
        self.requests: list[Request] = []
        self.held: list[Held] = []
        self.ahead = timedelta()

    def hold(self) -> bool:
        """Wait until `release`; return whether the request is to go on."""
        held = Held()
        with self.lock:
            self.held.append(held)
            self.lock.notify_all()
        held.over.wait()
        return held.go_on

    def release(self, go_on: bool) -> None:
        """Let all requests go that are held: to go on, or to be forgotten."""
        with self.lock:
            leaving, self.held = self.held, []
        for held in leaving:
            held.go_on = go_on
            held.over.set()

    def now(self) -> datetime:
        """Return the time by the server's clock, in UTC, without a zone as moto has it."""
        return datetime.now(UTC).replace(tzinfo=None) + self.ahead


class Handler(MotoRequestHandler):
    """One connection."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    layer: Layer
    control: Callable[[str, str, Any], Any]

    def run_wsgi(self) -> None:
        """Answer one request."""
        try:
            environ = self.make_environ()
            body = self._body(environ)
            if self.path.startswith(CONTROL):
                asked = json.loads(body) if body else None
                answer = json.dumps(type(self).control(self.command, self.path[len(CONTROL) :], asked)).encode()
                self._send("200 OK", [("Content-Type", "application/json")], answer)
            else:
                self._answer(environ, body)
        except (Dropped, ConnectionError):
            self.close_connection = True

    def _body(self, environ: dict[str, Any]) -> bytes:
        wanted = int(environ.get("CONTENT_LENGTH") or 0)
        stream = environ["wsgi.input"]
        body: bytes = stream.read() if environ.get("wsgi.input_terminated") else stream.read(wanted)
        if not environ.get("wsgi.input_terminated") and len(body) < wanted:
            self._note(body)
            raise Dropped
        return body

    def _note(self, body: bytes) -> Request:
        request = parse(self.command, self.path, len(body), "x-amz-copy-source" in self.headers)
        with self.layer.lock:
            self.layer.requests.append(request)
        return request

    def _answer(self, environ: dict[str, Any], body: bytes) -> None:
        layer = self.layer
        request = self._note(body)
        with layer.lock:
            striking = layer.faults.before(request, bool(body))
        request.faults += [fault.kind for fault in striking]
        error: Fault | None = None
        for fault in striking:
            match fault.kind:
                case Kind.LATE:
                    time.sleep(fault.seconds)
                case Kind.HANG:
                    if not layer.hold():
                        self._reset()
                case Kind.RESET:
                    self._reset()
                case Kind.FLIP_REQUEST:
                    body = flipped(body, *self._data(body))
                case _:
                    error = fault
        status, headers, answer = self._refusal(error) if error else self._ask(environ, body)
        shown = self.command != "HEAD" and bool(answer)
        with layer.lock:
            striking = layer.faults.behind(request, shown)
        request.faults += [fault.kind for fault in striking]
        request.status, request.sent = int(status.split()[0]), len(answer) if shown else 0
        self._send_struck(status, headers, answer, {fault.kind: fault for fault in striking})

    def _send_struck(self, status: str, headers: list[tuple[str, str]], answer: bytes, by: dict[Kind, Fault]) -> None:
        if Kind.SILENT in by and not self.layer.hold():
            self._reset()
        if Kind.LOST in by:
            self._reset()
        if Kind.FLIP_ANSWER in by:
            answer = flipped(answer)
        if Kind.TRUNCATED in by or Kind.TORN in by:
            self._send(status, headers, answer, until=len(answer) // 2)
            if Kind.TORN in by:
                self._reset()
            raise Dropped
        self._send(status, headers, answer, pause=by[Kind.SLOW].seconds / PIECES if Kind.SLOW in by else None)

    def _ask(self, environ: dict[str, Any], body: bytes) -> tuple[str, list[tuple[str, str]], bytes]:
        """Give the request to moto; return status, headers and body."""
        environ["wsgi.input"] = io.BytesIO(body)
        environ["CONTENT_LENGTH"] = str(len(body))
        environ.pop("wsgi.input_terminated", None)
        environ.pop("HTTP_TRANSFER_ENCODING", None)
        said: list[Any] = []
        with self.layer.one:
            parts = self.layer.application(environ, lambda status, headers, _=None: said.extend((status, headers)))
            try:
                answer = b"".join(parts)
            finally:
                if close := getattr(parts, "close", None):
                    close()
        return said[0], said[1], answer

    def _refusal(self, fault: Fault) -> tuple[str, list[tuple[str, str]], bytes]:
        code, message = ERRORS.get(fault.status, ("Error", "An error."))
        text = f'<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>'
        return f"{fault.status} {responses[fault.status]}", [("Content-Type", "application/xml")], text.encode()

    def _data(self, body: bytes) -> tuple[int, int]:
        """Return where in a request's body the bytes to be stored are: start and size.

        With `aws-chunked` they stand between lines with sizes and signatures; the first piece will do.
        """
        if "aws-chunked" not in self.headers.get("Content-Encoding", ""):
            return 0, len(body)
        line, end, _ = body.partition(b"\r\n")
        return len(line) + len(end), int(line.split(b";")[0], 16)

    def _send(
        self,
        status: str,
        headers: list[tuple[str, str]],
        answer: bytes,
        until: int | None = None,
        pause: float | None = None,
    ) -> None:
        code = int(status.split()[0])
        bare = self.command == "HEAD" or code in (204, 304)
        length = [] if bare else [("Content-Length", str(len(answer)))]
        date = ("Date", format_datetime(self.layer.now().replace(tzinfo=UTC), usegmt=True))
        kept = [
            h
            for h in headers
            if h[0].lower() != "date" and (self.command == "HEAD" or h[0].lower() != "content-length")
        ]
        lines = [f"HTTP/1.1 {status}", *(f"{k}: {v}" for k, v in (date, *kept, *length))]
        if self.close_connection:
            lines.append("Connection: close")
        head = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1")
        shown = b"" if bare else answer[:until]
        if pause is None:
            self.wfile.write(head + shown if len(shown) < 1 << 16 else head)
            if len(shown) >= 1 << 16:
                self.wfile.write(shown)
            return
        self.wfile.write(head)
        step = max(1, -(-len(shown) // PIECES))
        for at in range(0, len(shown), step):
            self.wfile.write(shown[at : at + step])
            time.sleep(pause)

    def _reset(self) -> None:
        """End the connection with RST."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())  # not `close`, which waits for the files made of the socket
        raise Dropped

    def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
        """Print nothing: requests are kept in the layer."""
