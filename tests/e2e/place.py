"""A project in a directory of its own, and the real command run on it in processes of its own, as a stranger would.

`place.side` lies outside the project: stage functions append a line to it each time they run, so that tests count what
was really executed and need not believe what is printed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import sysconfig
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SCRIPT = shutil.which("ckptflow", path=sysconfig.get_path("scripts"))
COMMAND = [SCRIPT] if SCRIPT else [sys.executable, "-m", "ckptflow.cli.main"]
PATIENCE = 240.0
"""Seconds after which what is waited for counts as never: far more than a busy machine needs for anything."""

WORK = '''\
"""Stage functions that leave a trace of each call."""

import os
import time


def trace(word):
    """Leave a trace; calls numbered from UNTIL on wait then for `place.let("go")`."""
    with open(os.environ["SIDE"], "a") as file:
        file.write(f"{word} {os.getpid()}\\n")
    if "UNTIL" in os.environ and str(word).isdigit() and int(word) >= int(os.environ["UNTIL"]):
        wait_for("go")


def wait_for(name, seconds=600.0):
    """Wait until the test has made a file beside the trace."""
    path = os.environ["SIDE"] + "." + name
    end = time.monotonic() + seconds
    while not os.path.exists(path) and time.monotonic() < end:
        time.sleep(0.01)


def first(rows):
    return rows["x"][0].as_py()
'''


@dataclass(frozen=True)
class Ended:
    """A command that ended."""

    code: int
    out: str
    err: str

    @property
    def json(self) -> Any:
        """What stands on standard output; nothing but one document may."""
        return json.loads(self.out)

    def stage(self, name: str) -> Any:
        """One stage of the JSON object."""
        return next(s for s in self.json["stages"] if s["stage"] == name)

    def counts(self, name: str) -> tuple[int, int, int]:
        """Chunks of a stage: ran, reused, failed."""
        chunks = self.stage(name)["chunks"]
        return chunks["ran"], chunks["reused"], chunks["failed"]


@dataclass
class Place:
    """A project, and what is needed to run commands on it."""

    root: Path
    side: Path
    env: dict[str, str]

    def write(self, name: str, text: str) -> Path:
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
        return path

    def pipeline(self, text: str) -> None:
        self.write("pipeline.yaml", text)

    def work(self, text: str) -> None:
        """Add functions to the module `work`."""
        self.write("work.py", WORK + "\n\n" + textwrap.dedent(text))

    def rows(self, count: int, name: str = "rows.csv", start: int = 0) -> None:
        self.write(name, "x,y\n" + "".join(f"{i},{i * i}\n" for i in range(start, start + count)))

    def start(self, *args: str, cwd: Path | None = None, **env: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [*COMMAND, *args],
            cwd=cwd or self.root,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )

    def finish(self, process: subprocess.Popen[str]) -> Ended:
        try:
            out, err = process.communicate(timeout=PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            out, err = process.communicate()
            raise AssertionError(f"the command hangs; so far it said:\n{out}\n{err}") from None
        return Ended(process.returncode, out, err)

    def run(self, *args: str, cwd: Path | None = None, **env: str) -> Ended:
        return self.finish(self.start(*args, cwd=cwd, **env))

    def repro(self, *args: str, code: int = 0, **env: str) -> Ended:
        """Run `repro --json` and demand an exit code."""
        ended = self.run("repro", "--json", *args, **env)
        assert ended.code == code, f"exit code {ended.code}, not {code}:\n{ended.out}\n{ended.err}"
        return ended

    def traces(self) -> list[str]:
        """What the functions have written so far, without the process ids."""
        return [line.split()[0] for line in self._lines()]

    def pids(self) -> set[int]:
        """The processes that have run functions."""
        return {int(line.split()[1]) for line in self._lines()}

    def forget(self) -> None:
        """Begin a new trace."""
        self.side.write_text("")

    def let(self, name: str) -> None:
        """Let functions go on that `wait_for(name)`."""
        Path(f"{self.side}.{name}").touch()

    def await_traces(self, count: int) -> None:
        """Wait until `count` calls have left their trace."""
        until(lambda: len(self._lines()) >= count, f"{count} calls")

    def await_event(self, kind: str, file: str = "events.jsonl") -> None:
        """Wait until a run with `--events FILE` tells of an event of a kind."""
        path, word = self.root / file, f'"type": "{kind}"'
        until(lambda: path.exists() and word in path.read_text(), f"the event {kind}")

    def interrupt(self, process: subprocess.Popen[str], number: int) -> None:
        """Send a signal to a run with `--events events.jsonl` whose calls wait; let them go once it is stopping."""
        process.send_signal(number)
        self.await_event("stopping")
        self.let("go")

    def content(self, out: str) -> dict[str, bytes]:
        """File name -> bytes of an out."""
        path = self.root / out
        if path.is_file():
            return {"": path.read_bytes()}
        return {p.relative_to(path).as_posix(): p.read_bytes() for p in sorted(path.rglob("*")) if p.is_file()}

    def records(self) -> int:
        """How many chunks are recorded as done, whole lines only."""
        found = 0
        for path in (self.root / ".ckptflow/store/records").glob("*.jsonl"):
            found += sum(b'"key"' in line for line in path.read_bytes().splitlines(keepends=True) if line[-1:] == b"\n")
        return found

    def _lines(self) -> list[str]:
        text = self.side.read_text() if self.side.exists() else ""
        return text.splitlines()


def until(condition: Callable[[], bool], what: str) -> None:
    """Wait for a condition; fail when it does not come."""
    end = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.005)


def is_running(pid: int) -> bool:
    """Whether a process runs; one that is dead and not yet waited for does not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return False
        return not Path("/proc/self").exists()
