"""Pure. What may be taken from a remote: the gate between what others recorded and what is loaded here.

Rules: to load a pickle is to run what its author wrote. So a record from a remote whose outs are loaded in such a
format counts only with a valid signature of the project's key, or where the user trusts all that is in that remote. One
that does not count is a miss, and the chunk is made again. What was recorded on this machine is not asked about.
Formats that only hold data need no trust: a wrong object there is a wrong result, never somebody else's code. Their
records may be fetched unsigned, and stay marked (`FROM`): what is data to one stage may be code to another.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping

from ..dataclass import replace
from ..formats.registry import format_of, runs_code
from ..ids import StageName
from ..plan.graph import Graph
from ..plan.model import Partial, Record, Refusal
from ..spec.model import Pipeline
from .signing import FIELD, Signer

FROM = "from"
"""The field of a record in a local store that was fetched and that nobody vouches for: the remote it came from. There
it is asked about as in that remote; it is signed for no other one.
"""


def code_outs(pipeline: Pipeline, graph: Graph) -> dict[StageName, frozenset[str]]:
    """Return the labels of the outs that run code when they are loaded, of the stages that have any.

    An out counts for its own format, for that of every dep that it is read as, and, where functions and commands get it
    as a file to read as they like, for its suffix: nobody opens a `.pkl` but to unpickle it. A dep that meets outs
    without being just one of them (inside a directory, a glob) counts for all outs of their stages.
    """
    found: dict[StageName, set[str]] = {}
    for stage in pipeline.stages.values():
        for out in stage.outs:
            if runs_code(out.format, out.path):
                found.setdefault(stage.name, set()).add(out.label)
        for dep in stage.deps:
            origin = graph.origins[stage.name, dep.label]
            if not origin.after:
                continue
            if origin.exact is not None:
                if dep.format is not None and runs_code(dep.format, dep.path):
                    found.setdefault(origin.exact[0], set()).add(origin.exact[1])
            elif runs_code(format_of(dep.path, dep.format), dep.path):
                for up in origin.after:
                    found.setdefault(up, set()).update(out.label for out in pipeline.stages[up].outs)
    return {name: frozenset(labels) for name, labels in found.items()}


def accept(
    record: Record | Partial, code: Collection[str], *, signer: Signer | None, trust: bool, remote: str
) -> Refusal | None:
    """Return why a record of the remote called `remote` does not count, None where it does.

    `code` are the labels of the outs of the asking stage that run code when they are loaded (`code_outs`); `signer` has
    the project's key and the store id of that remote, None where no key is set; `trust` is what the settings of the
    remote say.
    """
    outs = record.outs if isinstance(record, Record) else record.headway.outs
    if trust or not any(label in code for label in outs):
        return None
    if signer is not None and signer.is_signed(record):
        return None
    return Refusal(_sentence(record.stage, why_not(record.extra, signer), remote, keyed=signer is not None))


def marked(record: Record, remote: str) -> Record:
    """Return a record that nobody vouches for as it is to stand in a local store."""
    return replace(record, extra={**record.extra, FROM: remote})


def unmarked(record: Record) -> Record:
    """Inverse of `marked`: the record as it stood in the remote."""
    return replace(record, extra={name: value for name, value in record.extra.items() if name != FROM})


def counts_here(record: Record, code: Collection[str]) -> bool:
    """Tell whether a record of the local store may be used: marked ones not for outs that run code."""
    return FROM not in record.extra or not any(label in code for label in record.outs)


def why_not(extra: Mapping[str, object], signer: Signer | None) -> str:
    """Return, for a sentence, why what has these fields does not count as signed."""
    if FIELD not in extra:
        return "is not signed"
    if signer is None:
        return "is signed, but no key is set here"
    return "is signed with another key, or was changed since"


def _sentence(stage: str, why: str, remote: str, *, keyed: bool) -> str:
    cure = "set the same CKPTFLOW_KEY on both machines" if keyed else "set CKPTFLOW_KEY on both machines"
    return (
        f"`{stage}` was made elsewhere and {why}: pickles run code when they are loaded; {cure},"
        f" or `ckptflow remote set {remote} trust=true`"
    )
