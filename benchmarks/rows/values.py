"""Edge. A value that is no table: a mapping of records, kept by the library and out of a stage, beside plain pickle."""

from __future__ import annotations

import inspect
import pickle
from collections.abc import Callable, Iterator

from ckptflow.checkpoints import CheckpointManager

from .. import bare as bare_programs
from .. import projects
from ..bench import Bench, Line, bare, ckptflow, figures, shown
from ..cost import Cost, WentWrong, alternate, here


def values(bench: Bench) -> Iterator[Line]:
    """Accounts with fifteen features each, as a dict of dicts: saved and loaded by the library, then out of a stage
    into the store as a pickle.
    """
    count = bench.pick(500, 50_000, 518_581)
    yield from _by_the_library(bench, count)
    module = inspect.getsource(bare_programs.records) + f"\n\ndef made():\n    return records({count})\n"
    project = projects.make(
        bench.scratch / "project",
        {"records": {"call": "records:made", "outs": {"out": {"path": "data/records.pkl", "format": "pickle"}}}},
        modules={"records": module},
    )

    def ours() -> Cost:
        projects.forget(project, "data/records.pkl")
        return ckptflow(project, "repro", "-q")

    costs = alternate(
        bench.rounds,
        {"ours": ours, "pickled": lambda: bare("dicts", str(count), "plain.pkl", cwd=project),
         "made": lambda: bare("dicts", str(count), "", cwd=project)},
    )  # fmt: skip
    size, plain = ((project / name).stat().st_size for name in ("data/records.pkl", "plain.pkl"))
    extra = costs["ours"].cpu - costs["pickled"].cpu
    pickled, made = shown(costs["pickled"]), shown(costs["made"])
    yield Line(
        work=f"{count:,} accounts × 15 as a dict of dicts, made by a stage and kept as a pickle",
        ours=f"{shown(costs['ours'])}, {size / 1e6:.0f} MB",
        beside=f"making it and `pickle.dump` {pickled}, {plain / 1e6:.0f} MB; making it {made}",
        ratio=f"{extra:+.2f} s CPU",
        target="- (an out in the format that is asked for)",
        met=None,
        figures={**figures(ours=costs["ours"], pickled=costs["pickled"], made=costs["made"]), "bytes": size},
    )


def _by_the_library(bench: Bench, count: int) -> Iterator[Line]:
    """In one process, which has the value. Neither side waits for the disk."""
    value = bare_programs.records(count)
    manager = CheckpointManager(bench.scratch / "checkpoints", durability="off")
    plain = bench.scratch / "plain.pkl"

    def dump() -> None:
        with plain.open("wb") as file:
            pickle.dump(value, file, protocol=5)

    def load() -> None:
        with plain.open("rb") as file:
            pickle.load(file)

    works: dict[str, Callable[[], object]] = {
        "save": lambda: manager.save("aml", "features", value),
        "dump": dump,
        "load": lambda: manager.load("aml", "features"),
        "unpickle": load,
    }
    for work in works.values():  # imports
        work()
    if manager.load("aml", "features") != value:
        raise WentWrong("what was loaded is not what was saved")
    costs = alternate(bench.rounds, {name: lambda work=work: here(work) for name, work in works.items()})
    size, plain_size = manager.describe("aml", "features").bytes, plain.stat().st_size
    for ours, beside, words in (("save", "dump", "saved"), ("load", "unpickle", "loaded")):
        cpu, wall = (getattr(costs[ours], each) / getattr(costs[beside], each) for each in ("cpu", "wall"))
        yield Line(
            work=f"{count:,} accounts × 15 as a dict of dicts, {words} by `CheckpointManager`, all cores",
            ours=f"{shown(costs[ours])}, {size / 1e6:.1f} MB",
            beside=f"`pickle`, protocol 5: {shown(costs[beside])}, {plain_size / 1e6:.1f} MB",
            ratio=f"{cpu:.2f} × CPU, {wall:.2f} × wall, {size / plain_size:.2f} × bytes",
            target="faster, in a third of the bytes",
            met=bench.held(wall < 1 and size * 3 <= plain_size),
            figures={**figures(ours=costs[ours], pickled=costs[beside]), "bytes": size, "pickle_bytes": plain_size},
        )
