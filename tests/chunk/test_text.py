"""Lines and CSV records: where they end, and that blocks of any size make no difference."""

from __future__ import annotations

import io

import pyarrow.csv
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.chunk.text import LinePiece, cut_lines
from ckptflow.spec.model import Cut

FIELDS = st.text("ab\",\n\r '", max_size=6)
RAW = st.lists(st.sampled_from([b'"', b'""', b",", b"\n", b"\r\n", b"a", b"bc", b'5"']), max_size=60).map(b"".join)


def in_blocks(data: bytes, size: int) -> list[bytes]:
    return [data[start : start + size] for start in range(0, len(data), size)]


def records_of(data: bytes, block: int = 1 << 20, *, quoted: bool = True) -> list[bytes]:
    pieces = cut_lines(in_blocks(data, block), rows=1, cut=Cut.FIXED, quoted=quoted)
    return [data[piece.start : piece.stop] for piece in pieces]


def by_character(data: bytes) -> list[bytes]:
    """CSV records by a plain state machine: a quote opens a field only at its start."""
    records, start, inside, begins, i = [], 0, False, True, 0
    while i < len(data):
        byte = data[i : i + 1]
        if inside:
            if byte == b'"':
                if data[i + 1 : i + 2] == b'"':
                    i += 1
                else:
                    inside = False
            begins = False
        elif byte == b'"' and begins:
            inside, begins = True, False
        else:
            begins = byte in b",\n\r"
            if byte == b"\n":
                records.append(data[start : i + 1])
                start = i + 1
        i += 1
    return [*records, data[start:]] if start < len(data) or not records else records


@settings(max_examples=400)
@given(RAW, st.integers(1, 7))
def test_records_end_where_a_reader_ends_them(data: bytes, block: int) -> None:
    assert records_of(data) == by_character(data)
    assert records_of(data, block) == by_character(data)


@settings(max_examples=150)
@given(st.lists(st.tuples(FIELDS, FIELDS), min_size=1, max_size=12), st.booleans(), st.integers(1, 9))
def test_records_are_those_of_the_reader_of_csv(rows: list[tuple[str, str]], crlf: bool, block: int) -> None:
    def quote(field: str) -> str:
        return '"' + field.replace('"', '""') + '"'

    end = "\r\n" if crlf else "\n"
    data = "".join(f"{quote(one)},{quote(two)}{end}" for one, two in rows).encode()
    options = pyarrow.csv.ParseOptions(newlines_in_values=True)
    names = pyarrow.csv.ReadOptions(column_names=["a", "b"])
    strings = pyarrow.csv.ConvertOptions(column_types={"a": "string", "b": "string"}, strings_can_be_null=False)
    read = pyarrow.csv.read_csv(io.BytesIO(data), names, options, strings)
    assert len(records_of(data, block)) == len(rows) == read.num_rows


def test_lines_of_plain_text() -> None:
    assert records_of(b'a"b\nc"\n\nlast', quoted=False) == [b'a"b\n', b'c"\n', b"\n", b"last"]
    assert records_of(b"a\r\nb\r\n", quoted=False) == [b"a\r\n", b"b\r\n"]


LINES = b"".join(b"%d,name-%d\n" % (i * 7919 % 10007, i * i % 997) for i in range(4000))


def cut(data: bytes, block: int = 1 << 16, **how: object) -> list[LinePiece]:
    return list(cut_lines(in_blocks(data, block), **{"rows": 100, "cut": Cut.CONTENT, **how}))  # type: ignore[arg-type]


@pytest.mark.parametrize("how", [{}, {"rows": None, "size": 900}, {"cut": Cut.FIXED}, {"header": True, "quoted": True}])
def test_blocks_do_not_count(how: dict[str, object]) -> None:
    whole = cut(LINES, **how)
    assert len(whole) > 20
    assert all(cut(LINES, block, **how) == whole for block in (1, 7, 1000, 4097))


def test_pieces_are_whole_lines_in_order() -> None:
    pieces = cut(LINES)
    assert pieces[0].start == 0 and pieces[-1].stop == len(LINES)
    assert [p.stop for p in pieces[:-1]] == [p.start for p in pieces[1:]]
    assert all(LINES[p.start : p.stop].count(b"\n") == p.rows for p in pieces)
    assert all(50 <= p.rows <= 200 for p in pieces)
    assert [p.rows for p in cut(LINES, cut=Cut.FIXED)] == [100] * 40
    sizes = [p.stop - p.start for p in cut(LINES, rows=None, size=1000)]
    assert all(480 <= size <= 2020 for size in sizes)
    assert all(980 <= p.stop - p.start <= 1000 for p in cut(LINES, rows=None, size=1000, cut=Cut.FIXED)[:-1])


@pytest.mark.parametrize("at", [0, 1, 2000, 3999, 4000])
@pytest.mark.parametrize("how", [{}, {"rows": None, "size": 1500}])
def test_an_inserted_line_makes_few_pieces_new(at: int, how: dict[str, object]) -> None:
    lines = LINES.splitlines(keepends=True)
    changed = b"".join([*lines[:at], b"4711,new\n", *lines[at:]])
    new = {p.digest for p in cut(changed, **how)} - {p.digest for p in cut(LINES, **how)}
    assert 1 <= len(new) <= 3


def test_the_header_is_in_no_piece_and_counts_in_all() -> None:
    one, other = cut(b"a,b\n" + LINES, header=True), cut(b"a,c\n" + LINES, header=True)
    assert one[0].start == 4 and one[-1].stop == len(LINES) + 4
    assert [(p.start, p.stop) for p in one] == [(p.start, p.stop) for p in other]
    assert not {p.digest for p in one} & {p.digest for p in other}
    assert sum(p.rows for p in one) == 4000
    assert not {p.digest for p in cut(LINES)} & {p.digest for p in cut(LINES, salt=b"types")}


def test_the_last_newline_counts_for_the_last_piece_alone() -> None:
    with_newline, without = cut(LINES), cut(LINES[:-1])
    assert [p.digest for p in without[:-1]] == [p.digest for p in with_newline[:-1]]
    assert without[-1].rows == with_newline[-1].rows
    assert without[-1].digest != with_newline[-1].digest


def test_line_ends_do_not_move_cuts() -> None:
    crlf = cut(LINES.replace(b"\n", b"\r\n"))
    assert [p.rows for p in crlf] == [p.rows for p in cut(LINES)]


def test_a_line_longer_than_many_pieces() -> None:
    data = b"a\nb\n" + b"x" * 5000 + b"\nc\nd\n"
    pieces = cut(data, 64, rows=None, size=10)
    assert [p.stop for p in pieces[:-1]] == [p.start for p in pieces[1:]] and pieces[-1].stop == len(data)
    assert sum(p.rows for p in pieces) == 5
    assert cut(data, 1, rows=None, size=10) == pieces


@pytest.mark.parametrize("how", [{}, {"rows": None, "size": 10}, {"cut": Cut.FIXED}])
def test_empty_text_is_one_empty_piece(how: dict[str, object]) -> None:
    (piece,) = cut(b"", **how)
    assert (piece.start, piece.stop, piece.rows) == (0, 0, 0)
    for head in (b"a,b\n", b"a,b"):
        (piece,) = cut(head, header=True, **how)
        assert (piece.start, piece.stop, piece.rows) == (len(head), len(head), 0)
    (line,) = cut(b"\n", **how)
    assert (line.start, line.stop, line.rows) == (0, 1, 1)


def test_rows_or_size() -> None:
    with pytest.raises(ValueError, match="either"):
        cut(LINES, size=10)
    with pytest.raises(ValueError, match="either"):
        cut(LINES, rows=None)
