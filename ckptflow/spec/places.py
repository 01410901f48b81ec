"""Pure. The `deps` and `outs` of a stage: from names and paths as written to `Dep` and `Out`."""

from __future__ import annotations

from collections.abc import Iterator

from ..dataclass import dataclass
from .findings import Findings
from .model import Dep, Out, OutKind
from .nodes import Mapping, Node, Scalar, Sequence, to_value
from .paths import is_absolute, is_glob, is_url, normalise, suffix
from .toplevel import read_drawing

_BY_SUFFIX = {
    ".parquet": "parquet",
    ".arrow": "arrow",
    ".feather": "arrow",
    ".pkl": "pickle",
    ".pickle": "pickle",
    ".json": "json",
    ".npy": "npy",
}
_OUT_LISTS = {"outs": OutKind.OUT, "metrics": OutKind.METRIC, "plots": OutKind.PLOT}


@dataclass(frozen=True, slots=True)
class _Entry:
    """One dep or out as it is written."""

    name: Scalar | None
    path: Scalar
    flags: Mapping | None
    stage: Scalar | None = None

    def flag(self, name: str) -> Node | None:
        return None if self.flags is None else self.flags.get(name)

    def switch(self, name: str, default: bool) -> bool:
        node = self.flag(name)
        return node.value is True if isinstance(node, Scalar) else default

    def text(self, name: str) -> str | None:
        node = self.flag(name)
        return node.text if isinstance(node, Scalar) else None


def _entries(node: Node) -> Iterator[_Entry]:
    """Yield the entries of a mapping or a list that has the right shape."""
    if isinstance(node, Mapping):
        for name, value in node.pairs:
            if isinstance(value, Mapping):
                path = value.get("path")
                assert isinstance(path, Scalar)
                yield _Entry(name, path, value)
            else:
                assert isinstance(value, Scalar)
                yield _Entry(name, value, None)
        return
    assert isinstance(node, Sequence)
    for item in node.items:
        if isinstance(item, Mapping):
            path, flags = item.pairs[0]
            stage = flags if isinstance(flags, Scalar) and flags.value is not None else None
            yield _Entry(None, path, flags if isinstance(flags, Mapping) else None, stage)
        else:
            assert isinstance(item, Scalar)
            yield _Entry(None, item, None)


def out_format(path: str, explicit: str | None, *, call: bool) -> str:
    """Return the format of an out: the explicit one, or what the suffix says.

    A command writes its outs itself, so only what is known to be a table is more than a file there.
    """
    if explicit is not None:
        return explicit
    known = _BY_SUFFIX.get(suffix(path), "file")
    if not call:
        return known if known == "parquet" else "file"
    return "dir" if known == "file" and path.endswith("/") else known


@dataclass(frozen=True, slots=True)
class Places:
    """Reads the deps and outs of one stage whose paths are relative to `base`."""

    base: str
    formats: frozenset[str]
    findings: Findings
    call: bool

    def deps(self, node: Node) -> tuple[tuple[Dep, ...], tuple[Scalar, ...]]:
        """Return the deps, and the names of stages that stand among them; a dep that is wrong is noted and left out."""
        found: list[Dep] = []
        refs: list[Scalar] = []
        unnamed: set[str] = set()
        for entry in _entries(node):
            if entry.stage is not None:
                refs.append(entry.stage)
                continue
            path = self._path(entry.path)
            if path is None:
                continue
            if entry.name is None and path in unnamed:
                self.findings.add("CF158", f"the dep `{path}` is listed twice", entry.path, "remove one of them")
                continue
            unnamed.add(path)
            columns = entry.flag("columns")
            value = to_value(columns) if columns is not None else None
            dep = Dep(
                path=path,
                name=entry.name.text if entry.name else None,
                format=self._format(entry),
                columns=tuple(str(column) for column in value) if isinstance(value, list) else None,
                place=self.findings.source.place(entry.path),
            )
            found.append(dep)
        return tuple(found), tuple(refs)

    def outs(self, lists: dict[str, Node]) -> tuple[Out, ...]:
        """Return outs, metrics and plots, in this order; what is wrong with one is noted, and it is left out."""
        found: list[Out] = []
        labels: set[str] = set()
        for field, kind in _OUT_LISTS.items():
            for entry in _entries(lists[field]) if field in lists else ():
                path = self._out_path(entry.path)
                if path is None:
                    continue
                out = Out(
                    path=path,
                    format=out_format(entry.path.text, self._format(entry), call=self.call),
                    name=entry.name.text if entry.name else None,
                    kind=kind,
                    cache=entry.switch("cache", True),
                    persist=entry.switch("persist", False),
                    push=entry.switch("push", True),
                    workspace=entry.switch("workspace", True),
                    desc=entry.text("desc"),
                    drawing=read_drawing(entry.flags) if kind is OutKind.PLOT and entry.flags else None,
                    place=self.findings.source.place(entry.path),
                )
                if out.name is not None and out.label in labels:
                    self.findings.add("CF124", f"two outs are named `{out.label}`", entry.name, "rename one of them")
                    continue
                labels.add(out.label)
                found.append(out)
        return tuple(found)

    def _format(self, entry: _Entry) -> str | None:
        node = entry.flag("format")
        if node is None:
            return None
        assert isinstance(node, Scalar)
        if node.text not in self.formats:
            known = f"formats: {', '.join(sorted(self.formats))}"
            hint = self.findings.suggest(node.text, sorted(self.formats))
            self.findings.add("CF180", f"unknown format `{node.text}`", node, hint or known)
            return None
        return node.text

    def _path(self, node: Scalar) -> str | None:
        """Return the path of a dep; it may lie outside of the project, or be a URL."""
        if not is_url(node.text):
            return normalise(self.base, node.text, outside=True)
        if self.call:
            hint = "fetch it in a stage with `cmd`, and let the function read what that writes"
            self.findings.add("CF159", f"the dep `{node.text}` of a function is a URL", node, hint)
            return None
        if node.text.startswith("remote://"):
            hint = "write the URL itself, or fetch the file in a stage of its own"
            self.findings.add("CF112", f"`{node.text}`: remotes of DVC cannot be named in deps", node, hint)
            return None
        return node.text

    def _out_path(self, node: Scalar) -> str | None:
        if is_url(node.text):
            hint = "write it in the command; an out is a file of the project"
            self.findings.add("CF151", f"the out `{node.text}` is a URL", node, hint)
            return None
        path = None if is_absolute(node.text) else normalise(self.base, node.text)
        if path is None:
            hint = "an out is a relative path that stays inside the project"
            self.findings.add("CF151", f"the out `{node.text}` lies outside the project", node, hint)
        elif path == ".":
            self.findings.add("CF151", f"the out `{node.text}` is the project itself", node)
            return None
        elif is_glob(path) and not ("[" in path and "*" not in path and "?" not in path):
            self.findings.add("CF157", f"the out `{node.text}` is a pattern; an out is one path", node)
            return None
        return path
