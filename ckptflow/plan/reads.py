"""Pure. What a stage reads: where its deps come from, what of them each chunk gets, and the digests of both.

A dep is a *source* once its content is known: a path of the workspace, or the tree of an out. With `{over: DEP}` the
parts of an out are pieces as soon as each is made, before there is a tree: that dep is the stage's *stream*.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..chunk.model import AtColumns, AtPart, Part, Piece
from ..chunk.tree import Layout, Tree
from ..fingerprint.encode import digest_of
from ..ids import Digest, StageName
from ..spec.model import Dep, OverParts, chunked_deps
from .graph import Graph
from .model import CutRequest, Facts, Source
from .stagerun import Phase, StageRun

TABULAR = frozenset({"parquet", "arrow", "csv", "tsv", "jsonl"})
"""Formats whose content is rows: identity is by value, whatever the encoding."""


class Reads:
    """Answers for the stages of one schedule; `stages` is the schedule's own mapping, seen as it changes."""

    def __init__(self, graph: Graph, facts: Facts, stages: Mapping[StageName, StageRun]) -> None:
        self._graph = graph
        self._facts = facts
        self._stages = stages
        self._sought: dict[tuple[StageName, str], tuple[int, tuple[Part, ...]]] = {}
        self._waiting: dict[StageName, list[int]] = {}

    def resolve(self, run: StageRun) -> bool:
        """Find the source of every dep; return whether all are known, but for the parts of a stream."""
        chunk = run.stage.chunk
        for dep in run.stage.deps:
            if dep.label in run.sources or dep.label == run.stream:
                continue
            up = self._upstream(run.name, dep)
            origin = self._graph.origins[run.name, dep.label]
            if up is None:
                if any(n in self._stages and self._stages[n].phase is not Phase.SETTLED for n in origin.after):
                    return False
                run.sources[dep.label] = self._facts.source(run.name, dep)
            elif up[0].phase is Phase.SETTLED:
                run.sources[dep.label] = self._tree_source(run, dep, *up)
            elif isinstance(chunk, OverParts) and chunk.over == dep.label and not dep.columns:
                if up[0].phase is not Phase.OPEN or up[0].stage.combine is not None:
                    return False
                run.stream = dep.label
            else:
                return False
        return True

    def end_stream(self, run: StageRun) -> None:
        """All parts of the stream are made: it is a source like any other."""
        if run.stream is not None and run.stream not in run.sources:
            dep = self._dep(run, run.stream)
            up = self._upstream(run.name, dep)
            assert up is not None
            run.sources[run.stream] = self._tree_source(run, dep, *up)

    def requests(self, run: StageRun) -> list[CutRequest]:
        """Return the sheets that the stage needs: one for what is chunked, one for each whole dep known by its rows."""
        requests: list[CutRequest] = []
        spec = run.stage.chunk
        cut = chunked_deps(spec)
        if cut and run.stream is None:
            parts_of_tree = isinstance(spec, OverParts) and run.sources[cut[0]].tree is not None
            if not parts_of_tree or self._dep(run, cut[0]).columns:
                requests.append(CutRequest(run.name, spec, {label: run.sources[label] for label in cut}))
        for dep in run.stage.deps:
            source = run.sources.get(dep.label)
            if dep.label in cut or source is None:
                continue
            if source.tabular and (source.tree is None or dep.columns):
                requests.append(CutRequest(run.name, None, {dep.label: source}))
        return requests

    def whole(self, run: StageRun) -> dict[str, Digest]:
        """Return the digests of the deps that every chunk gets whole."""
        found: dict[str, Digest] = {}
        cut = chunked_deps(run.stage.chunk)
        for dep in run.stage.deps:
            if dep.label not in cut:
                sheet = run.sheets.get(dep.label)
                found[dep.label] = sheet.pieces[dep.label].digest(0) if sheet else run.sources[dep.label].identity
        return found

    def chunks(self, run: StageRun) -> int:
        """Return the number of chunks; the sheet, or the stage whose parts are the chunks, must know it."""
        cut = chunked_deps(run.stage.chunk)
        if not cut:
            return 1
        if cut[0] in run.sheets:
            return run.sheets[cut[0]].chunks
        up = self._upstream(run.name, self._dep(run, cut[0]))
        assert up is not None
        return len(up[0].trees[up[1]].parts) if up[1] in up[0].trees else up[0].chunks

    def pieces(self, run: StageRun, index: int) -> list[tuple[str, Digest]] | None:
        """Return (dep label, digest) of what chunk `index` reads of the chunked deps; None while that is not known."""
        cut = chunked_deps(run.stage.chunk)
        if not cut:
            return []
        if cut[0] in run.sheets:
            sheet = run.sheets[cut[0]]
            return [(label, sheet.pieces[label].digest(index)) for label in cut]
        piece = self.piece(run, cut[0], index)
        return None if piece is None else [(cut[0], piece.digest)]

    def piece(self, run: StageRun, label: str, index: int) -> Piece | None:
        """Return what chunk `index` reads of dep `label`, whose parts are the chunks; None while that is not known.

        For a part of which no columns are known it is the columns of the first part that has some: the first in the
        order of the chunks, whichever is made first.
        """
        part = self.part(run, label, index)
        dep = self._dep(run, label)
        if part is None:
            return None
        if part.is_void and (dep.format is None or dep.format in TABULAR):
            columns = self._columns(run, label)
            if columns is None:
                self._waiting.setdefault(run.name, []).append(index)
                return None
            if columns:
                return Piece(digest_of(["columns", columns[0].values]), AtColumns(columns[0]), 0, 0)
        return Piece(self.part_digest(run, label, part), AtPart(part), part.rows, part.bytes)

    def following(self, run: StageRun, index: int) -> list[int]:
        """Return the chunks of a stage whose pieces may be known now that part `index` of its stream is."""
        assert run.stream is not None
        if run.name not in self._waiting or self._columns(run, run.stream) is None:
            return [index]
        return [index, *self._waiting.pop(run.name)]

    def _columns(self, run: StageRun, label: str) -> tuple[Part, ...] | None:
        """Return the first part that has columns, nothing where none has; None while that is not known."""
        at, found = self._sought.get((run.name, label), (0, ()))
        chunks = self.chunks(run)
        while not found and at < chunks:
            part = self.part(run, label, at)
            if part is None:
                break
            at, found = at + 1, () if part.is_void else (part,)
        self._sought[run.name, label] = at, found
        return found if found or at == chunks else None

    def part(self, run: StageRun, label: str, index: int) -> Part | None:
        """Return part `index` of the out that dep `label` is; None while it is not made yet."""
        up = self._upstream(run.name, self._dep(run, label))
        if up is None:
            return None
        if up[1] in up[0].trees:
            return up[0].trees[up[1]].parts[index]
        return up[0].done.part(up[1], index)

    def trees(self, run: StageRun) -> dict[str, Tree]:
        """Return the outs of other stages that a stage whose sources are known reads, by label of the dep."""
        found: dict[str, Tree] = {}
        for dep in run.stage.deps:
            up = self._upstream(run.name, dep)
            if up is not None:
                found[dep.label] = up[0].trees[up[1]]
        return found

    def part_digest(self, run: StageRun, label: str, part: Part) -> Digest:
        """Return what names a part as a piece: its values, or its bytes where it is not read as the table it is."""
        dep = self._dep(run, label)
        return part.values if dep.format is None or dep.format in TABULAR else part.object

    def out_format(self, run: StageRun, label: str) -> str:
        """Return the format of the out that dep `label` is."""
        up = self._upstream(run.name, self._dep(run, label))
        assert up is not None
        return next(o.format for o in up[0].stage.outs if o.label == up[1])

    def _upstream(self, stage: StageName, dep: Dep) -> tuple[StageRun, str] | None:
        """Return the stage in this run that makes exactly this dep, with the out's label."""
        exact = self._graph.origins[stage, dep.label].exact
        if exact is None or exact[0] not in self._stages:
            return None
        up = self._stages[exact[0]]
        if up.pinned and up.phase is Phase.SETTLED and exact[1] not in up.trees:
            return None  # nothing is known of it in the store: take what lies in the workspace
        return up, exact[1]

    def _tree_source(self, run: StageRun, dep: Dep, up: StageRun, label: str) -> Source:
        """Return an out as a dep. Who can see bytes depends on the tree's name, which covers the objects."""
        tree: Tree = up.trees[label]
        format_ = dep.format or tree.format
        by_bytes = self._facts.sees_bytes(run.name, dep) or format_ not in TABULAR
        return Source(
            path=dep.path,
            format=format_,
            identity=up.names[label] if by_bytes else tree.identity(),
            tree=up.names[label],
            tabular=not by_bytes and tree.layout is not Layout.DIR,
        )

    @staticmethod
    def _dep(run: StageRun, label: str) -> Dep:
        return next(d for d in run.stage.deps if d.label == label)
