"""Pure. What the planner wants to know (facts, past) and what it says (reasons, plan), as values."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from ..chunk.headway import Headway, Items
from ..chunk.model import Part
from ..chunk.sheet import Sheet
from ..chunk.tree import Tree
from ..dataclass import dataclass, field
from ..dataclass import fields as fields_of
from ..fingerprint.encode import digest_of
from ..fingerprint.recipe import Recipe
from ..ids import ChunkKey, Digest, StageName
from ..spec.model import ChunkSpec, Dep, Out, Stage, Value

FORGOTTEN = Digest("0" * 64)
"""In the place of a stage's key in the lock file: records of its chunks were made to be forgotten, it is not done."""


@dataclass(frozen=True, slots=True)
class State:
    """What a chunk hands on to the next: plain data, as JSON has them."""

    value: Value

    @property
    def digest(self) -> Digest:
        """The digest of the value: what enters the key of the next chunk."""
        return digest_of(["state", self.value])


@dataclass(frozen=True, slots=True)
class Record:
    """`Key K produced these parts`: what makes a chunk done, whoever made it and whenever.

    `outs` maps an out's label to its part, `state` is what it hands on, where its stage carries one. `items` counts
    what was taken item by item; `quarantine` is the table of those that failed. `seconds` is the time the work took;
    `finished` is ISO 8601 in UTC. `loose` is the key without the code, by which it is found when that is another one;
    `code` is the code that made it. Both are None where a command did, or an older version. `extra` keeps fields of
    later versions.
    """

    key: ChunkKey
    outs: Mapping[str, Part]
    stage: StageName
    run: str
    seconds: float
    finished: str
    rows_in: int | None = None
    state: State | None = None
    items: Items | None = None
    quarantine: Part | None = None
    loose: ChunkKey | None = None
    code: Digest | None = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    @property
    def items_read(self) -> int:
        """How many items the chunk had: rows, where they were not counted one by one, or the chunk itself."""
        return self.items.total if self.items is not None else 1 if self.rows_in is None else self.rows_in

    @property
    def parts(self) -> tuple[Part, ...]:
        """Everything in the store that it names."""
        return (*self.outs.values(), *(() if self.quarantine is None else (self.quarantine,)))

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; field names are those of `docs/format.md`."""
        doc: dict[str, Any] = {
            **self.extra,
            "key": self.key,
            "outs": {label: part.to_list() for label, part in self.outs.items()},
            "stage": self.stage,
            "run": self.run,
            "seconds": round(self.seconds, 6),
            "finished": self.finished,
        }
        if self.rows_in is not None:
            doc["rows_in"] = self.rows_in
        if self.state is not None:
            doc["state"] = self.state.value
        if self.items is not None:
            doc["items"] = self.items.to_list()
        if self.quarantine is not None:
            doc["quarantine"] = self.quarantine.to_list()
        if self.loose is not None:
            doc["loose"] = self.loose
        if self.code is not None:
            doc["code"] = self.code
        return doc

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any]) -> Record:
        """Inverse of `to_dict`; unknown fields are kept in `extra`. Raises KeyError, TypeError, ValueError."""
        return cls(
            key=doc["key"],
            outs={label: Part.from_list(part) for label, part in doc["outs"].items()},
            stage=doc["stage"],
            run=doc["run"],
            seconds=doc["seconds"],
            finished=doc["finished"],
            rows_in=doc.get("rows_in"),
            state=State(doc["state"]) if "state" in doc else None,
            items=Items.from_list(doc["items"]) if "items" in doc else None,
            quarantine=Part.from_list(doc["quarantine"]) if "quarantine" in doc else None,
            loose=doc.get("loose"),
            code=doc.get("code"),
            extra={} if doc.keys() <= _RECORD_FIELDS else {k: v for k, v in doc.items() if k not in _RECORD_FIELDS},
        )


_RECORD_FIELDS = frozenset(field.name for field in fields_of(Record)) - {"extra"}


@dataclass(frozen=True, slots=True)
class Partial:
    """`So much of key K is done`: what an unfinished chunk has kept. Holds under its key alone: the same code, params
    and data. `kept` is ISO 8601 in UTC. `extra` keeps fields of later versions.
    """

    key: ChunkKey
    headway: Headway
    stage: StageName
    run: str
    kept: str
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form; field names are those of `docs/format.md`."""
        named = {"stage": self.stage, "run": self.run, "kept": self.kept}
        return {**self.extra, "partial": self.key, **self.headway.to_dict(), **named}

    @classmethod
    def from_dict(cls, doc: Mapping[str, Any]) -> Partial:
        """Inverse of `to_dict`; unknown fields are kept in `extra`. Raises KeyError, TypeError, ValueError."""
        headway = Headway.from_dict(doc)
        known = {"partial", "position", "items", "outs", "failed", "state", "own", "stage", "run", "kept"}
        return cls(
            key=ChunkKey(doc["partial"]),
            headway=headway,
            stage=StageName(doc["stage"]),
            run=doc["run"],
            kept=doc["kept"],
            extra={k: v for k, v in doc.items() if k not in known},
        )


@dataclass(frozen=True, slots=True)
class Source:
    """What a dep is, as far as a stage can tell: its content and where that lies.

    `identity` is the digest of the content. `tree` names the out in the store, None for a path of the workspace.
    `tabular` tells whether functions see rows, so that rows and not bytes are what counts. `stamp` tells what lies in
    the workspace from what lies there later; it is no part of the content.
    """

    path: str
    format: str
    identity: Digest
    tree: Digest | None = None
    tabular: bool = False
    stamp: str = field(default="", compare=False)


@dataclass(frozen=True, slots=True)
class CutRequest:
    """A wish for a sheet: these deps of this stage, cut together as `spec` says; None for one whole by its values."""

    stage: StageName
    spec: ChunkSpec | None
    sources: Mapping[str, Source]

    @property
    def label(self) -> str:
        """The first dep."""
        return next(iter(self.sources))


@dataclass(frozen=True, slots=True)
class Before:
    """What the lock file says of a stage's last success: its key, its outs by label, the parts of its recipe, how
    many items are in quarantine, how many chunks superseded code has made, and how the function was called
    (`StageRun.way`).
    """

    key: Digest
    trees: Mapping[str, Digest]
    chunks: int
    items: Mapping[str, Any]
    deps: Mapping[str, Digest]
    quarantined: int = 0
    superseded: int = 0
    way: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why what another program did of a stage does not count, in a sentence."""

    text: str


class Facts(Protocol):
    """What the planner asks about the world. Answers are looked up once and kept, so asking again is cheap."""

    def recipe(self, stage: StageName) -> Recipe:
        """Return the stage's recipe."""
        ...

    def before(self, stage: StageName) -> Before | None:
        """Return what the lock file says, None where it says nothing."""
        ...

    def source(self, stage: StageName, dep: Dep) -> Source:
        """Return what lies in the workspace at the dep's path. Raises `DepMissing`, `DepUnreadable`."""
        ...

    def standing(self, out: Out) -> Digest | None:
        """Return the digest of what lies in the workspace in the place of an out; None if there is nothing."""
        ...

    def sees_bytes(self, stage: StageName, dep: Dep) -> bool:
        """Tell whether the stage can see the bytes of files of this dep, not just rows or values."""
        ...

    def sheet(self, request: CutRequest) -> Sheet | None:
        """Return the sheet if these contents were cut before, else None."""
        ...


class Past(Protocol):
    """What the planner asks about finished work."""

    def lookup(self, stage: StageName, keys: Iterable[ChunkKey]) -> Mapping[ChunkKey, Record]:
        """Return the records of those keys that have one and may be used for this stage."""
        ...

    def loosely(self, stage: StageName, keys: Iterable[ChunkKey], code: Digest) -> Mapping[ChunkKey, Record]:
        """Return, by loose key, a record of those that have one: of `code` if there is one, else the newest."""
        ...

    def partial(self, stage: StageName, key: ChunkKey) -> Partial | None:
        """Return how far an unfinished chunk is, None where nothing of it is kept that may be used for this stage."""
        ...

    def tree(self, name: Digest) -> Tree | None:
        """Return the out of that name, None if the store does not have it."""
        ...

    def regain(self, stage: Stage, key: ChunkKey, noted: Mapping[str, Digest]) -> Record | None:
        """Return outs that the store has lost, as the record of `key`, if they can be had from elsewhere.

        `noted` are the trees that the lock file notes for just this state of the stage, which is unchunked.
        """
        ...

    def adopt(self, stage: Stage, key: ChunkKey, upstream: Mapping[str, Tree]) -> Record | Refusal | None:
        """Return what another program has made of an unchunked stage, as the record of `key`; None if nobody has.

        `upstream` are the outs of other stages that it reads, by label of the dep; its other deps lie in the workspace.
        """
        ...
