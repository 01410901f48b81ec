"""Edge. Looking at what is there: an out and its first rows, the runs of the past, the state of store and machine."""

from __future__ import annotations

import contextlib
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from ..checkpoints.locks import share
from ..checkpoints.records import RecordLog
from ..checkpoints.verify import Finding, What, repair
from ..checkpoints.verify import verify as verify_store
from ..chunk.tree import Layout, Tree
from ..dataclass import dataclass, field
from ..errors import CkptflowError, DepMissing, KeyUnusable, StoreError, TargetNotFound
from ..formats.dataset import Dataset
from ..formats.forms import Form
from ..formats.registry import get_format, is_tabular
from ..formats.tables import TableFile, open_table
from ..ids import Digest, StageName
from ..plan.graph import Graph
from ..spec.model import Out, Pipeline
from ..store.layout import RUNS, object_name
from ..store.memory import MemoryStore
from ..workspace.keys import is_open_to_others
from ..workspace.place import part_name
from ..workspace.settings import Settings
from .locks import load_locks
from .quarantine import quarantine_path, read_quarantine
from .session import Session, StorePast, new_run_id
from .survey import Survey, find_files
from .targets import resolve

LEAST_FREE_BYTES = 1 << 30


@dataclass(frozen=True, slots=True)
class OutView:
    """One out: `schema` has a name and a type a column; `preview` the first rows, or lines of what is no table."""

    path: str
    stage: str | None
    format: str
    schema: tuple[tuple[str, str], ...]
    rows: int | None
    bytes: int
    chunks: int
    preview: tuple[tuple[object, ...], ...]


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run of the past. `started` is ISO 8601 in UTC."""

    run: str
    started: str
    seconds: float
    outcome: str
    ran: int
    reused: int
    failed: int


@dataclass(frozen=True, slots=True)
class Check:
    """One thing that `doctor` looked at."""

    name: str
    ok: bool
    detail: str
    hint: str | None = None


@dataclass(frozen=True, slots=True)
class GraphView:
    """Stages in order, edges from a stage to one that reads its outs, chunks a stage where the lock file knows."""

    nodes: tuple[str, ...]
    edges: tuple[tuple[str, str], ...]
    chunks: Mapping[str, int] = field(default_factory=dict)


def find_out(survey: Survey, target: str) -> tuple[StageName, Out]:
    """Return the out that a path, a name, or a stage with one out stands for. Raises `TargetNotFound`."""
    path = target.removeprefix("./").rstrip("/")
    outs = [(s.name, o) for s in survey.pipeline.stages.values() for o in s.outs]
    for matches in (
        [(n, o) for n, o in outs if o.path == path],
        [(n, o) for n, o in outs if n == target],
        [(n, o) for n, o in outs if o.name == target],
    ):
        if len(matches) == 1:
            return matches[0]
        if matches:
            names = ", ".join(f"`{o.path}`" for _, o in matches)
            raise TargetNotFound(target, hint=f"it could be {names}; name one of them")
    raise TargetNotFound(target, hint=f"outs are {', '.join(o.path for _, o in outs[:10])}")


QUARANTINE = "#quarantine"
"""Behind a stage: its items that failed."""


def tree_of(session: Session, survey: Survey, stage: StageName, out: Out) -> Tree:
    """Return the out as the last success of its stage left it. Raises `DepMissing`."""
    entry = survey.lock.get(stage)
    noted = entry.outs.get(out.label) if entry is not None else None
    past = StorePast(session)
    try:
        tree = past.tree(Digest(noted["tree"])) if noted is not None else None
    finally:
        past.index.close()
    if tree is None:
        raise DepMissing(f"`{out.path}` was not made yet", hint=f"make it with `ckptflow repro {stage}`")
    return tree


def open_out(session: Session, survey: Survey, target: str) -> Dataset:
    """Return a lazy handle on a table out. Raises `CkptflowError` for what is no table."""
    stage, out = find_out(survey, target)
    tree = tree_of(session, survey, stage, out)
    if not is_tabular(tree.format) or tree.layout is Layout.DIR:
        raise CkptflowError(f"`{out.path}` is {tree.format}, no table", hint="read it with `load`")
    return Dataset(open_table(_files(session, out, tree)))


def load_out(session: Session, survey: Survey, target: str) -> object:
    """Return what an out holds: a table as `pyarrow.Table`, parts of another format as a list, files as a path."""
    stage, out = find_out(survey, target)
    tree = tree_of(session, survey, stage, out)
    if tree.layout is Layout.DIR or tree.format in ("file", "dir"):
        session.placer.place(out, tree)
        return session.root / out.path
    if is_tabular(tree.format):
        return Dataset(open_table(_files(session, out, tree))).to_table()
    values = [get_format(tree.format).read(session.objects.path(p.object), Form.NATURAL) for p in tree.parts]
    return values[0] if tree.layout is Layout.FILE else values


def _files(session: Session, out: Out, tree: Tree) -> list[TableFile]:
    def locate(name: Digest) -> Any:
        return lambda: session.objects.path(name)

    names = [out.path if tree.layout is Layout.FILE else part_name(i, tree.suffix) for i in range(len(tree.parts))]
    return [TableFile(n, tree.format, locate(p.object)) for n, p in zip(names, tree.parts, strict=True)]


def show(session: Session, survey: Survey, target: str, rows: int) -> OutView:
    """Return the schema, size and first rows of an out; of `STAGE#quarantine` those of the items that failed."""
    if target.endswith(QUARANTINE):
        return _show_quarantine(session, survey, target.removesuffix(QUARANTINE), rows)
    stage, out = find_out(survey, target)
    tree = tree_of(session, survey, stage, out)
    schema: tuple[tuple[str, str], ...] = ()
    preview: tuple[tuple[object, ...], ...] = ()
    if is_tabular(tree.format) and tree.layout is not Layout.DIR:
        source = open_table(_files(session, out, tree))
        schema = tuple((f.name, str(f.type)) for f in source.schema)
        head = source.read_rows(0, min(rows, source.num_rows)) if rows else source.schema.empty_table()
        columns = [head.column(i).to_pylist() for i in range(head.num_columns)]
        preview = tuple(zip(*columns, strict=True)) if columns else ()
    elif tree.format in ("json", "text"):
        text = session.objects.get(tree.parts[0].object).decode("utf-8", "replace")
        preview = tuple((line,) for line in text.splitlines()[:rows])
    return OutView(out.path, stage, tree.format, schema, tree.rows, tree.bytes, len(tree.parts), preview)


def _show_quarantine(session: Session, survey: Survey, target: str, rows: int) -> OutView:
    (stage,) = resolve(survey.pipeline, target)[:1]
    table = read_quarantine(session, stage)
    schema = tuple((field.name, str(field.type)) for field in table.schema)
    head = table.slice(0, rows)
    preview = tuple(zip(*(column.to_pylist() for column in head.columns), strict=True))
    path = quarantine_path(session, stage)
    shown = path.relative_to(session.root).as_posix()
    return OutView(shown, stage, "parquet", schema, table.num_rows, path.stat().st_size, 1, preview)


def log(session: Session, limit: int) -> list[RunSummary]:
    """Return the latest runs that did something, the latest first."""
    names = sorted((e.name for e in session.store.list(RUNS)), reverse=True)[:limit]
    found = []
    for name in names:
        try:
            doc = json.loads(session.store.get(name))
            stages = [s["chunks"] for s in doc["stages"]]
            started = time.strptime(doc["run"].split("-")[0], "%Y%m%dT%H%M%SZ")
            found.append(
                RunSummary(
                    run=doc["run"],
                    started=time.strftime("%Y-%m-%dT%H:%M:%SZ", started),
                    seconds=doc["seconds"],
                    outcome=doc["outcome"],
                    ran=sum(s["ran"] for s in stages),
                    reused=sum(s["reused"] for s in stages),
                    failed=sum(s["failed"] for s in stages),
                )
            )
        except (ValueError, KeyError, TypeError):
            continue
    return found


def verify(session: Session, deep: bool, objects: frozenset[Digest] | None) -> list[Finding]:
    """Check the store; set bad objects aside and forget what names them, so that the next run makes them again."""
    if isinstance(session.store, MemoryStore):  # nothing was ever kept
        return []
    findings = [f for f in verify_store(session.store, deep=deep) if objects is None or f.object in objects]
    if objects is None:
        findings += _lost_outs(session)
    if findings:
        session.cache.drop_documents("fresh")
        with contextlib.suppress(StoreError), share(session.store_root):  # one that may only be read is told of as well
            repair(session.store, findings, RecordLog(session.store, new_run_id()))
    return findings


def _lost_outs(session: Session) -> Iterator[Finding]:
    """Yield a finding for each out that a lock file names and the store has nothing of."""
    for stage, entry in load_locks(session.location, find_files(session.location)).entries.items():
        for out in entry.outs.values():
            tree = Digest(out["tree"])
            if not session.objects.has(tree):
                problem = f"the lock file names it as `{out['path']}` of `{stage}`, and it is not there"
                yield Finding(What.TREE, object_name(tree), problem, "`ckptflow repro` makes it again")


def graph_view(survey: Survey) -> GraphView:
    """Return the graph of stages."""
    graph: Graph = survey.graph
    pipeline: Pipeline = survey.pipeline
    edges = tuple((up, name) for name in graph.order for up in graph.needs[name])
    chunks = {
        n: e.chunks for n, e in survey.lock.items() if n in pipeline.stages and pipeline.stages[n].chunk is not None
    }
    return GraphView(tuple(graph.order), edges, {str(n): c for n, c in chunks.items()})


def doctor(session: Session, survey: Survey) -> Sequence[Check]:
    """Return what there is to say about the project on this machine."""
    settings = session.settings
    root = session.store_root
    files = ", ".join(survey.pipeline.files[:3]) + (", ..." if len(survey.pipeline.files) > 3 else "")
    checks = [
        Check("project", True, f"{session.root}, {files}, {len(survey.pipeline.stages)} stages"),
        Check("workers", True, f"{settings.workers}, {_origin_of_workers(settings)}"),
    ]
    usage = shutil.disk_usage(root)
    free = usage.free >= LEAST_FREE_BYTES
    checks.append(
        Check("disk", free, f"{usage.free / 1e9:.1f} GB free for the store", None if free else "free some space")
    )
    checks.append(_write_check(root))
    checks.append(_link_check(session))
    checks.append(_key_check(session))
    return checks


def _origin_of_workers(settings: Settings) -> str:
    origin = settings.origin.get("jobs")
    return "one a core" if origin is None or not settings.jobs else f"from {origin}"


def _key_check(session: Session) -> Check:
    """Tell whether there is a key, not which."""
    try:
        key = session.key()
    except KeyUnusable as error:
        return Check("key", False, str(error), error.hint)
    if key is None:
        return Check("key", True, "none is set: what goes to remotes is not signed")
    file = session.settings.key_file
    if key.origin == file and is_open_to_others(session.root, file):
        return Check("key", False, f"from {file}, which others on this machine may read", f"`chmod 600 {file}`")
    return Check("key", True, f"from {key.origin}")


def _write_check(root: Path) -> Check:
    probe = root / f".probe-{time.time_ns()}"
    try:
        probe.write_bytes(b"x")
        probe.unlink()
    except OSError as error:
        return Check("store", False, f"{root}: {error.strerror}", "give yourself permission to write there")
    return Check("store", True, f"{root}, can be written")


def _link_check(session: Session) -> Check:
    same = session.store_root.stat().st_dev == session.root.stat().st_dev
    detail = "on one file system with the workspace" if same else "on another file system than the workspace"
    return Check("links", True, f"{detail}; outs are placed by {', '.join(session.settings.link)}")
