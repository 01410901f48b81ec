"""Edge. Exit codes, and which error ends with which: the table of SPEC section 8 and `docs/cli.md`."""

from __future__ import annotations

from enum import IntEnum

from .. import errors


class Exit(IntEnum):
    """How a command ended. New codes may be added: treat an unknown one as failure."""

    DONE = 0
    FAILED = 1
    USAGE = 2
    QUARANTINED = 3
    INVALID = 4
    NO_TARGET = 5
    STORE = 6
    PENDING = 10
    LOCKED = 11
    MORE = 75
    INTERRUPTED = 130
    TERMINATED = 143


# The first that fits counts; an error that is not named here is a failure.
_BY_ERROR: tuple[tuple[type[errors.CkptflowError], Exit], ...] = (
    (errors.SpecError, Exit.INVALID),
    (errors.ProjectNotFound, Exit.INVALID),
    (errors.KeyUnusable, Exit.INVALID),
    (errors.UsageError, Exit.USAGE),
    (errors.TargetNotFound, Exit.NO_TARGET),
    (errors.VersionNotFound, Exit.NO_TARGET),
    (errors.StoreError, Exit.STORE),
    (errors.Locked, Exit.LOCKED),
)


def exit_code(error: errors.CkptflowError) -> Exit:
    """Return the exit code of a command that ended with `error`."""
    return next((code for kind, code in _BY_ERROR if isinstance(error, kind)), Exit.FAILED)
