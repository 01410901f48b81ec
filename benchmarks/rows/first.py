"""Edge. The first run of many small stages, beside starting their commands and beside the peers."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from functools import partial

from .. import projects
from ..bench import Bench, Line, against, ahead, bare, ckptflow, figures, seconds, shown
from ..cost import Cost, alternate
from ..peers import Copies, Ready
from .startup import wanted


def first(bench: Bench) -> Iterator[Line]:
    """The first `repro` of stages that copy a file, by number of stages: what one more costs must not grow.

    Every run has a project of its own, and none is deleted before the end: ext4 passes over inodes that were deleted in
    the last five seconds one by one, so that what deletes before it makes files measures its own deleting.
    """
    counts = bench.pick((2, 4, 8), (25, 50, 100), (50, 100, 200))
    serial = itertools.count()

    def ours(count: int) -> Cost:
        project = projects.copying(bench.scratch / f"ours-{next(serial)}", Copies(count, chained=False))
        return ckptflow(project, "repro", "-q")

    def shells() -> Cost:
        project = bench.scratch / f"shells-{next(serial)}"
        Copies(counts[-1], chained=False).write_sources(project)
        return bare("commands", str(counts[-1]), cwd=project)

    def theirs(peer: Ready, count: int) -> Cost:
        work, directory = peer.peer.stages, bench.scratch / f"{peer.name}-{next(serial)}"
        assert work is not None
        copies = Copies(count, chained=False)
        copies.write_sources(directory)
        peer.start(work, directory, copies)
        return peer.run(work.argv, directory)

    able = [(peer, work.most_first) for peer in wanted(bench, "stages") if (work := peer.peer.stages) is not None]
    slow = [(peer, most) for peer, most in able if most < counts[-1]]
    fewer = max((count for count in counts if all(count <= most for _, most in slow)), default=counts[0])
    few = {peer.name: partial(theirs, peer, fewer) for peer, _ in slow}
    many = {peer.name: partial(theirs, peer, counts[-1]) for peer, most in able if most >= counts[-1]}
    subjects: dict[str, Callable[[], Cost]] = {str(count): partial(ours, count) for count in counts}
    costs = alternate(bench.rounds, {**subjects, "shells": shells}, {**many, **few})
    low, middle, high = (costs[str(count)] for count in counts)
    beside = against(high, {name: costs[name] for name in many if name in costs})
    yield Line(
        name=f"first/{counts[-1]}",
        work=f"first `repro` of {counts[-1]} stages of `cmd`",
        ours=shown(high),
        beside=f"starting the {counts[-1]} shells {shown(costs['shells'])}",
        ratio=f"{high.over(costs['shells']).median:.1f} × CPU",
        target="ahead of all",
        met=bench.held(ahead(beside)) if beside else None,
        limit=high.over(costs["shells"]),
        peers=beside,
        figures=figures(ours=high, **{name: costs[name] for name in ("shells", *beside)}),
    )
    least = {name: costs[name] for name in few if name in costs}
    if least:
        beside = against(costs[str(fewer)], least)
        yield Line(
            name=f"first/{fewer}",
            work=f"first `repro` of {fewer}, beside what takes minutes for more",
            ours=shown(costs[str(fewer)]),
            beside="-",
            ratio="-",
            target="ahead of all",
            met=bench.held(ahead(beside)),
            peers=beside,
            figures=figures(ours=costs[str(fewer)], **least),
        )
    early = middle.less(low).divided(counts[1] - counts[0])
    late = high.less(middle).divided(counts[2] - counts[1])
    yield Line(
        name="first/more",
        work=f"the same, cost of one more stage: up to {counts[1]}, up to {counts[2]}",
        ours=f"{seconds(early.cpu)} and {seconds(late.cpu)} CPU",
        beside="-",
        ratio=f"{late.cpu / early.cpu:.2f}",
        target="linear: at most 1.3",
        met=bench.held(late.cpu <= 1.3 * early.cpu),
        figures={"early": early.cpu, "late": late.cpu},
    )
