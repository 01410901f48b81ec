"""Pure. Code identity: from the text of a project's modules to what a stage function is. Nothing is imported or run."""

from ...errors import CodeError
from .identity import identify
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
    "Hole",
    "IndexCache",
    "ModuleText",
    "Parameter",
    "ParameterKind",
    "Signature",
    "Sources",
    "identify",
]
