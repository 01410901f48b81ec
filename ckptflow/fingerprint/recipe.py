"""Pure. The recipe: everything that determines a chunk's result, walked to a digest or to an explanation.

`Recipe.items` is the one walk. The digest hashes the pairs it yields; the lock file keeps them; an explanation compares
two lists of them. So what is said about staleness cannot differ from what decides it.

A recipe has no absolute path, time, host or user in it, and no position of a chunk: data enter by their digests alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from ..dataclass import dataclass, field
from ..ids import ChunkKey, Digest
from ..spec.model import ChunkSpec, Value
from .encode import digest_of

ENGINE_FORMAT = 1
"""Raised whenever equal recipes may give other bytes under a new engine: formats, cuts, how functions are called."""


@dataclass(frozen=True, slots=True)
class DepForm:
    """How a dep reaches the stage: in which Python form, read from which format, which columns.

    `path` is set where the stage can see it: a command reads it, a function is given it.
    """

    form: str
    format: str
    columns: tuple[str, ...] | None = None
    path: str | None = None

    def value(self) -> Value:
        """Return the canonical form."""
        return [self.form, self.format, list(self.columns) if self.columns is not None else None, self.path]


@dataclass(frozen=True, slots=True)
class Recipe:
    """What is the same for all chunks of a stage. Mappings are by name; `outs`: label to format (`cmd`: and path).

    `carries`: a state is handed on from chunk to chunk. The state itself enters the key of each chunk like its data.
    `each`: the function takes one item at a time. `combine` is the code that merges the chunks' results: no part of
    what makes these, but of the whole stage.
    """

    code: Digest | None = None
    cmd: tuple[str, ...] = ()
    wdir: str = "."
    args: Mapping[str, Value] = field(default_factory=dict)
    params: Mapping[str, Value] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    version: Value = None
    carries: bool = False
    each: bool = False
    combine: Digest | None = None
    deps: Mapping[str, DepForm] = field(default_factory=dict)
    outs: Mapping[str, str] = field(default_factory=dict)

    def items(self) -> Iterator[tuple[str, Value]]:
        """Yield `(kind.name, value)` for every part that counts, sorted within a kind."""
        if self.code is not None:
            yield "code", self.code
        if self.cmd:
            yield "cmd", list(self.cmd)
            yield "wdir", self.wdir
            yield from lines_of(self.cmd)
        yield from ((f"args.{name}", value) for name, value in sorted(self.args.items()))
        yield from ((f"params.{name}", value) for name, value in sorted(self.params.items()))
        yield from ((f"env.{name}", value) for name, value in sorted(self.env.items()))
        yield from ((f"packages.{name}", value) for name, value in sorted(self.packages.items()))
        if self.version is not None:
            yield "version", self.version
        if self.carries:
            yield "carry", True
        if self.each:
            yield "each", True
        yield from ((f"dep.{label}", form.value()) for label, form in sorted(self.deps.items()))
        yield from ((f"out.{label}", kind) for label, kind in sorted(self.outs.items()))

    def digest(self) -> Digest:
        """Return the digest of all parts but the data."""
        return digest_of(["recipe", ENGINE_FORMAT, [[name, value] for name, value in self.items()]])

    def loose(self, call: str | None) -> Digest | None:
        """Return the digest of all parts but the data and the code: the same before and after the code was changed.

        `call` is the function's name: without the code nothing else tells the functions of two stages apart. None for a
        command: its text holds arguments as well as code, and nobody can tell which of it is which.
        """
        if self.code is None or call is None:
            return None
        parts = [[name, value] for name, value in self.items() if name != "code"]
        return digest_of(["loose", ENGINE_FORMAT, call, parts])


def lines_of(cmd: Iterable[str]) -> Iterator[tuple[str, Value]]:
    """Yield the part that tells how the lines of a command's text are taken: as commands (2), not as one script (1)."""
    if any("\n" in text.strip() for text in cmd):
        yield "cmd.lines", 2


def chunk_key(recipe: Digest, pieces: Iterable[tuple[str, Digest]]) -> ChunkKey:
    """Return the key of a chunk: `pieces` are `(dep label, digest of what the chunk reads of it)` for every dep.

    `recipe` is the digest of a recipe; with that of its loose form, the loose key.
    """
    return ChunkKey(digest_of(["chunk", recipe, [[label, piece] for label, piece in sorted(pieces)]]))


def stage_key(recipe: Digest, chunk: ChunkSpec | None, deps: Iterable[tuple[str, Digest]]) -> Digest:
    """Return the digest of a whole stage: recipe, the way its deps are cut, and the deps' contents."""
    return digest_of(["stage", recipe, describe_cut(chunk), [[label, dep] for label, dep in sorted(deps)]])


def describe_cut(spec: ChunkSpec | None) -> Value:
    """Return `spec` as a canonical value, for keys and for documents."""
    if spec is None:
        return None
    doc: dict[str, Value] = {}
    for name in type(spec).__slots__:
        value = getattr(spec, name)
        doc[name] = {k: list(v) for k, v in value.items()} if isinstance(value, Mapping) else value
    if "by" in doc:  # the first dep leads, so order counts here and must survive a sorted encoding
        doc["by"] = [[k, v] for k, v in doc["by"].items()]  # type: ignore[union-attr]
    if "cut" in doc:
        doc["cut"] = str(doc["cut"])
    return [type(spec).__name__, doc]
