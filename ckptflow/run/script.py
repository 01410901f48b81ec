"""Edge. What `cmd` means when it is a text of several lines: commands one after the other, as DVC takes them.

Each line is a command in a shell of its own, and the first that fails ends the stage. Where a line is no command on its
own (`for ...; do`, a here-document, a line that goes on in the next one) DVC could not run the text at all: it is one
script then, which ends at the first command that fails.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator

from .simple import simple_command

_OPEN = re.compile(r"\\$|<<(?!<)")  # goes on in the next line, or reads the lines that follow


def each_command(texts: Iterable[str], shell: Callable[[], tuple[str, ...]]) -> Iterator[str]:
    """Yield the commands that are to be run in order; `shell` gives the shell with all its options up to `-c`."""
    for text in texts:
        lines = [line for line in text.splitlines() if line.strip()]
        if len(lines) < 2:
            yield from lines or [text]
        elif all(_stands_alone(line, shell) for line in lines):
            yield from lines
        else:
            yield f"set -e\n{text}"


def _stands_alone(line: str, shell: Callable[[], tuple[str, ...]]) -> bool:
    """Tell whether the shell takes a line as a whole command; the line is not run."""
    if simple_command(line) is not None:
        return True
    if _OPEN.search(line):
        return False
    import subprocess  # most commands are one line, and most workers do without it

    *start, command = shell()
    check = subprocess.run([*start, "-n", command, line], stdin=subprocess.DEVNULL, capture_output=True)
    return check.returncode == 0
