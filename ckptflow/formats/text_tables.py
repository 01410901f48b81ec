"""Edge. CSV, TSV and JSON Lines as formats of outs. Types are inferred on reading, so the bytes name them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

from ..dataclass import dataclass
from .coerce import ACCEPTED, table_stream
from .deliver import file_as
from .forms import Form
from .lines import LinesReader
from .normal import rebatch
from .registry import Written, refused


@dataclass(frozen=True, slots=True)
class Separated:
    """Tables as text, one row a line, a header line first; text is quoted, null is empty."""

    name: str
    suffix: str
    delimiter: str
    tabular: bool = True

    def write(self, value: object, path: Path) -> Written:
        """Write a table or a stream of batches; lists and structs are refused."""
        import pyarrow as pa
        import pyarrow.csv as pacsv

        schema, batches = table_stream(value, self.name)
        options = pacsv.WriteOptions(delimiter=self.delimiter, quoting_style="needed")
        rows = 0
        try:
            with pacsv.CSVWriter(path, schema, write_options=options) as writer:
                for batch in rebatch(batches, schema):
                    writer.write_batch(batch)
                    rows += batch.num_rows
        except pa.ArrowException as error:
            raise refused(value, self.name, "columns of numbers, strings and times", str(error)) from error
        return Written(rows=rows)

    def read(self, path: Path, form: Form) -> object:
        """Return the file as `form`."""
        return file_as(path, self.name, form)

    def reader(self, path: Path) -> LinesReader:
        """Return the reader of one file."""
        return LinesReader(path, self.name)


class JsonLines:
    """Rows as JSON objects, one a line. Also takes an iterator of dicts, which need not have the same keys."""

    name = "jsonl"
    suffix = ".jsonl"
    tabular = True

    def write(self, value: object, path: Path) -> Written:
        """Write rows; times become ISO 8601, decimals text. NaN and bytes are refused."""
        rows = 0
        with path.open("w", encoding="utf-8", newline="\n") as file:
            for row in self._rows(value):
                try:
                    file.write(json.dumps(row, ensure_ascii=False, allow_nan=False, default=_plain) + "\n")
                except (TypeError, ValueError) as error:
                    raise refused(value, self.name, "rows that JSON can hold", str(error)) from error
                rows += 1
        return Written(rows=rows)

    def _rows(self, value: object) -> Iterator[Mapping[str, Any]]:
        if isinstance(value, list) and all(isinstance(row, Mapping) for row in value):
            yield from value
            return
        if isinstance(value, Iterator) and not hasattr(value, "__arrow_c_stream__"):
            yield from self._items(value)
            return
        yield from self._table_rows(value)

    def _items(self, items: Iterator[object]) -> Iterator[Mapping[str, Any]]:
        for item in items:
            if isinstance(item, Mapping):
                yield item
            else:
                yield from self._table_rows(item)

    def _table_rows(self, value: object) -> Iterator[Mapping[str, Any]]:
        schema, batches = table_stream(value, self.name)
        for batch in rebatch(batches, schema):
            yield from batch.to_pylist()

    def read(self, path: Path, form: Form) -> object:
        """Return the file as `form`."""
        return file_as(path, self.name, form)

    def reader(self, path: Path) -> LinesReader:
        """Return the reader of one file."""
        return LinesReader(path, self.name)


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, timedelta):
        return value.total_seconds()
    if isinstance(value, Decimal):
        return str(value)
    if type(value).__module__.partition(".")[0] == "numpy":
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not a value of JSON; {ACCEPTED}")


CSV = Separated("csv", ".csv", ",")
TSV = Separated("tsv", ".tsv", "\t")
JSONL = JsonLines()
