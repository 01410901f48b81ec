"""Random edits of a world, and for each what may run after it: the oracle of minimality."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import sim_code
from sim_world import Encoding, StageModel, World, add_stage, touch


@dataclass(frozen=True)
class Allowed:
    """What may run: only these stages, and of some of them at most so many chunks."""

    stages: frozenset[str] = frozenset()
    most: Mapping[str, int] = field(default_factory=dict)


NOTHING = Allowed()
Edit = Callable[[World, Path], tuple[str, Allowed] | None]
"""Changes world or directory; returns what it did and what may run, None where it does not apply."""


def random_edit(world: World, root: Path) -> tuple[str, Allowed]:
    """Do one edit; the world is written to `root` afterwards by the caller."""
    while True:
        done = world.chance.choice(EDITS)(world, root)
        if done is not None:
            return done


def _after(world: World, changed: set[str]) -> frozenset[str]:
    return frozenset(world.downstream(changed))


def _table(world: World, chance: random.Random) -> str:
    return chance.choice(sorted(world.tables))


def change_row(world: World, root: Path) -> tuple[str, Allowed]:
    """Change, insert or delete one row of a table."""
    chance = world.chance
    path = _table(world, chance)
    rows = world.tables[path]
    how = chance.choice(("change", "insert", "delete", "append"))
    at = chance.randrange(len(rows)) if rows else 0
    make = world.link if "links" in path else world.row
    if "rates" in path:
        rows[at]["rate"] += 1
        how = "change"
    elif how == "delete" and len(rows) > 1:
        del rows[at]
    elif how == "change" and rows:
        rows[at] = make()
    else:
        rows.insert(len(rows) if how == "append" else at, make())
    readers = world.readers(path)
    most = {name: 3 for name in readers if _cut_by_content(world.stages[name], path)}
    most |= _followers(world, most)
    most |= {name: 5 for name in readers if _cut_by_key(world.stages[name], path)}
    return f"{how} row {at} of {path}", Allowed(_after(world, readers), most)


def _cut_by_content(stage: StageModel, path: str) -> bool:
    """Whether one row touches at most three chunks: cut by rows and content, and nothing else read from there."""
    chunk = stage.entry.get("chunk") or {}
    cut = {label for label, dep in stage.deps.items() if path == dep or path.startswith(f"{dep}/")}
    over = chunk.get("over")
    alone = "carry" not in stage.entry  # else a chunk runs for the state that it gets
    return alone and "rows" in chunk and "cut" not in chunk and all(over in (label, stage.deps[label]) for label in cut)


def _cut_by_key(stage: StageModel, path: str) -> bool:
    """Whether one row, with its former and its new keys, touches few ranges or buckets: those and a neighbour each."""
    chunk = stage.entry.get("chunk") or {}
    named = {label for label, dep in stage.deps.items() if path == dep or path.startswith(f"{dep}/")}
    return "by" in chunk and "cut" not in chunk and named <= set(chunk["by"])


def _followers(world: World, most: Mapping[str, int]) -> dict[str, int]:
    """Return the stages that take the chunks of such a stage one to one, and nothing else that changes."""
    found: dict[str, int] = {}
    for name, stage in world.stages.items():
        if stage.entry.get("chunk") not in ({"over": label} for label in stage.deps) or len(stage.deps) != 1:
            continue
        (path,) = stage.deps.values()
        makers = [n for n, s in world.stages.items() if path in s.outs]
        if makers and makers[0] in {**most, **found} and world.stages[makers[0]].entry.get("chunk"):
            found[name] = 3
    return found


def change_text(world: World, root: Path) -> tuple[str, Allowed]:
    """Change a line of a text."""
    path = world.chance.choice(sorted(world.texts))
    lines = world.texts[path].splitlines(keepends=True)
    at = world.chance.randrange(len(lines) + 1)
    lines[at : at + world.chance.randrange(2)] = [world.line()]
    world.texts[path] = "".join(lines)
    return f"line {at} of {path}", Allowed(_after(world, world.readers(path)))


def change_files(world: World, root: Path) -> tuple[str, Allowed]:
    """Add, remove or rename a file of a directory."""
    chance = world.chance
    folder = chance.choice(("raw/docs", "raw/parts"))
    held = world.texts if folder == "raw/docs" else world.tables
    names = sorted(path for path in held if path.startswith(f"{folder}/"))
    how = chance.choice(("add", "remove", "rename"))
    new = f"{folder}/z{chance.randrange(10_000)}{Path(names[0]).suffix}"
    if how == "add" or len(names) < 3:
        held[new] = world.line() if folder == "raw/docs" else [world.row()]  # type: ignore[assignment]
    elif how == "remove":
        del held[chance.choice(names)]
    else:
        held[new] = held.pop(chance.choice(names))  # type: ignore[assignment]
    return f"{how} in {folder}", Allowed(_after(world, world.readers(new)))


def encode_anew(world: World, root: Path) -> tuple[str, Allowed]:
    """Write the same rows with other row groups and another compression."""
    paths = [p for p in sorted(world.tables) if p.endswith(".parquet")]
    path = world.chance.choice(paths)
    compression = world.chance.choice(("snappy", "zstd", "none", "gzip"))
    world.encodings[path] = Encoding(world.chance.choice((7, 50, 1000)), compression)
    touched = {
        name
        for name in world.readers(path)
        if world.stages[name].sees_bytes or "bytes" in (world.stages[name].entry.get("chunk") or {})
    }
    return f"encode {path} anew", Allowed(_after(world, touched))


def touch_file(world: World, root: Path) -> tuple[str, Allowed]:
    """Touch a source or a module."""
    path = world.chance.choice([*sorted(world.tables), *sorted(world.texts), *sorted(sim_code.MODULES)])
    touch(root / path)
    return f"touch {path}", NOTHING


def change_code(world: World, root: Path) -> tuple[str, Allowed]:
    """Change a constant, a function's body, a comment, a docstring, or what nobody refers to."""
    name = world.chance.choice(sorted(sim_code.OTHER))
    choices = [v for v in sim_code.OTHER[name] if v != world.values[name]]
    world.values[name] = world.chance.choice(choices)
    hit = {n for n, s in world.stages.items() if s.function and name in sim_code.REACH[s.function]}
    assert not (hit and name in sim_code.SILENT)
    return f"code: {name}", Allowed(_after(world, hit))


def change_param(world: World, root: Path) -> tuple[str, Allowed]:
    """Change a parameter."""
    if world.chance.random() < 0.5:
        world.params["factor"] += 1
        name = "factor"
    else:
        world.params["deep"]["least"] = world.chance.randrange(90)
        name = "deep.least"
    hit = {n for n, s in world.stages.items() if name in s.entry.get("params", ())}
    return f"param {name}", Allowed(_after(world, hit))


def change_arg(world: World, root: Path) -> tuple[str, Allowed] | None:
    """Change an argument."""
    names = [n for n, s in world.stages.items() if "args" in s.entry]
    if not names:
        return None
    name = world.chance.choice(names)
    world.stages[name].entry["args"]["factor"] += 1
    return f"arg of {name}", Allowed(_after(world, {name}))


def change_cut(world: World, root: Path) -> tuple[str, Allowed] | None:
    """Change the size of chunks."""
    names = [n for n, s in world.stages.items() if {"rows", "into", "files", "bytes"} & set(s.entry.get("chunk") or ())]
    if not names:
        return None
    name = world.chance.choice(names)
    chunk = world.stages[name].entry["chunk"]
    size = next(k for k in ("rows", "into", "files", "bytes") if k in chunk)
    chunk[size] += world.chance.choice((1, 2, chunk[size]))
    return f"cut of {name}", Allowed(_after(world, {name}))


def rename_stage(world: World, root: Path) -> tuple[str, Allowed]:
    """Give a stage another name: its outs stay, and so does what was done."""
    old = world.chance.choice(list(world.stages))
    world.serial += 1
    new = f"r{world.serial}"
    world.stages = {new if name == old else name: stage for name, stage in world.stages.items()}
    return f"rename {old} to {new}", NOTHING


def new_stage(world: World, root: Path) -> tuple[str, Allowed] | None:
    """Add a stage."""
    if len(world.stages) > 7:
        return None
    name = add_stage(world)
    return f"add {name}", Allowed(frozenset({name}))


def remove_stage(world: World, root: Path) -> tuple[str, Allowed] | None:
    """Remove a stage that no other reads."""
    ends = [n for n in world.stages if world.downstream({n}) == {n}]
    if len(world.stages) < 2 or not ends:
        return None
    name = world.chance.choice(ends)
    del world.stages[name]
    return f"remove {name}", NOTHING


def delete_out(world: World, root: Path) -> tuple[str, Allowed]:
    """Delete an out from the workspace, or a part of one."""
    path = root / world.chance.choice(world.outs())
    parts = sorted(path.rglob("*")) if path.is_dir() else []
    victim = world.chance.choice(parts) if parts and world.chance.random() < 0.5 else path
    if victim.is_dir():
        shutil.rmtree(victim)
    else:
        victim.unlink()
    return f"delete {victim.relative_to(root)}", NOTHING


def delete_cache(world: World, root: Path) -> tuple[str, Allowed]:
    """Delete `cache.db`."""
    for end in ("", "-wal", "-shm"):
        (root / f".ckptflow/cache.db{end}").unlink(missing_ok=True)
    return "delete cache.db", NOTHING


def delete_cuts(world: World, root: Path) -> tuple[str, Allowed]:
    """Delete the partitions of cut deps."""
    shutil.rmtree(root / ".ckptflow/cuts", ignore_errors=True)
    return "delete cuts", NOTHING


def delete_lock(world: World, root: Path) -> tuple[str, Allowed]:
    """Delete the lock file."""
    (root / "pipeline.lock").unlink()
    return "delete pipeline.lock", NOTHING


EDITS: tuple[Edit, ...] = (
    change_row, change_row, change_row, change_row, change_row, change_text, change_files, change_files, encode_anew,
    encode_anew, touch_file, change_code, change_code, change_code, change_param, change_arg, change_cut, rename_stage,
    new_stage, remove_stage, delete_out, delete_cache, delete_cuts, delete_lock,
)  # fmt: skip
