"""Pure. What DVC noted: `dvc.lock`, entries of its run cache, and `.dvc` files, as values.

Schemas: `dvc.lock` 2.0 (and 1.0, which has the stages at its top); a `.dvc` file as `dvc add` and `dvc import-url`
write it, and as DVC before 1.0 wrote single stages. What is noted of a file is its MD5, of a directory the MD5 of the
listing of its files with `.dir` behind it. An entry without `hash: md5` is of DVC before 3.0 ("legacy"): text was
hashed with the line ends of Unix.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator, Mapping

from ..dataclass import dataclass, field
from ..errors import Problem, SpecError
from ..spec import nodes
from ..spec.compose import compose
from ..spec.findings import Source
from ..spec.model import Value
from ..spec.nodes import Node, Scalar, Sequence, to_value

DIRECTORY = ".dir"
_SCHEMA = "2.0"
_RESTORE = "restore it with git; or remove it, then nothing that DVC did is known"


@dataclass(frozen=True, slots=True)
class Noted:
    """A file or directory as DVC saw it. `path` as it is written there: relative to the stage's `wdir`.

    `md5` is None where DVC noted something else (an etag, or nothing yet).
    """

    path: str
    md5: str | None
    legacy: bool = False
    executable: bool = False

    def rooted(self, base: str) -> str:
        """Return the path relative to what `base` is relative to."""
        return rooted(base, self.path)


@dataclass(frozen=True, slots=True)
class NotedStage:
    """The last success of a stage under DVC. `params`: file -> dotted key -> value, for whole files their own keys."""

    cmd: tuple[str, ...]
    deps: tuple[Noted, ...] = ()
    outs: tuple[Noted, ...] = ()
    params: Mapping[str, Mapping[str, Value]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class OldOut:
    """The flags of an out in a `.dvc` file."""

    noted: Noted
    cache: bool = True
    persist: bool = False
    metric: bool = False


@dataclass(frozen=True, slots=True)
class Tracked:
    """A `.dvc` file: data that DVC keeps, or, with `cmd`, a stage of DVC before 1.0. `wdir` is relative to the file."""

    file: str
    outs: tuple[OldOut, ...]
    deps: tuple[Noted, ...] = ()
    cmd: tuple[str, ...] = ()
    wdir: str = "."
    frozen: bool = False
    always_changed: bool = False

    @property
    def base(self) -> str:
        """The directory that its paths are relative to, as `file` is."""
        return rooted(posixpath.dirname(self.file) or ".", self.wdir)


def rooted(base: str, path: str) -> str:
    """Return `path`, taken from `base`, normalised; it may lead above what `base` is relative to, or be absolute."""
    return posixpath.normpath(posixpath.join(base, path))


def relative(path: str, base: str) -> str:
    """Inverse of `rooted`, for a `base` that leads nowhere above: how a stage in `base` writes `path`."""
    if path.startswith("/") or base == ".":
        return path
    own, there = path.split("/"), base.split("/")
    shared = 0
    while shared < len(there) and shared < len(own) and own[shared] == there[shared]:
        shared += 1
    return "/".join([*[".."] * (len(there) - shared), *own[shared:]]) or "."


def read_lock(file: str, text: str) -> dict[str, NotedStage]:
    """Return the stages of a `dvc.lock` by name. Raises `SpecError` that names the place."""
    reader = _Reader.of(file, text)
    top = reader.mapping(reader.root)
    schema = top.get("schema")
    if schema is not None and (not isinstance(schema, Scalar) or schema.text != _SCHEMA):
        reader.fail(schema, f"{file} is of a schema that this version does not read: {schema_text(schema)}")
    stages = top if schema is None else reader.mapping(top.get("stages"))
    return {name: reader.stage(node) for name, node in stages.items()}


def read_datasets(file: str, text: str) -> dict[str, dict[str, Value]]:
    """Return what a `dvc.lock` notes of datasets, by name. Raises `SpecError` that names the place."""
    reader = _Reader.of(file, text)
    rows = [to_value(node) for node in reader.items(reader.mapping(reader.root).get("datasets"))]
    return {str(row["name"]): row for row in rows if isinstance(row, dict) and "name" in row}


def read_run(file: str, text: str) -> NotedStage:
    """Return an entry of DVC's run cache. Raises `SpecError`."""
    reader = _Reader.of(file, text)
    return reader.stage(reader.root)


def read_tracked(file: str, text: str) -> Tracked:
    """Return what a `.dvc` file says. Raises `SpecError` that names the place."""
    reader = _Reader.of(file, text)
    top = reader.mapping(reader.root)
    wdir = top.get("wdir")
    return Tracked(
        file=file,
        outs=tuple(reader.old_out(node) for node in reader.items(top.get("outs"))),
        deps=tuple(reader.noted(node) for node in reader.items(top.get("deps"))),
        cmd=reader.cmd(top["cmd"]) if "cmd" in top else (),
        wdir=reader.text(wdir) if wdir is not None else ".",
        frozen=_flag(top, "frozen") or _flag(top, "locked"),
        always_changed=_flag(top, "always_changed"),
    )


def schema_text(node: Node) -> str:
    """Return a node as it stands in a message."""
    return node.text if isinstance(node, Scalar) else nodes.kind(node)


def _flag(fields: Mapping[str, Node], name: str, default: bool = False) -> bool:
    node = fields.get(name)
    return node.value is True if isinstance(node, Scalar) and isinstance(node.value, bool) else default


@dataclass(frozen=True, slots=True)
class _Reader:
    """Walks one document; what is not as DVC writes it ends the reading, with its place."""

    source: Source
    root: Node

    @classmethod
    def of(cls, file: str, text: str) -> _Reader:
        problems: list[Problem] = []
        document = compose(file, text, problems)
        if document is None or problems:
            source = Source.of(file, text)
            for number, line in enumerate(source.lines, 1):
                if line.startswith("<<<<<<<"):
                    message = f"git left a conflict in {file}"
                    problems = [Problem("CF086", message, source.at(number, 1, len(line)), _RESTORE)]
                    break
            raise SpecError(tuple(problems))
        return cls(document.source, document.root)

    def fail(self, node: Node | None, message: str) -> None:
        raise SpecError((Problem("CF086", message, self.source.place(node or self.root), _RESTORE),))

    def mapping(self, node: Node | None) -> dict[str, Node]:
        if isinstance(node, nodes.Mapping):
            return {key.text: value for key, value in node.pairs}
        if node is not None and not (isinstance(node, Scalar) and node.value is None):
            self.fail(node, f"{self.source.file} has a {nodes.kind(node)} where DVC writes a mapping")
        return {}

    def items(self, node: Node | None) -> Iterator[Node]:
        if isinstance(node, Sequence):
            yield from node.items
        elif node is not None and not (isinstance(node, Scalar) and node.value is None):
            self.fail(node, f"{self.source.file} has a {nodes.kind(node)} where DVC writes a list")

    def text(self, node: Node | None) -> str:
        if not isinstance(node, Scalar) or node.value is None:
            self.fail(node, f"{self.source.file} has no text where DVC writes one")
        assert isinstance(node, Scalar)
        return node.text

    def stage(self, node: Node) -> NotedStage:
        fields = self.mapping(node)
        if "cmd" not in fields:
            self.fail(node, f"{self.source.file} has a stage without `cmd`")
        params = {
            file: {key: to_value(value) for key, value in self.mapping(values).items()}
            for file, values in self.mapping(fields.get("params")).items()
        }
        return NotedStage(
            cmd=self.cmd(fields["cmd"]),
            deps=tuple(self.noted(item) for item in self.items(fields.get("deps"))),
            outs=tuple(self.noted(item) for item in self.items(fields.get("outs"))),
            params=params,
        )

    def cmd(self, node: Node) -> tuple[str, ...]:
        if isinstance(node, Sequence):
            return tuple(self.text(item) for item in node.items)
        return (self.text(node),)

    def noted(self, node: Node) -> Noted:
        fields = self.mapping(node)
        if "path" not in fields:
            self.fail(node, f"{self.source.file} has an entry without `path`")
        md5, kind = fields.get("md5"), fields.get("hash")
        known = isinstance(md5, Scalar) and md5.text and (kind is None or schema_text(kind) == "md5")
        return Noted(
            path=self.text(fields["path"]),
            md5=md5.text if known and isinstance(md5, Scalar) else None,
            legacy=kind is None,
            executable=_flag(fields, "isexec"),
        )

    def old_out(self, node: Node) -> OldOut:
        fields = self.mapping(node)
        metric = fields.get("metric")
        return OldOut(
            noted=self.noted(node),
            cache=_flag(fields, "cache", True),
            persist=_flag(fields, "persist"),
            metric=isinstance(metric, nodes.Mapping) or _flag(fields, "metric"),
        )
