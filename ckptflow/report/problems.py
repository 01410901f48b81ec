"""Edge. Errors as people and programs read them: what and where, the line it is about, what to do."""

from __future__ import annotations

from typing import Any

from ..errors import CkptflowError, EditRefused, Problem, SpecError, StageError
from .style import Style
from .words import clean, clean_lines, columns_of, plural


def error_lines(error: CkptflowError, style: Style) -> list[str]:
    """Return the lines of an error; a `SpecError` gives each of its problems with its line of the file."""
    if isinstance(error, SpecError) and error.problems:
        lines = [line for problem in error.problems for line in problem_lines(problem, style)]
        if isinstance(error, EditRefused):
            return [*lines, "Nothing was changed."]
        return [*lines, f"{plural(len(error.problems), 'error')}, nothing was run."]
    lines = [_title(error.code, error.message, style)]
    if isinstance(error, StageError):
        lines += [f"  {line}" for text in (error.traceback, error.output) for line in clean_lines(text)]
    if error.hint:
        lines.append(f"  {style.paint('=', 'busy')} help: {clean(error.hint)}")
    return lines


def problem_lines(problem: Problem, style: Style) -> list[str]:
    """Return one mistake in a file, with a caret under the offending text where its place is known."""
    lines = [_title(problem.code, problem.message, style)]
    hint = clean(problem.hint) if problem.hint else ""
    place = problem.place
    if place is None:
        return [*lines, f"  {style.paint('=', 'busy')} help: {hint}"] if hint else lines
    gutter = " " * len(str(place.line))
    bar = style.paint(style.fit("│"), "busy")
    lines.append(f"{gutter} {style.paint('-->', 'busy')} {clean(str(place))}")
    if not place.text:
        return [*lines, f"{gutter} {style.paint('=', 'busy')} help: {hint}"] if hint else lines
    # Tabs become one column each, so that the carets stand under what they mean.
    shown = clean(place.text)
    before = columns_of(clean(place.text[: place.column - 1]))
    carets = "^" * max(1, columns_of(clean(place.text[place.column - 1 : place.column - 1 + place.length])))
    number = style.paint(str(place.line), "busy")
    return [
        *lines,
        f"{gutter} {bar}",
        f"{number} {bar} {shown}",
        f"{gutter} {bar} {' ' * before}{style.paint(carets, 'bad')}{' ' + hint if hint else ''}",
    ]


def error_json(error: CkptflowError, exit_code: int) -> dict[str, Any]:
    """Return the error as a JSON document: code, message, help, exit, and in `problems` each mistake with its place."""
    problems = error.problems if isinstance(error, SpecError) else ()
    return {
        "type": "error",
        "ok": False,
        "code": error.code,
        "message": error.message,
        "help": error.hint,
        "exit": exit_code,
        "problems": [_problem_json(problem) for problem in problems],
    }


def _problem_json(problem: Problem) -> dict[str, Any]:
    place = problem.place
    return {
        "code": problem.code,
        "message": problem.message,
        "file": place.file if place else None,
        "line": place.line if place else None,
        "column": place.column if place else None,
        "help": problem.hint,
    }


def _title(code: str, message: str, style: Style) -> str:
    return f"{style.paint(f'error[{code}]', 'bad')}: {clean(message)}"
