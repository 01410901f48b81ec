"""Edge. Several reporters as one."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress

from ..events import Event, Reporter


class Multi:
    """Hands each event to all of `reporters`, in order.

    One that raises is left out from then on and its error kept in `broken`: a run of hours must not die of a full disk
    under its event file, and whoever made the reporters says so at the end.
    """

    def __init__(self, reporters: Sequence[Reporter]) -> None:
        self._reporters = list(reporters)
        self.broken: list[Exception] = []

    def emit(self, event: Event) -> None:
        """Take one event."""
        for reporter in tuple(self._reporters):
            try:
                reporter.emit(event)
            except Exception as error:
                self._reporters.remove(reporter)
                self.broken.append(error)
                with suppress(Exception):  # it is broken, and that is noted
                    reporter.close()

    def close(self) -> None:
        """No more events come. Closes all; safe to call again."""
        reporters, self._reporters = self._reporters, []
        for reporter in reporters:
            try:
                reporter.close()
            except Exception as error:
                self.broken.append(error)
