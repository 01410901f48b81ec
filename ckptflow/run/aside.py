"""Edge. The outs of a command that is running: what stood in their places waits aside, and comes back if it fails.

A worker keeps one journal, for one command at a time. It names what is to be moved before anything is, and a second
line, `done`, is the one step that makes the new outs stand; what waits aside is dropped after it. The journal is locked
while its worker lives; one that nobody locks is that of a worker that was killed, and `recover` undoes what it names
without `done`: half-written outs go, the former ones come back.
"""

from __future__ import annotations

import errno
import fcntl
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from ..dataclass import dataclass
from .messages import Output

FOLDER = ".ckptflow/tmp"
_JOURNAL = ".journal"
_DONE = b"done\n"


@dataclass(frozen=True, slots=True)
class _Move:
    """An out's path, the place aside, both relative to the root, and whether there was anything to move."""

    path: str
    place: str
    existed: bool


class Aside:
    """The journal of one worker. `token` is unique among the workers of the project. Every method raises OSError."""

    __slots__ = ("_device", "_fd", "_journal", "_number", "_root", "_token")

    def __init__(self, root: Path, token: str) -> None:
        self._root = str(root)
        self._token = token
        self._fd: int | None = None
        self._journal = ""
        self._device = -1
        self._number = 0

    @contextmanager
    def cleared(self, outputs: Sequence[Output]) -> Iterator[None]:
        """Clear the places of `outputs` for the body. If it raises, put back what was there; if not, drop it.

        An out with `persist` is not cleared: its place holds a private, writable copy of what was there.
        """
        if not outputs:
            yield
            return
        fd = self._empty_journal()
        moves = [self._plan(output) for output in outputs]
        _note(fd, json.dumps([(move.path, move.place, move.existed) for move in moves]).encode() + b"\n")
        try:
            for move, output in zip(moves, outputs, strict=True):
                _clear(self._root, move, keep=output.persist)
            yield
            _note(fd, _DONE)
        except BaseException:
            _undo(self._root, moves)
            os.ftruncate(fd, 0)
            raise
        _drop(self._root, moves)
        os.ftruncate(fd, 0)

    def close(self) -> None:
        """Let go of the journal, and remove it unless it still names something, which is then left to `recover`."""
        if self._fd is None:
            return
        if not os.fstat(self._fd).st_size:
            with suppress(FileNotFoundError):
                os.unlink(self._journal)  # noqa: PTH108
        os.close(self._fd)
        self._fd = None

    def _empty_journal(self) -> int:
        """Return the journal; a new one where the last names what could not be put back, or was removed."""
        if self._fd is not None:
            found = os.fstat(self._fd)
            if found.st_nlink and not found.st_size:
                return self._fd
            self.close()
        os.makedirs(f"{self._root}/{FOLDER}", exist_ok=True)  # noqa: PTH103
        while True:
            self._journal = f"{self._root}/{FOLDER}/{self._token}-{self._next()}{_JOURNAL}"
            fd = os.open(self._journal, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o666)
            fcntl.flock(fd, fcntl.LOCK_EX)
            found = os.fstat(fd)
            if found.st_nlink:
                self._fd, self._device = fd, found.st_dev
                return fd
            os.close(fd)  # a recovery took it for one that was left behind, before it was locked

    def _next(self) -> int:
        self._number += 1
        return self._number

    def _plan(self, output: Output) -> _Move:
        """Choose the place aside: in the project's own folder, or beside the out where that is on another disk."""
        path = f"{self._root}/{output.path}"
        parent = os.path.dirname(path)  # noqa: PTH120
        try:
            device = os.stat(parent).st_dev  # noqa: PTH116
        except FileNotFoundError:
            os.makedirs(parent, exist_ok=True)  # noqa: PTH103
            device = os.stat(parent).st_dev  # noqa: PTH116
        name = f"{self._token}-{self._next()}"
        place = f"{FOLDER}/{name}"
        if device != self._device:
            place = f"{os.path.dirname(output.path)}/.ckptflow-{name}"  # noqa: PTH120 - a relative POSIX text
        return _Move(output.path, place, os.path.lexists(path))


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
        if path.suffix != _JOURNAL:
            continue
        with suppress(FileNotFoundError), path.open("rb") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                continue
            if not path.exists():  # another process was quicker
                continue
            moves, done = _read(file.read())
            if done:
                _drop(str(root), moves)
            else:
                restored += _undo(str(root), moves)
            path.unlink(missing_ok=True)
    return tuple(sorted(restored))


def _note(fd: int, data: bytes) -> None:
    """Add `data` to the journal, all or nothing. Raises OSError."""
    size = os.fstat(fd).st_size
    if os.write(fd, data) != len(data):
        os.ftruncate(fd, size)
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def _clear(root: str, move: _Move, *, keep: bool) -> None:
    if not move.existed:
        return
    path, place = f"{root}/{move.path}", f"{root}/{move.place}"
    os.rename(path, place)  # noqa: PTH104
    # The copy is made from what was set aside: a kill in between leaves the former out whole, whatever was copied.
    if keep and os.path.isdir(place):  # noqa: PTH112
        import shutil

        shutil.copytree(place, path, copy_function=_copy_writable)
    elif keep:
        _copy_writable(place, path)


def _copy_writable(source: str, target: str) -> None:
    import shutil

    shutil.copy2(source, target)
    os.chmod(target, os.stat(target).st_mode | 0o200)  # noqa: PTH101, PTH116


def _read(text: bytes) -> tuple[list[_Move], bool]:
    """Return the moves that a journal names, and whether their command is done."""
    line, end, rest = text.partition(b"\n")
    try:
        moves = [_Move(*row) for row in json.loads(line)] if end else []
    except ValueError:
        moves = []
    return moves, rest == _DONE  # without a whole line: killed while it was written, and nothing had been moved yet


def _undo(root: str, moves: list[_Move]) -> list[str]:
    """Put everything back. Repeatable: a kill in the middle leaves the journal for the next attempt."""
    restored = []
    for move in moves:
        if os.path.lexists(f"{root}/{move.place}"):
            _remove(f"{root}/{move.path}")
            os.rename(f"{root}/{move.place}", f"{root}/{move.path}")  # noqa: PTH104
            restored.append(move.path)
        elif not move.existed:
            _remove(f"{root}/{move.path}")
    return restored


def _drop(root: str, moves: list[_Move]) -> None:
    for move in moves:
        if move.existed:
            _remove(f"{root}/{move.place}")


def _remove(path: str) -> None:
    if os.path.isdir(path) and not os.path.islink(path):  # noqa: PTH112, PTH114
        import shutil  # loads three compression libraries: not for a worker whose outs are files

        shutil.rmtree(path)
    else:
        with suppress(FileNotFoundError):
            os.unlink(path)  # noqa: PTH108
