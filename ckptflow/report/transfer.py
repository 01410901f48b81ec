"""Edge. How far a transfer is, and what came of it: a line that is redrawn on a terminal, lines elsewhere.

Drawn from a `Tally` that the transfer changes while it goes on. Bytes over the time since they began to move are the
rate, and what is left over the rate is the time left.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TextIO

from .style import Style
from .views import Lack, Tally
from .words import clean, clip, clock, duration, number, percent, plural, size

if TYPE_CHECKING:
    from rich.live import Live as RichLive

LINES_EVERY = 10.0
"""Seconds between two lines, where lines are written."""
_FRAMES_A_SECOND = 8
_BAR = 30


class _Watch:
    """When what a tally counts began."""

    def __init__(self, tally: Tally, clock: Callable[[], float]) -> None:
        self._tally = tally
        self._clock = clock
        self._doing = ""
        self._since = self.began = clock()

    def look(self) -> tuple[str, int, int, float | None, float | None]:
        """Return (what is done, bytes done, bytes in all, bytes a second, seconds left) as of now."""
        tally, now = self._tally, self._clock()
        if tally.doing != self._doing:
            self._doing, self._since = tally.doing, now
        done, whole, passed = tally.done_bytes, tally.bytes, now - self._since
        rate = done / passed if passed > 0 and done else None
        return self._doing, done, whole, rate, (whole - done) / rate if rate and whole else None


class TransferLines:
    """Writes a line with `write` whenever `tick` is called and some time has passed since the last one."""

    def __init__(
        self, tally: Tally, write: Callable[[str], object], clock: Callable[[], float], wall: Callable[[], float]
    ) -> None:
        self._watch = _Watch(tally, clock)
        self._write = write
        self._clock = clock
        self._wall = wall
        self._last = clock()

    def tick(self) -> None:
        """Tell how far it is."""
        doing, done, whole, rate, left = self._watch.look()
        now = self._clock()
        if now - self._last < LINES_EVERY or not doing:
            return
        self._last = now
        stamp = time.strftime("%H:%M:%S", time.localtime(self._wall()))
        parts = [f"{size(done)} of {size(whole)} ({percent(done, whole)})"] if whole else []
        if rate is not None:
            parts.append(f"{size(int(rate))}/s")
        if left is not None:
            parts.append(f"about {duration(left)} left")
        self._write(f"{stamp} {doing}{': ' if parts else ''}{', '.join(parts)}\n")

    def close(self) -> None:
        """Nothing more is told."""


class TransferLive:
    """Draws one line on the terminal `stream`, a few times a second, in a thread of rich's."""

    def __init__(self, tally: Tally, stream: TextIO, style: Style, clock: Callable[[], float]) -> None:
        from rich.console import Console
        from rich.live import Live as RichLive

        self._tally = tally
        self._watch = _Watch(tally, clock)
        self._clock = clock
        self._style = style
        console = Console(file=stream, no_color=not style.color, highlight=False, markup=False, emoji=False)
        self._live: RichLive | None = RichLive(
            self,
            console=console,
            refresh_per_second=_FRAMES_A_SECOND,
            transient=True,
            redirect_stdout=False,
            redirect_stderr=False,
        )
        self._live.start()
        console.show_cursor(True)

    def __rich_console__(self, console: Any, options: Any) -> Iterator[Any]:
        """Draw the state of this moment; called by rich, in its own thread."""
        from rich.text import Text

        yield Text(clip(self._style.fit(self.line()), options.max_width - 1), no_wrap=True, overflow="crop")

    def line(self) -> str:
        """Return what is to be seen now."""
        doing, done, whole, rate, left = self._watch.look()
        parts = [f" ● {doing}  {clock(self._clock() - self._watch.began)}"]
        if whole:
            full = min(_BAR * done // whole, _BAR)
            parts.append("━" * full + "─" * (_BAR - full))
            parts.append(f"{size(done)} of {size(whole)}  {percent(done, whole)}")
            parts.append(f"{number(self._tally.done_objects)}/{number(self._tally.objects)} objects")
        if rate is not None:
            parts.append(f"{size(int(rate))}/s")
        if left is not None:
            parts.append(f"{duration(left)} left")
        return "  ".join(parts)

    def close(self) -> None:
        """Remove the line. Safe to call again."""
        live, self._live = self._live, None
        if live is not None:
            live.stop()


def pushed_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what a push came to, from its JSON object."""
    lines = [_moved(result, "Sent", "Would send", "to", f"{result['remote']} has everything that is finished here.")]
    for stage, count in result["left_out"].items():
        lost = "its objects are" if count == 1 else "their objects are"
        records = plural(count, "record")
        lines.append(f"note: {records} of {clean(stage)} left out: {lost} not here any more; a run makes them again")
    if result["merged"]:
        lines.append(f"{plural(result['merged'], 'segment')} of records merged")
    return lines


def fetched_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what a fetch came to, from its JSON object."""
    outs = result["outs"]
    here = f"{number(outs['complete'])} of {plural(outs['total'], 'out')} here."
    nothing = here if outs["total"] else "The lock files name no outs."
    return [_moved(result, "Fetched", "Would fetch", "from", nothing)]


def checkout_lines(result: Mapping[str, Any]) -> list[str]:
    """Return what a checkout came to, from its JSON object."""
    lines = [f"{word:<8} {clean(path)}" for word in ("added", "changed") for path in result[word]]
    same = f"{plural(result['unchanged'], 'out')} unchanged." if result["unchanged"] else ""
    return [*lines, *([same] if same else [])] or ["Nothing to place."]


def lack_lines(lacks: Sequence[Lack], style: Style) -> list[str]:
    """Return what is missing, each with what helps."""
    lines: list[str] = []
    for lack in lacks:
        head = style.paint("missing:", "bad")
        lines.append(f"{head} {clean(lack.out)} of {clean(lack.stage)}: {clean(lack.problem)}")
        lines.append(f"  = help: {clean(lack.hint)}")
    return lines


def _moved(result: Mapping[str, Any], done: str, would: str, way: str, nothing: str) -> str:
    if not (result["objects"] or result["records"] or result.get("documents")):
        return nothing
    what = [f"{plural(result['objects'], 'object')} ({size(result['bytes'])})", plural(result["records"], "record")]
    if result.get("documents"):
        what.append(plural(result["documents"], "document"))
    verb = would if result["dry"] else done
    took = "" if result["dry"] else f" in {duration(result['seconds'])}"
    return f"{verb} {', '.join(what)} {way} {clean(result['remote'])}, {clean(result['url'])}{took}."
