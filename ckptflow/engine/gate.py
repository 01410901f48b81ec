"""Edge. The gate of one remote: which of its records may be used here, and the signature on those that go there.

The rule is in `checkpoints.trust`: what runs code when it is loaded needs a signature, or a remote that is trusted.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from ..checkpoints.remote import Remote
from ..checkpoints.signing import Signer
from ..checkpoints.trust import accept, code_outs
from ..ids import ChunkKey, Digest, StageName
from ..plan.model import Record
from ..workspace.keys import Key, find_key
from .session import Session
from .survey import Survey


class Gate:
    """What is asked of records; `refused` says why those of a stage did not count. Raises `KeyUnusable`."""

    def __init__(self, session: Session, remote: Remote) -> None:
        self._remote = remote
        self._trust = session.settings.remotes[remote.name].trust
        self._key: Key | None = find_key(session.root, session.settings.key_file, os.environ)
        self._code: Mapping[StageName, frozenset[str]] = {}
        self._guarded: frozenset[Digest] = frozenset()
        self.refused: dict[StageName, str] = {}

    def survey(self, survey: Survey) -> None:
        """Take note of which outs run code, and of the names that the lock files have for them."""
        self._code = code_outs(survey.pipeline, survey.graph)
        entries = ((survey.lock[name], labels) for name, labels in self._code.items() if name in survey.lock)
        self._guarded = frozenset(
            Digest(entry.outs[label]["tree"]) for entry, labels in entries for label in labels if label in entry.outs
        )

    def admitted(self, stage: StageName, found: Mapping[ChunkKey, Record]) -> dict[ChunkKey, Record]:
        """Return those of the records that may be used for `stage`."""
        code = self._code.get(stage, frozenset())
        signer = self._signer() if code and found else None
        admitted = {}
        for key, record in found.items():
            refusal = accept(record, code, signer=signer, trust=self._trust, remote=self._remote.name)
            if refusal is None:
                admitted[key] = record
            else:
                self.refused[stage] = refusal.text
        return admitted

    def guards(self, tree: Digest) -> bool:
        """Tell whether a lock file is no reason to use this out: it needs records, made here or admitted."""
        return tree in self._guarded and not self._trust

    def sign(self, record: Record) -> Record:
        """Return the record as it is to stand in the remote. For any thread, once the remote was connected to."""
        signer = self._signer()
        return record if signer is None else signer.sign_record(record)

    def _signer(self) -> Signer | None:
        return None if self._key is None else Signer(self._key.secret, self._remote.store_id)
