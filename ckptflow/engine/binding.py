"""Pure. How a stage's names bind to its function's parameters: what is passed, in which form, what is missing."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ..errors import Problem
from ..fingerprint.code import ParameterKind, Signature
from ..formats.forms import Form
from ..run.storing import PATH_FORMATS
from ..spec.model import Dep, OverFiles, Stage, chunked_deps
from ..spec.values import param_argument

_ANNOTATIONS = {
    "pyarrow.Table": Form.TABLE,
    "pyarrow.lib.Table": Form.TABLE,
    "pyarrow.RecordBatchReader": Form.READER,
    "pandas.DataFrame": Form.PANDAS,
    "polars.DataFrame": Form.POLARS,
    "polars.LazyFrame": Form.POLARS_LAZY,
    "ckptflow.Dataset": Form.DATASET,
    "pathlib.Path": Form.PATH,
    "list[pathlib.Path]": Form.PATHS,
    "collections.abc.Sequence[pathlib.Path]": Form.PATHS,
    "bytes": Form.BYTES,
    "str": Form.TEXT,
}


def forms_of(stage: Stage, signature: Signature) -> dict[str, Form]:
    """Return the form of each dep. One whose items are taken one by one comes as the files that they are, or in the
    form that holds them all.
    """
    found = {dep.label: form_of(dep, signature) for dep in stage.deps}
    if stage.each:
        label = chunked_deps(stage.chunk)[0]
        files = isinstance(stage.chunk, OverFiles) or found[label] is Form.PATH
        found[label] = Form.PATHS if files else Form.NATURAL
    return found


def form_of(dep: Dep, signature: Signature) -> Form:
    """Return the form in which `dep` reaches the function: what its annotation says, else the natural one."""
    for parameter in signature.parameters:
        if parameter.name == dep.name and parameter.annotation is not None:
            return _ANNOTATIONS.get(parameter.annotation, Form.NATURAL)
    return Form.NATURAL


def passed(stage: Stage) -> Mapping[str, str]:
    """Return argument name -> what it is (`dep`, `param`, `argument`, `out`, `state`), of all the engine passes."""
    names: dict[str, str] = {}
    if stage.carry is not None:
        names["state"] = "state"
    names.update({param_argument(name): "param" for name in stage.params})
    names.update(dict.fromkeys(stage.args, "argument"))
    names.update({d.name: "dep" for d in stage.deps if d.name is not None})
    names.update({o.name: "out" for o in stage.outs if o.name is not None and o.format in PATH_FORMATS})
    return names


def check_signature(stage: Stage, signature: Signature) -> Iterator[Problem]:
    """Yield a problem for each name that the function does not take and each parameter that nobody fills."""
    given = passed(stage)
    takes_any = any(p.kind is ParameterKind.VAR_KEYWORD for p in signature.parameters)
    taken = {p.name for p in signature.parameters if p.kind in (ParameterKind.ANY, ParameterKind.KEYWORD)}
    if signature.is_async:
        yield Problem("CF171", f"stage `{stage.name}`: `{stage.call}` is async; a stage function is not", stage.place)
    for out in stage.outs:
        if out.name is None and out.format in PATH_FORMATS:
            yield Problem(
                "CF175",
                f"stage `{stage.name}`: the out `{out.path}` is written by the function itself and has no name",
                out.place or stage.place,
                "write `outs: {NAME: PATH}`; the function gets the path to write to as the argument NAME",
            )
    for name, what in given.items():
        if name not in taken and not takes_any:
            from difflib import get_close_matches  # only a mistake pays for it

            close = get_close_matches(name, taken - given.keys(), 1)
            hint = f"did you mean `{close[0]}`?" if close else f"the function takes {_list(taken)}"
            yield Problem(
                "CF172", f"stage `{stage.name}`: `{stage.call}` takes no `{name}` ({what})", stage.place, hint
            )
    for parameter in signature.parameters:
        if parameter.kind is ParameterKind.POSITIONAL and not parameter.has_default:
            yield Problem(
                "CF173",
                f"stage `{stage.name}`: `{parameter.name}` of `{stage.call}` cannot be passed by name",
                stage.place,
                f"remove the `/` after `{parameter.name}`",
            )
        elif parameter.name in taken and not parameter.has_default and parameter.name not in given:
            yield Problem(
                "CF174",
                f"stage `{stage.name}`: `{stage.call}` needs `{parameter.name}`, which is no dep, param or argument",
                stage.place,
                "name it under deps, params or args, or give it a default",
            )


def check_combine(stage: Stage, signature: Signature) -> Iterator[Problem]:
    """Yield a problem where the function that combines cannot be called with two results."""
    places = [p for p in signature.parameters if p.kind in (ParameterKind.ANY, ParameterKind.POSITIONAL)]
    takes_more = any(p.kind is ParameterKind.VAR_POSITIONAL for p in signature.parameters)
    needed = [p for p in places if not p.has_default]
    named = [p.name for p in signature.parameters if p.kind is ParameterKind.KEYWORD and not p.has_default]
    if len(needed) > 2 or named or (len(places) < 2 and not takes_more):
        yield Problem(
            "CF176",
            f"stage `{stage.name}`: `{stage.combine}` is to be called with two results, and takes"
            f" {_list({p.name for p in signature.parameters})}",
            stage.place,
            "def combine(left, right): ...",
        )


def combine_form(signature: Signature) -> Form:
    """Return the form in which results reach the function that combines: what its first parameter's annotation says."""
    first = next((p.annotation for p in signature.parameters), None)
    return _ANNOTATIONS.get(first, Form.NATURAL) if first is not None else Form.NATURAL


def _list(names: set[str]) -> str:
    return ", ".join(f"`{n}`" for n in sorted(names)) or "nothing"
