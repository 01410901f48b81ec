"""Edge. The digest of a file's bytes, on all cores, mapped a window at a time.

Mapped, because reading into memory of our own costs a tenth more; a window at a time, because a mapping of the whole
file makes the process look as large as the file, to people and to limits on memory alike.
"""

from __future__ import annotations

import errno
import mmap
import os
from pathlib import Path

from blake3 import blake3

from ..ids import Digest, digest

_SMALL = 1 << 20
_WINDOW = 64 << 20


def hash_file(path: Path) -> Digest:
    """Return the digest of the bytes of the file at `path`. Raises OSError.

    Nobody may shorten it meanwhile: a mapped file that shrinks would kill the process.
    """
    with open(path, "rb", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        if size <= _SMALL:
            return digest(file.read())
        hasher = blake3(max_threads=blake3.AUTO)
        for start in range(0, size, _WINDOW):
            length = min(_WINDOW, size - start)
            try:
                window = mmap.mmap(file.fileno(), length, access=mmap.ACCESS_READ, offset=start)
            except ValueError as error:
                raise OSError(errno.EIO, "it became shorter while it was read", str(path)) from error
            with window:
                hasher.update(window)
    return Digest(hasher.hexdigest())
