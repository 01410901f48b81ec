"""Pure. The way in: the texts of a project's pipeline files -> `Pipeline`, or all of their mistakes.

Rules: read through `Files` only; go on after every mistake as far as what is left makes sense; a stage that is wrong in
one field still takes part in the checks between stages with its other fields.
"""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import Problem, SpecError
from ..ids import StageName
from .check import check_together
from .compose import compose
from .conform import fields
from .findings import Findings, Source, in_order
from .model import Pipeline
from .nodes import Mapping, Node, Scalar
from .paths import ancestors, parent
from .refs import Draft, follow
from .stages import Setting, read_stages
from .table import FORMATS, PIPELINE
from .template import Templates
from .toplevel import TopLevel, read_top_level
from .valuefiles import Files, ValueFiles
from .values import Values


def load_pipeline(
    file: str, files: Files, *, others: Sequence[str] = (), formats: frozenset[str] = FORMATS
) -> Pipeline:
    """Return the pipeline that `file`, and `others` beside it, declare (paths relative to the project's root).

    `files` gives the texts of them and of the params and vars files that they name; `formats` are the formats that outs
    and deps may ask for. One of `others` that lies inside an out is data and is passed over. `reads` and `absent` of
    the result name every file whose text, or absence, took part. Raises SpecError with all problems in file order: the
    pipeline file's first, then those of the other files.
    """
    found = _Loading(file, files, others, formats)
    made = frozenset(found.values.asked & found.outs)
    if made:  # rare: only what the stages say tells that a params file is an out
        found = _Loading(file, files, others, formats, made)
    if found.problems:
        raise SpecError(in_order(found.problems, file))
    top, reads = found.top, (*found.read, *found.values.reads)
    return Pipeline(
        file,
        found.stages,
        reads,
        found.values.absent,
        tuple(found.read),
        top.metrics,
        top.params,
        top.plots,
        top.artifacts,
        top.datasets,
    )


class _Loading:
    """One reading of all files; params files in `made` are outs, and are left for the stages that write them."""

    def __init__(
        self,
        file: str,
        files: Files,
        others: Sequence[str],
        formats: frozenset[str],
        made: frozenset[str] = frozenset(),
    ) -> None:
        self.problems: list[Problem] = []
        self.values = ValueFiles(files, self.problems)
        self.read: list[str] = []
        self.outs: set[str] = set()
        self.top = TopLevel()
        drafts: list[Draft] = []
        for name in dict.fromkeys((file, *others)):
            if self.outs.isdisjoint(ancestors(name)):
                drafts += self._read(name, files.read(name), formats, made)
        findings = Findings(Source(file, ()), self.problems)
        self.stages = follow(_by_name(drafts), findings)
        check_together(self.stages, self.read, (*self.values.reads, *self.values.absent), findings)

    def _read(self, name: str, text: str | None, formats: frozenset[str], made: frozenset[str]) -> list[Draft]:
        """Return the stages of one file."""
        if text is None:
            hint = "create it, or name another file"
            self.problems.append(Problem("CF140", f"the file {name} is not there", hint=hint))
            return []
        self.read.append(name)
        document = compose(name, text, self.problems)
        if document is None:
            return []
        values = Values(self.values, Findings(document.source, self.problems), made)
        found, beside = _read(name, text, document.root, values, formats)
        self.top = self.top.plus(beside)
        self.outs.update(out.path for draft in found for out in draft.stage.outs)
        return found


def _by_name(drafts: list[Draft]) -> dict[StageName, Draft]:
    """Return the drafts by name; of two stages that one file declares alike the composer has told already."""
    return {draft.stage.name: draft for draft in drafts}


def _read(file: str, text: str, root: Node, values: Values, formats: frozenset[str]) -> tuple[list[Draft], TopLevel]:
    findings = values.findings
    if not isinstance(root, Mapping):
        empty = isinstance(root, Scalar) and root.value is None
        message = f"{file} is empty" if empty else f"{file} is no mapping"
        findings.add("CF117", message, root, "stages:\n  name:\n    cmd: ...")
        return [], TopLevel()
    top = fields(PIPELINE, root, findings, file)
    base = parent(file)
    noted = len(findings.problems)
    scope = values.scope(base, params="${" in text or "vars" in top)
    if "vars" in top:
        values.merge_vars(top["vars"], base, scope)
    complete = len(findings.problems) == noted and ("vars" in top or root.key("vars") is None)
    setting = Setting(file, base, scope, values, findings, formats, complete)
    drafts = [draft for key, node in _stage_nodes(root, top) for draft in read_stages(key, node, setting)]
    templates = Templates(scope.values, findings, complete=complete, own=frozenset(scope.own))
    return drafts, read_top_level(top, file, templates, findings)


def _stage_nodes(root: Mapping, top: dict[str, Node]) -> list[tuple[Scalar, Node]]:
    """Return the stages' nodes, also where a wrong name keeps `stages` out of `top`."""
    node = top.get("stages") or root.get("stages")
    return node.pairs if isinstance(node, Mapping) else []
