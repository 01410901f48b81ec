"""Edge. What a stage function may ask about the chunk that it is working on, and tell about how far it is.

Outside a run there is a context too, and it does nothing, so that stage functions stay ordinary functions. The context
of a run is one variable of the worker's process, not a `ContextVar`: a worker does one chunk at a time, and threads
that the function starts must find it as well.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..dataclass import dataclass, field

if TYPE_CHECKING:
    import logging

_PROGRESS_SECONDS = 0.1


@dataclass(slots=True)
class Context:
    """One attempt at one chunk. `index` counts from 0 and is None in a stage that is not chunked, and outside a run.

    `key` is the chunk's key (empty outside a run), `chunks` the number of chunks of the stage, `attempt` counts from 1.
    `state` is what `checkpoint` was given last, in this attempt or in an earlier one at the same chunk (same code,
    params and data); None before.

    `item` is, with `each: item` over files, the path of the file in hand within its dep: in the directory that the dep
    is, or, of a glob, in the directory before the first wildcard. It is the same whether the file lies in the workspace
    or is brought from the store, where the path that the function is given may lead anywhere. None for other items.
    """

    stage: str = ""
    key: str = ""
    index: int | None = None
    chunks: int = 1
    attempt: int = 1
    state: Any = None
    item: str | None = None
    _tell: Callable[[int, int | None, int], None] | None = field(default=None, repr=False)
    _told: float = field(default=0.0, repr=False)
    _keep: Callable[[Any], Any] | None = field(default=None, repr=False)

    @property
    def logger(self) -> logging.Logger:
        """A logger named for the stage; in a run its lines go to the log of the chunk, from level INFO on.

        Where the user's code has set up logging itself, its handlers and levels stand.
        """
        import logging  # next to no function asks for it

        logger = logging.getLogger(f"ckptflow.stage.{self.stage}" if self.stage else "ckptflow.stage")
        if self._tell is not None and not logger.hasHandlers():
            handler = logging.StreamHandler()  # standard error: the log of the chunk
            handler.setFormatter(logging.Formatter("%(levelname)s %(message)s"))
            logger.addHandler(handler)
            logger.setLevel(logging.INFO)
        return logger

    def progress(self, n: int, total: int | None = None, *, failed: int = 0) -> None:
        """Say that `n` items (of `total`) are done, `failed` of them badly. Cheap: at most ten reports a second are
        sent, and the last one.
        """
        if self._tell is None:
            return
        now = time.monotonic()
        if now - self._told >= _PROGRESS_SECONDS or n == total:
            self._told = now
            self._tell(n, total, failed)

    def checkpoint(self, state: Any) -> None:
        """Keep `state` as the point at which the function can go on: after a crash, a kill, or on another machine.

        Plain data (texts, numbers, booleans, None, lists, mappings). Written down once a second at most, and when the
        run is told to stop. With `each: item` the engine keeps the point: what is given here lives as long as the call.
        """
        self.state = state if self._keep is None else self._keep(state)


_current: Context | None = None


def context() -> Context:
    """Return the context of the chunk that this process is working on, or one that does nothing."""
    return _current if _current is not None else Context()


def enter(new: Context | None) -> None:
    """Make `new` the context of this process; None ends it. For workers only."""
    global _current
    _current = new
