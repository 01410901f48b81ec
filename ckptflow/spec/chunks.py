"""Pure. The `chunk` of a stage: which dep is cut and how, checked against the deps that the stage has."""

from __future__ import annotations

from collections.abc import Mapping as Table

from .findings import Findings, listed
from .measures import parse_size
from .model import (
    ByBuckets,
    ByRanges,
    ByValues,
    ChunkSpec,
    Cut,
    Dep,
    OverBytes,
    OverFiles,
    OverParts,
    OverRows,
)
from .nodes import Mapping, Node, Scalar, Sequence
from .paths import normalise, suffix

_FORMS = "one of: over; over + rows | bytes | files; by; by + rows | into"
_NO_ROWS = {".pkl": "pickle", ".pickle": "pickle", ".json": "json", ".npy": "npy"}
_ROWLESS = frozenset(("pickle", "json", "npy", "dir"))


def read_chunk(node: Node, deps: tuple[Dep, ...] | None, base: str, findings: Findings) -> ChunkSpec | None:
    """Return what `node`, a mapping of the right shape, asks for; None after a mistake was noted.

    `deps` None: they are not known, so that names cannot be checked.
    """
    assert isinstance(node, Mapping)
    given = {name: value for name in ("over", "by", "rows", "bytes", "files", "into") if (value := node.get(name))}
    head = [name for name in ("over", "by") if name in given]
    sizes = [name for name in ("rows", "bytes", "files", "into") if name in given]
    if len(head) != 1:
        findings.add("CF162", "`chunk` takes exactly one of `over` and `by`", node, _FORMS)
        return None
    if len(sizes) > 1:
        findings.add("CF162", f"`chunk` takes one size, not {listed(sizes)}", given[sizes[1]], _FORMS)
        return None
    size = sizes[0] if sizes else None
    wrong = {"over": "into", "by": "bytes files"}[head[0]]
    if size is not None and size in wrong.split():
        findings.add("CF162", f"`{size}` does not go with `{head[0]}`", given[size], _FORMS)
        return None
    cut_node = node.get("cut")
    if cut_node is not None and size in (None, "into"):
        findings.add("CF162", "`cut` needs a size: `rows`, `bytes` or `files`", cut_node, _FORMS)
        return None
    cut = Cut(cut_node.text) if isinstance(cut_node, Scalar) else Cut.CONTENT
    needs_rows = size == "rows" or head == ["by"]
    if head == ["over"]:
        label = _label(given["over"], deps, base, findings, needs_rows)
        return None if label is None else _over(label, size, given, cut)
    columns = _columns(given["by"], deps, base, findings)
    if columns is None:
        return None
    match size:
        case "rows":
            return ByRanges(columns, _count(given["rows"]), cut)
        case "into":
            return ByBuckets(columns, _count(given["into"]))
        case _:
            return ByValues(columns)


def _over(label: str, size: str | None, given: Table[str, Node], cut: Cut) -> ChunkSpec:
    match size:
        case "rows":
            return OverRows(label, _count(given["rows"]), cut)
        case "files":
            return OverFiles(label, _count(given["files"]), cut)
        case "bytes":
            node = given["bytes"]
            assert isinstance(node, Scalar)
            amount = parse_size(node.value) if isinstance(node.value, str) else node.value
            assert isinstance(amount, int)
            return OverBytes(label, amount, cut)
        case _:
            return OverParts(label)


def _columns(
    node: Node, deps: tuple[Dep, ...] | None, base: str, findings: Findings
) -> dict[str, tuple[str, ...]] | None:
    assert isinstance(node, Mapping)
    found: dict[str, tuple[str, ...]] = {}
    good = True
    for key, value in node.pairs:
        label = _label(key, deps, base, findings, needs_rows=True)
        names = [item.text for item in value.items if isinstance(item, Scalar)] if isinstance(value, Sequence) else []
        columns = tuple(names) if names else (value.text,) if isinstance(value, Scalar) else ()
        if label is None:
            good = False
        elif label in found:
            findings.add("CF162", f"`by` names `{label}` twice", key)
            good = False
        elif len(set(columns)) < len(columns):
            findings.add("CF162", f"`by` names a column of `{label}` twice", value)
            good = False
        else:
            good &= _read_at_all(label, columns, deps, value, findings)
            found[label] = columns
    return found if good else None


def _read_at_all(
    label: str, columns: tuple[str, ...], deps: tuple[Dep, ...] | None, node: Node, findings: Findings
) -> bool:
    """Tell whether the key columns are among those that the dep reads."""
    dep = next((d for d in deps or () if d.label == label), None)
    missing = [c for c in columns if dep is not None and dep.columns is not None and c not in dep.columns]
    if missing:
        findings.add("CF163", f"`columns` of `{label}` leaves out the key column `{missing[0]}`", node)
    return not missing


def _label(node: Node, deps: tuple[Dep, ...] | None, base: str, findings: Findings, needs_rows: bool) -> str | None:
    assert isinstance(node, Scalar)
    written = node.text
    if deps is None:
        return written
    path = normalise(base, written)
    dep = next((d for d in deps if d.label == written or (d.name is None and d.path == path)), None)
    if dep is None:
        labels = [d.label for d in deps]
        hint = findings.suggest(written, labels) or (f"deps: {listed(labels)}" if labels else "the stage has no deps")
        findings.add("CF161", f"`chunk` names `{written}`, which is no dep of this stage", node, hint)
        return None
    format_ = dep.format or _NO_ROWS.get(suffix(dep.path), "")
    if needs_rows and format_ in _ROWLESS:
        findings.add("CF164", f"`{dep.label}` cannot be cut by rows: {format_} has none", node)
        return None
    return dep.label


def _count(node: Node) -> int:
    assert isinstance(node, Scalar)
    assert isinstance(node.value, int)
    return node.value
