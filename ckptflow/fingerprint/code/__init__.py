"""Pure. Code identity: from the text of a project's modules to what a stage function is. Nothing is imported or run.

`facts` says what a file is cut into, `reads` and `scope` what a piece refers to, `index` makes the facts of a file,
`resolve` follows names through modules, `effects` knows what importing changes, `identity` walks.

Decisions: an import's own binding counts with the name (`from a import g` is a symbol `m:g`). A module's other
top-level statements count when they may change something that is reached, in whichever module they stand; else they do
not, `print("hello")` included. Docstrings count only where `__doc__` is read from a name. Both branches of a condition
count, with the condition.

Not seen: code started by name in another process (`python -m`), names in data or configuration, compiled modules,
modules that only a changed `sys.path` makes importable, and objects that arrive as arguments.
"""

from ...errors import CodeError
from .identity import Codebase, identify
from .model import (
    CodeIdentity,
    Hole,
    IndexCache,
    ModuleText,
    Parameter,
    ParameterKind,
    Signature,
    Sources,
)

__all__ = [
    "CodeError",
    "CodeIdentity",
    "Codebase",
    "Hole",
    "IndexCache",
    "ModuleText",
    "Parameter",
    "ParameterKind",
    "Signature",
    "Sources",
    "identify",
]
