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
_BEYOND_QUOTES = ("`", "$(", "${")
_BEYOND = (*_BEYOND_QUOTES, "<<", "$'", '$"', "<(", ">(")
_IN_DOUBLE = re.compile(r'([\\$`"])')


class _State(Enum):
    BARE = auto()
    SINGLE = auto()
    DOUBLE = auto()
    COMMENT = auto()
    LOST = auto()


class Quoting:
    """Follows one command; feed its own text with `feed`, ask `quoted` for each value in between."""

    __slots__ = ("_escaping", "_last", "_naming", "_state")

    def __init__(self) -> None:
        self._state = _State.BARE
        self._last = "\n"
        self._escaping = False  # a backslash waits for the next character
        self._naming = False  # `$` or `$NAME` stands last: what follows could become part of the name

    def feed(self, text: str) -> None:
        """Go on over a piece of the command's own text."""
        at = 0
        while at < len(text) and self._state is not _State.LOST:
            at += self._step(text, at)
        self._escaping = at > len(text)
        if text:
            self._last = text[-1]

    def _step(self, text: str, at: int) -> int:
        """Take one character, or two that belong together; return how many."""
        char = text[at]
        before = text[at - 1] if at else self._last
        self._naming = char == "$" or (self._naming and char.isascii() and (char.isalnum() or char == "_"))
        match self._state:
            case _State.SINGLE:
                self._naming = False
                if char == "'":
                    self._state = _State.BARE
            case _State.COMMENT:
                if char == "\n":
                    self._state = _State.BARE
            case _ if char == "\\":
                return 2
            case _ if self._beyond(text, at):
                self._state, self._naming = _State.LOST, False
            case _State.DOUBLE:
                if char == '"':
                    self._state = _State.BARE
            case _ if char == "'":
                self._state = _State.SINGLE
            case _ if char == '"':
                self._state = _State.DOUBLE
            case _ if char == "#" and before in " \t\n;&|()":
                self._state = _State.COMMENT
        return 1

    def _beyond(self, text: str, at: int) -> bool:
        """Tell whether something begins here that is not followed."""
        if text.startswith("${chunk.", at):
            return False
        return text.startswith(_BEYOND_QUOTES if self._state is _State.DOUBLE else _BEYOND, at)

    def quoted(self, value: str) -> str | None:
        """Return `value` as it must be written here; None where no writing is sure to be read as text."""
        naming, self._naming = self._naming, False
        nameless = self._last == "$"
        self._last = "x"
        if self._escaping or "\0" in value or "${chunk." in value:  # the last would be replaced when the chunk runs
            return None
        if naming:  # `$X` before the value must not become another name
            return None if nameless or self._state is not _State.BARE else "'" + value.replace("'", "'\\''") + "'"
        if _PLAIN_TEXT.fullmatch(value):
            return value
        match self._state:
            case _State.BARE:
                return quote(value)
            case _State.SINGLE:
                return value.replace("'", "'\\''")
            case _State.DOUBLE:
                return _IN_DOUBLE.sub(r"\\\1", value)
            case _:
                return None
