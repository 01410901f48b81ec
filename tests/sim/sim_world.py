"""A random project: sources, stages, code; written to a directory, and changed by random edits.

`World` is the model: plain values that are written as files. `write` touches only files whose bytes are to be others.
"""

from __future__ import annotations

import copy
import io
import json
import os
import random
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import sim_code

SCHEMA = pa.schema([("key", pa.int64()), ("amount", pa.int64()), ("name", pa.string()), ("day", pa.string())])
LINKS = pa.schema([("a", pa.int64()), ("b", pa.int64()), ("w", pa.int64())])
DAYS = ("mon", "tue", "wed")


@dataclass
class Encoding:
    """How a Parquet file is written; of no meaning for its values."""

    group: int = 1000
    compression: str = "snappy"


@dataclass
class StageModel:
    """One stage: its entry in the pipeline file, the function it calls, the deps by label, and what kind it makes."""

    entry: dict[str, Any]
    function: str | None
    deps: dict[str, str]
    outs: dict[str, str]  # path -> kind of what can be read there
    sees_bytes: bool = False


@dataclass
class World:
    """All that decides what a project's outs are."""

    chance: random.Random
    tables: dict[str, list[dict[str, Any]]] = field(default_factory=dict)
    encodings: dict[str, Encoding] = field(default_factory=dict)
    texts: dict[str, str] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=lambda: dict(sim_code.VALUES))
    stages: dict[str, StageModel] = field(default_factory=dict)
    params: dict[str, Any] = field(default_factory=lambda: {"factor": 2, "deep": {"least": 10}})
    serial: int = 0

    # ---- what it is made of

    def texts_of_files(self) -> dict[str, bytes]:
        """Return path -> bytes of every file of the project that people write."""
        files = {path: text.encode() for path, text in self.texts.items()}
        for path, rows in self.tables.items():
            files[path] = self._encode(path, rows)
        files.update({path: text.encode() for path, text in sim_code.module_texts(self.values).items()})
        stages = {name: stage.entry for name, stage in self.stages.items()}
        files["pipeline.yaml"] = json.dumps({"vars": [{"prefix": "made"}], "stages": stages}, indent=1).encode()
        files["params.yaml"] = json.dumps(self.params, indent=1).encode()
        return files

    def _encode(self, path: str, rows: list[dict[str, Any]]) -> bytes:
        if path.endswith(".csv"):
            lines = [f"{r['key']},{r['amount']},{r['name']},{r['day']}" for r in rows]
            return "\n".join(["key,amount,name,day", *lines, ""]).encode()
        if path.endswith(".jsonl"):
            return "".join(json.dumps({k: r[k] for k in SCHEMA.names}) + "\n" for r in rows).encode()
        schema = LINKS if "links" in path else SCHEMA
        if "rates" in path:
            schema = pa.schema([("day", pa.string()), ("rate", pa.int64())])
        encoding = self.encodings.get(path, Encoding())
        sink = io.BytesIO()
        table = pa.Table.from_pylist(rows, schema=schema)
        pq.write_table(table, sink, row_group_size=encoding.group, compression=encoding.compression)
        return sink.getvalue()

    def write(self, root: Path) -> None:
        """Make the files of `root` those of this world; files that are right are not touched."""
        files = self.texts_of_files()
        for top in ("raw", "lib"):
            for path in sorted((root / top).rglob("*")) if (root / top).is_dir() else ():
                if (
                    path.is_file()
                    and path.relative_to(root).as_posix() not in files
                    and "__pycache__" not in path.parts
                ):
                    path.unlink()
        for name, data in files.items():
            path = root / name
            if not path.exists() or path.read_bytes() != data:
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(data)

    def outs(self) -> list[str]:
        """Return the paths of all outs."""
        return [path for stage in self.stages.values() for path in stage.outs]

    def downstream(self, names: set[str]) -> set[str]:
        """Return `names` and all stages that read what they make, directly or not."""
        found = set(names)
        for name, stage in self.stages.items():  # in an order in which each comes after what it reads
            made = {path for other in found for path in self.stages[other].outs}
            if made & set(stage.deps.values()):
                found.add(name)
        return found

    def readers(self, path: str) -> set[str]:
        """Return the stages that read a source (or the directory it lies in)."""
        return {
            name
            for name, stage in self.stages.items()
            if any(path == dep or path.startswith(f"{dep}/") for dep in stage.deps.values())
        }

    def clone(self) -> World:
        """Return a copy that shares the source of chance."""
        kept, self.chance = self.chance, None  # type: ignore[assignment]
        try:
            other = copy.deepcopy(self)
        finally:
            self.chance = kept
        other.chance = kept
        return other

    # ---- rows

    def row(self, key: int | None = None) -> dict[str, Any]:
        chance = self.chance
        return {
            "key": chance.randrange(2000) if key is None else key,
            "amount": chance.randrange(10_000),
            "name": f"n{chance.randrange(100_000)}",
            "day": chance.choice(DAYS),
        }

    def link(self) -> dict[str, Any]:
        return {"a": self.chance.randrange(2000), "b": self.chance.randrange(2000), "w": self.chance.randrange(9)}

    def line(self) -> str:
        words = (f"w{self.chance.randrange(5000)}" for _ in range(self.chance.randrange(1, 7)))
        return " ".join(words) + "\n"


def make_world(chance: random.Random, stages: int) -> World:
    """Return a project of so many stages."""
    world = World(chance)
    world.tables["raw/items.parquet"] = [world.row(key) for key in sorted(chance.sample(range(2000), 240))]
    world.tables["raw/links.parquet"] = [world.link() for _ in range(200)]
    world.tables["raw/rates.parquet"] = [{"day": day, "rate": i} for i, day in enumerate(DAYS)]
    world.tables["raw/rows.csv"] = [world.row() for _ in range(150)]
    world.tables["raw/rows.jsonl"] = [world.row() for _ in range(150)]
    for part in "abc":
        world.tables[f"raw/parts/{part}.parquet"] = [world.row() for _ in range(60)]
    world.texts["raw/text.txt"] = "".join(world.line() for _ in range(120))
    for number in range(10):
        world.texts[f"raw/docs/d{number}.txt"] = "".join(world.line() for _ in range(4))
    for _ in range(stages):
        add_stage(world)
    return world


# ---- stages


def add_stage(world: World) -> str:
    """Add a random stage that reads sources or outs; return its name."""
    world.serial += 1
    name = f"s{world.serial}"
    world.stages[name] = world.chance.choice(_MAKERS)(world, name)
    return name


def _items(world: World) -> str:
    """Choose something that holds rows of `SCHEMA`, outs rather than sources."""
    made = [path for stage in world.stages.values() for path, kind in stage.outs.items() if kind == "items"]
    sources = ["raw/items.parquet", "raw/parts"]
    return world.chance.choice(made * 3 + sources)


def _cut(chance: random.Random, dep: str, path: str, *more: dict[str, Any]) -> dict[str, Any] | None:
    forms: list[dict[str, Any] | None] = [
        None,
        {"over": dep, "rows": chance.choice((15, 30))},
        {"over": dep, "rows": 25, "cut": "fixed"},
        {"over": dep},
        {"over": dep},
        *more,
    ]
    if not path.endswith("raw/parts"):
        forms.append({"over": dep, "bytes": 1500})
    return chance.choice(forms)


def _call(
    name: str, function: str, deps: dict[str, str], outs: dict[str, str], chunk: dict[str, Any] | None, **more: Any
) -> StageModel:
    entry: dict[str, Any] = {"call": f"lib.steps:{function}", "deps": deps, "outs": outs, **more}
    if chunk is not None:
        entry["chunk"] = chunk
    kinds = {path: "items" if path.endswith((".parquet", ".arrow")) else "other" for path in outs.values()}
    entry["outs"] = {k: {"path": p, "format": "text"} if p.endswith(".txt") else p for k, p in outs.items()}
    return StageModel(entry, function, dict(deps), kinds)


def _mapped(world: World, name: str) -> StageModel:
    path = _items(world)
    out = {"out": f"data/{name}.{world.chance.choice(('parquet', 'parquet', 'arrow'))}"}
    chance = world.chance
    values = {"by": {"items": "day"}}
    buckets = {"by": {"items": "key"}, "into": 5}
    chunk = _cut(chance, "items", path, values, buckets)
    match chance.choice(("mapped", "filtered", "plain", "joined")):
        case "mapped":
            more: dict[str, Any] = chance.choice(({"params": ["factor"]}, {"args": {"factor": 4}}, {}))
            return _call(name, "mapped", {"items": path}, out, chunk, **more)
        case "filtered":
            return _call(name, "filtered", {"items": path}, out, chunk, params=["deep.least"])
        case "plain":
            dep: Any = {"path": path, "columns": ["key", "amount", "name", "day"]} if chance.random() < 0.5 else path
            stage = _call(name, "plain", {"items": path}, out, chunk)
            stage.entry["deps"] = {"items": dep}
            return stage
        case _:
            return _call(name, "joined", {"items": path, "rates": "raw/rates.parquet"}, out, chunk)


def _split(world: World, name: str) -> StageModel:
    path = _items(world)
    outs = {"low": f"data/{name}.parquet", "count": f"data/{name}.json"}
    return _call(name, "split", {"items": path}, outs, _cut(world.chance, "items", path))


def _degrees(world: World, name: str) -> StageModel:
    by = {"items": "key", "links": ["a", "b"]}
    chunk = world.chance.choice(({"by": by, "rows": 30}, {"by": by, "rows": 30, "cut": "fixed"}, {"by": by, "into": 6}))
    deps = {"items": _items(world), "links": "raw/links.parquet"}
    return _call(name, "degrees", deps, {"out": f"data/{name}.parquet"}, chunk)


def _by_day(world: World, name: str) -> StageModel:
    chunk = world.chance.choice(({"by": {"items": "day"}}, {"by": {"items": "day"}, "into": 2}, None))
    return _call(name, "by_day", {"items": _items(world)}, {"out": f"data/{name}.parquet"}, chunk)


def _read(world: World, name: str) -> StageModel:
    path = world.chance.choice(("raw/rows.csv", "raw/rows.jsonl", "raw/parts"))
    chunk = _cut(world.chance, "rows", path)
    if chunk == {"over": "rows"} and path != "raw/parts":
        chunk = None
    return _call(name, "read", {"rows": path}, {"out": f"data/{name}.parquet"}, chunk, args={"factor": 2})


def _concat(world: World, name: str) -> StageModel:
    deps = {"first": _items(world), "second": _items(world)}
    if deps["first"] == deps["second"]:
        deps["second"] = "raw/items.parquet" if deps["first"] != "raw/items.parquet" else "raw/parts"
    return _call(name, "concat", deps, {"out": f"data/{name}.parquet"}, None)


def _value(world: World, name: str) -> StageModel:
    function, suffix = world.chance.choice((("total", "json"), ("pickled", "pkl"), ("array", "npy"), ("text", "txt")))
    path = _items(world)
    chunk = _cut(world.chance, "items", path) if world.chance.random() < 0.4 else None
    return _call(name, function, {"items": path}, {"out": f"data/{name}.{suffix}"}, chunk)


def _narrow(world: World, name: str) -> StageModel:
    path = _items(world)
    chunk = {"over": "items", "rows": 20} if world.chance.random() < 0.6 else None
    stage = _call(name, "narrow", {"items": path}, {"out": f"data/{name}.parquet"}, chunk)
    stage.entry["deps"] = {"items": {"path": path, "columns": ["amount"]}}
    stage.outs = dict.fromkeys(stage.outs, "other")
    return stage


def _upper(world: World, name: str) -> StageModel:
    chunk = world.chance.choice((None, {"over": "lines", "bytes": 200}, {"over": "lines", "rows": 12}))
    return _call(name, "upper", {"lines": "raw/text.txt"}, {"out": f"data/{name}.txt"}, chunk)


def _files(world: World, name: str) -> StageModel:
    match world.chance.choice(("sizes", "tree", "copies", "parts")):
        case "sizes":
            chunk: Any = world.chance.choice(({"over": "files", "files": 2}, {"over": "files"}))
            return _call(name, "sizes", {"files": "raw/docs"}, {"out": f"data/{name}.json"}, chunk)
        case "tree":
            return _call(name, "tree", {"docs": "raw/docs"}, {"out": f"data/{name}.json"}, None)
        case "parts":
            stage = _call(name, "measured", {"items": _items(world)}, {"out": f"data/{name}.json"}, None)
            stage.sees_bytes = True
            return stage
        case _:
            outs: Any = {"copied": {"path": f"data/{name}", "format": "dir"}}
            stage = _call(name, "copies", {"files": "raw/docs"}, {}, {"over": "files", "files": 3})
            stage.entry["outs"] = outs
            stage.outs = {f"data/{name}": "other"}
            return stage


def _cmd(world: World, name: str) -> StageModel:
    chance = world.chance
    kind = chance.choice(("sort", "count", "chunks", "docs", "copy", "size", "parts"))
    out = f"data/{name}.txt"
    deps = {"text": "raw/text.txt"}
    entry: dict[str, Any] = {}
    sees_bytes = False
    match kind:
        case "sort":
            entry["cmd"] = f"sort raw/text.txt > data/{name}.txt"
        case "count":
            entry["cmd"] = ["true", f"wc -l < raw/text.txt > data/{name}.txt"]
        case "chunks":
            entry["cmd"] = "tr a-z A-Z < ${chunk.in} > ${chunk.out}"
            entry["chunk"] = chance.choice(({"over": "text", "bytes": 256}, {"over": "text", "rows": 10}))
        case "docs":
            deps = {"docs": "raw/docs"}
            entry["cmd"] = "cat ${chunk.in}/* > ${chunk.out} 2>/dev/null || cat ${chunk.in} > ${chunk.out}"
            entry["chunk"] = {"over": "docs", "files": 2}
        case "copy":
            out, deps = f"data/{name}.parquet", {"items": "raw/items.parquet"}
            entry["cmd"] = f"cp raw/items.parquet {out} && chmod u+w {out}"
            sees_bytes = True
        case "size":
            path = _items(world)
            deps = {"items": path}
            entry["cmd"] = f"cat $(find -L {path} -type f -name '[!.]*' | sort) | cksum > {out}"
            sees_bytes = True
        case _:
            path = _items(world)
            deps = {"items": path}
            entry["cmd"] = "cksum < ${chunk.in} > ${chunk.out}"
            entry["chunk"] = {"over": "items", "rows": 20}
    entry["deps"], entry["outs"] = list(deps.values()), [out]
    if "chunk" in entry:
        entry["chunk"] = entry["chunk"] | {"over": next(iter(deps.values()))}
    return StageModel(entry, None, deps, {out: "items" if kind == "copy" else "other"}, sees_bytes)


def _inside(world: World, name: str) -> StageModel:
    """What happens inside chunks and between them: items one by one, a state handed on, results combined."""
    chance = world.chance
    path = _items(world)
    chunk = {"over": "item", "rows": chance.choice((15, 30))} | ({"cut": "fixed"} if chance.random() < 0.3 else {})
    over = {**chunk, "over": "items"}
    carry: dict[str, Any]
    match chance.choice(("rows", "list", "good", "files", "numbered", "running", "halved", "combined")):
        case "rows":
            suffix = chance.choice(("parquet", "json", "pkl"))
            return _leaf(name, "each_row", {"item": path}, suffix, chunk, each="item", params=["factor"])
        case "list":
            return _leaf(
                name, "each_list", {"item": path}, "parquet", chance.choice((chunk, {"over": "item"})), each="item"
            )
        case "good":
            return _leaf(name, "each_good", {"item": path}, "parquet", chunk, each="item", on_error="quarantine")
        case "files":
            return _leaf(name, "each_file", {"file": "raw/docs"}, "parquet", {"over": "file", "files": 3}, each="item")
        case "numbered":
            carry = {"initial": {"last": 0}}
            return _leaf(name, "numbered", {"item": path}, "parquet", chunk, each="item", carry=carry)
        case "running":
            return _leaf(name, "running", {"items": path}, "json", over, carry={"initial": 5})
        case "halved":
            return _leaf(name, "good", {"items": path}, "json", over, on_error="quarantine")
        case _:
            return _leaf(name, "tally", {"items": path}, "json", over, combine="lib.steps:add_up")


def _leaf(
    name: str, function: str, deps: dict[str, str], suffix: str, chunk: dict[str, Any], **more: Any
) -> StageModel:
    """Return a stage that others do not read: of a chunk of which nothing comes not even the columns are known."""
    stage = _call(name, function, deps, {"out": f"data/{name}.{suffix}"}, chunk, **more)
    stage.outs = dict.fromkeys(stage.outs, "other")
    return stage


_MAKERS = (
    _mapped, _mapped, _mapped, _mapped, _split, _degrees, _degrees, _by_day, _read, _concat, _value, _narrow,
    _upper, _files, _files, _cmd, _cmd, _cmd, _inside, _inside, _inside, _inside,
)  # fmt: skip


def touch(path: Path) -> None:
    """Give a file a new modification time."""
    stat = path.stat()
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns + 1_000_000_007))
