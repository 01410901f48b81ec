"""Edge. A server as a process of its own: started, waited for until it says that it listens, ended by its id.

What it prints goes to a file, which an error quotes. Standard input is a pipe that this process holds; servers end with
it (`serving` sees to that itself, others are put on a `leash`), so that none outlives the tests.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PATIENCE = 240.0


class Process:
    """A running server. `directory` is a new one of its own, removed with it; `empty` an empty file in it."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.directory = Path(tempfile.mkdtemp(prefix=f"ckptflow-{name}-"))
        self.empty = self.directory / "empty"
        self.empty.touch()
        self._log = self.directory / "server.log"
        self._running: subprocess.Popen[bytes] | None = None

    @property
    def pid(self) -> int:
        """The process to signal, and to measure."""
        assert self._running is not None
        return self._running.pid

    def start_module(self, module: str, *args: str) -> None:
        """Start a module of the tests, which ends with its standard input."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        self._start([sys.executable, "-m", module, *args], {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1"})

    def start(self, command: Sequence[str], env: Mapping[str, str] | None = None) -> None:
        """Start a program on a leash."""
        path = os.pathsep.join(filter(None, (str(ROOT), os.environ.get("PYTHONPATH"))))
        argv = [sys.executable, "-m", "tests.servers.leash", *command]
        self._start(argv, {"PYTHONPATH": path, "PYTHONUNBUFFERED": "1", **(env or {})})

    def _start(self, argv: Sequence[str], env: Mapping[str, str]) -> None:
        with self._log.open("wb") as log:
            self._running = subprocess.Popen(
                argv,
                cwd=ROOT,
                env={**os.environ, **env},
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,  # a Ctrl-C at the terminal is for the tests, which then end the server
            )

    def said(self, pattern: str) -> re.Match[str]:
        """Wait until the server prints what matches `pattern`, and return the match. Fails when it ends before."""
        assert self._running is not None
        end = time.monotonic() + PATIENCE
        while True:
            ended = self._running.poll() is not None
            text = self._log.read_text(errors="replace")
            if found := re.search(pattern, text):
                return found
            if ended or time.monotonic() > end:
                self.stop()
                raise AssertionError(f"{self.name} {'ended' if ended else 'does not listen'}; it said:\n{text}")
            time.sleep(0.01)

    def await_port(self, port: int) -> None:
        """Wait until something listens on the port. Fails when the server ends before."""
        assert self._running is not None
        end = time.monotonic() + PATIENCE
        while True:
            ended = self._running.poll() is not None
            try:
                socket.create_connection(("127.0.0.1", port), 1).close()
                return
            except OSError:
                if ended or time.monotonic() > end:
                    text = self._log.read_text(errors="replace")
                    self.stop()
                    raise AssertionError(f"{self.name} does not listen; it said:\n{text}") from None
            time.sleep(0.01)

    def stop(self) -> None:
        """End the server, wait for it, and remove its directory. Twice is once."""
        if self._running is not None:
            assert self._running.stdin is not None
            self._running.stdin.close()
            try:
                self._running.wait(10)
            except subprocess.TimeoutExpired:
                self._running.kill()
                self._running.wait()
        shutil.rmtree(self.directory, ignore_errors=True)


def free_port() -> int:
    """Return a port that was free a moment ago, for servers that cannot choose one themselves: one of those that the
    system gives to nobody who does not ask for it, so that no connection takes it meanwhile.
    """
    while True:
        with socket.socket() as found, suppress(OSError):
            found.bind(("127.0.0.1", 16_384 + secrets.randbelow(16_384)))
            return int(found.getsockname()[1])
