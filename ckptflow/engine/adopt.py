"""Edge. Finished work of DVC's, taken over: what `dvc.lock` or DVC's run cache has done becomes a record of ours.

Rules:
- A stage counts as done if command, params, and the sets of deps and outs are those that DVC noted, every dep has the
  content that DVC noted, and every out can be had with the content that DVC noted: from the workspace, else from DVC's
  cache. Contents are compared by MD5, of the bytes that the plan reads and of those that were stored, never by name.
- Whoever looks only (`LentObjects`) gets the same answer, and nothing is written.
- What lies in the place of an out and is DVC's - noted for it, or in DVC's cache - may be replaced.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path

from ..chunk.model import Part
from ..chunk.tree import Tree
from ..dvc.agree import by_path, difference, is_plain, run_keys
from ..dvc.lock import Noted, NotedStage
from ..errors import DepUnreadable, ResultError, StoreDamaged
from ..ids import ChunkKey, StageName
from ..plan.model import Record, Refusal
from ..plan.stagerun import make_tree
from ..run.messages import Output
from ..run.storing import store_files, store_path
from ..spec.model import Dep, Out, Pipeline, Stage
from ..store.protocol import NotThere
from ..workspace.dvc import DvcProject
from .session import Session, staging

RUN = "dvc"
"""What stands for the run in records of what DVC did."""


class Adoption:
    """Answers for the stages of one pipeline. `old` are notes of stages that no `dvc.lock` has, by stage."""

    def __init__(self, session: Session, pipeline: Pipeline, old: Mapping[StageName, NotedStage] | None = None) -> None:
        self._session = session
        self._pipeline = pipeline
        self._old = old or {}
        self._outs: dict[str, Noted] | None = None
        self.dvc = DvcProject(session.root, session.observer, session.cache)
        self.adopted: list[StageName] = []

    def adopt(self, stage: Stage, key: ChunkKey, upstream: Mapping[str, Tree]) -> Record | Refusal | None:
        """See `plan.model.Past`."""
        if not is_plain(stage):
            return None
        noted = self._noted(stage)
        why = None
        if noted is not None:
            found = self._from_note(stage, noted, upstream)
            why = found if isinstance(found, str) else None
            if not isinstance(found, str):
                return self._record(stage, key, found)
        for noted_run in self._runs(stage, upstream):
            found = self._from_note(stage, noted_run, upstream)
            if not isinstance(found, str):
                return self._record(stage, key, found)
        return Refusal(why) if why is not None else None

    def keeps(self, path: str, names: Collection[str]) -> set[str]:
        """See `workspace.place.Neighbour`."""
        noted = self._noted_outs().get(path)
        if noted is None and self.dvc.cache is None:
            return set()
        legacy = noted is not None and noted.legacy
        if noted is not None and noted.md5 is not None and self.dvc.md5(path, legacy=legacy) == noted.md5:
            return set(names)
        found = set()
        for name in names:
            md5 = self.dvc.md5(f"{path}/{name}" if name else path, legacy=legacy)
            if md5 is not None and self.dvc.keeps(md5, legacy=legacy):
                found.add(name)
        return found

    def _noted(self, stage: Stage) -> NotedStage | None:
        return self._old.get(stage.name) or self.dvc.noted(stage.file).get(stage.local)

    def _noted_outs(self) -> dict[str, Noted]:
        """Return what DVC noted of outs, by path."""
        if self._outs is None:
            pairs = [(stage, self._noted(stage)) for stage in self._pipeline.stages.values()]
            self._outs = {
                path: out
                for stage, noted in pairs
                if noted is not None
                for path, out in by_path(stage, noted.outs).items()
            }
        return self._outs

    def _runs(self, stage: Stage, upstream: Mapping[str, Tree]) -> Iterator[NotedStage]:
        """Yield what DVC's run cache has of this stage with the deps as they are."""
        if self.dvc.cache is None or any(out.persist for out in stage.outs):
            return
        deps: dict[str, Noted] = {}
        for dep in stage.deps:
            md5 = self._dep_md5(dep, upstream, legacy=False)
            if md5 is None:
                return
            executable = dep.label not in upstream and _is_executable(self._session.root / dep.path)
            deps[dep.path] = Noted(dep.path, md5, executable=executable)
        for key in run_keys(stage, deps):
            yield from self.dvc.runs(key)

    def _from_note(self, stage: Stage, noted: NotedStage, upstream: Mapping[str, Tree]) -> dict[str, Part] | str:
        """Return the outs' parts, stored; or in a sentence why what DVC noted does not hold."""
        why = difference(stage, noted)
        if why is not None:
            return why
        then = by_path(stage, noted.deps)
        for dep in stage.deps:
            known = then[dep.path]
            if known.md5 is None or self._dep_md5(dep, upstream, legacy=known.legacy) != known.md5:
                return f"{dep.label} changed since DVC ran it"
        outs = by_path(stage, noted.outs)
        parts: dict[str, Part] = {}
        for out in stage.outs:
            part = self._take(out, outs[out.path])
            if part is None:
                return f"out {out.path} is not as DVC made it, and not in DVC's cache (`dvc pull` may fetch it)"
            parts[out.label] = part
        return parts

    def _dep_md5(self, dep: Dep, upstream: Mapping[str, Tree], *, legacy: bool) -> str | None:
        """Return the MD5 of what the stage would read: the out that this plan has, else what the workspace holds."""
        tree = upstream.get(dep.label)
        return self.dvc.md5(dep.path, legacy=legacy) if tree is None else self._md5_of(dep.path, tree, legacy=legacy)

    def _md5_of(self, path: str, tree: Tree, *, legacy: bool) -> str | None:
        session = self._session
        try:
            files = {
                name: (object_, session.objects.path(object_))
                for name, (object_, _) in session.placer.expected(tree).items()
            }
            return self.dvc.md5_of(path, files, legacy=legacy)
        except (OSError, NotThere, StoreDamaged, DepUnreadable):
            return None

    def _take(self, out: Out, noted: Noted) -> Part | None:
        """Store an out as DVC noted it; None where it cannot be had."""
        output = Output(out.label, out.path, out.format, out.name)
        for files in self._places(out, noted):
            try:
                if "" in files:
                    part = store_path(staging(self._session), output, files[""], move=False)
                else:
                    part = store_files(staging(self._session), files.items(), move=False)
            except (ResultError, OSError):
                continue
            tree = make_tree(out, (part,), chunked=False)
            if self._md5_of(out.path, tree, legacy=noted.legacy) == noted.md5:
                return part
        return None

    def _places(self, out: Out, noted: Noted) -> Iterator[dict[str, Path]]:
        """Yield where the out may lie, as files by relative path; the empty one is the whole out."""
        if noted.md5 is not None and self.dvc.md5(out.path, legacy=noted.legacy) == noted.md5:
            yield {"": self._session.root / out.path}
        kept = self.dvc.kept(noted)
        if kept is not None:
            yield kept

    def _record(self, stage: Stage, key: ChunkKey, parts: dict[str, Part]) -> Record:
        self.adopted.append(stage.name)
        finished = datetime.now(UTC).isoformat(timespec="milliseconds")
        return Record(key, parts, stage.name, RUN, seconds=0.0, finished=finished)


def _is_executable(path: Path) -> bool:
    try:
        return path.is_file() and bool(path.stat().st_mode & 0o100)
    except OSError:
        return False
