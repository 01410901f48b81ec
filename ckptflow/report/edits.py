"""Edge. What an edit did, or would do: a unified diff, or a line a file."""

from __future__ import annotations

import re
from collections.abc import Sequence
from difflib import unified_diff

from .style import Style
from .views import Edited, FileEdit

_LINE = re.compile(r"[^\n]*\n|[^\n]+")
_ROLES = {"+": "good", "-": "bad", "@": "busy"}


def diff_text(edited: Edited, style: Style) -> str:
    """Return the edit as a diff that `patch -p1` takes; lines keep their own ends."""
    return "".join(_painted(line, style) for edit in edited.edits for line in _diff(edit))


def edited_lines(edited: Edited, done: str, style: Style) -> list[str]:
    """Return what to tell of an edit that was made: `done` and the files that it names, what else there is to say."""
    if not edited.edits:
        return ["Nothing to change.", *edited.notes]
    files = ", ".join(edit.file for edit in edited.edits)
    return [f"{done} {files}.", *(f"{style.paint('note:', 'warn')} {note}" for note in edited.notes)]


def _diff(edit: FileEdit) -> Sequence[str]:
    before, after = _LINE.findall(edit.before or ""), _LINE.findall(edit.after)  # as `patch` counts lines
    old = "/dev/null" if edit.before is None else f"a/{edit.file}"
    lines = []
    for line in unified_diff(before, after, old, f"b/{edit.file}"):
        lines.append(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n")
    return lines


def _painted(line: str, style: Style) -> str:
    return style.paint(line.rstrip("\n"), _ROLES.get(line[:1], "")) + "\n"
