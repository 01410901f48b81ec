"""Edge. A value that is no table: a mapping of records that a stage returns, beside plain pickle."""

from __future__ import annotations

import inspect
from collections.abc import Iterator

from .. import bare as bare_programs
from .. import projects
from ..bench import Bench, Line, bare, ckptflow, figures, shown
from ..cost import Cost, alternate


def values(bench: Bench) -> Iterator[Line]:
    """Accounts with fifteen features each, as a dict of dicts, out of a stage into the store as a pickle.

    The library of SPEC section 9, whose `save` turns such a mapping into columns, is not there yet: this is the row's
    place, and what stages have today.
    """
    count = bench.pick(500, 50_000, 518_581)
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
        target="faster and a third of the bytes, by `CheckpointManager.save` (to come)",
        met=None,
        figures={**figures(ours=costs["ours"], pickled=costs["pickled"], made=costs["made"]), "bytes": size},
    )
