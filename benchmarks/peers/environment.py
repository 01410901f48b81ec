"""Edge. Environments that peers are installed in: one for each, with pinned versions, kept between runs.

They lie in `~/.cache/ckptflow-benchmarks`, or where `--peers` says. When all is installed, a text in the environment
tells what it was made from; where that is not there, or not what is wanted, it is made again. What cannot be installed
is told of and left out: no row fails by it.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import version
from pathlib import Path

MADE_FROM = "made-from.txt"


def default_directory() -> Path:
    """Return the directory of environments, below the user's cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache").expanduser() / "ckptflow-benchmarks"


def same_pyarrow() -> str:
    """Return the requirement of the pyarrow that ckptflow has here: peers are to write with the same."""
    return f"pyarrow=={version('pyarrow')}"


@dataclass(frozen=True, slots=True)
class Environments:
    """The environments in one directory. `install` makes one; `there` are those that were asked for, `missing` says why
    one could not be made.
    """

    directory: Path
    install: Callable[[Path, Sequence[str]], str | None]
    there: set[str] = field(default_factory=set)
    missing: dict[str, str] = field(default_factory=dict)

    def prepare(self, name: str, requirements: Sequence[str]) -> Path | None:
        """Return the directory of the programs of an environment, which is made if need be; None where it cannot be."""
        if name in self.missing:
            return None
        place = self.directory / name
        wanted = "\n".join((f"Python {sys.version.split()[0]}", *requirements)) + "\n"
        noted = place / MADE_FROM
        if not (noted.is_file() and noted.read_text() == wanted):
            why = self._make(place, requirements, wanted)
            if why is not None:
                self.missing[name] = why
                print(f"{name}: left out: {why}", file=sys.stderr, flush=True)
                return None
        self.there.add(name)
        return place / "bin"

    def _make(self, place: Path, requirements: Sequence[str], wanted: str) -> str | None:
        """Make an environment in its final place, which its programs know; return why that did not work."""
        print(f"{place.name}: installing {', '.join(requirements)}", file=sys.stderr, flush=True)
        shutil.rmtree(place, ignore_errors=True)
        place.parent.mkdir(parents=True, exist_ok=True)
        why = self.install(place, requirements)
        if why is None:
            (place / MADE_FROM).write_text(wanted)
        else:
            shutil.rmtree(place, ignore_errors=True)
        return why


def with_pip(place: Path, requirements: Sequence[str]) -> str | None:
    """Make a virtual environment and install into it; return why that did not work.

    Where `venv` cannot make a pip (Debian without python3-venv), the one that is here installs from outside.
    """
    plain = subprocess.run([sys.executable, "-m", "venv", place], capture_output=True, text=True)
    if plain.returncode != 0:
        bare = subprocess.run(
            [sys.executable, "-m", "venv", "--clear", "--without-pip", place], capture_output=True, text=True
        )
        if bare.returncode != 0:
            return _last_line(bare.stderr or bare.stdout)
    python = str(place / "bin/python")
    pip = [python, "-m", "pip"] if plain.returncode == 0 else [sys.executable, "-m", "pip", "--python", python]
    done = subprocess.run(
        [*pip, "install", "--quiet", "--disable-pip-version-check", *requirements], capture_output=True, text=True
    )
    return None if done.returncode == 0 else _last_line(done.stderr)


def _last_line(text: str) -> str:
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[-1] if lines else "no reason was told"
