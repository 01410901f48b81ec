"""Edge. The Python API: `Project` (`core`) with edits, comparisons (`compared`) and remotes, and `import_dvc`.

What goes with single methods is looked up when first used.
"""

from .core import Project, load, open

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..engine.result import RunResult
    from ..engine.targets import ReproOptions
    from .imported import import_dvc

__all__ = ["Project", "ReproOptions", "RunResult", "import_dvc", "load", "open"]

_HOMES = {"RunResult": "..engine.result", "ReproOptions": "..engine.targets", "import_dvc": ".imported"}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(_HOMES[name], __name__), name)
    return found
