"""Edge. Text files of the project that commands edit: read to the byte, replaced in one step.

A file is replaced only if it still is what was read; so neither another command nor an editor that saved meanwhile
loses anything. The new text stands beside the file and is synced before it takes its name: a kill leaves the one or the
other. Mode and owner stay; a symbolic link goes on being one.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from ..dataclass import dataclass
from ..errors import EditRefused, Place, Problem, SpecError


class Overtaken(Exception):  # an answer of `replace`, always caught by whoever can begin anew
    """The file is not any more what was read."""


@dataclass(frozen=True, slots=True)
class TextFile:
    """A file as it was read; `data` None: it was not there. `name` is what people call it."""

    path: Path
    name: str
    data: bytes | None

    @property
    def text(self) -> str:
        """The text, with line ends and byte order mark as they are. Raises `SpecError` for what is not UTF-8."""
        try:
            return (self.data or b"").decode("utf-8")
        except UnicodeDecodeError as error:
            raise SpecError((_unreadable(self.name, "not UTF-8 text"),)) from error


def read(root: Path, name: str) -> TextFile:
    """Read the file `name` below `root`. Raises `SpecError` where it cannot be read."""
    path = root / name
    try:
        return TextFile(path, name, path.read_bytes())
    except FileNotFoundError:
        return TextFile(path, name, None)
    except OSError as error:
        raise SpecError((_unreadable(name, error.strerror or str(error)),)) from error


def check_writable(file: TextFile) -> None:
    """Raise `EditRefused` for a file that is marked as not to be written; replacing it would pass over that."""
    with suppress(OSError):
        if file.data is not None and not stat.S_IMODE(file.path.stat().st_mode) & 0o222:
            raise _unwritable(file.name, "it is read-only")


def replace(file: TextFile, text: str, *, private: bool = False) -> None:
    """Make the file hold `text`; a new one is for its owner alone if it is `private`.

    Raises `Overtaken` where it is not what was read, `EditRefused` where it cannot be written.
    """
    check_writable(file)
    target = file.path.resolve()
    try:
        with _alone(target.parent):
            now = target.read_bytes() if target.exists() else None
            if now != file.data:
                raise Overtaken
            _write(target, text.encode("utf-8"), private=private)
    except OSError as error:
        raise _unwritable(file.name, error.strerror or str(error)) from error


def put_back(file: TextFile) -> None:
    """Undo `replace`."""
    target = file.path.resolve()
    if file.data is None:
        target.unlink(missing_ok=True)
    else:
        _write(target, file.data)


def _write(target: Path, data: bytes, *, private: bool = False) -> None:
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            if private:
                os.fchmod(file.fileno(), 0o600)
            with suppress(FileNotFoundError):
                found = target.stat()
                os.fchmod(file.fileno(), stat.S_IMODE(found.st_mode))
                with suppress(OSError):  # another owner's file: only root may give it back to them
                    os.fchown(file.fileno(), found.st_uid, found.st_gid)
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time replace files in `folder`, where directories can be locked."""
    import fcntl  # only here: reading needs no locks

    fd = os.open(folder, os.O_RDONLY)
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _unreadable(name: str, why: str) -> Problem:
    return Problem("CF143", f"`{name}` cannot be read: {why}", Place(name, 1, 1))


def _unwritable(name: str, why: str) -> EditRefused:
    return EditRefused((Problem("CF194", f"{name} cannot be written: {why}"),))
