"""Pure. The way in: the text of a pipeline file -> `Pipeline`, or all of its mistakes.

Rules: read through `Files` only; go on after every mistake as far as what is left makes sense; a stage that is wrong in
one field still takes part in the checks between stages with its other fields.
"""

from __future__ import annotations

from ..errors import Problem, SpecError
from ..ids import StageName
from .check import check_together
from .compose import compose
from .conform import fields
from .findings import Findings, Source
from .model import Pipeline, Stage, Value
from .nodes import Mapping, Node, Scalar
from .paths import parent
from .stages import Setting, read_stage
from .table import FORMATS, PIPELINE
from .valuefiles import Files, ValueFiles
from .values import DEFAULT_PARAMS, Values


def load_pipeline(file: str, files: Files, *, formats: frozenset[str] = FORMATS) -> Pipeline:
    """Return the pipeline that `file` (a path relative to the project root) declares.

    `files` gives the texts of it and of the params and vars files that it names; `formats` are the formats that outs
    and deps may ask for. `reads` and `absent` of the result name every file whose text, or absence, took part. Raises
    SpecError with all problems in file order: the pipeline file's first, then those of the files that it names.
    """
    text = files.read(file)
    if text is None:
        raise SpecError((Problem("CF140", f"the file {file} is not there", hint="create it, or name another file"),))
    problems: list[Problem] = []
    document = compose(file, text, problems)
    findings = Findings(document.source if document else Source.of(file, text), problems)
    if document is None:
        raise SpecError(findings.in_order())
    value_files = ValueFiles(files, problems)
    stages = _read(file, text, document.root, Values(value_files, findings), formats)
    check_together(stages, file, (*value_files.reads, *value_files.absent), findings)
    if problems:
        raise SpecError(findings.in_order())
    return Pipeline(file, stages, (file, *value_files.reads), value_files.absent)


def _read(file: str, text: str, root: Node, values: Values, formats: frozenset[str]) -> dict[StageName, Stage]:
    findings = values.findings
    if not isinstance(root, Mapping):
        empty = isinstance(root, Scalar) and root.value is None
        message = f"{file} is empty" if empty else f"{file} is no mapping"
        findings.add("CF117", message, root, "stages:\n  name:\n    cmd: ...")
        return {}
    top = fields(PIPELINE, root, findings, file)
    base = parent(file)
    noted = len(findings.problems)
    known: dict[str, Value] = {}
    loaded: set[str] = set()
    if "${" in text or "vars" in top:
        known = values.defaults(base)
        loaded.add(f"{base}/{DEFAULT_PARAMS}".removeprefix("./"))
    if "vars" in top:
        values.merge_vars(top["vars"], base, known, loaded)
    complete = len(findings.problems) == noted and ("vars" in top or root.key("vars") is None)
    setting = Setting(base, known, frozenset(loaded), values, findings, formats, complete)
    stages: dict[StageName, Stage] = {}
    pairs = _stage_nodes(root, top)
    for key, node in pairs:
        stage = read_stage(key, node, setting)
        if stage is not None:
            stages[stage.name] = stage
    return stages


def _stage_nodes(root: Mapping, top: dict[str, Node]) -> list[tuple[Scalar, Node]]:
    """Return the stages' nodes, also where a wrong name keeps `stages` out of `top`."""
    node = top.get("stages") or root.get("stages")
    return node.pairs if isinstance(node, Mapping) else []
