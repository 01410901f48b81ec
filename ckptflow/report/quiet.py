"""Edge. Says only what went wrong: failed chunks and warnings."""

from __future__ import annotations

from collections.abc import Callable

from ..events import ChunkFailed, Event, Note
from .failure import failure_lines
from .style import Style
from .words import clean


class Quiet:
    """A reporter that writes lines of failures and warnings with `write`, and nothing else."""

    def __init__(self, write: Callable[[str], object], style: Style) -> None:
        self._write = write
        self._style = style

    def emit(self, event: Event) -> None:
        """Take one event."""
        match event:
            case ChunkFailed():
                self._write("\n".join(failure_lines(event, self._style)) + "\n")
            case Note(level="warning", message=message):
                self._write(f"warning: {clean(message)}\n")
            case _:
                pass

    def close(self) -> None:
        """No more events come."""
