"""Edge. What the interpreter writes to the log of a task when native code takes it down (`faulthandler`)."""

from __future__ import annotations

import os
import re

from .tracebacks import is_ours

_TAIL_BYTES = 1 << 16
_CRASH = re.compile(r"^Fatal Python error: (.+)\n(?:.*\n)*?Current thread .*\n((?:  File .*\n)*)", re.MULTILINE)
_FRAME = re.compile(r'  File "(.*)", line (\d+) in (.*)')


def crash(log: str, root: str) -> str:
    """Return what stands of it at the end of `log` as a traceback: the user's frames, the innermost last, paths
    relative to `root` where inside it. Empty where nothing does. No addresses: equal crashes give equal texts.
    """
    try:
        with open(log, "rb") as file:
            file.seek(max(0, file.seek(0, os.SEEK_END) - _TAIL_BYTES))
            found = list(_CRASH.finditer(file.read().decode("utf-8", "replace")))
    except OSError:
        return ""
    if not found:
        return ""
    frames = [frame for frame in _FRAME.findall(found[-1][2])[:-1] if not is_ours(frame[0])]  # the last is our start
    lines = [f'  File "{name.removeprefix(f"{root}/")}", line {line}, in {what}' for name, line, what in frames]
    return "\n".join(["Traceback (most recent call last):", *reversed(lines), f"Fatal Python error: {found[-1][1]}"])
