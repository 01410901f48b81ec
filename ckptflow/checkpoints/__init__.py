"""What is done, kept; and the library of checkpoints for code that is no pipeline (SPEC section 9).

The public names are looked up when first used, so that importing the room costs nothing.
"""

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would cost more than all the rest
if TYPE_CHECKING:
    from .library.again import auto_resume
    from .library.artifacts import Artifact
    from .library.checking import Problem
    from .library.manager import CheckpointManager
    from .library.report import Report
    from .library.run import Run
    from .manifest import Checkpoint

__all__ = ["Artifact", "Checkpoint", "CheckpointManager", "Problem", "Report", "Run", "auto_resume"]

_HOMES = {
    "Artifact": "library.artifacts",
    "Checkpoint": "manifest",
    "CheckpointManager": "library.manager",
    "Problem": "library.checking",
    "Report": "library.report",
    "Run": "library.run",
    "auto_resume": "library.again",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found


def __dir__() -> list[str]:
    return [*globals(), *__all__]
