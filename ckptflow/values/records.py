"""Pure. What plots are drawn from: a file's text to records, records to lines of points.

The forms are those of DVC: JSON and YAML as a list of records, or as mappings whose lists of records are put side by
side; CSV and TSV with or without a line of names. Without a `y` the last field is drawn, without an `x` against the
record's number.
"""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping, Sequence
from itertools import zip_longest
from typing import TypeAlias

from ..dataclass import dataclass
from ..errors import FieldMissing, Problem, SpecError, ValuesMalformed
from ..spec.drawing import Axis, Drawing
from ..spec.findings import did_you_mean, listed
from ..spec.model import Value
from ..spec.paths import suffix
from ..spec.valuefiles import ValueFiles

Record: TypeAlias = dict[str, Value]

STEP = "step"
DATA_SUFFIXES = (".json", ".yaml", ".yml", ".csv", ".tsv")


@dataclass(frozen=True, slots=True)
class Line:
    """The points of one field of one file; `xs` and `ys` are of one length."""

    file: str
    field: str
    xs: tuple[Value, ...]
    ys: tuple[Value, ...]


def read_records(path: str, text: str, *, header: bool = True) -> list[Record]:
    """Return the records in a file's text. Raises `ValuesMalformed`, `SpecError`."""
    match suffix(path):
        case ".csv":
            found = _separated(path, text, ",", header=header)
        case ".tsv":
            found = _separated(path, text, "\t", header=header)
        case ".json" | ".yaml" | ".yml":
            found = _side_by_side(_value(path, text))
        case _:
            known = ", ".join(DATA_SUFFIXES)
            raise ValuesMalformed(f"`{path}` is no file that can be drawn", hint=f"plots are images or one of {known}")
    if not found:
        raise ValuesMalformed(f"`{path}` holds no records", hint="a plot is drawn from a list of records")
    return found


@dataclass(frozen=True, slots=True)
class _OneText:
    text: str

    def read(self, path: str) -> str | None:
        return self.text


def _value(path: str, text: str) -> Value:
    problems: list[Problem] = []
    found = ValueFiles(_OneText(text), problems).load(path)
    if problems:
        raise SpecError(tuple(problems))
    return found.value


def _separated(path: str, text: str, delimiter: str, *, header: bool) -> list[Record]:
    import csv  # a run keeps such files and does not read them

    reader = csv.reader(io.StringIO(text.removeprefix("\ufeff"), newline=""), delimiter=delimiter)
    try:
        rows = [row for row in reader if row]
    except csv.Error as error:
        raise ValuesMalformed(f"`{path}`, line {reader.line_num}: {error}") from error
    if not rows:
        return []
    names = rows.pop(0) if header else [str(i) for i in range(len(rows[0]))]
    return [dict(zip_longest(names, map(_number, row[: len(names)]))) for row in rows]


def _number(cell: str) -> Value:
    """Return a cell as a number where it is one, as text otherwise."""
    for kind in (int, float):
        try:
            return kind(cell) if "_" not in cell else cell
        except ValueError:
            continue
    return cell


def _side_by_side(value: Value) -> list[Record]:
    found: list[Record] = []
    for records in _lists(value):
        for index, record in enumerate(records):
            if index == len(found):
                found.append({})
            found[index].update(record)
    return found


def _lists(value: Value) -> Iterator[list[Record]]:
    match value:
        case list():
            records = [item for item in value if isinstance(item, dict)]
            if len(records) == len(value):
                yield records
        case dict():
            for each in value.values():
                yield from _lists(each)
        case _:
            return


def data_files(plot: str, drawing: Drawing) -> tuple[str, ...]:
    """Return the files that a plot is drawn from."""
    own = () if drawing.y and all(axis.file is not None for axis in drawing.y) else (plot,)
    return tuple(dict.fromkeys((*own, *drawing.files)))


def lines(plot: str, drawing: Drawing, files: Mapping[str, Sequence[Record]]) -> tuple[Line, ...]:
    """Return the lines of a plot. Raises `FieldMissing`, `ValuesMalformed`."""
    ys = drawing.y or (Axis(_last_field(files[plot])),)
    if len(drawing.x) > 1 and len(drawing.x) != len(ys):
        raise ValuesMalformed(
            f"`{plot}` has {len(drawing.x)} fields for x and {len(ys)} for y", hint="name one field for x, or one a y"
        )
    found = []
    for index, y in enumerate(ys):
        file = y.file or plot
        values = _column(file, files[file], y.field)
        x = drawing.x[index if len(drawing.x) > 1 else 0] if drawing.x else None
        if x is None:
            steps: tuple[Value, ...] = tuple(range(len(values)))
        else:
            steps = _column(x.file or file, files[x.file or file], x.field)
        if len(steps) != len(values):
            raise ValuesMalformed(
                f"`{plot}` has {len(steps)} values of {x.field if x else STEP} and {len(values)} of {y.field}"
            )
        found.append(Line(file, y.field, steps, values))
    return tuple(found)


def _last_field(records: Sequence[Record]) -> str:
    return list(records[0])[-1] if records[0] else ""


def _column(file: str, records: Sequence[Record], name: str) -> tuple[Value, ...]:
    if not any(name in record for record in records):
        known = list(dict.fromkeys(key for record in records for key in record))
        hint = did_you_mean(name, known) or f"fields are {listed(known)}"
        raise FieldMissing(f"`{file}` has no field `{name}`", hint=hint)
    return tuple(record.get(name) for record in records)


def label(axes: Sequence[Axis], default: str, several: str) -> str:
    """Return what stands along an axis: its field, `several` where there is more than one, else `default`."""
    fields = {axis.field for axis in axes}
    return fields.pop() if len(fields) == 1 else several if fields else default
