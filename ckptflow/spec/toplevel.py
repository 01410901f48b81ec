"""Pure. What a pipeline file names beside its stages: metrics, params and plots for reports, artifacts and datasets.

They are files of the project, made by a stage or by hand; nothing is run for them, and nothing is stale because of
them.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final, TypeGuard

from ..dataclass import dataclass, field
from .catalog import Artifact, NamedDataset
from .conform import conforms
from .drawing import Axis, Drawing
from .findings import Findings
from .nodes import Mapping, Node, Scalar, Sequence, to_value, whole
from .paths import is_absolute, is_url, normalise, parent
from .shapes import Deferred
from .table import PIPELINE
from .template import Templates

NAMED: Final = ("metrics", "params", "plots", "artifacts", "datasets")


@dataclass(frozen=True, slots=True)
class TopLevel:
    """Paths relative to the project. A plot's id is a path, or a name where its axes name the files."""

    metrics: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    plots: dict[str, Drawing] = field(default_factory=dict)
    artifacts: tuple[Artifact, ...] = ()
    datasets: tuple[NamedDataset, ...] = ()

    def plus(self, other: TopLevel) -> TopLevel:
        """Return what both name; of two plots with one id, the first."""
        return TopLevel(
            self.metrics + other.metrics,
            self.params + other.params,
            {**other.plots, **self.plots},
            self.artifacts + other.artifacts,
            self.datasets + other.datasets,
        )


def read_top_level(top: dict[str, Node], file: str, templates: Templates, findings: Findings) -> TopLevel:
    """Read what of `top` is there; mistakes are noted, and what is wrong is left out."""
    base = parent(file)
    nodes = {name: node for name in NAMED if name in top and (node := _resolved(name, top[name], templates, findings))}
    reader = _Reader(base, findings)
    return TopLevel(
        metrics=tuple(reader.paths(nodes.get("metrics"))),
        params=tuple(reader.paths(nodes.get("params"))),
        plots=dict(reader.plots(nodes.get("plots"))),
        artifacts=tuple(_artifacts(nodes.get("artifacts"), file, base)),
        datasets=tuple(_datasets(nodes.get("datasets"), file)),
    )


def _artifacts(node: Node | None, file: str, base: str) -> Iterator[Artifact]:
    for name, fields in node.pairs if isinstance(node, Mapping) else ():
        said: Any = to_value(fields)
        path = said["path"] if is_url(said["path"]) else normalise(base, said["path"], outside=True) or said["path"]
        labels = tuple(said.get("labels", ()))
        yield Artifact(name.text, file, path, said.get("type"), said.get("desc"), labels, said.get("meta"))


def _datasets(node: Node | None, file: str) -> Iterator[NamedDataset]:
    """Yield what has a name; what else DVC wants of a dataset depends on its type, and is left to DVC."""
    for item in node.items if isinstance(node, Sequence) else ():
        said = {key.text: value.text for key, value in item.pairs if _says(value)} if isinstance(item, Mapping) else {}
        if "name" in said:
            type_, url, path, rev = (said.get(field) for field in ("type", "url", "path", "rev"))
            yield NamedDataset(said["name"], file, type_, url, path, rev)


def _says(node: Node) -> TypeGuard[Scalar]:
    return isinstance(node, Scalar) and node.value is not None


def _resolved(name: str, node: Node, templates: Templates, findings: Findings) -> Node | None:
    node = templates.resolve(node)
    shape = PIPELINE.fields[name].shape
    assert isinstance(shape, Deferred)
    return node if conforms(shape.shape, node, name, findings) and whole(node) else None


def read_drawing(flags: Mapping | None, base: str | None = None) -> Drawing:
    """Return how a plot is drawn, from a mapping of the right shape; axes may name files relative to `base`."""
    if flags is None:
        return Drawing()
    header = flags.get("header")
    return Drawing(
        x=tuple(_axes(flags.get("x"), base)),
        y=tuple(_axes(flags.get("y"), base)),
        x_label=_text(flags, "x_label"),
        y_label=_text(flags, "y_label"),
        title=_text(flags, "title"),
        template=_text(flags, "template"),
        header=not (isinstance(header, Scalar) and header.value is False),
    )


@dataclass(frozen=True, slots=True)
class _Reader:
    base: str
    findings: Findings

    def paths(self, node: Node | None) -> Iterator[str]:
        for item in node.items if isinstance(node, Sequence) else ():
            path = self._path(item)
            if path is not None:
                yield path

    def plots(self, node: Node | None) -> Iterator[tuple[str, Drawing]]:
        for name, flags in _plot_nodes(node):
            drawing = read_drawing(flags, self.base)
            key = name.text if drawing.is_named else self._path(name)
            if key is not None:
                yield key, drawing

    def _path(self, node: Node) -> str | None:
        assert isinstance(node, Scalar)
        outside = is_absolute(node.text) or is_url(node.text)
        path = None if outside else normalise(self.base, node.text)
        if path is None or path == ".":
            self.findings.add("CF152", f"`{node.text}` is no file of the project", node)
            return None
        return path


def _plot_nodes(node: Node | None) -> Iterator[tuple[Scalar, Mapping | None]]:
    """Yield id and properties of each plot, from a list or a mapping."""
    if isinstance(node, Mapping):
        for name, flags in node.pairs:
            yield name, flags if isinstance(flags, Mapping) else None
    for item in node.items if isinstance(node, Sequence) else ():
        if isinstance(item, Scalar):
            yield item, None
        else:
            yield from _plot_nodes(item)


def _axes(node: Node | None, base: str | None, file: str | None = None) -> Iterator[Axis]:
    match node:
        case Scalar(value=str()):
            yield Axis(node.text, file)
        case Sequence():
            for item in node.items:
                yield from _axes(item, base, file)
        case Mapping():
            for name, fields in node.pairs:
                path = name.text if base is None else normalise(base, name.text) or name.text
                yield from _axes(fields, base, path)
        case _:
            return


def _text(flags: Mapping, name: str) -> str | None:
    node = flags.get(name)
    return node.text if isinstance(node, Scalar) else None
