"""Edge. The program that hashes a mapped file, in a process of its own: see `mapped`, which starts it.

Rule: it imports nothing of ckptflow, and as little as can be, for it is started for a single file. The file may kill it
(SIGBUS), and it ends when who started it has ended: there is nobody to tell then.

Strategy: a window at a time, so that it never shows more memory than that. While one is hashed the system is asked for
the next: the threads of BLAKE3 read a window at several places at once, which a disk alone would not foresee.
"""

from __future__ import annotations

import os
import sys
from mmap import ACCESS_READ, mmap

_FILE, _ANSWER = 0, 1


def main() -> None:
    """Write the digest of the first `size` bytes of standard input to standard output.

    Arguments: where blake3 is imported from, `size`, the bytes of a window, the number of the process that asks.
    """
    sys.path.append(sys.argv[1])
    size, window, asks = map(int, sys.argv[2:])
    from blake3 import blake3

    hasher = blake3(max_threads=blake3.AUTO)
    for start in range(0, size, window):
        if os.getppid() != asks:
            return
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(_FILE, start + window, window, os.POSIX_FADV_WILLNEED)
        with mmap(_FILE, min(window, size - start), access=ACCESS_READ, offset=start) as mapped:
            hasher.update(mapped)
    os.write(_ANSWER, hasher.hexdigest().encode())


if __name__ == "__main__":
    main()
