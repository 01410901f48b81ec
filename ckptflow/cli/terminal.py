"""Edge. The two streams and the environment that says what they can take. Nothing else in the program looks at either.

Standard output carries results, standard error everything else. A reader that went away is no error: the stream is
pointed at nothing and the command ends with the exit code it would have had.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO

from ..report.style import Style

_SIGNS = "✓✗●○━─│├╰"
_WIDTH_OF_PIPES = 120

COLORS = ("auto", "always", "never")

color = "auto"
"""What `--color` asked for: `auto`, `always` or `never`. Set once, by the command line."""


def prepare() -> None:
    """Make the streams take any text: what their encoding lacks is written as an escape."""
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")


def result(text: str) -> None:
    """Write to standard output. Raises OSError where the text cannot be kept (a full disk), not for a closed pipe."""
    _write(sys.stdout, text)


def say(text: str) -> None:
    """Write to standard error; an error of that is nobody's concern."""
    try:
        _write(sys.stderr, text)
    except OSError:
        _abandon(sys.stderr)


def lines(text: list[str]) -> None:
    """Write lines to standard output."""
    result("".join(f"{line}\n" for line in text))


def document(doc: Any) -> None:
    """Write one JSON document to standard output."""
    result(json.dumps(doc, indent=2, default=str) + "\n")


def flush() -> None:
    """Write out what is buffered, so that the interpreter has nothing left to fail at."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except OSError:
            _abandon(stream)


def style(stream: TextIO | None) -> Style:
    """Return how `stream` can be written to, by `--color`, NO_COLOR, FORCE_COLOR, TERM and its encoding."""
    tty = _is_terminal(stream)
    width = _WIDTH_OF_PIPES
    if tty:
        import shutil  # a program that writes to a file does without it

        width = shutil.get_terminal_size((_WIDTH_OF_PIPES, 24)).columns
    return Style(color=_wants_color(tty), unicode=_has_signs(stream), width=max(width, 40))


def is_live(stream: TextIO | None) -> bool:
    """Whether `stream` is a terminal on which lines can be drawn again."""
    return _is_terminal(stream) and os.environ.get("TERM", "dumb") != "dumb" and not os.environ.get("CI")


def _wants_color(tty: bool) -> bool:
    if color != "auto":
        return color == "always"
    if os.environ.get("NO_COLOR"):
        return False
    if os.environ.get("FORCE_COLOR"):
        return True
    return tty and os.environ.get("TERM", "dumb") != "dumb"


def _has_signs(stream: TextIO | None) -> bool:
    try:
        _SIGNS.encode(getattr(stream, "encoding", None) or "ascii")
    except (UnicodeEncodeError, LookupError):
        return False
    return True


def _is_terminal(stream: TextIO | None) -> bool:
    return stream is not None and not stream.closed and stream.isatty()


def _write(stream: TextIO | None, text: str) -> None:
    if stream is None:  # started with the descriptor closed
        return
    try:
        stream.write(text)
        stream.flush()
    except BrokenPipeError:
        _abandon(stream)


def _abandon(stream: TextIO | None) -> None:
    """Point the stream's descriptor at nothing, so that flushing at exit cannot fail again."""
    try:
        nothing = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nothing, stream.fileno() if stream else nothing)
        os.close(nothing)
    except (OSError, ValueError):
        pass  # not a stream with a descriptor (a test's), so nothing will be flushed at exit
