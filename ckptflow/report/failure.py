"""Edge. How a chunk that failed is told: where, what, the user's own lines, the last of its output, what to do next."""

from __future__ import annotations

from ..errors import Failure
from ..events import ChunkFailed
from .style import Style
from .words import chunk_name, clean, clean_lines, number, plural

_TRACEBACK_LINES = 24
_OUTPUT_LINES = 8
_MARGIN = "  "

_KINDS = {
    "exception": "raised an exception",
    "result": "returned what its outs cannot hold",
    "exit": "ended with an error",
    "memory": "ran out of memory",
    "timeout": "took longer than its timeout",
    "killed": "was lost with its worker process",
    "dep": "could not read a dep",
    "dep-changed": "saw a dep change while it ran",
    "store": "could not write to the store",
}


def failure_lines(event: ChunkFailed, style: Style) -> list[str]:
    """Return what a person needs to mend a failed chunk; unknown kinds of failures are told by their message alone."""
    failure = event.failure
    name = clean(chunk_name(event.stage, event.index))
    tried = f" after {event.attempts} attempts" if event.attempts > 1 else ""
    head = style.paint(style.fit(f"✗ {name}"), "bad")
    lines = [f"{head}  {_KINDS.get(failure.kind, 'failed')}{tried}{f'  ({clean(event.label)})' if event.label else ''}"]
    lines += [_MARGIN + line for line in _traceback(failure)]
    message = clean_lines(failure.message)
    if message and not _told(failure, message):
        lines += [_MARGIN + style.paint(line, "bold") for line in message]
    lines += _output(failure, style)
    lines += [f"{_MARGIN}note  {clean(note)}" for note in failure.notes]
    if failure.log:
        lines.append(f"{_MARGIN}log   {clean(failure.log)}")
    if failure.hint:
        lines.append(f"{_MARGIN}help  {clean(failure.hint)}")
    return lines


def failure_line(event: ChunkFailed, style: Style) -> str:
    """Return the failed chunk in one line, for those after the first few of a stage."""
    message = clean_lines(event.failure.message)
    what = message[-1] if message else _KINDS.get(event.failure.kind, "failed")
    return f"{style.paint(style.fit('✗ ') + clean(chunk_name(event.stage, event.index)), 'bad')}  {what}"


def remedy(failed: int, stage: str, kept: int) -> str:
    """Return the last word on a stage with failed chunks: how to go on, and what that costs."""
    finished = f"{plural(kept, 'finished chunk is', 'finished chunks are')} kept. " if kept else ""
    again = f"`ckptflow repro` tries the {'failed one' if failed == 1 else f'{number(failed)} failed ones'} again"
    cost = "; if the code of the stage is changed, all its chunks run again" if kept else ""
    return f"{clean(stage)}: {finished}{again}{cost}."


def _traceback(failure: Failure) -> list[str]:
    lines = clean_lines(failure.traceback)
    if len(lines) <= _TRACEBACK_LINES:
        return lines
    # The head says where it began, the end what went wrong; the middle of a recursion says neither.
    head, tail = _TRACEBACK_LINES // 3, _TRACEBACK_LINES - _TRACEBACK_LINES // 3
    return [*lines[:head], f"  ... {number(len(lines) - _TRACEBACK_LINES)} lines left out ...", *lines[-tail:]]


def _told(failure: Failure, message: list[str]) -> bool:
    """Whether the traceback ends with the message already."""
    ending = clean_lines(failure.traceback)[-len(message) :]
    return len(ending) == len(message) and all(told.endswith(line) for told, line in zip(ending, message, strict=True))


def _output(failure: Failure, style: Style) -> list[str]:
    lines = clean_lines(failure.output)
    if not lines:
        return []
    shown = lines[-_OUTPUT_LINES:]
    left_out = f" (the last {len(shown)} of {number(len(lines))} lines)" if len(lines) > len(shown) else ""
    return [f"{_MARGIN}output{left_out}:", *(style.paint(style.fit(f"{_MARGIN}  │ {line}"), "dim") for line in shown)]
