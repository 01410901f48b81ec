"""Pure. `.dvcignore`: which files DVC leaves out of a directory. The patterns are git's, and so are the rules.

The last pattern that fits decides; below a directory that is left out nothing comes back; a pattern with a slash before
its end is taken from the directory of its file, any other fits at every depth. See gitignore(5). No library is used for
this: the whole language is a hundred lines, and the tests ask git itself whether they are right.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from ..dataclass import dataclass

FILE = ".dvcignore"
ALWAYS = (".hg/", ".git/", ".git", ".dvc/")
"""What DVC never looks into, whatever is written."""


@dataclass(frozen=True, slots=True)
class Rule:
    """One pattern. `base` is the directory it counts in, `.` for the top; `back`: what fits is not left out (`!`)."""

    base: str
    fits: re.Pattern[str]
    back: bool
    directories: bool


@dataclass(frozen=True, slots=True)
class Ignore:
    """All rules that hold, in the order of their files from the top down. Paths are relative to the top, POSIX."""

    rules: tuple[Rule, ...] = ()

    def plus(self, base: str, lines: Iterable[str]) -> Ignore:
        """Return these rules and those of a file with these lines in the directory `base`."""
        found = (read_rule(base, line) for line in lines)
        return Ignore((*self.rules, *(rule for rule in found if rule is not None)))

    def leaves_out(self, path: str, *, directory: bool = False) -> bool:
        """Tell whether a path, or a directory that it lies in, is left out."""
        end = path.find("/")
        while end >= 0:
            if self._says(path[:end], directory=True):
                return True
            end = path.find("/", end + 1)
        return self._says(path, directory=directory)

    def _says(self, path: str, *, directory: bool) -> bool:
        for rule in reversed(self.rules):
            if rule.directories and not directory:
                continue
            if rule.base == ".":
                inside = path
            elif path.startswith(f"{rule.base}/"):
                inside = path[len(rule.base) + 1 :]
            else:
                continue
            if rule.fits.fullmatch(inside):
                return not rule.back
        return False


def read_rule(base: str, line: str) -> Rule | None:
    """Return the rule that a line of a file in the directory `base` states, None for an empty one and a comment.

    As in DVC, and unlike in git, blanks at the end do not count even behind a backslash.
    """
    pattern = line.strip()
    if not pattern or pattern.startswith("#"):
        return None
    back = pattern.startswith("!")
    pattern = pattern[1:] if back else pattern
    directories = pattern.endswith("/")
    pattern = pattern.rstrip("/") if directories else pattern
    if not pattern:
        return None
    anchored = "/" in pattern
    regex = _translate(pattern.removeprefix("/"))
    try:
        fits = re.compile(regex if anchored else f"(?:.*/)?{regex}", re.DOTALL)
    except re.error:  # a range such as [z-a]: fits nothing, as in git
        return None
    return Rule(base, fits, back, directories)


def _translate(pattern: str) -> str:
    """Return the regular expression of a pattern without its leading and trailing slash."""
    parts = pattern.split("/")
    found = ""
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        if part == "**" and len(parts) > 1:
            found += ".+" if last else "(?:.*/)?"
        else:
            found += _part(part) + ("" if last else "/")
    return found


def _part(part: str) -> str:
    """Return the regular expression of what stands between two slashes."""
    found, at = "", 0
    while at < len(part):
        char = part[at]
        at += 1
        if char == "*":
            found += "" if found.endswith("[^/]*") else "[^/]*"
        elif char == "?":
            found += "[^/]"
        elif char == "\\" and at < len(part):
            found += re.escape(part[at])
            at += 1
        elif char == "[" and (end := _class_end(part, at)) is not None:
            found += _class(part[at:end])
            at = end + 1
        else:
            found += re.escape(char)
    return found


def _class_end(part: str, at: int) -> int | None:
    """Return where the class whose inside begins at `at` ends; a `]` at its beginning belongs to it."""
    start = at + 1 if part[at : at + 1] in ("!", "^") else at
    end = part.find("]", start + 1)
    return None if end < 0 else end


def _class(inside: str) -> str:
    negated = inside[0] in "!^"
    body = re.sub(r"([\[\\&~|^])", r"\\\1", inside[1:] if negated else inside)
    if body.startswith("]"):
        body = f"\\{body}"
    return f"(?!/)[{'^' if negated else ''}{body}]"
