"""Pure. One stage while it is planned and run: its phase and, for each chunk, the key, the record and the state."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from enum import IntEnum, StrEnum
from functools import partial

from ..chunk.headway import Items
from ..chunk.model import Part
from ..chunk.packed import Keys
from ..chunk.sheet import Sheet
from ..chunk.tree import Layout, Tree
from ..dataclass import dataclass, field
from ..errors import Failure
from ..fingerprint.recipe import Recipe, stage_key
from ..ids import Digest, StageName
from ..spec.model import Out, Stage, Value, chunked_deps
from .done import Done
from .mending import Mending
from .merging import Merger
from .model import Source, State

CARRIED = "\0state"
"""The label under which a state enters keys; no dep has such a one."""


class Phase(StrEnum):
    """Where a stage stands. It only ever moves down this list."""

    WAITING = "waiting"  # something it reads is not known yet
    CUTTING = "cutting"  # its deps are being cut
    OPEN = "open"  # its chunks are known, at least in number
    MERGING = "merging"  # its chunks are done, and their results are merged to one
    COMPLETE = "complete"  # every chunk has its record; the outs are to be put together
    SETTLED = "settled"  # its outs are what the pipeline says
    FAILED = "failed"  # a chunk failed for good, or the stage itself
    BLOCKED = "blocked"  # something before it failed


class ChunkState(IntEnum):
    """Where a chunk stands; small integers, since a stage may have a million."""

    UNKNOWN = 0  # what it reads is not known yet
    READY = 1
    RUNNING = 2
    DELAYED = 3  # an attempt failed; another follows
    RAN = 4
    REUSED = 5
    FAILED = 6
    HELD = 7  # ready, and not asked for


@dataclass(slots=True)
class StageRun:
    """The mutable state of one stage. Only `plan.schedule` changes it.

    `pinned`: taken as it is (frozen, or left out by `--single-item`). `forced`: records do not count. `stream` is the
    dep whose parts are the chunks, one to one, while the stage that makes them may still be at work. `adopted`: another
    program had made it; `refusal` says why what it made does not count. `carrying`: a row of reused chunks is followed.
    `merger` merges their results, where the stage says how. `items` counts those of the chunks that are done, and
    `items_ran` those of which that ran now.

    `loose` is the digest of the recipe without the code, once the stage is open. With `keeps`, chunks that superseded
    code has made stay; `superseded` counts them. With `renewed`, those that are in the outs are made again. `mending`
    are chunks some items of which are tried again.
    """

    stage: Stage
    recipe: Recipe
    base: Digest
    pinned: bool = False
    forced: bool = False
    phase: Phase = Phase.WAITING
    stream: str | None = None
    sources: dict[str, Source] = field(default_factory=dict)
    sheets: dict[str, Sheet] = field(default_factory=dict)
    whole: dict[str, Digest] = field(default_factory=dict)
    key: Digest | None = None
    keys: Keys = field(default_factory=partial(Keys, 0))
    done: Done = field(default_factory=Done)
    states: bytearray = field(default_factory=bytearray)
    attempts: dict[int, int] = field(default_factory=dict)
    failures: dict[int, Failure] = field(default_factory=dict)
    cut_failure: Failure | None = None
    trees: dict[str, Tree] = field(default_factory=dict)
    names: dict[str, Digest] = field(default_factory=dict)
    fresh: bool = False
    fresh_chunks: int = 0
    seconds: float = 0.0
    counts: list[int] = field(default_factory=lambda: [0] * len(ChunkState))
    ready: list[int] = field(default_factory=list)
    sorted: bool = True
    teams: int = 0
    blocker: StageName | None = None
    adopted: bool = False
    refusal: str | None = None
    carrying: bool = False
    merger: Merger | None = None
    items: Items = Items()
    items_ran: int = 0
    loose: Digest | None = None
    keeps: bool = False
    superseded: int = 0
    renewed: bool = False
    mending: dict[int, Mending] = field(default_factory=dict)

    @property
    def name(self) -> StageName:
        """The stage's name."""
        return self.stage.name

    @property
    def chunked(self) -> bool:
        """Whether the stage declares chunks."""
        return self.stage.chunk is not None

    @property
    def chunks(self) -> int:
        """The number of chunks known."""
        return len(self.states) or self.fresh_chunks

    def count(self, state: ChunkState) -> int:
        """Return how many chunks are in `state`."""
        return self.counts[state]

    def open(self, chunks: int) -> None:
        """Set the number of chunks; all are unknown."""
        self.keys = Keys(chunks)
        self.done = Done((out.label for out in self.stage.outs), chunks)
        self.states = bytearray(chunks)
        self.counts = [0] * len(ChunkState)
        self.counts[ChunkState.UNKNOWN] = chunks
        self.phase = Phase.OPEN

    def move(self, index: int, state: ChunkState) -> None:
        """Put chunk `index` into `state`."""
        self.counts[self.states[index]] -= 1
        self.counts[state] += 1
        self.states[index] = state

    def indexes(self, state: ChunkState) -> Iterator[int]:
        """Yield the chunks in `state`, in order."""
        return (i for i, s in enumerate(self.states) if s == state)

    def state_before(self, index: int) -> State | None:
        """Return what chunk `index` gets from the one before it; None where that is not known yet."""
        if self.stage.carry is None:
            return None
        if index == 0:
            return State(self.stage.carry.initial)
        return self.done.states.get(index - 1)

    def label(self, index: int) -> str:
        """Return what people call chunk `index`: its key range, file or rows; nothing where it has no name."""
        sheets = (sheet for sheet in self.sheets.values() if sheet.chunks == self.chunks)
        return next(filter(None, (sheet.label(index) for sheet in sheets)), "")

    def stage_key(self) -> Digest:
        """Return the digest of the whole stage, as lock files hold it; all its sources must be known."""
        deps = [(label, source.identity) for label, source in self.sources.items()]
        if self.recipe.combine is not None:
            deps.append(("\0combine", self.recipe.combine))
        if (first := self.state_before(0)) is not None:
            deps.append((CARRIED, first.digest))
        return stage_key(self.base, self.stage.chunk, deps)

    @property
    def way(self) -> dict[str, Value]:
        """How the function is called, apart from its arguments: the keys of the stage that are in use, each with what
        of it makes a difference.
        """
        found: dict[str, Value] = {}
        if self.stage.each:
            found["each"] = "item"
        if self.stage.carry is not None:
            found["carry"] = {"initial": self.stage.carry.initial}
        if self.recipe.combine is not None:
            found["combine"] = self.recipe.combine
        return found

    @property
    def items_known(self) -> int | None:
        """How many items all chunks have together, None while that is not known."""
        cut = chunked_deps(self.stage.chunk)
        sheet = self.sheets.get(cut[0]) if cut else None
        if sheet is None:
            return self.done.read
        return sheet.pieces[cut[0]].items

    def too_many(self) -> Failure | None:
        """Return what is to be said where more items are in quarantine than the stage bears, else None."""
        most, failed = self.stage.max_errors, self.items.failed
        if most is None or not failed:
            return None
        total = self.items_known
        if isinstance(most, int):
            beyond, said = failed > most, f"max_errors: {most}"
        else:
            beyond, said = total is not None and failed > most * total, f"max_errors: {100 * most:g}%"
        if not beyond:
            return None
        of = f" of {total}" if total is not None else ""
        hint = f"`ckptflow show {self.name}#quarantine` shows those of the last run that came to its end"
        return Failure("quarantine", f"{failed}{of} items failed; {said}", hint=hint)

    def build_trees(self) -> dict[str, Tree]:
        """Return the outs that the records of all chunks make, in chunk order, or that they were merged to."""
        trees: dict[str, Tree] = {}
        if self.merger is not None:
            merged = self.merger.result
            assert merged is not None
            return {out.label: make_tree(out, (merged[out.label],), chunked=False) for out in self.stage.outs}
        for out in self.stage.outs:
            trees[out.label] = make_tree(out, self.done.parts(out.label), chunked=self.chunked)
        return trees


def make_tree(out: Out, parts: Sequence[Part], *, chunked: bool) -> Tree:
    """Return the tree of `out` made of `parts`.

    The files of all parts that are listings are merged into one directory; any other chunked out is a directory of
    parts, an unchunked one a single file.
    """
    if out.format == "dir" or any(p.listing for p in parts):
        return Tree(Layout.DIR, "dir", parts)
    if chunked:
        return Tree(Layout.PARTS, out.format, parts, suffix=suffix_of(out))
    return Tree(Layout.FILE, out.format, parts)


def suffix_of(out: Out) -> str:
    """Return the suffix of the parts' file names: the out's own, or its format's name."""
    name = out.path.rsplit("/", 1)[-1]
    dot = name.rfind(".")
    return name[dot:] if dot > 0 else {"file": "", "text": ".txt", "pickle": ".pkl"}.get(out.format, f".{out.format}")
