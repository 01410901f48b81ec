"""Edge. What is made, brought to a bucket and back: `push` and `pull` beside `dvc push`, `dvc pull` and `rclone copy`.

Many small results and one large file are measured apart, since one would hide the other. The server is `rclone serve
s3` on this machine, in a process of its own that belongs to no figure; each push goes to an empty bucket.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from pathlib import Path

from tests.servers.moto import MotoServer
from tests.servers.rclone import RcloneServer

from ..bench import Bench, Line, Size, against, figures, shown
from ..cost import Cost, Series
from ..sharing import Ckptflow, Dvc, Rclone, Subject, make_large, make_small

STEPS = {
    "push": "`push`",
    "push_again": "`push` with nothing to do",
    "pull": "`pull` into an empty store",
    "pull_again": "`pull` with nothing to do",
}
Costs = Mapping[str, Mapping[str, Series]]
"""Step -> subject -> cost."""


def remotes(bench: Bench) -> Iterator[Line]:
    """Small results, then a large file; what a push with nothing to do asks for."""
    count, size = bench.pick(20, 500, 2_000), bench.pick(1 << 20, 100 << 20, 1 << 30)
    server = RcloneServer(bench.scratch / "server")
    try:
        project = make_small(bench.scratch / "small", count)
        yield from _lines(bench, f"{count:,} objects of 4 kB", _measured(bench, server, project), target=4.0)
        project = make_large(bench.scratch / "large", size)
        yield from _lines(bench, f"one object of {size / 2**20:,.0f} MiB", _measured(bench, server, project))
    finally:
        server.stop()
    if bench.wants("ckptflow"):
        yield _requests(bench, count)


def _measured(bench: Bench, server: RcloneServer, project: Path) -> Costs:
    files = project.parent / f"{project.name}-files"
    shutil.copytree(project / "data", files)
    subjects = _subjects(bench, project, files)
    seen: dict[str, dict[str, list[Cost]]] = {step: {name: [] for name in subjects} for step in STEPS}
    for _ in range(bench.rounds):
        for name, subject in subjects.items():
            bucket = server.create_bucket()
            subject.aim(bucket)
            seen["push"][name].append(subject.push())
            seen["push_again"][name].append(subject.push())
            subject.forget()
            seen["pull"][name].append(subject.pull())
            subject.demand_same(files)
            seen["pull_again"][name].append(subject.pull())
            server.drop_bucket(bucket)
    return {step: {name: Series(tuple(costs)) for name, costs in by.items()} for step, by in seen.items()}


def _subjects(bench: Bench, project: Path, files: Path) -> dict[str, Subject]:
    made: dict[str, Subject] = {"ckptflow": Ckptflow(project)} if bench.wants("ckptflow") else {}
    classes = {"rclone": Rclone, "dvc": Dvc}
    for peer in bench.peers.ready(lambda peer: peer.name in classes and bench.wants(peer.name)):
        made[peer.name] = classes[peer.name](_new(project, peer.name), files, peer.programs)
    return made


def _new(project: Path, name: str) -> Path:
    directory = project.parent / f"{project.name}-{name}"
    directory.mkdir()
    return directory


def _lines(bench: Bench, what: str, costs: Costs, target: float | None = None) -> Iterator[Line]:
    """The figure to compare is wall seconds: that is what waiting for a server shows in."""
    whole = bench.size >= Size.FULL
    for step, words in STEPS.items():
        by = dict(costs[step])
        ours = by.pop("ckptflow", None)
        beside = against(ours, by, "wall") if ours else {}
        aimed = target if step == "push" else None
        rclone = beside.get("rclone")
        yield Line(
            name=f"remotes/{what}/{step}",
            work=f"{what}: {words}",
            ours=shown(ours) if ours else "-",
            beside="-" if ours else "; ".join(f"{name} {shown(cost)}" for name, cost in by.items()),
            ratio="-",
            target="-" if aimed is None else f"at least {aimed:g} × rclone" if whole else "stated for 2,000 objects",
            met=rclone.ratio.median <= 1 / aimed if whole and aimed and rclone else None,
            peers=beside,
            figures=figures(**costs[step]),
        )


def _requests(bench: Bench, count: int) -> Line:
    """What a push with nothing to do asks of a server that counts, with a tenth of the objects and with all."""
    server = MotoServer()
    try:
        asked = []
        for number in (count // 10, count):
            subject = Ckptflow(make_small(bench.scratch / f"asked-{number}", number))
            bucket = server.create_bucket()
            subject.aim(bucket)
            subject.push()
            server.reset()
            subject.push()
            asked.append(server.counts(bucket.name).requests)
    finally:
        server.stop()
    return Line(
        name=f"remotes/requests/{count}",
        work=f"{count:,} objects of 4 kB: requests of a `push` with nothing to do",
        ours=f"{asked[1]}",
        beside=f"with {count // 10} objects: {asked[0]}",
        ratio="-",
        target="the same, however many objects",
        met=asked[0] == asked[1],
        figures={"requests": asked[1], "requests_of_a_tenth": asked[0]},
    )
