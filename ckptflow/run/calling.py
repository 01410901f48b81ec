"""Edge. One call of a stage function: arguments bound by name, results bound to outs.

Results: one out takes the value itself; several take a mapping with exactly their names, an object with these fields (a
named tuple, a dataclass), or a tuple in their order. An out of format `file` or `dir` is no result: the function gets a
path under the out's name and writes there.
"""

from __future__ import annotations

import copy
import dataclasses  # noqa: TID251 - a user's
import math
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ..chunk.model import AtPart, Part
from ..errors import ResultError, StageError
from .command import discard
from .loading import load_function
from .messages import Input, Output, Task
from .storing import PATH_FORMATS, Staging, store_path, store_value

Read = Callable[[Input], Any]
"""Returns what an input stands for, in the form it asks for."""


def run_call(
    task: Task, staging: Staging, read: Read, *, trial: bool = False
) -> tuple[dict[str, Part], tuple[Any, ...] | None]:
    """Call the task's function and store its outs: its part by label, and the state that it hands on, where it got one.

    With `trial` nothing is stored: it is only seen whether the function fails.

    Raises whatever the function raises; ResultError where outs and results do not fit; StoreError.
    """
    function = load_function(task.call or "")
    paths: dict[str, Path] = {}
    try:
        for output in task.outputs:
            if output.format in PATH_FORMATS:
                paths[output.label] = _path_for(output, staging)
        arguments = dict(task.kwargs)
        arguments.update({i.name: read(i) for i in task.inputs if i.name is not None})
        arguments.update({o.name: paths[o.label] for o in task.outputs if o.name and o.label in paths})
        if task.state is not None:
            arguments["state"] = copy.deepcopy(task.state[0])
        result = function(**arguments)
        del arguments  # the deps are not needed while the result is written
        state: tuple[Any, ...] | None = None
        if task.state is not None:
            result, state = split_state(result)
        results = bind_results(result, tuple(o for o in task.outputs if o.label not in paths))
        del result
        if trial:
            for value in results.values():
                if isinstance(value, Iterator):
                    deque(value, maxlen=0)
            return {}, state
        stored = {}
        for output in task.outputs:
            if output.label in paths:
                stored[output.label] = store_path(staging, output, paths[output.label], move=True)
            else:
                stored[output.label] = _store(staging, output, results.pop(output.label))
        return stored, state
    finally:
        for path in paths.values():
            discard(path.parent)


def run_merge(task: Task, staging: Staging, read: Read) -> dict[str, Part]:
    """Merge the results that the task's inputs are, from left to right, and store what comes of it.

    The function gets results as stage functions return them: the value of the one out, or a mapping by name.
    """
    function = load_function(task.call or "")
    labels = [output.label for output in task.outputs]
    per = len(labels)
    inputs = task.inputs
    if per == 1:  # nothing came of some chunks, not even columns: there is nothing to merge
        inputs = tuple(item for item in inputs if _void(item) is None) or inputs[:1]
    merged: Any = None
    for at in range(0, len(inputs), per):
        if per == 1 and (void := _void(inputs[at])) is not None:
            return {labels[0]: void}
        values = [read(item) for item in inputs[at : at + per]]
        value = values[0] if per == 1 else dict(zip(labels, values, strict=True))
        merged = value if at == 0 else function(merged, value)
    results = bind_results(merged, task.outputs)
    return {output.label: _store(staging, output, results[output.label]) for output in task.outputs}


def _void(item: Input) -> Part | None:
    """Return the part that an input is, if it is a table without rows and columns."""
    where = item.piece.where if item.piece is not None else None
    return where.part if isinstance(where, AtPart) and where.part.is_void else None


def split_state(result: Any) -> tuple[Any, tuple[Any, ...]]:
    """Return what a function that carries a state returned as (result, (state,)). Raises ResultError.

    A state is plain data, so that it can be written down and compared; numpy's numbers become Python's.
    """
    if not isinstance(result, tuple) or len(result) != 2:
        raise ResultError(
            f"the function returned {type(result).__name__}, and its stage carries a state",
            hint="return (result, state)",
        )
    value, state = result
    return value, (plain(state, "state"),)


def plain(value: Any, where: str) -> Any:
    """Return `value` as JSON has it: mappings with texts as keys, lists, texts, numbers, booleans, None.

    Raises ResultError naming what else is in it.
    """
    match value:
        case None | bool() | str():
            return value
        case int():
            return int(value)
        case float():
            if not math.isfinite(value):
                raise ResultError(f"`{where}` is {value}, which cannot be handed on", hint="hand on None instead")
            return float(value)
        case list() | tuple():
            return [plain(item, f"{where}[{i}]") for i, item in enumerate(value)]
        case dict():
            for key in value:
                if not isinstance(key, str):
                    raise ResultError(f"`{where}` has the key {key!r}; keys are texts", hint="str(key)")
            return {key: plain(item, f"{where}.{key}") for key, item in value.items()}
    if hasattr(value, "item") and getattr(value, "ndim", None) == 0:
        return plain(value.item(), where)
    raise ResultError(
        f"`{where}` is {type(value).__name__}; a state is made of texts, numbers, booleans, None, lists and mappings",
        hint="hand on what the next chunk needs to know, and put the rest into the result",
    )


def bind_results(result: Any, outputs: tuple[Output, ...]) -> dict[str, Any]:
    """Return the value for each out, by label. Raises ResultError."""
    if not outputs:
        return {}
    if len(outputs) == 1:
        if result is None:
            raise ResultError(f"the function returned None for `{outputs[0].label}`", hint="is a `return` missing?")
        return {outputs[0].label: result}
    names = [output.label for output in outputs]
    wanted = f"a mapping with {', '.join(names)}"
    hint = f"return {wanted}; or an object with these fields; or a tuple in this order"
    if isinstance(result, Mapping):
        values = dict(result)
    elif isinstance(result, tuple) and (fields := getattr(result, "_fields", None)):
        values = dict(zip(fields, result, strict=True))
    elif dataclasses.is_dataclass(result) and not isinstance(result, type):
        values = {field.name: getattr(result, field.name) for field in dataclasses.fields(result)}
    elif isinstance(result, tuple):
        if len(result) != len(names):
            raise ResultError(f"the function returned {len(result)} values for {len(names)} outs", hint=hint)
        values = dict(zip(names, result, strict=True))
    else:
        raise ResultError(
            f"the function returned {type(result).__name__} for the outs {', '.join(names)}",
            hint=f"{hint}; is a `return` missing?" if result is None else hint,
        )
    missing = [name for name in names if name not in values]
    extra = [str(name) for name in values if name not in names]
    if missing or extra:
        said = [f"nothing for {', '.join(missing)}"] if missing else []
        said += [f"{', '.join(extra)}, which the stage does not declare"] if extra else []
        raise ResultError(f"the function returned {' and '.join(said)}", hint=hint)
    return values


def _path_for(output: Output, staging: Staging) -> Path:
    """Return a fresh path with the out's own file name; its parent is the out's alone. A directory is made already."""
    if output.name is None:
        raise StageError(
            f"out `{output.label}` of format `{output.format}` needs a name: the argument that takes its path",
            hint="declare outs as a mapping: {name: path}",
        )
    parent = staging.fresh()
    parent.mkdir()
    path = parent / Path(output.path).name
    if output.format == "dir":
        path.mkdir()
    return path


def _store(staging: Staging, output: Output, value: Any) -> Part:
    try:
        return store_value(staging, output, value)
    except ResultError as error:
        raise ResultError(f"out `{output.label}`: {error.message}", hint=error.hint) from error
