"""Edge. A value that is no table: a mapping of records, saved by the library and returned by a stage, beside pickle."""

from __future__ import annotations

import inspect
import os
import pickle
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from ckptflow.checkpoints import CheckpointManager

from .. import bare as bare_programs
from .. import projects
from ..bench import Bench, Line, Size, bare, ckptflow, figures, shown
from ..cost import Cost, Series, WentWrong, alternate, here


def values(bench: Bench) -> Iterator[Line]:
    """Accounts with fifteen features each, as a dict of dicts; pickles are synced as what the library saves is.

    First in a process that has the mapping and all libraries; then in one of its own each, which loads pyarrow too:
    less what a process costs that only makes the mapping, or only starts.
    """
    count = bench.pick(500, 50_000, 518_581)
    module = inspect.getsource(bare_programs.records) + f"\n\ndef made():\n    return records({count})\n"
    project = projects.make(
        bench.scratch / "project",
        {"records": {"call": "records:made", "outs": {"out": {"path": "data/records.pkl", "format": "pickle"}}}},
        modules={"records": module},
    )

    def stage() -> Cost:
        projects.forget(project, "data/records.pkl")
        return ckptflow(project, "repro", "-q")

    def program(what: str, *args: str) -> Cost:
        return bare(what, *args, cwd=project)

    costs = alternate(
        bench.rounds,
        {
            "stage": stage,
            "made": lambda: program("dicts", str(count), ""),
            "pickled": lambda: program("dicts", str(count), "plain.pkl"),
            "saved": lambda: program("save", str(count), "kept"),
            "nothing": lambda: program("unpickle", ""),
            "unpickled": lambda: program("unpickle", "plain.pkl"),
            "loaded": lambda: program("load", "kept"),
        },
    )
    save, dump = costs["saved"].less(costs["made"]), costs["pickled"].less(costs["made"])
    load, undump = costs["loaded"].less(costs["nothing"]), costs["unpickled"].less(costs["nothing"])
    kept, plain = _bytes(project / "kept/aml"), (project / "plain.pkl").stat().st_size
    words = f"{count:,} × 15 values, a dict of dicts"
    yield from _in_one_process(bench, count, words)
    alone = "in a process of its own"
    yield _line(bench, f"values/save-alone/{count}", f"`save` of {words}, {alone}", "pickle.dump", save, dump)
    yield _line(bench, f"values/load-alone/{count}", f"`load` of {words}, {alone}", "pickle.load", load, undump)
    yield Line(
        name=f"values/bytes/{count}",
        work="the same, bytes",
        ours=f"{kept / 1e6:.1f} MB",
        beside=f"`pickle.dump` {plain / 1e6:.1f} MB",
        ratio=f"{kept / plain:.2f} ×",
        target="a third",
        met=_whole(bench, kept <= plain / 3),
        figures={"bytes": kept, "pickled_bytes": plain},
    )
    extra = costs["stage"].cpu - costs["pickled"].cpu
    yield Line(
        name=f"values/stage/{count}",
        work=f"{words}, made by a stage and kept as a pickle",
        ours=shown(costs["stage"]),
        beside=f"making it and `pickle.dump` {shown(costs['pickled'])}; making it {shown(costs['made'])}",
        ratio=f"{extra:+.2f} s CPU",
        target="-",
        met=None,
        limit=costs["stage"].over(costs["pickled"]),
        figures=figures(**costs),
    )


def _in_one_process(bench: Bench, count: int, words: str) -> Iterator[Line]:
    value = bare_programs.records(count)
    manager, plain = CheckpointManager(bench.scratch / "here"), bench.scratch / "here.pkl"

    def dump() -> None:
        with plain.open("wb") as file:
            pickle.dump(value, file, protocol=5)
            file.flush()
            os.fsync(file.fileno())

    def undump() -> None:
        with plain.open("rb") as file:
            pickle.load(file)

    works: dict[str, Callable[[], object]] = {
        "save": lambda: manager.save("aml", "features", value),
        "dump": dump,
        "load": lambda: manager.load("aml", "features"),
        "undump": undump,
    }
    for work in works.values():
        work()
    if manager.load("aml", "features") != value:
        raise WentWrong("what was loaded is not what was saved")
    costs = alternate(bench.rounds, {name: partial(here, work) for name, work in works.items()})
    for ours, beside in (("save", "dump"), ("load", "undump")):
        name, work, other = f"values/{ours}/{count}", f"`{ours}` of {words}", "dump" if ours == "save" else "load"
        yield _line(bench, name, work, f"pickle.{other}", costs[ours], costs[beside], "faster")


def _line(bench: Bench, name: str, work: str, beside: str, ours: Series, plain: Series, target: str = "-") -> Line:
    ratio = ours.over(plain, "wall")
    return Line(
        name=name,
        work=work,
        ours=shown(ours),
        beside=f"`{beside}` {shown(plain)}",
        ratio=f"{ratio.median:.2f} × wall, {ours.over(plain).median:.2f} × CPU",
        target=target,
        met=None if target == "-" else _whole(bench, ratio.median < 1.0),
        limit=ratio,
        figures=figures(ours=ours, pickle=plain),
    )


def _whole(bench: Bench, met: bool) -> bool | None:
    """The target is stated for all accounts: with fewer, starting pyarrow is most of it."""
    return met if bench.size >= Size.FULL else None


def _bytes(folder: Path) -> int:
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
