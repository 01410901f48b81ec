"""Pure. Lines of transcript files: they end at line feeds alone, since sentences may hold any other separator."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from .corpus import Malformed


def texts(lines: Iterable[bytes]) -> Iterator[tuple[int, str | Malformed]]:
    """Yield number, from 1, and text of each line that is not blank; what is no UTF-8 is malformed."""
    for number, line in enumerate(lines, 1):
        try:
            text = line.decode("utf-8-sig" if number == 1 else "utf-8").rstrip("\r\n")
        except UnicodeDecodeError:
            yield number, Malformed(number, "not UTF-8")
            continue
        if text and not text.isspace():
            yield number, text
