"""Edge. Whether a process may be forked and go on as it is: only where no other thread may hold a lock, which the new
process would never see released.
"""

from __future__ import annotations

import os


def is_alone() -> bool:
    """Tell whether the calling thread is the only one of its process; False where that cannot be told (not Linux)."""
    try:
        return len(os.listdir("/proc/self/task")) == 1  # noqa: PTH208 - `pathlib` may not be loaded yet
    except OSError:
        return False
