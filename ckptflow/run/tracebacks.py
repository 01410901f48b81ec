"""Edge. An exception of the user's code as text: their frames, notes and causes, and none of the engine's frames."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import traceback

_PACKAGE = f"{Path(__file__).resolve().parents[1]}/"
_IMPORTS = ("<frozen importlib", str(Path(importlib.__file__).parent))
_DEEPEST = 60
"""Of a recursion a thousand frames deep, as many frames are shown from each end as half of this."""


def message(error: BaseException) -> str:
    """Return `ValueError: what it says`, without its notes."""
    name = type(error).__qualname__
    if type(error).__module__ not in ("builtins", "__main__"):
        name = f"{type(error).__module__}.{name}"
    try:
        text = str(error)
    except Exception as broken:
        text = f"<its text cannot be made: {type(broken).__name__}>"
    return f"{name}: {text}" if text else name


def notes(error: BaseException) -> tuple[str, ...]:
    """Return the notes that were added to the exception."""
    return tuple(str(note) for note in getattr(error, "__notes__", ()))


def user_traceback(error: BaseException, root: str) -> str:
    """Return the traceback as Python prints it, chained causes included, paths relative to `root` where inside it."""
    import traceback  # most workers never need it

    shown = traceback.TracebackException.from_exception(error, compact=True)
    _trim(shown, f"{root}/")
    return "".join(shown.format()).rstrip("\n")


def has_user_frames(error: BaseException, root: str) -> bool:
    """Tell whether the error was raised in, or under, a module of the project in `root`."""
    at = error.__traceback__
    while at is not None:
        name = at.tb_frame.f_code.co_filename
        if name.startswith(f"{root}/") and not is_ours(name) and "/site-packages/" not in name:
            return True
        at = at.tb_next
    return False


def is_ours(filename: str) -> bool:
    """Tell whether a frame is of the engine, or of what imports modules."""
    return filename.startswith((_PACKAGE, *_IMPORTS))


def _trim(shown: traceback.TracebackException, root: str) -> None:
    kept = [frame for frame in shown.stack if not is_ours(frame.filename)]
    if len(kept) > _DEEPEST:
        kept = kept[: _DEEPEST // 2] + kept[-_DEEPEST // 2 :]
    for frame in kept:
        frame.filename = frame.filename.removeprefix(root)
    shown.stack = shown.stack.from_list(kept)
    if shown.__cause__:
        _trim(shown.__cause__, root)
    if shown.__context__:
        _trim(shown.__context__, root)
    for inner in shown.exceptions or ():
        _trim(inner, root)
