"""Edge. Numbers, durations, sizes and names as people read them.

Everything printed passes through here, so that one run is told in one voice. Text that comes from users (a message of
an exception, a chunk's label, a line of output) is cleaned before it reaches a terminal: a control character in a data
file must not move the cursor of whoever looks at it.
"""

from __future__ import annotations

TYPE_CHECKING = False  # what only annotations need costs more than all the rest
if TYPE_CHECKING:
    from collections.abc import Iterable

_MINUTE, _HOUR, _DAY = 60, 3600, 86400
# ECMA-48: control sequences (colours, cursor) and strings for the terminal (its title, links)
_ESCAPES = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b\][^\x07\x1b]*(?:\x07|\x1b\\)"
_UNITS = ("kB", "MB", "GB", "TB", "PB", "EB")


def duration(seconds: float) -> str:
    """Return `seconds` in at most two units: `0.04s`, `2.4s`, `29s`, `12m04s`, `2h10m`, `3d04h`; below zero as zero."""
    seconds = max(seconds, 0.0)
    if seconds < 0.095:
        return f"{seconds:.2f}s"
    if seconds < 9.95:
        return f"{seconds:.1f}s"
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole}s"
    if whole < _HOUR:
        return f"{whole // _MINUTE}m{whole % _MINUTE:02d}s"
    if whole < _DAY:
        return f"{whole // _HOUR}h{whole % _HOUR // _MINUTE:02d}m"
    return f"{whole // _DAY}d{whole % _DAY // _HOUR:02d}h"


def clock(seconds: float) -> str:
    """Return `seconds` as `HH:MM:SS`, for figures that change while they are looked at."""
    whole = max(int(seconds), 0)
    return f"{whole // _HOUR:02d}:{whole % _HOUR // _MINUTE:02d}:{whole % _MINUTE:02d}"


def size(count: int) -> str:
    """Return a number of bytes in powers of 1000: `0 B`, `410 kB`, `5.1 GB`."""
    if count < 1000:
        return f"{count} B"
    value = float(count)
    for unit in _UNITS:
        value /= 1000
        if value < 999.5 or unit == _UNITS[-1]:
            return f"{value:.0f} {unit}" if value >= 99.5 else f"{value:.1f} {unit}"
    raise AssertionError("the last unit takes everything")


def number(count: int) -> str:
    """Return `count` with thousands separated: `1,204`."""
    return f"{count:,}"


def plural(count: int, noun: str, many: str | None = None) -> str:
    """Return `1 chunk`, `2 chunks`; `many` where the plural is not made with an s."""
    return f"{number(count)} {noun if count == 1 else many or noun + 's'}"


def percent(part: int, whole: int) -> str:
    """Return `part` of `whole` as whole percent; never `100%` before all is done."""
    return f"{part * 100 // whole}%" if whole else "100%"


def chunk_name(stage: str, index: int | None) -> str:
    """Return the chunk as it is written in targets: `stage#17`, or the stage where it is not chunked."""
    return stage if index is None else f"{stage}#{index}"


def listing(names: Iterable[str], limit: int = 6) -> str:
    """Return `a, b, c, ... (4 more)`; all of them up to `limit`."""
    every = list(names)
    shown = ", ".join(every[:limit])
    return shown if len(every) <= limit else f"{shown}, ... ({number(len(every) - limit)} more)"


def clean(text: str) -> str:
    """Return `text` on one line without control characters and colours; tabs and line ends become spaces."""
    if text.isascii() and text.isprintable():
        return text
    import re  # text is seldom unclean, and a run with nothing to do passes here
    from unicodedata import category

    # Cc: control, Cf: format (marks that reverse the direction of writing), Cs: lone surrogates (not encodable)
    return "".join(
        " " if char in "\t\n\r" else "" if category(char) in ("Cc", "Cf", "Cs") else char
        for char in re.sub(_ESCAPES, "", text)
    )


def clean_lines(text: str) -> list[str]:
    """Return the lines of `text`, each without control characters. What a carriage return overwrote is left out."""
    if not text.strip():
        return []
    return [clean(line.rstrip("\r").rsplit("\r", 1)[-1].expandtabs(4)) for line in text.rstrip().split("\n")]


def columns_of(text: str) -> int:
    """Return how many columns of a terminal `text` takes: wide characters count two, combining marks none."""
    if text.isascii():
        return len(text)
    from unicodedata import combining, east_asian_width

    return sum(0 if combining(c) else 2 if east_asian_width(c) in "WF" else 1 for c in text)


def clip(text: str, width: int, ellipsis: str = "...") -> str:
    """Return `text` cut to `width` columns, its end replaced by `ellipsis` where something is left out."""
    if columns_of(text) <= width:
        return text
    room = width - columns_of(ellipsis)
    if room <= 0:
        return ellipsis[: max(width, 0)]
    taken = 0
    for i, char in enumerate(text):
        taken += columns_of(char)
        if taken > room:
            return text[:i] + ellipsis
    return text
