"""Pure. Putting a value into a shell command so that the shell reads it as text, whatever it holds.

The command's own text is followed through the quoting rules of POSIX sh (section 2.2), far enough to know whether a
value stands bare, in single or in double quotes; it is escaped for that place. Where following would mean to parse the
whole language (here-documents, command substitution, `$'...'`, comments) a value that the shell could read as anything
but text is refused instead of guessed at.
"""

from __future__ import annotations

import re
from enum import Enum, auto
from shlex import quote

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_BEYOND = ("<<", "`", "$(", "$'", '$"', "${", "<(", ">(")
_IN_DOUBLE = re.compile(r'([\\$`"])')


class _State(Enum):
    BARE = auto()
    SINGLE = auto()
    DOUBLE = auto()
    COMMENT = auto()
    LOST = auto()


class Quoting:
    """Follows one command; feed its own text with `feed`, ask `quoted` for each value in between."""

    __slots__ = ("_last", "_state")

    def __init__(self) -> None:
        self._state = _State.BARE
        self._last = "\n"

    def feed(self, text: str) -> None:
        """Go on over a piece of the command's own text."""
        at = 0
        while at < len(text) and self._state is not _State.LOST:
            at += self._step(text, at)
        if text:
            self._last = text[-1]

    def _step(self, text: str, at: int) -> int:
        """Take one character, or two that belong together; return how many."""
        char = text[at]
        before = text[at - 1] if at else self._last
        if self._state is _State.SINGLE:
            if char == "'":
                self._state = _State.BARE
            return 1
        if self._state is _State.COMMENT:
            if char == "\n":
                self._state = _State.BARE
            return 1
        if char == "\\":
            return 2
        if text.startswith(_BEYOND, at) and not text.startswith("${chunk.", at):
            in_double = self._state is _State.DOUBLE
            if not (in_double and text[at : at + 2] in {"<<", "$'", '$"', "<(", ">("}):
                self._state = _State.LOST
                return 1
        if self._state is _State.DOUBLE:
            if char == '"':
                self._state = _State.BARE
        elif char == "'":
            self._state = _State.SINGLE
        elif char == '"':
            self._state = _State.DOUBLE
        elif char == "#" and before in " \t\n;&|()":
            self._state = _State.COMMENT
        return 1

    def quoted(self, value: str) -> str | None:
        """Return `value` as it must be written here; None where no writing is sure to be read as text."""
        self._last = "x"
        if _PLAIN_TEXT.fullmatch(value):
            return value
        if "\0" in value or "${chunk." in value:  # the latter would be replaced when the chunk runs
            return None
        match self._state:
            case _State.BARE:
                return quote(value)
            case _State.SINGLE:
                return value.replace("'", "'\\''")
            case _State.DOUBLE:
                return _IN_DOUBLE.sub(r"\\\1", value)
            case _:
                return None
