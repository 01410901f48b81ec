"""Edge. The outs of a command that is running: what stood in their places waits aside, and comes back if it fails.

A journal names what is to be moved before anything is. It is locked while its worker lives; a journal that nobody locks
is that of a command that was killed, and `recover` undoes it: half-written outs go, the former ones come back. Renaming
the journal to `.done` is the one step that makes the new outs stand; what waits aside is dropped after it.
"""

from __future__ import annotations

import fcntl
import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from .messages import Output

FOLDER = ".ckptflow/tmp"
_JOURNAL = ".journal"
_DONE = ".done"


@dataclass(frozen=True, slots=True)
class _Move:
    """An out's path, the place aside, both relative to the root, and whether there was anything to move."""

    path: str
    place: str
    existed: bool


@contextmanager
def outs_aside(root: Path, outputs: Iterable[Output], token: str) -> Iterator[None]:
    """Clear the places of `outputs` for the body. If it raises, put back what was there; if not, drop it.

    An out with `persist` is not cleared: its place holds a private, writable copy of what was there. `token` is unique
    among the commands of the project. Raises OSError.
    """
    folder = root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    journal = folder / f"{token}{_JOURNAL}"
    persistent = {output.path for output in outputs if output.persist}
    moves = [_plan(root, output, f"{token}-{number}") for number, output in enumerate(outputs)]
    with journal.open("x") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        json.dump([(move.path, move.place, move.existed) for move in moves], file)
        file.flush()
        try:
            for move in moves:
                _clear(root, move, keep=move.path in persistent)
            yield
        except BaseException:
            _undo(root, journal, moves)
            raise
        done = journal.rename(journal.with_suffix(_DONE))
        _drop(root, done, moves)


def recover(root: Path) -> tuple[str, ...]:
    """Undo what commands that were killed left behind; return the paths of the outs that were put back, sorted.

    Journals of living workers are left alone. Safe to call at any time, by any number of processes.
    """
    folder = root / FOLDER
    restored: list[str] = []
    try:
        names = sorted(path.name for path in folder.iterdir())
    except (FileNotFoundError, NotADirectoryError):
        return ()
    for name in names:
        path = folder / name
        if path.suffix not in (_JOURNAL, _DONE):
            continue
        with suppress(FileNotFoundError), path.open() as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not path.exists():  # another process was quicker
                continue
            moves = _read(file.read())
            if path.suffix == _DONE:
                _drop(root, path, moves)
            else:
                restored += _undo(root, path, moves)
    return tuple(sorted(restored))


def _plan(root: Path, output: Output, name: str) -> _Move:
    """Choose the place aside: in the project's own folder, or beside the out where that is on another disk."""
    path = root / output.path
    path.parent.mkdir(parents=True, exist_ok=True)
    place = f"{FOLDER}/{name}"
    if path.parent.stat().st_dev != (root / FOLDER).stat().st_dev:
        place = f"{os.path.dirname(output.path)}/.ckptflow-{name}"  # noqa: PTH120 - a relative POSIX text
    return _Move(output.path, place, os.path.lexists(path))


def _clear(root: Path, move: _Move, *, keep: bool) -> None:
    if not move.existed:
        return
    path, place = root / move.path, root / move.place
    path.rename(place)
    # The copy is made from what was set aside: a kill in between leaves the former out whole, whatever was copied.
    if keep and place.is_dir():
        shutil.copytree(place, path, copy_function=_copy_writable)
    elif keep:
        _copy_writable(place, path)


def _copy_writable(source: str | Path, target: str | Path) -> None:
    shutil.copy2(source, target)
    os.chmod(target, os.stat(target).st_mode | 0o200)  # noqa: PTH101, PTH116 - copytree hands over strings


def _read(text: str) -> list[_Move]:
    try:
        return [_Move(*row) for row in json.loads(text)]
    except ValueError:  # killed while it was written: nothing had been moved yet
        return []


def _undo(root: Path, journal: Path, moves: list[_Move]) -> list[str]:
    """Put everything back. Repeatable: a kill in the middle leaves the journal for the next attempt."""
    restored = []
    for move in moves:
        if os.path.lexists(root / move.place):
            _remove(root / move.path)
            (root / move.place).rename(root / move.path)
            restored.append(move.path)
        elif not move.existed:
            _remove(root / move.path)
    journal.unlink(missing_ok=True)
    return restored


def _drop(root: Path, journal: Path, moves: list[_Move]) -> None:
    for move in moves:
        _remove(root / move.place)
    journal.unlink(missing_ok=True)


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
