"""Pure. What the operating system's errors mean to the user of a store, and what to do about each."""

from __future__ import annotations

import errno

from ..errors import StoreError

_REMEDIES = {
    errno.ENOSPC: ("disk full", "free space on the disk of {root}; finished chunks are kept: run again"),
    errno.EDQUOT: (
        "disk quota exceeded",
        "free space or raise the quota at {root}; finished chunks are kept: run again",
    ),
    errno.EROFS: ("read-only file system", "mount it writable, or set CKPTFLOW_STORE to a writable place"),
    errno.EACCES: ("permission denied", "give this user access to {root}, or set CKPTFLOW_STORE to another place"),
    errno.EPERM: ("operation not permitted", "give this user access to {root}, or set CKPTFLOW_STORE to another place"),
    errno.EIO: ("input/output error", "check the disk of {root}; finished chunks are kept: run again"),
    errno.ESTALE: ("stale file handle", "mount the file system of {root} again, then run again"),
    errno.ENOTCONN: ("file system is not connected", "mount the file system of {root} again, then run again"),
    errno.EMFILE: ("too many open files", "raise the limit (`ulimit -n`) or use fewer jobs"),
    errno.ENFILE: ("too many open files in the system", "close other programs or use fewer jobs"),
    errno.ENOTDIR: (
        "a file stands where a directory is needed",
        "move what does not belong to the store out of {root}",
    ),
    errno.EISDIR: ("a directory stands where a file is needed", "move what does not belong to the store out of {root}"),
    errno.ELOOP: ("a symbolic link stands where a file is needed", "the store follows no links: move it out of {root}"),
}


def store_error(error: OSError, doing: str, root: str) -> StoreError:
    """Return the `StoreError` for `error`, met while `doing` ("write objects/ab/...") under the directory `root`."""
    what, remedy = _REMEDIES.get(error.errno or 0, (error.strerror or str(error), None))
    return StoreError(f"cannot {doing} in {root}: {what}", hint=remedy and remedy.format(root=root))
