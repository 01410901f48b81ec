"""Edge. The plots of versions: which there are, what they are drawn from, one chart for all versions.

What is wrong with one plot of one version stands beside the others, and keeps none of them back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import Any

from ..dataclass import dataclass
from ..errors import CkptflowError, TargetNotFound, ValuesMalformed
from ..spec.drawing import Axis, Drawing
from ..spec.findings import did_you_mean, listed
from ..spec.model import OutKind
from ..spec.paths import suffix
from ..values.charts import IMAGES, TEMPLATES, Picture, Plot, chart
from ..values.records import Line, data_files, lines, read_records
from .version import WORKSPACE, Version, missing
from .versions import HEAD, Versions


@dataclass(frozen=True, slots=True)
class PlotError:
    """What is wrong with a plot in a version; `plot` is empty where it is the version itself."""

    version: str
    plot: str
    error: CkptflowError


@dataclass(frozen=True, slots=True)
class Plots:
    """All plots that were asked for, in the order of their declaration, and what could not be drawn."""

    plots: tuple[Plot, ...]
    errors: tuple[PlotError, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the data of all plots, in the form of DVC's."""
        doc: dict[str, Any] = {"data": {plot.id: plot.to_json() for plot in self.plots}}
        if self.errors:
            doc["errors"] = [
                {"name": e.plot, "rev": e.version, "type": type(e.error).__name__, "code": e.error.code,
                 "msg": str(e.error)}
                for e in self.errors
            ]  # fmt: skip
        return doc


@dataclass(frozen=True, slots=True)
class PlotOptions:
    """What the command line says of all plots; None where it says nothing."""

    x: str | None = None
    y: str | None = None
    x_label: str | None = None
    y_label: str | None = None
    title: str | None = None
    template: str | None = None
    header: bool | None = None

    def over(self, drawing: Drawing) -> Drawing:
        """Return `drawing` with what is said here in the place of what it says; where it names files, of these."""
        files = dict.fromkeys(axis.file for axis in drawing.y) or (None,)
        return Drawing(
            x=drawing.x if self.x is None else (Axis(self.x),),
            y=drawing.y if self.y is None else tuple(Axis(self.y, file) for file in files),
            x_label=self.x_label or drawing.x_label,
            y_label=self.y_label or drawing.y_label,
            title=self.title or drawing.title,
            template=self.template or drawing.template,
            header=drawing.header if self.header is None else self.header,
        )


def versions_to_plot(versions: Versions, names: Sequence[str]) -> list[Version]:
    """Return the versions that `plots diff` is asked for: one alone is compared with the workspace, none means HEAD and
    the workspace, or the workspace alone where they do not differ.
    """
    found = [versions.find(name) for name in dict.fromkeys(names)]
    if not found and versions.git.is_dirty():
        found.append(versions.find(HEAD))
    if len(found) < 2 and WORKSPACE not in names:
        found.append(versions.workspace())
    return found


def plots_of(versions: Sequence[Version], targets: Sequence[str], options: PlotOptions) -> Plots:
    """Return the plots of `versions`: all, or those that `targets` (files, directories, ids) name.

    Raises `TargetNotFound` for a target that no version has, `ValuesMalformed` for an unknown template.
    """
    if options.template is not None and options.template not in TEMPLATES:
        raise ValuesMalformed(f"there is no template `{options.template}`", hint=_templates(options.template))
    errors: list[PlotError] = []
    declared: dict[str, Drawing] = {}
    having: dict[str, list[Version]] = {}
    for version in versions:
        try:
            found = _declared(version, targets)
        except CkptflowError as error:
            errors.append(PlotError(version.name, "", error))
            continue
        for name, drawing in found.items():
            declared.setdefault(name, options.over(drawing))  # the first version says how a plot is drawn
            having.setdefault(name, []).append(version)
    plots = [plot for name, drawing in declared.items() if (plot := _plot(name, drawing, having[name], errors))]
    for target in targets:
        if not any(_is_meant(name, drawing, target) for name, drawing in declared.items()) and not errors:
            known = sorted({name for version in versions for name in _all(version)})
            hint = did_you_mean(target, known) or (f"plots are {listed(known)}" if known else "no plots are declared")
            raise TargetNotFound(target, hint=hint)
    return Plots(tuple(plots), tuple(errors))


def named_plots(versions: Sequence[Version]) -> frozenset[str]:
    """Return the ids of plots that are names and no paths; of a version that cannot be read, none."""
    found: set[str] = set()
    for version in versions:
        with suppress(CkptflowError):
            found.update(name for name, drawing in _all(version).items() if drawing.is_named)
    return frozenset(found)


def _all(version: Version) -> dict[str, Drawing]:
    """Return the plots of a version by id, directories as they stand."""
    pipeline = version.pipeline
    if pipeline is None:
        return {}
    found = dict(pipeline.plots)
    for stage in pipeline.stages.values():
        for out in stage.outs:
            if out.kind is OutKind.PLOT and found.get(out.path) in (None, Drawing()):
                found[out.path] = out.drawing or Drawing()
    return found


def _declared(version: Version, targets: Sequence[str]) -> dict[str, Drawing]:
    """Return the plots of a version by id, a directory as its files; of `targets`, files that nobody declares too."""
    found: dict[str, Drawing] = {}
    for name, drawing in _all(version).items():
        inner = [name] if drawing.is_named else version.files_of(name)
        for each in inner:
            if each not in found or each == name:
                found[each] = drawing
    if not targets:
        return found
    meant = {name: drawing for name, drawing in found.items() if any(_is_meant(name, drawing, t) for t in targets)}
    for target in targets:
        for path in version.files_of(target):
            if path not in found and version.data(path) is not None:
                meant[path] = Drawing()
    return meant


def _is_meant(name: str, drawing: Drawing, target: str) -> bool:
    return name == target or (not drawing.is_named and name.startswith(f"{target}/"))


def _plot(name: str, drawing: Drawing, versions: Sequence[Version], errors: list[PlotError]) -> Plot | None:
    """Return the plot of all versions that have it, None where none has. What is wrong is added to `errors`."""
    kind = IMAGES.get(suffix(name)) if not drawing.is_named else None
    images: list[tuple[str, str, bytes]] = []
    found: list[tuple[str, tuple[Line, ...]]] = []
    for version in versions:
        try:
            if kind is not None:
                data = version.data(name)
                if data is None:
                    raise missing(version, name)
                images.append((version.name, kind, data))
            else:
                records = _records(version, name, drawing)
                found.append((version.name, lines(name, drawing, records)))
        except CkptflowError as error:
            errors.append(PlotError(version.name, name, error))
    if kind is None and found and drawing.template is not None and drawing.template not in TEMPLATES:
        strange = ValuesMalformed(
            f"`{name}` is drawn as lines: there is no template `{drawing.template}`", hint=_templates(drawing.template)
        )
        errors.append(PlotError("", name, strange))
    if kind is not None:
        return Picture(name, tuple(images)) if images else None
    return chart(name, drawing, found) if found else None


def _records(version: Version, name: str, drawing: Drawing) -> Mapping[str, Any]:
    files = data_files(name, drawing)
    return {file: read_records(file, version.text(file), header=drawing.header) for file in files}


def _templates(word: str) -> str:
    return did_you_mean(word, TEMPLATES) or f"templates are {listed(TEMPLATES, 20)}"
