"""Types of text tables are those of the whole file, wherever its blocks end."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.errors import DepUnreadable
from ckptflow.formats.forms import Form
from ckptflow.formats.lines import LinesReader
from ckptflow.formats.registry import get_format


def read(path: Path, format_name: str, block_bytes: int) -> pa.Table:
    reader = LinesReader(path, format_name, block_bytes)
    shape = reader.measure()
    batches = [b for i in range(len(shape.groups)) for b in reader.stream(shape, i, shape.schema)]
    assert sum(b.num_rows for b in batches) == shape.rows
    return pa.Table.from_batches(batches, shape.schema).combine_chunks()


@pytest.mark.parametrize(
    ("cells", "kind"),
    [
        (["1", "2", ""], "int64"),
        (["1", "2.5"], "double"),
        (["1", "x"], "string"),
        (["007", "x"], "string"),
        (["", ""], "null"),
        (["", "x"], "string"),
        (["true", "false"], "bool"),
        (["0", "true"], "string"),
        (["1", "true"], "string"),
        (["2024-01-01", "2024-01-02"], "date32[day]"),
        (["2024-01-01", "2024-01-02 10:00:00"], "timestamp[s]"),
        (["2024-01-01", "2024-01-02 10:00:00.5"], "timestamp[ns]"),
        (["1500-01-01", "2024-01-02 10:00:00.5"], "string"),
        (["2024-01-01 10:00:00", "2024-01-02T10:00:00Z"], "string"),
        (["0x1F", "2.5"], "string"),
        (["1", "2024-01-01"], "string"),
        (['"a\nb"', "c"], "string"),
        (['5" pipe', "c"], "string"),
    ],
)
@pytest.mark.parametrize("order", [1, -1])
def test_types_do_not_depend_on_blocks(cells: list[str], kind: str, order: int, tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("k,v\n" + "".join(f"k,{cell}\n" for cell in cells[::order]))
    tables = [read(path, "csv", size) for size in (1, 5, 1 << 20)]
    assert str(tables[0].schema.field("v").type) == kind
    assert tables[0].equals(tables[1])
    assert tables[0].equals(tables[2])


values = st.one_of(
    st.sampled_from(
        ["", "1", "0", "true", "1.5", "2024-01-01", "2024-01-01 01:02:03", "nan", "007", "x,y", 'q"q', "a\nb"]
    ),
    st.text(st.characters(blacklist_categories=["Cs", "Cc"]), max_size=5),
)


@settings(max_examples=150, deadline=None)
@given(rows=st.lists(st.tuples(values, values), max_size=12), size=st.integers(1, 40))
def test_any_csv_is_the_same_in_any_blocks(
    rows: list[tuple[str, str]], size: int, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = tmp_path_factory.mktemp("any") / "t.csv"

    def quoted(cell: str) -> str:
        return '"' + cell.replace('"', '""') + '"' if any(c in cell for c in ',"\n\r') else cell

    path.write_text("a,b\n" + "".join(f"{quoted(a)},{quoted(b)}\n" for a, b in rows), newline="")
    assert read(path, "csv", size).equals(read(path, "csv", 1 << 20))


def test_header_names_become_unique(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_bytes(b'\xef\xbb\xbfBank,Account,Account,Account_1,"Two\nlines"\n1,2,3,4,5\n')
    table = read(path, "csv", 1 << 20)
    assert table.schema.names == ["Bank", "Account", "Account_2", "Account_1", "Two\nlines"]
    assert table.to_pylist()[0]["Account_2"] == 3


def test_line_ends_and_missing_last_one(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    for text in (b"a,b\n1,x\n2,y\n", b"a,b\r\n1,x\r\n2,y\r\n", b"a,b\n1,x\n2,y", b"a,b\n\n1,x\n\n2,y\n"):
        path.write_bytes(text)
        for size in (1, 1 << 20):
            assert read(path, "csv", size).to_pylist() == [{"a": 1, "b": "x"}, {"a": 2, "b": "y"}]


def test_tabs(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    get_format("tsv").write(pa.table({"a": ["x,y", "z"], "b": [1, 2]}), path)
    assert get_format("tsv").read(path, Form.TABLE).to_pylist() == [{"a": "x,y", "b": 1}, {"a": "z", "b": 2}]  # type: ignore[attr-defined]


@pytest.mark.parametrize("size", [1, 30, 1 << 20])
def test_json_lines(size: int, tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(
        '{"a": 1, "d": "2024-01-01", "s": {"x": null}}\n{"a": 2.5, "l": []}\n{"l": [1, 2], "s": {"y": "2024-01-01"}}\n'
    )
    table = read(path, "jsonl", size)
    assert table.schema.names == ["a", "d", "s", "l"]
    assert table.to_pylist() == [
        {"a": 1.0, "d": "2024-01-01", "s": {"x": None, "y": None}, "l": None},
        {"a": 2.5, "d": None, "s": None, "l": []},
        {"a": None, "d": None, "s": {"x": None, "y": "2024-01-01"}, "l": [1, 2]},
    ]


@pytest.mark.parametrize("size", [1, 1 << 20])
@pytest.mark.parametrize(
    ("name", "text", "says"),
    [
        ("csv", "a,b\n1,2\n1,2,3\n4,5\n", "line 3"),
        ("jsonl", '{"a": 1}\n{"a": 2}\n{"a"\n', "line 3"),
        ("jsonl", '{"a": 1}\n{"a": "x"}\n', "broken"),
        ("csv", "", "header"),
    ],
)
def test_the_place_of_a_mistake_is_named(name: str, text: str, says: str, size: int, tmp_path: Path) -> None:
    path = tmp_path / "broken"
    path.write_text(text)
    with pytest.raises(DepUnreadable, match=says):
        read(path, name, size)


def test_rows_of_json_lines_need_not_be_alike(tmp_path: Path) -> None:
    path = tmp_path / "t.jsonl"
    written = get_format("jsonl").write(iter([{"a": 1}, {"b": "x"}]), path)
    assert written.rows == 2
    assert path.read_text() == '{"a": 1}\n{"b": "x"}\n'
