"""ckptflow: data pipelines that never do the same work twice.

The public names: `Project`, `load`, `open`, `Dataset`, `context`. They are looked up when first used, so that importing
the package costs nothing.

The rooms, in the order in which data flows and imports point (each names its purity in its first line):
`spec` what is declared, `chunk` how data is cut, `fingerprint` what it is, `plan` what is to be done, `events` what a
run tells, `store` bytes, `formats` objects and bytes, `checkpoints` what is done and kept, `workspace` the local tree,
`run` doing it, `engine` the use cases, `report` telling people, `project` the Python API, `cli` the command line.
"""

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would cost more than all the rest
if TYPE_CHECKING:
    from .formats.dataset import Dataset
    from .project import Project, load, open
    from .run.context import context

__version__ = "0.1.0"

__all__ = ["Dataset", "Project", "__version__", "context", "load", "open"]

_HOMES = {
    "Project": "project",
    "load": "project",
    "open": "project",
    "Dataset": "formats.dataset",
    "context": "run.context",
}


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    found: object = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    return found
