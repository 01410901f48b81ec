"""Edge. The Python API: `Project` (`core`) with edits, comparisons (`compared`) and remotes, and `import_dvc`."""

from ..engine.result import RunResult
from ..engine.targets import ReproOptions
from .core import Project, load, open
from .imported import import_dvc

__all__ = ["Project", "ReproOptions", "RunResult", "import_dvc", "load", "open"]
