"""Pure. What stages must not do together: share, nest or look into outs, write what is read to plan, depend on
themselves.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..ids import StageName
from .findings import Findings
from .graph import Outs, cycles, upstream
from .model import Out, Stage
from .paths import ancestors

_OURS = (".ckptflow", ".git", ".dvc")


def check_together(
    stages: dict[StageName, Stage], files: Iterable[str], reads: Iterable[str], findings: Findings
) -> None:
    """Note every mistake between stages.

    `files` are the pipeline files, `reads` the other files that were looked for to make `stages`, there or not.
    """
    owners = _one_writer(stages, findings)
    _not_nested(owners, findings)
    _not_ours(owners, files, reads, findings)
    _not_hidden(stages, owners, findings)
    if _not_own(stages, findings):
        _no_cycle(stages, findings)


def _one_writer(stages: dict[StageName, Stage], findings: Findings) -> dict[str, tuple[Stage, Out]]:
    owners: dict[str, tuple[Stage, Out]] = {}
    for stage in stages.values():
        for out in stage.outs:
            first = owners.setdefault(out.path, (stage, out))
            if first[1] is out:
                continue
            if first[0] is stage:
                findings.note("CF153", f"stage `{stage.name}` lists the out `{out.path}` twice", out.place)
            else:
                place = f" ({first[1].place})" if first[1].place else ""
                message = f"the out `{out.path}` belongs to the stages `{first[0].name}`{place} and `{stage.name}`"
                findings.note("CF153", message, out.place, "an out has one stage that writes it")
    return owners


def _not_nested(owners: dict[str, tuple[Stage, Out]], findings: Findings) -> None:
    for path, (_, out) in owners.items():
        for above in ancestors(path):
            if above in owners:
                outer = owners[above][0].name
                message = f"the out `{path}` lies inside `{above}`, an out of stage `{outer}`"
                findings.note("CF154", message, out.place, "give each out its own directory")


def _not_ours(
    owners: dict[str, tuple[Stage, Out]], files: Iterable[str], reads: Iterable[str], findings: Findings
) -> None:
    """No out may be, or hold, a file that the pipeline is made of; none may lie where ckptflow or git keep theirs."""
    written = [(file, f"{file.removesuffix('.yaml').removesuffix('.yml')}.lock") for file in files]
    for read in dict.fromkeys([*(name for pair in written for name in pair), *reads]):
        for path in (read, *ancestors(read)):
            if path in owners:
                what = "is" if path == read else "holds"
                message = f"the out `{path}` {what} {read}, which the pipeline itself is read from"
                if read.endswith(".lock"):
                    message = f"the out `{path}` {what} {read}, which ckptflow writes"
                findings.note("CF155", message, owners[path][1].place)
    for path, (_, out) in owners.items():
        if not set(_OURS).isdisjoint(path.split("/")):
            findings.note("CF155", f"the out `{path}` lies in a directory that is not the pipeline's", out.place)


def _not_own(stages: dict[StageName, Stage], findings: Findings) -> bool:
    """Note deps that meet an out of their own stage; tell whether there is none."""
    good = True
    for stage in stages.values():
        own = Outs([stage])
        for dep in stage.deps:
            for path in own.met_by(dep.path):
                good = False
                same = "is its own out" if path == dep.path else f"meets its own out `{path}`"
                hint = "a stage cannot depend on what it writes; `persist: true` keeps an out that it adds to"
                findings.note("CF156", f"the dep `{dep.path}` of stage `{stage.name}` {same}", dep.place, hint)
    return good


def _not_hidden(stages: dict[StageName, Stage], owners: dict[str, tuple[Stage, Out]], findings: Findings) -> None:
    """Note deps that look for files where an out lives in the store alone: they would find none."""
    outs = Outs(stages.values())
    for stage in stages.values():
        for dep in stage.deps:
            for path in outs.met_by(dep.path):
                if path != dep.path and not owners[path][1].workspace:
                    message = (
                        f"the dep `{dep.path}` of stage `{stage.name}` looks into `{path}`, which is in the store alone"
                    )
                    hint = f"make `{path}` the dep, or let it have its place: it says `workspace: false`"
                    findings.note("CF181", message, dep.place, hint)


def _no_cycle(stages: dict[StageName, Stage], findings: Findings) -> None:
    for ring in cycles(upstream(stages)):
        names = " -> ".join((*ring, ring[0]))
        findings.note("CF160", f"the stages form a cycle: {names}", stages[ring[0]].place, "remove one of these deps")
