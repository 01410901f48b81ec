"""Pure. Mistakes on their way to the user: where they are, what would be right, collected until all are known.

A checker never stops at the first mistake: it adds a `Problem` and goes on with what is still sound. What could not be
understood becomes a `Blank` node, at which nobody complains a second time.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..dataclass import dataclass, field
from ..errors import Place, Problem
from .nodes import Node

_LINE_END = re.compile("\r\n|[\r\n\x85\u2028\u2029]")  # as libyaml counts lines
_MANY = 200


@dataclass(frozen=True, slots=True, eq=False)
class Source:
    """A text file that was read: its project-relative path and its lines without their ends."""

    file: str
    lines: tuple[str, ...]

    @classmethod
    def of(cls, file: str, text: str) -> Source:
        """Return the source of `text`; a byte order mark is no part of the first line."""
        return cls(file, tuple(_LINE_END.split(text.removeprefix("\ufeff"))))

    def at(self, line: int, column: int, length: int = 1) -> Place:
        """Return the place at `line` and `column`, both from 1."""
        text = self.lines[line - 1] if 0 < line <= len(self.lines) else ""
        return Place(self.file, line, column, text, max(1, length))

    def place(self, node: Node) -> Place:
        """Return the place where `node` begins."""
        return self.at(node.line, node.column, node.length)


@dataclass(slots=True)
class Findings:
    """The problems found so far in one pipeline and in the files that it reads."""

    source: Source
    problems: list[Problem] = field(default_factory=list)

    def add(self, code: str, message: str, node: Node | None, hint: str | None = None) -> None:
        """Note a mistake at `node` of the pipeline file."""
        self.problems.append(Problem(code, message, self.source.place(node) if node else None, hint))

    def note(self, code: str, message: str, place: Place | None, hint: str | None = None) -> None:
        """Note a mistake at a place that is known already."""
        self.problems.append(Problem(code, message, place, hint))

    def suggest(self, word: str, known: Iterable[str]) -> str | None:
        """Return "did you mean ...?" where a known word is close; nothing once a file is hopeless (it costs time)."""
        return did_you_mean(word, known) if len(self.problems) < _MANY else None


def in_order(problems: Iterable[Problem], first: str) -> tuple[Problem, ...]:
    """Return problems in order: those of the file `first`, then file by file from top to end, none twice."""

    def key(problem: Problem) -> tuple[bool, str, int, int]:
        place = problem.place
        if place is None:
            return (False, "", 0, 0)
        return (place.file != first, place.file, place.line, place.column)

    return tuple(sorted(dict.fromkeys(problems), key=key))


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return "did you mean `x`?" for the known word that is closest to `word`, None where none is close."""
    from difflib import get_close_matches  # 5 ms that only a mistake should cost

    words = list(known)
    letters = sorted(word)  # letters in the wrong order are the commonest slip, and score low as a sequence
    close = [each for each in words if sorted(each) == letters] or get_close_matches(word, words, n=1, cutoff=0.6)
    return f"did you mean `{close[0]}`?" if close else None


def listed(names: Iterable[str], most: int = 8) -> str:
    """Return names as one line for a message, cut after `most`."""
    names = list(names)
    return ", ".join(names[:most]) + (", ..." if len(names) > most else "")
