"""Edge. Making files survive a loss of power, with the strongest call each system has.

One `syncfs` for a group of files costs what one `fsync` does, so it is tried first. macOS has none, and its `fsync`
does not reach the platter: `F_FULLFSYNC` does.
"""

from __future__ import annotations

import errno
import fcntl
import os
import sys
from collections.abc import Callable
from functools import cache

_UNSUPPORTED = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP)


@cache
def _syncfs() -> Callable[[int], int] | None:
    if not sys.platform.startswith("linux"):
        return None
    import ctypes  # only here: a run that writes nothing does not pay for it

    try:
        function = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        return None

    def call(fd: int) -> int:
        return 0 if function(fd) == 0 else ctypes.get_errno()

    return call


def sync_file_system(path: str) -> bool:
    """Sync everything written to the file system that holds the directory `path`; False if there is no such call.

    Raises OSError when data could not be written.
    """
    call = _syncfs()
    if call is None:
        return False
    fd = os.open(path, os.O_RDONLY)
    try:
        code = call(fd)
    finally:
        os.close(fd)
    if code in _UNSUPPORTED:
        return False
    if code:
        raise OSError(code, os.strerror(code), path)
    return True


def sync_file(path: str) -> None:
    """Sync one file or directory; nothing if it is not there any more. Raises OSError."""
    try:
        fd = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return
    try:
        full = getattr(fcntl, "F_FULLFSYNC", None)
        if full is not None:
            try:
                fcntl.fcntl(fd, full)
                return
            except OSError as error:
                if error.errno not in (*_UNSUPPORTED, errno.ENOTTY):
                    raise
        os.fsync(fd)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:  # directories on file systems that cannot sync them
            raise
    finally:
        os.close(fd)
