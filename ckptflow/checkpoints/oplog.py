"""Edge. The log of what happens to checkpoints: written, removed, passed over, gone on from, put away, put back.

Each line goes to the logger `ckptflow.checkpoints`, if somebody listens to it, and, of a run, to a file of its own and
to whoever follows the run. Nobody can listen before `logging` is imported, so this does not import it: a run that
nobody asks pays nothing.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path
from typing import TextIO

LOGGER = "ckptflow.checkpoints"


class Level(StrEnum):
    """How much a line matters; the values are those of `events.Note`."""

    INFO = "info"
    WARNING = "warning"


class OperationLog:
    """Takes lines. `path` is the file that keeps them, made with the first one; `hear` is told each. Never raises
    `OSError`: what cannot be logged has happened all the same.
    """

    def __init__(self, path: Path | None = None, hear: Callable[[Level, str], None] | None = None) -> None:
        self._path = path
        self._hear = hear
        self._file: TextIO | None = None

    def info(self, text: str) -> None:
        """Something happened."""
        self._tell(Level.INFO, text)

    def warning(self, text: str) -> None:
        """Something happened that somebody may want to look into."""
        self._tell(Level.WARNING, text)

    def close(self) -> None:
        """Close the file."""
        file, self._file = self._file, None
        if file is not None:
            with suppress(OSError):
                file.close()

    def _tell(self, level: Level, text: str) -> None:
        if "logging" in sys.modules:
            import logging  # waits where another thread is just loading it

            if (logger := logging.getLogger(LOGGER)).hasHandlers():
                logger.log(getattr(logging, level.upper()), "%s", text)
        if self._path is not None:
            self._keep(level, text)
        if self._hear is not None:
            self._hear(level, text)

    def _keep(self, level: Level, text: str) -> None:
        assert self._path is not None
        try:
            if self._file is None:
                self._path.parent.mkdir(parents=True, exist_ok=True)
                self._file = open(self._path, "a", encoding="utf-8", errors="backslashreplace", buffering=1)  # noqa: SIM115
            now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
            self._file.write(f"{now} {level} {' '.join(text.splitlines())}\n")
        except OSError:
            self._path = None
