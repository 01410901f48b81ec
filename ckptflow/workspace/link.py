"""Edge. A file of the store under a name in the workspace: by reflink, hard link, symlink or copy, as it works.

The new name appears in one step, over whatever was there (of what was there, a copy of the same may go just before). A
linked file is read-only, as the object is; a reflink or a copy belongs to the user and may be written to. Unfinished
files stand in a directory of ours: what a killed process leaves must not look like somebody's work. Paths are texts: a
stage may have tens of thousands of parts.
"""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress

_FINAL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EROFS})
"""No other way of making a file would fare better."""


UNFINISHED = "place-"
"""How the names of unfinished files in the scratch directory begin."""

BESIDE = ".ckptflow-"
"""How they begin beside an out that is on another disk. Nobody who looks at the workspace sees such files."""


class Linker:
    """Remembers which way works between this store and this workspace. `scratch` is made when it is needed."""

    def __init__(self, methods: tuple[str, ...], scratch: str) -> None:
        self._methods = [_METHODS[name] for name in methods]
        self._scratch = scratch
        self._serial = 0
        self._made = False
        self._elsewhere: set[str] = set()  # directories to which nothing can be renamed from `scratch`

    def place(self, source: str, target: str, *, mode: int | None = None, again: bool = False) -> None:
        """Let `target` (in a directory that exists) be the file `source`: with `mode`, a copy with these permissions.

        Raises OSError.

        `again`: a copy of `source` stands there, and nothing is lost if it goes a moment earlier.
        """
        if mode is None and self._at_once(source, target, again=again):
            return
        folder = os.path.dirname(target)  # noqa: PTH120
        if folder not in self._elsewhere:
            self._make_scratch()
            try:
                self._place(source, target, f"{self._scratch}/{UNFINISHED}", mode=mode)
                return
            except OSError as error:
                if error.errno != errno.EXDEV:
                    raise
                self._elsewhere.add(folder)
        self._place(source, target, f"{folder}/{BESIDE}", mode=mode)

    def makes_links(self) -> bool:
        """Tell whether the way that works here is a hard link, as far as can be told without the file to be placed."""
        if self._methods[0] is _reflink and len(self._methods) > 1 and not self._can_reflink():
            self._methods.pop(0)
        return self._methods[0] is _hardlink

    def _can_reflink(self) -> bool:
        self._make_scratch()
        self._serial += 1
        one, other = (f"{self._scratch}/{UNFINISHED}{os.getpid()}-{self._serial}-{which}" for which in "ab")
        try:
            with open(one, "xb"):
                pass
            _reflink(one, other)
        except OSError:
            return False
        finally:
            for path in (one, other):
                with suppress(FileNotFoundError):
                    os.unlink(path)  # noqa: PTH108
        return True

    def _make_scratch(self) -> None:
        if not self._made:
            os.makedirs(self._scratch, exist_ok=True)  # noqa: PTH103
            self._made = True

    def _at_once(self, source: str, target: str, *, again: bool) -> bool:
        """Make a link where nothing has the name yet: that needs no unfinished file. False: take the long way.

        To rename a link over a file that was just written makes some file systems (ext4) write that link's bytes out
        then and there, which costs more than all else here.
        """
        if self._methods[0] not in (_hardlink, _symlink):
            return False
        try:
            if again:
                with suppress(FileNotFoundError):
                    os.unlink(target)  # noqa: PTH108
            self._methods[0](source, target)
        except OSError:
            return False
        return True

    def _place(self, source: str, target: str, lead: str, *, mode: int | None) -> None:
        self._serial += 1
        temporary = f"{lead}{os.getpid()}-{self._serial}"
        try:
            if mode is not None:
                _copy(source, temporary)
                os.chmod(temporary, mode)  # noqa: PTH101
            else:
                self._make(source, temporary)
            if os.path.isdir(target) and not os.path.islink(target):  # noqa: PTH112, PTH114
                import shutil  # loads three compression libraries: not where links are made

                shutil.rmtree(target)
            os.replace(temporary, target)  # noqa: PTH105
        finally:
            with suppress(FileNotFoundError):  # there still if something failed, or if both were one file already
                os.unlink(temporary)  # noqa: PTH108

    def _make(self, source: str, temporary: str) -> None:
        while True:
            try:
                self._methods[0](source, temporary)
                return
            except OSError as error:
                with suppress(FileNotFoundError):
                    os.unlink(temporary)  # noqa: PTH108
                if error.errno == errno.EMLINK:  # this one object has as many names as it may have
                    _copy(source, temporary)
                    return
                if len(self._methods) == 1 or error.errno in _FINAL:
                    raise
                self._methods.pop(0)


def _reflink(source: str, target: str) -> None:
    if sys.platform == "darwin":
        import ctypes

        libc = ctypes.CDLL(None, use_errno=True)
        if libc.clonefile(os.fsencode(source), os.fsencode(target), 0):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))
    else:
        import fcntl

        with open(source, "rb") as origin, open(target, "wb") as copy:
            fcntl.ioctl(copy.fileno(), 0x40049409, origin.fileno())  # FICLONE, linux/fs.h
    os.chmod(target, 0o644)  # noqa: PTH101


def _hardlink(source: str, target: str) -> None:
    os.link(source, target)


def _symlink(source: str, target: str) -> None:
    os.symlink(os.path.abspath(source), target)  # noqa: PTH100, PTH211


def _copy(source: str, target: str) -> None:
    import shutil

    shutil.copyfile(source, target)


_METHODS: Mapping[str, Callable[[str, str], None]] = {
    "reflink": _reflink,
    "hardlink": _hardlink,
    "symlink": _symlink,
    "copy": _copy,
}
