"""Edge. `verify -r`: does the remote hold what its records say?"""

from __future__ import annotations

import time
from typing import Any

from ..checkpoints.remote import Remote
from ..checkpoints.verify import Finding
from ..checkpoints.verify_remote import RemoteCheck, repair
from ..dataclass import asdict, dataclass
from .session import Session
from .transfer import Chosen, Tally


@dataclass(frozen=True, slots=True)
class Verified:
    """What was looked at in a remote, and what is wrong. `repaired`: how many findings were settled."""

    remote: str
    url: str
    objects: int
    bytes: int
    records: int
    requests: int
    seconds: float
    findings: tuple[Finding, ...]
    repaired: int = 0

    def to_json(self) -> dict[str, Any]:
        """Return the JSON object of `verify -r --json`."""
        return {
            "remote": self.remote,
            "url": self.url,
            "ok": not self.findings,
            "objects": self.objects,
            "bytes": self.bytes,
            "records": self.records,
            "requests": self.requests,
            "seconds": round(self.seconds, 3),
            "repaired": self.repaired,
            "findings": [asdict(finding) for finding in self.findings],
        }


def verify_remote(
    session: Session,
    remote: Remote,
    chosen: Chosen | None = None,
    *,
    deep: bool = False,
    mend: bool = False,
    tally: Tally | None = None,
) -> Verified:
    """Check a remote: what records of the stages in `chosen` name, or all. With `deep`, every byte. With `mend`, let it
    tell no more of what is bad. Raises `StoreError`.
    """
    began, tally = time.monotonic(), tally or Tally()
    tally.begin("looking at what is there")
    remote.connect()
    remote.refresh()
    tally.begin("checking")
    past = remote.mirror.past()
    if deep and chosen is None and past is not None:
        for _, held in past.held():
            tally.expect(1, held[0].bytes)
    check = RemoteCheck(remote, session.objects, tally.settle)
    findings = tuple(check.look(deep=deep, stages=None if chosen is None else chosen.keys()))
    return Verified(
        remote=remote.name,
        url=remote.url,
        objects=check.objects,
        bytes=check.bytes,
        records=check.records,
        repaired=repair(remote, findings) if mend else 0,
        requests=remote.fetched.requests,
        seconds=time.monotonic() - began,
        findings=findings,
    )
