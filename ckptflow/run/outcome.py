"""Edge. What comes of calling a stage's function on a chunk, and what the caller needs of its worker."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Protocol

from ..chunk.headway import Items
from ..chunk.model import Part
from ..dataclass import dataclass
from ..errors import Failure
from .messages import Kept, Tried
from .storing import Staging

if TYPE_CHECKING:
    from .inhand import Pad
    from .minding import Minder


class Stopped(Exception):
    """No more is to be begun; what was finished is kept."""


class Known(Exception):
    """What an earlier worker has found out of the task: it fails."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.message)
        self.failure = failure


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of a chunk: its parts by label, the state handed on, counts, the table of items that failed,
    and the last item, for people.
    """

    outs: dict[str, Part]
    state: tuple[Any, ...] | None = None
    items: Items | None = None
    quarantine: Part | None = None
    last: str | int | None = None


class Desk(Protocol):
    """A worker, for those who keep what is finished of a chunk."""

    def minder(self, seconds: float, keep: Callable[[], None]) -> Minder:
        """Return what listens to the engine meanwhile."""
        ...

    def kept(self, report: Kept) -> None:
        """Tell the engine what is kept. For any thread."""
        ...

    def tried(self, report: Tried) -> None:
        """Tell the engine what came of a trial."""
        ...

    def pad(self, task: int) -> Pad:
        """Return where it is noted which call is at hand."""
        ...

    def failure(self, error: BaseException) -> Failure:
        """Return an error as plain data."""
        ...

    def keeping(self) -> Staging:
        """Return a staging of its own: it is used by one thread at a time, while others use the worker's."""
        ...
