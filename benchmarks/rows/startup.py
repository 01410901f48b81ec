"""Edge. Starting: the version, and a run with nothing to do."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from functools import partial
from typing import Literal

from .. import projects
from ..bench import Bench, Beside, Line, Size, against, ahead, ckptflow, figures, seconds, shown
from ..cost import Cost, Series, WentWrong, alternate, process
from ..peers import Copies, Ready


def version(bench: Bench) -> Iterator[Line]:
    """`ckptflow --version` beside an interpreter that does nothing, and beside the peers' own."""
    peers = {
        peer.name: partial(peer.run, argv, bench.scratch)
        for peer in wanted(bench, "version")
        if (argv := peer.peer.version) is not None
    }
    costs = alternate(
        bench.pick(1, 7, 15) * bench.rounds,
        {"ours": lambda: ckptflow(bench.scratch, "--version"), "python": lambda: interpreter(bench)},
        peers,
    )
    yield _beside_python(bench, "version", "`--version`", costs, 3.0, ahead)


def noop(bench: Bench) -> Iterator[Line]:
    """`repro` with nothing to do, by number of stages."""
    for count in bench.pick((2,), (1, 20, 200), (1, 20, 200, 2000)):
        copies = Copies(count, chained=True)
        project = projects.copying(bench.scratch / f"ckptflow-{count}", copies)
        ckptflow(project, "repro", "-q")
        costs = alternate(
            bench.pick(1, 5, 11) * bench.rounds,
            {"ours": partial(ckptflow, project, "repro"), "python": lambda: interpreter(bench)},
            _peers_with_nothing_to_do(bench, copies),
        )
        work = f"`repro`, nothing to do, {count:,} stage{'s' if count > 1 else ''}"
        yield _beside_python(
            bench, f"noop/{count}", work, costs, 5.0 if count <= 200 else 8.0, partial(_ahead_at, count)
        )


def _ahead_at(count: int, peers: dict[str, Beside]) -> bool:
    """Ahead of all; of xvc, which is no interpreter, from 20 stages on."""
    return ahead({name: beside for name, beside in peers.items() if name != "xvc" or count >= 20})


def _peers_with_nothing_to_do(bench: Bench, copies: Copies) -> dict[str, Callable[[], Cost]]:
    """Return peers whose stages have all been run. Where time is short, not those whose first run takes minutes."""
    found: dict[str, Callable[[], Cost]] = {}
    for peer in wanted(bench, "stages"):
        work = peer.peer.stages
        assert work is not None
        if copies.count > (work.most if bench.size >= Size.FULL else work.most_first):
            continue
        directory = bench.scratch / f"{peer.name}-{copies.count}"
        try:
            copies.write_sources(directory)
            peer.start(work, directory, copies)
            peer.run(work.argv, directory)
        except WentWrong as error:
            print(f"{peer.name}: left out: {error}", file=sys.stderr, flush=True)
            continue
        found[peer.name] = partial(peer.run, work.argv, directory)
    return found


def wanted(bench: Bench, work: Literal["version", "stages", "jobs", "reads"]) -> list[Ready]:
    """Return the peers that are asked for and can do some work."""
    return bench.peers.ready(lambda peer: bench.wants(peer.name) and getattr(peer, work) is not None)


def interpreter(bench: Bench) -> Cost:
    """Return the cost of `python -c pass`."""
    return process([sys.executable, "-c", "pass"], bench.scratch)


def _beside_python(
    bench: Bench,
    name: str,
    work: str,
    costs: dict[str, Series],
    limit: float,
    far: Callable[[dict[str, Beside]], bool],
) -> Line:
    ours, python, peers = costs["ours"], costs["python"], dict(costs)
    del peers["ours"], peers["python"]
    ratio, beside = ours.over(python), against(ours, peers)
    return Line(
        name=name,
        work=work,
        ours=shown(ours),
        beside=f"`python -c pass` {seconds(python.cpu)} CPU",
        ratio=f"{ratio.median:.1f} × CPU",
        target=f"at most {limit:g} × CPU; ahead of all",
        met=bench.held(ratio.median <= limit and far(beside)),
        limit=ratio,
        peers=beside,
        figures=figures(**costs),
    )
