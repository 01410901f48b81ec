"""Edge. The facts that a plan is made of: recipes, the lock file, what lies in the workspace, sheets cut before."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ..checkpoints.lockfile import LockEntry
from ..chunk.model import AtSlot
from ..chunk.sheet import Sheet
from ..errors import DepMissing
from ..fingerprint.encode import digest_of
from ..fingerprint.recipe import DepForm, Recipe, describe_cut, lines_of
from ..formats.forms import FILE_FORMS, TABLE_FORMS, Form
from ..formats.registry import TABULAR, format_of
from ..ids import Digest, StageName
from ..plan.graph import Graph
from ..plan.model import Before, CutRequest, Source
from ..spec.model import Dep, Out, Pipeline, Stage, chunked_deps
from ..workspace.cache import Cache
from ..workspace.observe import Observer
from ..workspace.observed import Observed
from ..workspace.sources import ProjectSources

if TYPE_CHECKING:
    from ..fingerprint.code import CodeIdentity

CUT_VERSION = 1
"""Raised when the same data would be cut in another way; part of the names of cached sheets, never of keys."""


class ProjectFacts:
    """Implements `plan.model.Facts` for a project on disk. One instance serves one plan."""

    def __init__(
        self,
        pipeline: Pipeline,
        graph: Graph,
        lock: Mapping[StageName, LockEntry],
        observer: Observer,
        sources: ProjectSources,
        cache: Cache,
        has_spill: Any,
        elsewhere: Callable[[str], str | None],
    ) -> None:
        self._pipeline = pipeline
        self._graph = graph
        self._lock = lock
        self._observer = observer
        self._sources = sources
        self._cache = cache
        self._has_spill = has_spill
        self._elsewhere = elsewhere
        self._recipes: dict[StageName, Recipe] = {}
        self._before: dict[StageName, Before | None] = {}
        self._sources_seen: dict[tuple[StageName, str], Source] = {}
        self.observed: dict[tuple[StageName, str], Observed] = {}
        self.code: Mapping[StageName, CodeIdentity] = {}
        self.forms: Mapping[StageName, Mapping[str, Form]] = {}
        self.combining: Mapping[StageName, CodeIdentity] = {}
        self.spills: dict[StageName, set[str]] = {}

    def load(self, stages: Mapping[StageName, Stage]) -> None:
        """Work out the recipes of `stages`. Raises `SpecError` with all that is wrong with their functions."""
        if any(stage.call is not None for stage in stages.values()):
            from .identify import identify  # what follows code is not imported for a pipeline of commands

            self.code, self.forms, self.combining = identify(stages.values(), self._sources, self._cache)
        for stage in stages.values():
            self._recipes[stage.name] = self._recipe(stage)

    @property
    def combine_forms(self) -> Mapping[StageName, Form]:
        """The form in which results reach the functions that combine them."""
        if not self.combining:
            return {}
        from .binding import combine_form

        return {name: combine_form(code.signature) for name, code in self.combining.items()}

    def recipe(self, stage: StageName) -> Recipe:
        """See `Facts`."""
        return self._recipes[stage]

    def before(self, stage: StageName) -> Before | None:
        """See `Facts`."""
        if stage not in self._before:
            entry = self._lock.get(stage)
            self._before[stage] = None if entry is None else before_of(entry)
        return self._before[stage]

    def source(self, stage: StageName, dep: Dep) -> Source:
        """See `Facts`."""
        key = (stage, dep.label)
        if key not in self._sources_seen:
            seen = self.observed[key] = self._require(stage, dep)
            one = seen.kind in ("file", "url")
            format_ = dep.format or (format_of(dep.path) if one else _format_of_files(seen))
            form = self.forms.get(stage, {}).get(dep.label, Form.PATH)
            tabular = format_ in TABULAR and form not in FILE_FORMS
            if not one and form not in TABLE_FORMS and form is not Form.NATURAL:
                tabular = False
            self._sources_seen[key] = Source(dep.path, format_, seen.digest, tabular=tabular, stamp=seen.files.stamp)
        return self._sources_seen[key]

    def _require(self, stage: StageName, dep: Dep) -> Observed:
        try:
            return self._observer.require(dep.path)
        except DepMissing as error:
            makers = self._graph.origins[stage, dep.label].after
            if not makers:
                hint = self._elsewhere(dep.path)
                if hint is None:
                    raise
                raise DepMissing(error.message, hint=hint) from None
            names = " ".join(makers[:3])
            raise DepMissing(error.message, hint=f"make it first: `ckptflow repro {names}`") from None

    def standing(self, out: Out) -> Digest | None:
        """See `Facts`."""
        seen = self._observer.see(out.path)
        return seen.digest if seen is not None else None

    def sees_bytes(self, stage: StageName, dep: Dep) -> bool:
        """See `Facts`: commands read files, and so do functions that ask for paths, bytes or text."""
        return bool(self._pipeline.stages[stage].cmd) or self.forms[stage][dep.label] in FILE_FORMS

    def sheet(self, request: CutRequest) -> Sheet | None:
        """See `Facts`. A sheet whose partition was deleted is not used."""
        doc = self._cache.document("sheet", self._sheet_name(request))
        if doc is None:
            return None
        try:
            sheet = Sheet.from_json(doc)
        except (KeyError, ValueError, TypeError):
            return None
        spills = spills_of(sheet)
        if not all(self._has_spill(s) for s in spills):
            return None
        self.spills.setdefault(request.stage, set()).update(spills)
        return sheet

    def keep_sheet(self, request: CutRequest, sheet: Sheet) -> None:
        """Keep a sheet for later plans."""
        self._cache.keep_document("sheet", self._sheet_name(request), sheet.to_json())
        self.spills.setdefault(request.stage, set()).update(spills_of(sheet))

    def _sheet_name(self, request: CutRequest) -> str:
        deps = {d.label: d for d in self._pipeline.stages[request.stage].deps}
        sources = [
            [label, s.identity, s.format, list(deps[label].columns or ()), s.tree is not None, s.tabular, s.path]
            for label, s in request.sources.items()
        ]
        return digest_of([CUT_VERSION, describe_cut(request.spec), sources])

    def _recipe(self, stage: Stage) -> Recipe:
        code = self.code.get(stage.name)
        outs = {}
        for out in stage.outs:
            plain = stage.cmd and stage.chunk is None
            outs[out.label] = f"{out.format} {out.path}" if plain else out.format
        packages = stage.packages or ()
        if packages == ("auto",):
            packages = _distributions(code.distributions if code is not None else ())
        return Recipe(
            code=code.digest if code is not None else None,
            cmd=stage.cmd,
            wdir=stage.wdir,
            args=stage.args,
            params=stage.params,
            env=stage.env,
            packages={name: _version(name) for name in packages},
            version=stage.version,
            combine=merging.digest if (merging := self.combining.get(stage.name)) is not None else None,
            carries=stage.carry is not None,
            each=stage.each,
            deps={d.label: self._dep_form(stage, d) for d in stage.deps},
            outs=outs,
        )

    def _dep_form(self, stage: Stage, dep: Dep) -> DepForm:
        exact = self._graph.origins[stage.name, dep.label].exact
        if dep.format:
            format_ = dep.format
        elif exact is not None:
            format_ = next(o.format for o in self._pipeline.stages[exact[0]].outs if o.label == exact[1])
        else:
            format_ = format_of(dep.path)
        if stage.cmd:
            visible = dep.label not in chunked_deps(stage.chunk)
            return DepForm("command", format_, dep.columns, dep.path if visible else None)
        form = self.forms[stage.name][dep.label]
        visible = form in (Form.PATH, Form.PATHS) or dep.name is None
        return DepForm(form.value, format_, dep.columns, dep.path if visible else None)


def spills_of(sheet: Sheet) -> set[str]:
    """Return the names of the partitions that a sheet's pieces lie in."""
    return {p[0].where.spill for p in sheet.pieces.values() if p and isinstance(p[0].where, AtSlot)}


def before_of(entry: LockEntry) -> Before:
    """Return what a plan wants to know of a lock entry."""
    items: dict[str, Any] = {}
    if entry.code is not None:
        items["code"] = entry.code
    if entry.cmd:
        items["cmd"] = list(entry.cmd)
        items["wdir"] = entry.wdir
        items.update(lines_of(entry.cmd))
    for kind, values in (
        ("args", entry.args),
        ("params", entry.params),
        ("env", entry.env),
        ("packages", entry.packages),
    ):
        items.update({f"{kind}.{name}": value for name, value in values.items()})
    if entry.version is not None:
        items["version"] = entry.version
    items.update({f"dep.{label}": dep["form"] for label, dep in entry.deps.items() if "form" in dep})
    items.update({f"out.{label}": out["form"] for label, out in entry.outs.items() if "form" in out})
    return Before(
        key=entry.key,
        trees={label: Digest(out["tree"]) for label, out in entry.outs.items()},
        chunks=entry.chunks,
        items=items,
        deps={label: Digest(dep["digest"]) for label, dep in entry.deps.items()},
        quarantined=entry.quarantined,
        superseded=entry.superseded,
        way=entry.way,
    )


def _format_of_files(seen: Observed) -> str:
    """Return the one table format that all files of a directory have, else `dir`."""
    kinds = {format_of(name) for name in seen.files.stamped.names}
    return kinds.pop() if len(kinds) == 1 and kinds <= TABULAR else "dir"


def _version(distribution: str) -> str:
    from importlib import metadata  # brings in the whole of `email`: only for who asks for versions

    try:
        return metadata.version(distribution)
    except metadata.PackageNotFoundError:
        return "not installed"


def _distributions(modules: tuple[str, ...]) -> tuple[str, ...]:
    from importlib import metadata

    known = metadata.packages_distributions()
    return tuple(sorted({name for module in modules for name in known.get(module, ())}))
