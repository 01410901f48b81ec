"""Edge. Are the chunks of stages still what their records say? Every object that records of them name is hashed."""

from __future__ import annotations

from collections.abc import Iterator

from ..checkpoints.index import Past as RecordIndex
from ..checkpoints.verify import Finding, RecordCheck
from ..dataclass import dataclass
from ..ids import StageName
from ..plan.model import Record
from .session import Session
from .shelves import Shelves


@dataclass(frozen=True, slots=True)
class Rehashed:
    """How much was looked at, and what is wrong."""

    records: int
    objects: int
    bytes: int
    findings: tuple[Finding, ...]


def rehash(shelves: Shelves, stages: frozenset[StageName] | None) -> Rehashed:
    """Hash what the records of `stages` (None: of all) name, here and where the store is far away. Changes nothing.

    Raises `StoreError`.
    """
    session, remote = shelves.session, shelves.remote
    check = RecordCheck(session.store, deep=True, elsewhere=remote)
    findings = list(check.look(records_of(session, stages)))
    records, objects, size = check.records, check.objects, check.bytes
    if remote is not None:
        from ..checkpoints.verify_remote import RemoteCheck

        remote.refresh()
        far = RemoteCheck(remote, session.objects)
        findings += far.look(deep=True, stages=stages)
        records, objects, size = records + far.records, objects + far.objects, size + far.bytes
    return Rehashed(records, objects, size, tuple(findings))


def records_of(session: Session, stages: frozenset[StageName] | None) -> Iterator[Record]:
    """Yield the records of stages in the store here."""
    past = RecordIndex(session.store, session.cache_path if session.location.state.is_dir() else None)
    try:
        yield from (record for record in past.iter() if stages is None or record.stage in stages)
    finally:
        past.close()
