"""Edge. The checkpoints of a project: in the store here and, where the store is far away, there. Reading takes no lock.

A document that lies in both places is one; where one copy is damaged the other is shown.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from ..checkpoints.shelf import Document, Pointer, Shelf, read_shelf
from ..checkpoints.verify import Finding, shelf_findings
from ..dataclass import dataclass, replace
from ..errors import CheckpointNotFound, SpecError, TargetNotFound
from ..ids import StageName
from ..spec.model import Pipeline
from ..store import layout
from ..store.protocol import Store
from .session import Session
from .survey import read_pipeline
from .targets import CHUNKS, resolve

if TYPE_CHECKING:
    from ..checkpoints.remote import Remote

TIME = "%Y-%m-%dT%H:%M:%SZ"


@dataclass(frozen=True, slots=True)
class CheckpointView:
    """One checkpoint as it is listed. `problem` says why it cannot be used; then only its name tells of it.

    Times are ISO 8601 in UTC; `file` is its name in the store; `trashed` when it was put away.
    """

    id: str
    stage: str
    status: str
    file: str
    updated: str
    latest: bool = False
    problem: str | None = None
    processed: int | None = None
    total: int | None = None
    errors: int | None = None
    skipped: int | None = None
    started: str | None = None
    run: str | None = None
    trashed: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        doc = {name: getattr(self, name) for name in self.__slots__ if name not in ("trashed", "problem")}
        more = {"valid": self.problem is None, "problem": self.problem}
        return {**doc, **more, **({"trashed": self.trashed} if self.trashed is not None else {})}


@dataclass(frozen=True, slots=True)
class Asked:
    """Which checkpoints are meant: those of `stages` (None: of all), or single ones by the name of their file."""

    stages: frozenset[str] | None
    files: frozenset[str] = frozenset()

    def means(self, document: Document) -> bool:
        """Tell whether a document is meant."""
        return self.stages is None or document.stage in self.stages or document.name in self.files


@dataclass(slots=True)
class Shelves:
    """The places where checkpoints of a project are; the first is the store here."""

    session: Session
    remote: Remote | None = None

    @property
    def stores(self) -> list[Store]:
        """The stores: the one here, and the one far away."""
        if self.remote is None:
            return [self.session.store]
        from ..store.bucketed import BucketStore

        return [self.session.store, BucketStore(self.remote.bucket)]

    def each(self) -> list[tuple[str, Shelf]]:
        """Return what is in each place, with what the place is called. Raises `StoreError`."""
        now = datetime.now(UTC)
        found = [("the store here", read_shelf(self.session.store, now))]
        if self.remote is not None:
            found.append((self.remote.url, read_shelf(self.stores[1], now, at_once=self.remote.map)))
        return found

    def read(self) -> Shelf:
        """Return what is in all places as if they were one. The pointers are those of the store itself."""
        shelves = [shelf for _, shelf in self.each()]
        return shelves[0] if len(shelves) == 1 else _merged(*shelves)


@contextmanager
def open_shelves(session: Session) -> Iterator[Shelves]:
    """Give the places of a project's checkpoints. Raises `StoreError` where the store is far and does not answer."""
    if not session.settings.far:
        yield Shelves(session)
        return
    from .sharing import open_remote, shared_with

    remote = open_remote(session, shared_with(session.settings))
    remote.interruptible = True
    try:
        remote.connect(create=True)
        yield Shelves(session, remote)
    finally:
        remote.close()


def _merged(here: Shelf, there: Shelf) -> Shelf:
    found: dict[str, Document] = {document.name: document for document in here.documents}
    for document in there.documents:
        known = found.get(document.name)
        if known is None or known.problem is not None:
            found[document.name] = document
    pointers: dict[str, Pointer] = {**here.pointers, **there.pointers}
    targets = {pointer.to for pointer in pointers.values()}
    documents = [replace(document, latest=document.name in targets) for document in found.values()]
    documents.sort(key=lambda each: each.age, reverse=True)
    documents.sort(key=lambda each: each.stage)
    return Shelf(tuple(documents), pointers)


def view(document: Document, trashed: str | None = None) -> CheckpointView:
    """Return a document as it is listed."""
    checkpoint = document.checkpoint
    told = CheckpointView(
        id=document.id,
        stage=document.stage,
        status=document.status,
        file=document.name,
        updated=document.updated.astimezone(UTC).strftime(TIME),
        latest=document.latest,
        problem=document.problem,
        trashed=trashed,
    )
    if checkpoint is None:
        return told
    run = checkpoint.extra.get("run")
    return replace(
        told,
        processed=checkpoint.processed_count,
        total=checkpoint.processor_state.total_items,
        errors=checkpoint.statistics.error_count,
        skipped=checkpoint.statistics.skipped_count,
        started=checkpoint.start_time,
        run=run if isinstance(run, str) else None,
    )


def list_checkpoints(
    shelf: Shelf, asked: Asked, *, run: str | None = None, older_than: float | None = None
) -> list[CheckpointView]:
    """Return the checkpoints that are meant, by stage, newest first; `older_than` in seconds since the last update."""
    found = [document for document in shelf.documents if asked.means(document)]
    return [view(document) for document in found if _is_of(document, run) and is_older(document, older_than)]


def is_older(document: Document, seconds: float | None) -> bool:
    """Tell whether a document was last updated so many seconds ago, or any time ago."""
    return seconds is None or (datetime.now(UTC) - document.updated).total_seconds() >= seconds


def _is_of(document: Document, run: str | None) -> bool:
    return run is None or (document.checkpoint is not None and document.checkpoint.extra.get("run") == run)


def choose(pipeline: Pipeline | None, shelf: Shelf, targets: Sequence[str]) -> Asked:
    """Return what the targets mean: stages, also such as are no more, ids, names of files. Raises `CheckpointNotFound`.

    A chunk is as good as its stage here.
    """
    if not targets:
        return Asked(None)
    stages: set[str] = set()
    files: set[str] = set()
    for target in targets:
        match = CHUNKS.fullmatch(target)
        name = match["stage"] if match is not None else target
        if (one := named(shelf, name)) is not None:
            files.add(one.name)
        else:
            stages.update(stages_of(pipeline, shelf, name))
    return Asked(frozenset(stages), frozenset(files))


def stages_of(pipeline: Pipeline | None, shelf: Shelf, target: str) -> frozenset[str]:
    """Return the stages that a target names, in the pipeline or, where it is no more, among checkpoints."""
    missing: TargetNotFound | None = None
    if pipeline is not None:
        try:
            return frozenset(resolve(pipeline, target))
        except TargetNotFound as error:
            missing = error
    if any(document.stage == target for document in shelf.documents):
        return frozenset((target,))
    raise CheckpointNotFound(target, hint=missing.hint if missing is not None else None)


def named(shelf: Shelf, name: str) -> Document | None:
    """Return the document of an id, of several the one updated last, or of a file's name, with or without folders."""
    file = name.rpartition("/")[2]
    for document in shelf.documents:
        if document.id == name or (file.endswith(".json") and document.name.rpartition("/")[2] == file):
            return document
    if file == layout.LATEST:
        folder = name.removesuffix(file).rstrip("/").rpartition("/")[2]
        return next((d for d in shelf.documents if d.latest and d.name.split("/")[1] == folder), None)
    return None


def pipeline_of(session: Session) -> Pipeline | None:
    """Return the pipeline; None where it has mistakes: what is in the store can be looked at all the same."""
    try:
        return read_pipeline(session).pipeline
    except SpecError:
        return None


@dataclass(frozen=True, slots=True)
class CheckedCheckpoints:
    """What was looked at, and what is wrong: `documents` that were read, and with `deep` the `records` of chunks whose
    `objects` were hashed.
    """

    documents: int
    records: int
    objects: int
    bytes: int
    deep: bool
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `checkpoints verify --json`."""
        from ..dataclass import asdict

        counts = {name: getattr(self, name) for name in ("documents", "records", "objects", "bytes", "deep")}
        return {"ok": not self.findings, **counts, "findings": [asdict(finding) for finding in self.findings]}


def check(shelves: Shelves, pipeline: Pipeline | None, targets: Sequence[str], *, deep: bool) -> CheckedCheckpoints:
    """Judge every document, in each place, and with `deep` hash what records of the stages name. Changes nothing."""
    every = shelves.each()
    whole = every[0][1] if len(every) == 1 else _merged(every[0][1], every[1][1])
    asked = choose(pipeline, whole, targets)
    findings: list[Finding] = []
    count = 0
    for where, shelf in every:
        some = Shelf(
            tuple(document for document in shelf.documents if asked.means(document)),
            {s: pointer for s, pointer in shelf.pointers.items() if asked.stages is None or s in asked.stages},
        )
        count += len(some.documents)
        for finding in shelf_findings(some):
            findings.append(finding if len(every) == 1 else replace(finding, name=f"{finding.name} ({where})"))
    stages = asked.stages
    if stages is not None and asked.files:
        stages |= {document.stage for document in whole.documents if document.name in asked.files}
    if not deep:
        return CheckedCheckpoints(count, 0, 0, 0, deep, tuple(findings))
    from .rehash import rehash

    hashed = rehash(shelves, None if stages is None else frozenset(map(StageName, stages)))
    return CheckedCheckpoints(count, hashed.records, hashed.objects, hashed.bytes, deep, (*findings, *hashed.findings))
