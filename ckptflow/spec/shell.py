"""Pure. Putting a value into a shell command so that the shell reads it as text, whatever it holds.

The command's own text is followed through the quoting rules of POSIX sh (section 2.2), far enough to know whether a
value stands bare, in single or in double quotes; it is escaped for that place. Where following would mean to parse the
whole language (here-documents, command substitution, `$'...'`, comments) a value that the shell could read as anything
but text is refused instead of guessed at.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from enum import Enum, auto
from shlex import quote

from ..dataclass import dataclass
from .model import Value
from .nodes import scalar_text

_PLAIN_TEXT = re.compile(r"[A-Za-z0-9_@%+=:,./-]+")
_PLAIN_WORDS = re.compile(r"[A-Za-z0-9_@%+=:,./ -]+")
_BEYOND_QUOTES = ("`", "$(", "${")
_BEYOND = (*_BEYOND_QUOTES, "<<", "$'", '$"', "<(", ">(")
_DULL = re.compile(r"""[^\\'"`$#<>\n]+""")  # changes nothing anywhere
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
            if not self._naming and (dull := _DULL.match(text, at)):
                at = dull.end()
            else:
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

    @property
    def bare(self) -> bool:
        """Whether what comes next stands outside of all quotes, at the beginning of a word or in it."""
        return self._state is _State.BARE and not self._escaping and not self._naming

    def passed(self, text: str) -> None:
        """Words that are quoted already were written here; `bare` must hold."""
        self._last = text[-1:] or self._last

    def quoted(self, value: str, *, words: bool = False) -> str | None:
        """Return `value` as it must be written here; None where no writing is sure to be read as text.

        With `words`, plain words with blanks between them stay several words where nothing quotes them.
        """
        if words and self.bare and _PLAIN_WORDS.fullmatch(value):
            self._last = "x"
            return value
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


@dataclass(frozen=True, slots=True)
class OptionStyle:
    """How mappings become options, as DVC's configuration has it (`parsing.bool`, `parsing.list`).

    `negative`: false gives `--no-key` instead of nothing. `repeat`: a list gives `--key a --key b` instead of
    `--key a b`.
    """

    negative: bool = False
    repeat: bool = False


class Unquotable(Exception):
    """A value cannot be made an option; the text says why."""


def options(values: Mapping[str, Value], style: OptionStyle) -> str:
    """Return a mapping as options of a command: `--key value`, keys of inner mappings joined by dots.

    True gives the option alone, false nothing; a list gives its items behind the option. Raises Unquotable.
    """
    words: list[str] = []
    for name, value in _flat(values, ""):
        option = f"--{name}"
        if not _PLAIN_TEXT.fullmatch(option):
            raise Unquotable(f"`{name}` is no name of an option")
        match value:
            case True:
                words.append(option)
            case False:
                words += [f"--no-{name}"] if style.negative else []
            case list():
                items = [_word(item, name) for item in value]
                if style.repeat:
                    words += [word for item in items for word in (option, item)]
                elif items:
                    words += [option, *items]
            case _:
                words += [option, _word(value, name)]
    return " ".join(words)


def _flat(values: Mapping[str, Value], prefix: str) -> Iterator[tuple[str, Value]]:
    for name, value in values.items():
        if isinstance(value, dict):
            yield from _flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _word(value: Value, name: str) -> str:
    if isinstance(value, list | dict):
        raise Unquotable(f"a list inside the list `{name}`")
    return quote("None" if value is None else str(value) if isinstance(value, bool) else scalar_text(value))
