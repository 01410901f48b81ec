"""Pure. What code identity is made of and asks for, as values: module texts in, identity, signature and holes out."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, Protocol

from ...dataclass import dataclass
from ...ids import Digest


@dataclass(frozen=True, slots=True)
class ModuleText:
    """A module of the project. `path` is POSIX, relative to the project; `digest` is the digest of the file.

    A namespace package (a directory without `__init__.py`) is a package with an empty text and a path that ends in `/`.
    """

    name: str
    path: str
    text: str
    is_package: bool
    digest: Digest

    @property
    def is_namespace(self) -> bool:
        """Tell whether this is but a directory: an installed package of the same name would win over it."""
        return self.path.endswith("/")


class Sources(Protocol):
    """Where the texts of the project's modules come from."""

    def module(self, name: str) -> ModuleText | None:
        """Return the module with this dotted name, None when it is not one of the project's own."""
        ...


class IndexCache(Protocol):
    """Keeps what is derived from one file, across runs. Losing any of it costs time only."""

    def get(self, key: str) -> Any | None:
        """Return the JSON value kept under `key`, None where there is none."""
        ...

    def put(self, key: str, value: Any) -> None:
        """Keep a JSON value. `key` names content and format: a value never changes under its key."""
        ...


@dataclass(frozen=True, slots=True)
class Hole:
    """A reference that static reading cannot follow, and for which a whole module was taken.

    `symbol` is where it stands (`pkg.mod:name`), `file` and `line` the place, `module` the module that was taken.
    """

    symbol: str
    file: str
    line: int
    module: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}:{self.line}: {self.reason}; all of {self.module} counts"


class ParameterKind(StrEnum):
    """How an argument may be passed."""

    POSITIONAL = "positional"
    ANY = "any"
    VAR_POSITIONAL = "*"
    KEYWORD = "keyword"
    VAR_KEYWORD = "**"


@dataclass(frozen=True, slots=True)
class Parameter:
    """One parameter. `annotation` has its names resolved to dotted ones (`pyarrow.Table`, `list[pathlib.Path]`)."""

    name: str
    kind: ParameterKind
    has_default: bool
    annotation: str | None


@dataclass(frozen=True, slots=True)
class Signature:
    """What a function takes and gives back, read from its text.

    A function that only exists as the value of an expression (`f = partial(g, 1)`) has `*args, **kwargs`.
    """

    parameters: tuple[Parameter, ...]
    returns: str | None = None
    is_generator: bool = False
    is_async: bool = False


@dataclass(frozen=True, slots=True)
class CodeIdentity:
    """What a function is: every symbol of the project that can bear on its result.

    `digest` covers the entry and the sorted (symbol, digest) pairs. `symbols` maps `pkg.mod:name` to the digest of its
    normalised source, `sources` to that source for showing differences. `modules` holds every module that was consulted
    with its path, and every module name that was looked up in the project and not found with None: the identity stays
    what it is until one of `files` changes or one of the names appears. `distributions` are top-level names of
    third-party imports that the code refers to, sorted.
    """

    entry: str
    digest: Digest
    symbols: Mapping[str, Digest]
    sources: Mapping[str, str]
    modules: Mapping[str, str | None]
    files: tuple[str, ...]
    holes: tuple[Hole, ...]
    distributions: tuple[str, ...]
    signature: Signature
