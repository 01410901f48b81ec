"""Edge. Tables in text: CSV, TSV and JSON Lines, with types that are those of the whole file.

A file is read in blocks that end at a record's end. A first pass infers the types of each block and joins them: null
gives way to everything, integers to floats, dates to timestamps, and what has nothing in common is text. The join of
two blocks is what one block of both would have given, so types depend on the values and not on where blocks end; a join
that could fail (a date too early for nanoseconds) is tried on the whole file and falls back to text. Every later read
parses with these types, so `007` is text in all chunks if one cell of its column is.

JSON has types of its own: a string stays a string, whatever it looks like, and a column of numbers and strings is an
error. In CSV an empty cell is null in columns that are not text.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO

from ..errors import DepUnreadable
from ..spec.model import Cut
from .normal import BATCH_ROWS, conform, normal_schema, unique_names
from .parts import Group, PartShape, readable

if TYPE_CHECKING:
    import pyarrow as pa

BLOCK_BYTES = 8 << 20
_READ_BYTES = 1 << 20
_BOM = b"\xef\xbb\xbf"
_TRUE = ["true", "True", "TRUE"]
_FALSE = ["false", "False", "FALSE"]


class LinesReader:
    """One file of CSV, TSV or JSON Lines."""

    def __init__(self, path: Path, format_name: str, block_bytes: int = BLOCK_BYTES) -> None:
        self._path = path
        self._json = format_name == "jsonl"
        self._delimiter = "\t" if format_name == "tsv" else ","
        self._block_bytes = block_bytes

    def join(self, one: pa.DataType, other: pa.DataType) -> pa.DataType:
        """See `Reader`. Text is parsed with the joined type, so nothing is lost; a doubtful join of times is text."""
        import pyarrow as pa

        if self._json:
            return _join_json(one, other, "")[0]
        kind, sure = _join_csv(one, other)
        return kind if sure or kind.equals(pa.float64()) else pa.string()

    def header(self) -> tuple[bytes, list[str]]:
        """Return the bytes of the header line (empty for JSON Lines) and the unique names of the columns."""
        with readable(self._path), self._path.open("rb") as file:
            return self._header(file)

    def _header(self, file: BinaryIO) -> tuple[bytes, list[str]]:
        if self._json:
            return b"", []
        start, _ = next(self._blocks(file), (0, b""))
        file.seek(0)
        head = file.read(start)
        text = head.removeprefix(_BOM).decode().rstrip("\r\n")
        names = next(csv.reader(io.StringIO(text, newline=""), delimiter=self._delimiter), [])
        if not names:
            raise ValueError("it is empty: not even a header line")
        return head, unique_names(names)

    def measure(self) -> PartShape:
        """Return the shape of the file; reads all of it, and the columns of doubtful joins twice."""
        import pyarrow as pa

        with readable(self._path), self._path.open("rb") as file:
            _, names = self._header(file)
            joined: dict[str, pa.DataType] = {name: pa.null() for name in names}
            doubtful: set[str] = set()
            groups = []
            for start, block in self._blocks(file):
                table = self._parse(block, start, names, None)
                for field in table.schema:
                    before = joined.get(field.name, pa.null())
                    kind, sure = (
                        _join_json(before, field.type, field.name) if self._json else _join_csv(before, field.type)
                    )
                    joined[field.name] = kind
                    if not sure:
                        doubtful.add(field.name)
                groups.append(Group(table.num_rows, table.nbytes, start, start + len(block)))
            for name in sorted(doubtful):
                if not self._converts(file, names, name, joined[name]):
                    joined[name] = pa.string()
            schema = normal_schema(pa.schema(list(joined.items())))
        return PartShape(schema, tuple(g for g in groups if g.rows))

    def stream(self, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Yield the rows of one block of lines."""
        at = shape.groups[group]
        yield from self.parse_range(shape, at.start, at.stop, schema).to_batches(max_chunksize=BATCH_ROWS)

    def parse_range(self, shape: PartShape, start: int, stop: int, schema: pa.Schema) -> pa.Table:
        """Return the records in bytes `start` to `stop` (whole lines, no header) as the columns of `schema`."""
        import pyarrow as pa

        with readable(self._path), self._path.open("rb") as file:
            file.seek(start)
            block = file.read(stop - start)
            if len(block) < stop - start:
                raise DepUnreadable(f"{self._path} changed while it was read")
            # The file's own types where they are text, so that widening across files never loses characters.
            table = self._parse(block, start, shape.schema.names, schema)
            batches = [conform(b, schema) for b in table.select(schema.names).to_batches()]
            return pa.Table.from_batches(batches, schema)

    def _blocks(self, file: BinaryIO) -> Iterator[tuple[int, bytes]]:
        """Yield (offset, bytes) of whole records, the header left out; the last one may lack its line end."""
        from ..chunk.text import cut_lines

        def data() -> Iterator[bytes]:
            at = 0
            while block := _read_at(file, at, _READ_BYTES):
                yield block
                at += len(block)

        records = cut_lines(
            data(),
            size=self._block_bytes,
            cut=Cut.FIXED,
            quoted=not self._json,
            header=not self._json,
            delimiter=self._delimiter.encode(),
        )
        for piece in records:
            yield piece.start, _read_at(file, piece.start, piece.stop - piece.start)

    def _converts(self, file: BinaryIO, names: list[str], name: str, kind: pa.DataType) -> bool:
        import pyarrow as pa

        schema = pa.schema([(name, kind)])
        try:
            for offset, block in self._blocks(file):
                self._arrow(block, names, schema, offset)
        except pa.ArrowInvalid:
            return False
        return True

    def _parse(self, block: bytes, offset: int, names: list[str], schema: pa.Schema | None) -> pa.Table:
        """Parse records; what cannot be parsed is a `DepUnreadable` that names the line."""
        import pyarrow as pa

        try:
            return self._arrow(block, names, schema, offset)
        except pa.ArrowException as error:
            line = _failing_line(block, lambda part: self._arrow(part, names, schema, offset))
            with self._path.open("rb") as file:
                line += sum(1 for _ in io.BytesIO(file.read(offset)))
            text = str(error).splitlines()[0]
            raise DepUnreadable(f"{self._path}, line {line}: {text}") from error

    def _arrow(self, block: bytes, names: list[str], schema: pa.Schema | None, offset: int) -> pa.Table:
        import pyarrow as pa

        if not offset:
            block = block.removeprefix(_BOM)
        if not block.strip(b"\r\n"):
            fields = schema if schema is not None else pa.schema([(name, pa.null()) for name in names])
            return fields.empty_table()
        return _read_json(block, schema) if self._json else _read_csv(block, names, schema, self._delimiter)


def _read_csv(block: bytes, names: list[str], schema: pa.Schema | None, delimiter: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.csv as pacsv

    return pacsv.read_csv(
        pa.py_buffer(block),
        read_options=pacsv.ReadOptions(column_names=names, block_size=len(block) + 1, use_threads=True),
        parse_options=pacsv.ParseOptions(delimiter=delimiter, newlines_in_values=b'"' in block),
        convert_options=pacsv.ConvertOptions(
            # `0` and `1` are numbers: a column of them and of `true` is text, in one block as in two.
            true_values=_TRUE,
            false_values=_FALSE,
            column_types=schema,
            include_columns=None if schema is None else schema.names,
        ),
    )


def _read_json(block: bytes, schema: pa.Schema | None) -> pa.Table:
    import pyarrow as pa
    import pyarrow.json as pajson

    def read(explicit: pa.Schema | None) -> pa.Table:
        return pajson.read_json(
            pa.py_buffer(block),
            read_options=pajson.ReadOptions(block_size=len(block) + 1),
            parse_options=pajson.ParseOptions(
                explicit_schema=explicit, unexpected_field_behavior="infer" if explicit is None else "ignore"
            ),
        )

    if schema is not None:
        return read(schema)
    table = read(None)
    stringly = pa.schema([(field.name, _json_type(field.type)) for field in table.schema])
    return table if stringly.equals(table.schema) else read(stringly)


def _json_type(kind: pa.DataType) -> pa.DataType:
    """Return the type that JSON gave a value: Arrow takes strings that look like times for times."""
    import pyarrow as pa

    if pa.types.is_timestamp(kind):
        return pa.string()
    if pa.types.is_list(kind):
        return pa.list_(_json_type(kind.value_type))
    if pa.types.is_struct(kind):
        return pa.struct([(kind.field(i).name, _json_type(kind.field(i).type)) for i in range(kind.num_fields)])
    return kind


def _join_csv(one: pa.DataType, other: pa.DataType) -> tuple[pa.DataType, bool]:
    """Return the type of a column whose blocks are `one` and `other`, and whether it surely holds for both."""
    import pyarrow as pa

    if one.equals(other) or pa.types.is_null(other):
        return one, True
    if pa.types.is_null(one):
        return other, True
    # In the order in which a block tries them: the later one of a family takes all that the earlier one takes.
    families: list[list[pa.DataType]] = [
        [pa.int64(), pa.float64()],
        [pa.date32(), pa.timestamp("s"), pa.timestamp("ns")],
        [pa.timestamp("s", "UTC"), pa.timestamp("ns", "UTC")],
        [pa.string(), pa.binary()],
    ]
    for family in families:
        if one in family and other in family:
            return family[max(family.index(one), family.index(other))], False
    return (pa.binary() if pa.binary() in (one, other) else pa.string()), True


def _join_json(one: pa.DataType, other: pa.DataType, name: str) -> tuple[pa.DataType, bool]:
    """Return the type of a column whose blocks are `one` and `other`. Raises ValueError where there is none."""
    import pyarrow as pa

    if one.equals(other) or pa.types.is_null(other):
        return one, True
    if pa.types.is_null(one):
        return other, True
    if {one, other} == {pa.int64(), pa.float64()}:
        return pa.float64(), True
    if pa.types.is_list(one) and pa.types.is_list(other):
        return pa.list_(_join_json(one.value_type, other.value_type, name)[0]), True
    if pa.types.is_struct(one) and pa.types.is_struct(other):
        fields = {f.name: f.type for f in one.fields}
        for field in other.fields:
            known = fields.get(field.name, pa.null())
            fields[field.name] = _join_json(known, field.type, f"{name}.{field.name}")[0]
        return pa.struct(list(fields.items())), True
    raise ValueError(f"column `{name}` is {one} in some lines and {other} in others")


def _read_at(file: BinaryIO, start: int, size: int) -> bytes:
    file.seek(start)
    return file.read(size)


def _failing_line(block: bytes, parse: Callable[[bytes], Any]) -> int:
    """Return the number (from 1) of the first line of `block` whose prefix fails to parse."""
    import pyarrow as pa

    lines = block.splitlines(keepends=True)
    low, high = 0, len(lines)
    while high - low > 1:
        middle = (low + high) // 2
        try:
            parse(b"".join(lines[:middle]))
            low = middle
        except pa.ArrowException:
            high = middle
    return high
