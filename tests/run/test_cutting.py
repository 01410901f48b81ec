"""Deps are cut into pieces; what is read for a piece is what its digest says."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pacsv
import pyarrow.parquet as pq
import pytest

from ckptflow.chunk.model import AtBytes, AtFiles, AtPart, AtRows, AtSlot, Part
from ckptflow.chunk.sheet import Sheet
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.chunk.values import table_digest
from ckptflow.errors import DepMissing, DepUnreadable, SpillMissing, UsageError
from ckptflow.formats.dataset import Dataset
from ckptflow.formats.forms import Form
from ckptflow.formats.parquet import ParquetReader
from ckptflow.formats.parts import PartShape
from ckptflow.formats.registry import get_format
from ckptflow.ids import Digest, StageName, digest
from ckptflow.run.cutting import cut
from ckptflow.run.messages import CutTask, Input, Source
from ckptflow.run.readcache import ReadCache
from ckptflow.run.reading import materialise, read_input
from ckptflow.spec.model import (
    ByBuckets,
    ByRanges,
    ByValues,
    ChunkSpec,
    Cut,
    OverBytes,
    OverFiles,
    OverParts,
    OverRows,
)
from ckptflow.store.hashing import hash_file


class House:
    """A project with a store of plain files."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.store = root / "store"
        self.spills = root / "cuts"
        self.store.mkdir()
        self.opened: list[Digest] = []
        self.cache = ReadCache()

    def object_path(self, name: Digest) -> Path:
        self.opened.append(name)
        return self.store / name

    def put(self, data: bytes) -> Digest:
        (self.store / digest(data)).write_bytes(data)
        return digest(data)

    def part(self, value: object, format_name: str = "parquet") -> Part:
        path = self.root / "new"
        written = get_format(format_name).write(value, path)
        name = self.put(path.read_bytes())
        return Part(name, path.stat().st_size, written.values or name, written.rows)

    def tree(self, parts: list[Part], path: str, format_name: str = "parquet", layout: Layout = Layout.PARTS) -> Source:
        tree = Tree(layout, format_name, tuple(parts), suffix=Path(path).suffix)
        return Source(path, format_name, tree.identity(), self.put(tree.encode()))

    def listing(self, files: dict[str, bytes]) -> Part:
        listed = [ListedFile(name, self.put(data), len(data), name.endswith(".sh")) for name, data in files.items()]
        name = self.put(Listing(tuple(listed)).encode())
        return Part(name, sum(map(len, files.values())), name, listing=True)

    def file(self, path: str, format_name: str) -> Source:
        full = self.root / path
        if "*" in path:
            names = sorted(self.root.glob(path))
        else:
            names = sorted(p for p in full.rglob("*") if p.is_file()) if full.is_dir() else [full]
        identity = digest("".join(f"{p} {hash_file(p)}" for p in names).encode())
        return Source(path, format_name, identity)

    def cut(self, spec: ChunkSpec | None, **sources: Source | Input) -> Sheet:
        inputs = tuple(s if isinstance(s, Input) else Input(label, s) for label, s in sources.items())
        task = CutTask(1, StageName("s"), inputs, spec, "log")
        return cut(task, self.object_path, self.root, self.spills, self.cache)

    def read(self, source: Source, piece: object = None, form: Form = Form.NATURAL, **more: object) -> object:
        item = Input("d", source, form=form, name="d", piece=piece, **more)  # type: ignore[arg-type]
        return read_input(item, root=self.root, object_path=self.object_path, spill_dir=self.spills, cache=self.cache)

    def rows(self, source: Source, sheet: Sheet, label: str = "d", **more: object) -> list[pa.Table]:
        tables = []
        for piece in sheet.pieces[label]:
            table = self.read(source, piece, **more)  # type: ignore[arg-type]
            assert isinstance(table, pa.Table)
            assert all(column.num_chunks <= 1 for column in table.columns)
            tables.append(table)
        return tables


@pytest.fixture
def house(tmp_path: Path) -> House:
    return House(tmp_path)


def numbers(rows: int, seed: int = 0) -> pa.Table:
    rng = np.random.default_rng(seed)
    return pa.table(
        {"id": np.arange(rows), "x": rng.random(rows), "who": [f"name {v}" for v in rng.integers(0, 1000, rows)]}
    )


def insert(table: pa.Table, at: int) -> pa.Table:
    row = pa.table({"id": [-5], "x": [0.5], "who": ["new"]})
    return pa.concat_tables([table.slice(0, at), row, table.slice(at)])


def same_rows(tables: list[pa.Table], whole: pa.Table) -> bool:
    return bool(pa.concat_tables(tables).combine_chunks().equals(whole.combine_chunks()))


def sources_of(house: House, table: pa.Table) -> dict[str, Callable[[], Source]]:
    def parquet() -> Source:
        pq.write_table(table, house.root / "t.parquet", row_group_size=700)
        return house.file("t.parquet", "parquet")

    def directory() -> Source:
        (house.root / "dir").mkdir(exist_ok=True)
        for i in range(3):
            pq.write_table(table.slice(i * 1500, 1500), house.root / "dir" / f"{i}.parquet")
        pq.write_table(table.slice(4500), house.root / "dir" / "z.parquet")
        (house.root / "dir" / "_SUCCESS").write_text("")
        return house.file("dir", "parquet")

    def arrow() -> Source:
        get_format("arrow").write(table, house.root / "t.arrow")
        return house.file("t.arrow", "arrow")

    def parts() -> Source:
        return house.tree([house.part(table.slice(s, 900)) for s in range(0, table.num_rows, 900)], "o.parquet")

    def one() -> Source:
        return house.tree([house.part(table)], "o.parquet", layout=Layout.FILE)

    return {"parquet": parquet, "directory": directory, "arrow": arrow, "parts": parts, "one": one}


@pytest.mark.parametrize("kind", ["parquet", "directory", "arrow", "parts", "one"])
def test_rows_of_any_table_are_the_same_pieces(kind: str, house: House) -> None:
    table = numbers(5000)
    source = sources_of(house, table)[kind]()
    sheet = house.cut(OverRows("d", 300), d=source)
    pieces = sheet.pieces["d"]
    tables = house.rows(source, sheet)
    assert same_rows(tables, table)
    assert [p.digest for p in pieces] == [table_digest(t) for t in tables]
    assert all(isinstance(p.where, AtRows) and 150 <= (p.rows or 0) <= 600 for p in pieces)
    reference = house.cut(OverRows("d", 300), d=sources_of(house, table)["parquet"]())
    assert [p.digest for p in reference.pieces["d"]] == [p.digest for p in pieces]
    stops = [sum(t.num_rows for t in tables[: i + 1]) for i in range(len(tables))]
    spans = zip([0, *stops], stops, strict=False)
    assert [sheet.label(i) for i in range(sheet.chunks)] == [f"rows {a + 1:,} to {b:,}" for a, b in spans]


def test_an_inserted_row_changes_few_pieces(house: House) -> None:
    table = numbers(20_000)
    before = house.cut(OverRows("d", 200), d=sources_of(house, table)["one"]())
    after = house.cut(OverRows("d", 200), d=sources_of(house, insert(table, 3))["one"]())
    new = {p.digest for p in after.pieces["d"]} - {p.digest for p in before.pieces["d"]}
    assert 1 <= len(new) <= 3


@pytest.fixture
def decoded(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The row groups that were decoded so far."""
    groups: list[int] = []
    stream = ParquetReader.stream

    def counted(self: ParquetReader, shape: PartShape, group: int, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        groups.append(group)
        yield from stream(self, shape, group, schema)

    monkeypatch.setattr(ParquetReader, "stream", counted)
    return groups


def write_groups(house: House, groups: list[pa.Table]) -> Source:
    with pq.ParquetWriter(house.root / "t.parquet", groups[0].schema) as writer:
        for group in groups:
            writer.write_table(group)
    return house.file("t.parquet", "parquet")


def afresh(house: House, spec: ChunkSpec, source: Source | Input) -> Sheet:
    """Cut without a memory of former cuts."""
    for memory in house.spills.glob("*.cut"):
        memory.unlink()
    return house.cut(spec, d=source)


@pytest.mark.parametrize("how", list(Cut))
def test_row_groups_that_are_stored_as_before_are_not_decoded(how: Cut, house: House, decoded: list[int]) -> None:
    spec = OverRows("d", 1000, how)
    groups = [numbers(20_000, seed) for seed in range(7)]

    def needed(groups: list[pa.Table]) -> list[int]:
        source = write_groups(house, groups)
        decoded.clear()
        sheet = house.cut(spec, d=source)
        seen = decoded.copy()
        assert afresh(house, spec, source) == sheet
        assert decoded[len(seen) :] == list(range(len(groups)))
        return seen

    assert needed(groups) == list(range(7))
    assert needed(groups) == []
    assert needed([*groups, numbers(5, 50)]) == [6, 7]
    assert needed(groups) == [6]
    inserted = [*groups[:3], insert(groups[3], 10_000), *groups[4:]]
    assert needed(inserted) == ([2, 3, 4] if how is Cut.CONTENT else [2, 3, 4, 5, 6])
    assert needed([*inserted[:1], *inserted[2:]]) == [0, 1]


def test_rows_that_were_decoded_to_be_cut_are_not_decoded_again(house: House, decoded: list[int]) -> None:
    groups = [numbers(20_000, seed) for seed in range(4)]
    spec = OverRows("d", 1000)
    before = house.cut(spec, d=write_groups(house, groups))
    groups[2] = insert(groups[2], 10_000)
    source = write_groups(house, groups)
    sheet = house.cut(spec, d=source)
    new = [p for p in sheet.pieces["d"] if p.digest not in {old.digest for old in before.pieces["d"]}]
    assert 1 <= len(new) <= 3
    decoded.clear()
    tables = [house.read(source, piece) for piece in new]
    assert not decoded
    assert [table_digest(table) for table in tables] == [piece.digest for piece in new]
    assert [table_digest(house.read(source, piece)) for piece in new] == [piece.digest for piece in new]
    assert decoded == [2]
    house.cache = ReadCache(limit=1000)
    assert afresh(house, spec, source) == sheet
    decoded.clear()
    house.read(source, sheet.pieces["d"][0])
    assert decoded == [0]


def test_parts_that_are_the_same_objects_are_not_decoded(house: House, decoded: list[int]) -> None:
    parts = [house.part(numbers(20_000, seed)) for seed in range(6)]
    spec = OverRows("d", 1000)
    house.cut(spec, d=house.tree(parts, "o.parquet"))
    parts[3] = house.part(insert(numbers(20_000, 3), 500))
    source = house.tree(parts, "o.parquet")
    decoded.clear()
    sheet = house.cut(spec, d=source)
    assert len(decoded) == 3
    assert afresh(house, spec, source) == sheet


@pytest.mark.parametrize("damage", ["torn", "removed", "other rows", "other version", "other columns"])
def test_a_memory_that_is_not_of_this_cut_is_none(
    damage: str, house: House, decoded: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    source = write_groups(house, [numbers(1000, seed) for seed in range(3)])
    sheet = house.cut(OverRows("d", 100), d=source)
    (memory,) = house.spills.glob("*.cut")
    item, spec = Input("d", source), OverRows("d", 100)
    match damage:
        case "torn":
            memory.write_bytes(memory.read_bytes()[:-1])
        case "removed":
            memory.unlink()
        case "other rows":
            spec = OverRows("d", 101)
        case "other version":
            monkeypatch.setattr(pa, "__version__", "0")
        case "other columns":
            item = replace(item, columns=("x",))
    decoded.clear()
    again = house.cut(spec, d=item)
    assert decoded == [0, 1, 2]
    assert (again == sheet) == (spec.rows == 100 and item.columns is None)
    assert again == afresh(house, spec, item)


def test_a_disk_that_takes_no_memory_costs_the_memory(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    source = write_groups(house, [numbers(1000)])
    sheet = house.cut(OverRows("d", 100), d=source)

    def full(path: Path, data: bytes) -> None:
        raise OSError(28, "no space")

    monkeypatch.setattr("ckptflow.run.recutting.replace_file", full)
    assert afresh(house, OverRows("d", 100), source) == sheet
    assert not list(house.spills.glob("*.cut"))


def test_reading_rows_opens_only_the_parts_that_hold_them(house: House) -> None:
    source = sources_of(house, numbers(9000))["parts"]()
    sheet = house.cut(OverRows("d", 300), d=source)
    house.opened.clear()
    house.read(source, sheet.pieces["d"][0])
    assert len(set(house.opened)) <= 2
    for shape in house.spills.glob("*.shape"):
        shape.write_bytes(b"torn")
    house.cache = ReadCache()
    assert house.read(source, sheet.pieces["d"][0]).num_rows == sheet.pieces["d"][0].rows  # type: ignore[attr-defined]


def test_columns_bound_what_is_read_and_what_counts(house: House) -> None:
    table = numbers(2000)
    other = table.set_column(1, "x", pa.array(np.zeros(2000)))
    pq.write_table(table, house.root / "a.parquet")
    pq.write_table(other, house.root / "b.parquet")
    pacsv.write_csv(table, house.root / "a.csv")
    pacsv.write_csv(other, house.root / "b.csv")
    keep = ("who", "id")
    for kind in ("parquet", "csv"):
        sheets = []
        for name in "ab":
            source = house.file(f"{name}.{kind}", kind)
            sheet = house.cut(OverRows("d", 200), d=Input("d", source, columns=keep))
            sheets.append(sheet)
            tables = house.rows(source, sheet, columns=keep)
            assert same_rows(tables, table.select(keep))
            assert [p.digest for p in sheet.pieces["d"]] == [table_digest(t) for t in tables]
        assert [p.digest for p in sheets[0].pieces["d"]] == [p.digest for p in sheets[1].pieces["d"]]
    with pytest.raises(DepUnreadable, match="no column `nope`"):
        house.cut(OverRows("d", 200), d=Input("d", house.file("a.parquet", "parquet"), columns=("nope",)))


def test_csv_ranges_parse_with_the_types_of_the_file(house: House) -> None:
    lines = ["code,when,quoted"] + [f'{i},2024-01-01,"two\nlines {i}"' for i in range(900)] + ['007x,,"a ""b"""']
    (house.root / "t.csv").write_text("\n".join(lines))
    source = house.file("t.csv", "csv")
    sheet = house.cut(OverRows("d", 100), d=source)
    tables = house.rows(source, sheet)
    whole = house.read(source)
    assert isinstance(whole, pa.Table)
    assert same_rows(tables, whole)
    assert whole.schema.types == [pa.string(), pa.date32(), pa.string()]
    assert whole["quoted"].to_pylist()[-2:] == ["two\nlines 899", 'a "b"']
    assert sum(p.rows or 0 for p in sheet.pieces["d"]) == 901
    first = house.read(source, sheet.pieces["d"][0], Form.TEXT)
    assert isinstance(first, str)
    assert first.startswith("code,when,quoted\n0,2024")
    path = house.read(source, sheet.pieces["d"][1], Form.PATH)
    assert isinstance(path, Path)
    assert path.suffix == ".csv"
    assert len(pd.read_csv(path)) == sheet.pieces["d"][1].rows


def test_a_changed_type_or_header_makes_all_ranges_new(house: House) -> None:
    def digests(text: str) -> set[str]:
        (house.root / "t.csv").write_text(text)
        return {p.digest for p in house.cut(OverRows("d", 50), d=house.file("t.csv", "csv")).pieces["d"]}

    body = "".join(f"{i},{i * 7}\n" for i in range(1000))
    before = digests("a,b\n" + body)
    assert not before & digests("a,c\n" + body)
    assert not before & digests("a,b\n" + body + "x,1\n")
    assert len(digests("a,b\n5,5\n" + body) - before) <= 3


def test_json_lines_and_text_by_rows_and_bytes(house: House) -> None:
    (house.root / "t.jsonl").write_text("".join(f'{{"a": {i}, "b": "2024-01-01"}}\n' for i in range(500)))
    (house.root / "t.txt").write_text("".join(f"line {i}\n" for i in range(500)))
    for spec in (OverRows("d", 40), OverBytes("d", 800)):
        source = house.file("t.jsonl", "jsonl")
        tables = house.rows(source, house.cut(spec, d=source))
        assert len(tables) > 3
        assert pa.concat_tables(tables).to_pylist() == [{"a": i, "b": "2024-01-01"} for i in range(500)]
        source = house.file("t.txt", "text")
        texts = [house.read(source, piece) for piece in house.cut(spec, d=source).pieces["d"]]
        assert "".join(texts) == (house.root / "t.txt").read_text()  # type: ignore[arg-type]


def test_several_csv_files_are_one_table(house: House) -> None:
    (house.root / "in").mkdir()
    (house.root / "in" / "a.csv").write_text("n,k\n" + "".join(f"{i},00{i}\n" for i in range(300)))
    (house.root / "in" / "b.csv").write_text("n,k\n1.5,x\n")
    for source in (house.file("in", "csv"), house.file("in/*.csv", "csv")):
        sheet = house.cut(OverRows("d", 60), d=source)
        table = pa.concat_tables(house.rows(source, sheet))
        assert table["n"].to_pylist()[-2:] == [299.0, 1.5]
        assert table["k"].to_pylist()[:2] == ["000", "001"]
        assert all(isinstance(p.where, AtSlot) for p in sheet.pieces["d"])


def test_table_bytes_are_cut_at_row_groups(house: House) -> None:
    table = numbers(20_000)
    pq.write_table(table, house.root / "t.parquet", row_group_size=500)
    source = house.file("t.parquet", "parquet")
    sheet = house.cut(OverBytes("d", 50_000), d=source)
    assert same_rows(house.rows(source, sheet), table)
    assert len(sheet.pieces["d"]) > 3
    starts = [p.where.start for p in sheet.pieces["d"] if isinstance(p.where, AtRows)]
    assert all(start % 500 == 0 for start in starts)


def test_bytes_of_a_binary_file(house: House) -> None:
    data = np.random.default_rng(1).bytes(200_000)
    (house.root / "t.bin").write_bytes(data)
    source = house.file("t.bin", "file")
    sheet = house.cut(OverBytes("d", 10_000), d=source)
    assert b"".join(house.read(source, p, Form.BYTES) for p in sheet.pieces["d"]) == data  # type: ignore[misc]
    path = house.read(source, sheet.pieces["d"][0])
    assert isinstance(path, Path)
    assert data.startswith(path.read_bytes())


def test_parts_one_to_one(house: House) -> None:
    tables = [numbers(50, seed) for seed in range(4)]
    parts = [house.part(t) for t in tables]
    source = house.tree(parts, "o.parquet")
    sheet = house.cut(OverParts("d"), d=source)
    assert [p.digest for p in sheet.pieces["d"]] == [part.values for part in parts]
    assert [p.where for p in sheet.pieces["d"]] == [AtPart(part) for part in parts]
    assert all(a.equals(b) for a, b in zip(house.rows(source, sheet), tables, strict=True))
    streamed = replace(source, identity="stream", tree=None)
    assert all(a.equals(b) for a, b in zip(house.rows(streamed, sheet), tables, strict=True))
    projected = house.cut(OverParts("d"), d=Input("d", source, columns=("id",)))
    assert [p.digest for p in projected.pieces["d"]] == [table_digest(t.select(["id"])) for t in tables]


def test_parts_of_a_directory_are_named_by_their_rows(house: House) -> None:
    source = sources_of(house, numbers(5000))["directory"]()
    sheet = house.cut(OverParts("d"), d=source)
    tables = house.rows(source, sheet)
    assert [p.digest for p in sheet.pieces["d"]] == [table_digest(t) for t in tables]
    assert [t.num_rows for t in tables] == [1500, 1500, 1500, 500]
    assert sheet.labels == ("0.parquet", "1.parquet", "2.parquet", "z.parquet")


@pytest.mark.parametrize("compression", ["none", "gzip"])
def test_a_path_to_rows_shows_nothing_of_the_encoding(compression: str, house: House) -> None:
    table = numbers(100)
    sink = house.root / "x.parquet"
    pq.write_table(table.replace_schema_metadata({"secret": compression}), sink, compression=compression)
    written = house.part(table)
    foreign = Part(house.put(sink.read_bytes()), sink.stat().st_size, written.values, 100)
    source = house.tree([foreign], "o.parquet")
    (piece,) = house.cut(OverParts("d"), d=source).pieces["d"]
    path = house.read(source, piece, Form.PATH)
    assert isinstance(path, Path)
    assert path.suffix == ".parquet"
    assert path.read_bytes() == (house.store / written.object).read_bytes()


def test_files_of_a_directory(house: House) -> None:
    for i in range(30):
        (house.root / "in" / str(i % 3)).mkdir(parents=True, exist_ok=True)
        (house.root / "in" / str(i % 3) / f"{i:02}.wav").write_bytes(bytes([i]))
    source = house.file("in", "dir")
    sheet = house.cut(OverFiles("d", 5), d=source)
    paths = [p for piece in sheet.pieces["d"] for p in house.read(source, piece)]  # type: ignore[attr-defined]
    assert sorted(paths) == sorted(p for p in (house.root / "in").rglob("*.wav"))
    assert all(p.is_absolute() for p in paths)
    pattern = house.file("in/1/*.wav", "file")
    (whole,) = house.cut(OverFiles("d", 100), d=pattern).pieces["d"]
    assert len(house.read(pattern, whole)) == 10  # type: ignore[arg-type]
    before = {p.digest for p in sheet.pieces["d"]}
    (house.root / "in" / "1" / "04.wav").write_bytes(b"changed")
    after = {p.digest for p in house.cut(OverFiles("d", 5), d=source).pieces["d"]}
    assert len(after - before) == 1


def test_files_of_an_out(house: House) -> None:
    part = house.listing({"a/x.txt": b"one", "b.txt": b"two", "run.sh": b"#!/bin/sh\n"})
    source = house.tree([part], "files", "dir", Layout.DIR)
    sheet = house.cut(OverFiles("d", 1), d=source)
    read = [house.read(source, piece) for piece in sheet.pieces["d"]]
    assert [[p.read_bytes() for p in paths] for paths in read] == [[b"one"], [b"two"], [b"#!/bin/sh\n"]]  # type: ignore[attr-defined]
    assert [paths[0].name for paths in read] == ["x.txt", "b.txt", "run.sh"]  # type: ignore[index]
    top = house.read(source)
    assert isinstance(top, Path)
    assert top.name == "files"
    assert sorted(str(p.relative_to(top)) for p in top.rglob("*") if p.is_file()) == ["a/x.txt", "b.txt", "run.sh"]
    assert os.access(top / "run.sh", os.X_OK)
    assert house.read(source) == top
    same_text = house.listing({"a/x.txt": b"one", "b.txt": b"two", "run": b"#!/bin/sh\n"})
    other = house.cut(OverFiles("d", 1), d=house.tree([same_text], "files", "dir", Layout.DIR))
    assert [p.digest for p in other.pieces["d"]][:2] == [p.digest for p in sheet.pieces["d"]][:2]


KEYS = {"accounts": ("account",), "transactions": ("source", "target")}


def ledger(
    house: House, accounts: int = 2000, rows: int = 9000, extra: tuple[int, int] | None = None
) -> dict[str, Source]:
    rng = np.random.default_rng(3)
    people = pa.table({"account": rng.permutation(accounts), "born": rng.integers(1900, 2000, accounts)})
    source, target = rng.integers(0, accounts, rows), rng.integers(0, accounts, rows)
    if extra:
        source, target = np.append(source, extra[0]), np.append(target, extra[1])
    moves = pa.table({"source": source.astype(np.int32), "target": target, "amount": np.arange(len(source)) / 2})
    return {
        "accounts": house.tree([house.part(people)], "a.parquet", layout=Layout.FILE),
        "transactions": house.tree(
            [house.part(moves.slice(s, 2000)) for s in range(0, len(source), 2000)], "t.parquet"
        ),
    }


@pytest.mark.parametrize("spec", [ByRanges(KEYS, 100), ByBuckets(KEYS, 16)])
@pytest.mark.parametrize(("run_bytes", "rows"), [(1, 150_000), (64 << 20, 9000)])
def test_co_partitioned_deps(
    spec: ByRanges | ByBuckets, run_bytes: int, rows: int, house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("ckptflow.run.spills.RUN_BYTES", run_bytes)
    monkeypatch.setattr("ckptflow.run.spills.SPILL_BATCH", 333)
    sources = ledger(house, rows=rows)
    sheet = house.cut(spec, **sources)
    assert len(sheet.labels) == sheet.chunks
    moves = house.read(sources["transactions"])
    assert isinstance(moves, pa.Table)
    order = moves["amount"].to_numpy()
    seen = set()
    for i in range(sheet.chunks):
        accounts = house.read(sources["accounts"], sheet.pieces["accounts"][i])
        part = house.read(sources["transactions"], sheet.pieces["transactions"][i])
        assert isinstance(accounts, pa.Table)
        assert isinstance(part, pa.Table)
        assert table_digest(part) == sheet.pieces["transactions"][i].digest
        mine = set(accounts["account"].to_pylist())
        assert not seen & mine
        seen |= mine
        touched = np.isin(moves["source"], list(mine)) | np.isin(moves["target"], list(mine))
        assert part["amount"].to_pylist() == order[touched].tolist()
    assert len(seen) == 2000


def test_pieces_do_not_depend_on_how_spills_are_made(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ledger(house, rows=150_000)
    spec = ByRanges(KEYS, 100)
    sheets = []
    for run_bytes, merge, part_rows in [(1, 1, 300), (64 << 20, 1 << 18, 1 << 20), (1 << 16, 500, 1000)]:
        monkeypatch.setattr("ckptflow.run.slotting.PART_ROWS", part_rows)
        monkeypatch.setattr("ckptflow.run.spills.RUN_BYTES", run_bytes)
        monkeypatch.setattr("ckptflow.run.spills.MERGE_ROWS", merge)
        house.spills = house.root / f"cuts-{run_bytes}"
        sheets.append(house.cut(spec, **sources))
        for label in KEYS:
            for piece in sheets[-1].pieces[label]:
                house.read(sources[label], piece)
        assert not list(house.spills.glob("*/keys-*"))
    assert sheets[0] == sheets[1] == sheets[2]


def test_a_new_row_touches_its_slots_alone(house: House) -> None:
    spec = ByRanges(KEYS, 100)
    before = house.cut(spec, **ledger(house))
    after = house.cut(spec, **ledger(house, extra=(7, 1900)))
    assert before.pieces["accounts"] == tuple(
        replace(p, where=b.where) for p, b in zip(after.pieces["accounts"], before.pieces["accounts"], strict=True)
    )
    changed = [
        i
        for i, (a, b) in enumerate(zip(after.pieces["transactions"], before.pieces["transactions"], strict=True))
        if a.digest != b.digest
    ]
    assert len(changed) == 2


def test_one_slot_a_value(house: House) -> None:
    table = pa.table({"day": ["tue", "mon", None, "tue"], "n": [1, 2, 3, 4]})
    source = house.tree([house.part(table)], "t.parquet", layout=Layout.FILE)
    other = house.tree([house.part(pa.table({"d": ["mon", "sun"]}))], "u.parquet", layout=Layout.FILE)
    sheet = house.cut(ByValues({"d": ("day",), "o": ("d",)}), d=source, o=other)
    assert [t["n"].to_pylist() for t in house.rows(source, sheet)] == [[3], [2], [1, 4]]
    assert [t["d"].to_pylist() for t in house.rows(other, sheet, "o")] == [[], ["mon"], []]
    assert sheet.labels == ("null", "mon", "tue")


def test_columns_of_a_partition_need_not_hold_the_key(house: House) -> None:
    sources = ledger(house)
    moves = Input("transactions", sources["transactions"], columns=("amount",))
    sheet = house.cut(ByRanges(KEYS, 100), accounts=sources["accounts"], transactions=moves)
    tables = house.rows(sources["transactions"], sheet, "transactions", columns=("amount",))
    assert all(t.schema.names == ["amount"] for t in tables)
    assert [table_digest(t) for t in tables] == [p.digest for p in sheet.pieces["transactions"]]


@pytest.mark.parametrize("damage", ["remove", "truncate", "flip", "swap"])
def test_a_damaged_spill_is_missing_and_cut_again(damage: str, house: House) -> None:
    sources = ledger(house)
    spec = ByRanges(KEYS, 100)
    sheet = house.cut(spec, **sources)
    piece = sheet.pieces["transactions"][3]
    assert isinstance(piece.where, AtSlot)
    rows = house.spills / piece.where.spill / "rows.arrow"
    match damage:
        case "remove":
            rows.unlink()
        case "truncate":
            rows.write_bytes(rows.read_bytes()[:5000])
        case "flip":
            good = house.read(sources["transactions"], piece)
            assert isinstance(good, pa.Table)
            data = bytearray(rows.read_bytes())
            needle = good["amount"].to_numpy().tobytes()
            data[data.index(needle)] ^= 1
            rows.write_bytes(data)
        case _:
            piece = replace(piece, where=AtSlot(piece.where.spill, 4))
    with pytest.raises(SpillMissing):
        house.read(sources["transactions"], piece)
    again = house.cut(spec, **sources)
    assert again == sheet
    for piece in again.pieces["transactions"]:
        house.read(sources["transactions"], piece)
    assert not list(house.spills.glob("*.tmp"))


def test_a_cut_that_was_made_is_not_made_again(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    sources = ledger(house)
    sheet = house.cut(ByRanges(KEYS, 100), **sources)
    monkeypatch.setattr("ckptflow.run.spills._write", None)
    assert house.cut(ByRanges(KEYS, 100), **sources) == sheet


def test_an_empty_dep_is_one_piece_with_its_schema(house: House) -> None:
    empty = numbers(0)
    for kind in ("parquet", "one", "arrow"):
        source = sources_of(house, empty)[kind]()
        specs: list[ChunkSpec] = [
            OverRows("d", 100),
            OverRows("d", 100, Cut.FIXED),
            OverBytes("d", 1000),
            OverParts("d"),
            ByRanges({"d": ("id",)}, 100),
            ByBuckets({"d": ("id",)}, 8),
            ByValues({"d": ("who",)}),
        ]
        for spec in specs:
            sheet = house.cut(spec, d=source)
            (table,) = house.rows(source, sheet)
            assert table.schema.equals(empty.schema)
            assert table.num_rows == 0
    (house.root / "e.csv").write_text("a,b\n")
    (house.root / "none").mkdir()
    source = house.file("e.csv", "csv")
    (table,) = house.rows(source, house.cut(OverRows("d", 100), d=source))
    assert table.schema.names == ["a", "b"]
    source = house.file("none", "dir")
    (piece,) = house.cut(OverFiles("d", 3), d=source).pieces["d"]
    assert piece.where == AtFiles(())
    assert house.read(source, piece) == []


def test_whole_deps_are_named_by_what_counts(house: House) -> None:
    def name(source: Source, **more: object) -> Digest:
        return house.cut(None, d=Input("d", source, **more)).pieces["d"][0].digest  # type: ignore[arg-type]

    table = numbers(3000)
    part = house.part(table)
    pq.write_table(table, house.root / "t.parquet", compression="gzip", row_group_size=10)
    assert name(house.file("t.parquet", "parquet")) == part.values == table_digest(table)
    (house.root / "t.bin").write_bytes(b"data")
    assert name(house.file("t.bin", "file")) == digest(b"data")
    for form in (Form.PATH, Form.BYTES):
        assert name(house.file("t.parquet", "parquet"), form=form) == hash_file(house.root / "t.parquet")
    (house.root / "in").mkdir()
    seen = set()
    for files in ({"a": "1"}, {"a": "2"}, {"b": "2"}, {"b": "2", "c": ""}):
        for old in (house.root / "in").iterdir():
            old.unlink()
        for file, text in files.items():
            (house.root / "in" / file).write_text(text)
        seen.add(name(house.file("in", "dir")))
    assert len(seen) == 4


def test_a_whole_dataset_is_read_as_it_goes(house: House) -> None:
    source = sources_of(house, numbers(5000))["parts"]()
    dataset = house.read(source, form=Form.DATASET)
    assert isinstance(dataset, Dataset)
    assert dataset.num_rows == 5000
    assert [chunk.num_rows for chunk in dataset.chunks()] == [900] * 5 + [500]
    assert dataset.select(["who"]).to_table().schema.names == ["who"]
    assert sum(b.num_rows for b in dataset.batches(columns=["id"])) == 5000
    assert pa.table(dataset).equals(dataset.to_table())
    reader = house.read(source, form=Form.READER)
    assert isinstance(reader, pa.RecordBatchReader)
    assert reader.read_all().num_rows == 5000


def test_whole_tables_are_loaded_once(house: House) -> None:
    source = sources_of(house, numbers(50))["one"]()
    assert house.read(source) is house.read(source)
    first = house.read(source, form=Form.PANDAS)
    assert isinstance(first, pd.DataFrame)
    first["id"] = 0
    assert house.read(source, form=Form.PANDAS)["id"].tolist() == list(range(50))  # type: ignore[index]


def test_mutable_values_are_made_anew(house: House) -> None:
    source = house.tree([house.part({"a": [1]}, "json")], "o.json", "json", Layout.FILE)
    first = house.read(source)
    assert first == {"a": [1]}
    first["a"].append(2)  # type: ignore[index]
    assert house.read(source) == {"a": [1]}
    several = house.tree([house.part(i, "pickle") for i in range(3)], "o.pkl", "pickle")
    assert house.read(several) == [0, 1, 2]
    path = house.read(source, form=Form.PATH)
    assert isinstance(path, Path)
    assert path.name == "o.json"
    assert path.is_absolute()


def test_paths_of_parts_have_their_names(house: House) -> None:
    source = sources_of(house, numbers(2000))["parts"]()
    top = house.read(source, form=Form.PATH)
    assert isinstance(top, Path)
    assert top.name == "o.parquet"
    assert pq.read_table(top).num_rows == 2000
    paths = house.read(source, form=Form.PATHS)
    assert [p.name for p in paths] == ["part-000000.parquet", "part-000001.parquet", "part-000002.parquet"]  # type: ignore[attr-defined]
    scratch = top.parent.parent
    house.cache.close()
    assert not scratch.exists()


def test_paths_of_the_dead_are_removed_and_of_the_living_kept(house: House) -> None:
    (house.spills / "paths-dead").mkdir(parents=True)
    (house.spills / "paths-dead" / "lock").touch()
    with ReadCache() as living, ReadCache() as other:
        kept = living.fresh("a", house.spills, piece=True)
        other.fresh("b", house.spills, piece=True)
        assert kept.parent.exists()
        assert not (house.spills / "paths-dead").exists()


def test_materialised_inputs(house: House) -> None:
    def placed(source: Source, piece: object, name: str) -> Path:
        item = Input("d", source, piece=piece)  # type: ignore[arg-type]
        materialise(item, house.root / name, root=house.root, object_path=house.object_path, spill_dir=house.spills)
        return house.root / name

    table = numbers(2000)
    source = sources_of(house, table)["one"]()
    sheet = house.cut(OverRows("d", 300), d=source)
    assert pq.read_table(placed(source, sheet.pieces["d"][0], "p.parquet")).num_rows == sheet.pieces["d"][0].rows
    assert pq.read_table(placed(source, None, "w.parquet")).equals(table)
    sources = ledger(house)
    slots = house.cut(ByRanges(KEYS, 100), **sources)
    piece = slots.pieces["transactions"][0]
    assert pq.read_table(placed(sources["transactions"], piece, "s.parquet")).num_rows == piece.rows
    files = house.tree([house.listing({"a": b"1", "b": b"2"})], "f", "dir", Layout.DIR)
    assert sorted(p.name for p in placed(files, None, "f").iterdir()) == ["a", "b"]
    one = house.cut(OverFiles("d", 1), d=files).pieces["d"][1]
    assert placed(files, one, "single").read_bytes() == b"2"


@pytest.mark.parametrize(
    ("path", "format_name", "spec", "says"),
    [
        ("t.bin", "file", OverRows("d", 5), "cannot be cut by rows"),
        ("in", "dir", OverBytes("d", 5), "cannot be cut by bytes"),
        ("t.bin", "file", OverFiles("d", 5), "cannot be cut by files"),
        ("t.bin", "file", ByRanges({"d": ("k",)}, 5), "is no table"),
        ("t.csv", "csv", ByRanges({"d": ("k",)}, 5), "no column `k`"),
        ("gone.csv", "csv", OverRows("d", 5), "is missing"),
        ("broken.parquet", "parquet", OverRows("d", 5), "broken.parquet"),
        ("broken.csv", "csv", OverRows("d", 5), "line 4"),
        ("fifo", "file", OverParts("d"), "neither a file"),
    ],
)
def test_deps_that_cannot_be_cut(path: str, format_name: str, spec: ChunkSpec, says: str, house: House) -> None:
    (house.root / "t.bin").write_bytes(b"x")
    (house.root / "t.csv").write_text("a\n1\n")
    (house.root / "broken.parquet").write_bytes(b"x")
    (house.root / "broken.csv").write_text("a,b\n1,2\n1,2\n1,2,3\n")
    (house.root / "in").mkdir()
    os.mkfifo(house.root / "fifo")
    with pytest.raises((DepUnreadable, DepMissing), match=says):
        house.cut(spec, d=Source(path, format_name, "i"))


def test_forms_that_do_not_fit(house: House) -> None:
    (house.root / "in").mkdir()
    (house.root / "in" / "a").write_text("x")
    source = house.file("in", "dir")
    for form in (Form.TABLE, Form.BYTES, Form.PANDAS):
        with pytest.raises(UsageError, match="directory"):
            house.read(source, form=form)
    (piece,) = house.cut(OverFiles("d", 9), d=source).pieces["d"]
    assert house.read(source, piece, Form.TEXT) == "x"
    with pytest.raises(UsageError, match="files"):
        house.read(source, piece, Form.TABLE)


def test_a_shortened_file_is_noticed(house: House) -> None:
    (house.root / "t.txt").write_text("line\n" * 1000)
    source = house.file("t.txt", "text")
    sheet = house.cut(OverRows("d", 100), d=source)
    (house.root / "t.txt").write_text("line\n" * 10)
    with pytest.raises(DepUnreadable, match="shorter"):
        house.read(source, sheet.pieces["d"][-1])
    assert isinstance(sheet.pieces["d"][0].where, AtBytes)
