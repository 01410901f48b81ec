"""Edge. Does anybody have this file open for writing? Asked of the kernel, which alone knows.

Linux grants a read lease on a file only while nobody, in no process, has it open (or mapped) for writing. It is taken
and given back at once: what is wanted is the answer. Elsewhere, and on file systems without leases, the answer is yes.
"""

from __future__ import annotations

import fcntl
import signal


def may_be_written(fd: int) -> bool:
    """Tell whether somebody may hold the file at `fd`, which is open for reading only, open for writing.

    Says nothing of who opens it later: take the right to write away before you ask.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return True
    try:
        fcntl.fcntl(
            fd, fcntl.F_SETSIG, signal.SIGURG
        )  # should somebody ask for the file meanwhile: this one is ignored
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError:
        return True
    return False
