"""Edge. The live display on a terminal: stages that ended scroll by, those at work are redrawn below.

rich moves the cursor; what is drawn is `frame`. `emit` only changes the state, and a thread of rich's draws it a few
times a second, so that ten thousand chunks a second cost the run nothing. The cursor stays visible and the screen is
the ordinary one: a process that is killed leaves the terminal in order, which no handler could see to.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from textwrap import wrap
from typing import TYPE_CHECKING, Any, TextIO

from ..events import ChunkFailed, Event, Note, RunEnded, StageDone, Stopping, Waiting
from .failure import failure_line, failure_lines, remedy
from .frame import frame
from .plain import FAILURES_IN_FULL
from .progress import Progress
from .stage import MARKS, ending
from .style import Style
from .summary import notes, remote_line, summary_line
from .words import clean

if TYPE_CHECKING:
    from rich.live import Live as RichLive

FRAMES_A_SECOND = 8

_RICH = {"good": "green", "bad": "bold red", "warn": "yellow", "busy": "cyan", "dim": "dim", "bold": "bold", "": ""}


class Live:
    """A reporter that draws on the terminal `stream`. `clock` is steady, in seconds."""

    def __init__(self, stream: TextIO, style: Style, *, clock: Callable[[], float], verbose: bool = False) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._style = style
        self._clock = clock
        self._verbose = verbose
        self._progress = Progress()
        self._lock = threading.Lock()
        self._console = Console(
            file=stream, no_color=not style.color, highlight=False, markup=False, emoji=False, soft_wrap=True
        )
        self._live: RichLive | None = RichLive(
            self,
            console=self._console,
            refresh_per_second=FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        self._console.show_cursor(True)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Draw the state of this moment; called by rich, in its own thread."""
        from rich.text import Text

        # The width is asked for at each frame: the window may have been resized.
        style = Style(self._style.color, self._style.unicode, options.max_width)
        with self._lock:
            lines = frame(self._progress, self._clock(), style)
        for line in lines:
            yield Text.assemble(*((text, _RICH[role]) for text, role in line), no_wrap=True, overflow="crop")

    def emit(self, event: Event) -> None:
        """Take one event."""
        with self._lock:
            self._progress.take(event, self._clock())
            said = self._said(event)
        if isinstance(event, RunEnded):
            self.close()
        for line in said:
            self._print(line)

    def close(self) -> None:
        """Remove the moving part; what was printed stays. Safe to call again."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()

    def _print(self, line: str) -> None:
        from rich.text import Text

        self._console.print(Text.from_ansi(line), soft_wrap=True)

    def _said(self, event: Event) -> list[str]:
        """Return the lines to be printed for good."""
        paint, fit = self._style.paint, self._style.fit
        match event:
            case StageDone(stage=name, state=state):
                if state in ("fresh", "frozen") and not self._verbose:
                    return []
                mark, role = MARKS.get(state, ("✓", ""))
                return [f" {paint(fit(mark), role)} {name}  {paint(ending(self._progress.stage(name)), 'dim')}"]
            case ChunkFailed(stage=name):
                failed = self._progress.stage(name).failed
                if failed <= FAILURES_IN_FULL:
                    return ["", *failure_lines(event, self._style), ""]
                return [failure_line(event, self._style)] if failed <= FAILURES_IN_FULL * 10 else []
            case Waiting(what=what, holder=holder):
                return [f"waiting for {clean(what)}, held by {clean(holder)}"]
            case Note(level=level, message=message):
                if level == "warning":
                    return [f"{paint('warning:', 'warn')} {clean(message)}"]
                return [clean(message)] if self._verbose else []
            case Stopping(reason=reason):
                return [paint(f"Stopping: {clean(reason)}.", "warn")]
            case RunEnded(result=result, ok=ok) if result:
                return self._ending(result, ok)
            case _:
                return []

    def _ending(self, result: dict[str, Any], ok: bool) -> list[str]:
        stages = self._progress.stages.values()
        said = [remedy(s.failed, s.stage, s.ran + s.reused) for s in stages if s.failed]
        lines = [line for text in said for line in wrap(text, self._style.width, subsequent_indent="  ")]
        stopping = self._progress.stopping
        role = "warn" if stopping else "good" if ok else "bad"
        return [
            *lines,
            self._style.paint(summary_line(result, stopped=stopping.reason if stopping else None), role),
            *notes(result),
            *([line] if (line := remote_line(result)) else []),
        ]
