"""Edge. The gate of one remote: which of its records may be used here, and the signature on those that go there.

The rule is in `checkpoints.trust`: what runs code when it is loaded needs a signature, or a remote that is trusted.
"""

from __future__ import annotations

from collections.abc import Mapping

from ..checkpoints.kept import signed_text
from ..checkpoints.remote import Remote
from ..checkpoints.signing import Signer
from ..checkpoints.trust import FROM, accept, code_outs, unmarked
from ..ids import ChunkKey, Digest, StageName
from ..plan.model import Partial, Record
from ..store.layout import CHECKPOINTS
from ..workspace.keys import Key
from .session import Session
from .survey import Survey


class Gate:
    """What is asked of records; `refused` says why those of a stage did not count. Raises `KeyUnusable`."""

    def __init__(self, session: Session, remote: Remote) -> None:
        self._remote = remote
        self._trust = session.settings.remotes[remote.name].trust
        self._key: Key | None = session.key()
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

    def cover(self, code: Mapping[StageName, frozenset[str]]) -> None:
        """Take note of which outs run code where lock files of other versions count too: labels by stage."""
        self._code = code

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

    def admits(self, stage: StageName, partial: Partial) -> bool:
        """Tell whether what an unfinished chunk has kept may be used for `stage`."""
        code = self._code.get(stage, frozenset())
        signer = self._signer() if code else None
        return accept(partial, code, signer=signer, trust=self._trust, remote=self._remote.name) is None

    def guards(self, tree: Digest) -> bool:
        """Tell whether a lock file is no reason to use this out: it needs records, made here or admitted."""
        return tree in self._guarded and not self._trust

    def sign(self, record: Record | Partial) -> Record | Partial:
        """Return the record as it is to stand in the remote. For any thread, once the remote was connected to.

        One that was fetched, and that nobody vouches for, is not signed.
        """
        if isinstance(record, Record) and FROM in record.extra:
            return unmarked(record)
        signer = self._signer()
        if signer is None:
            return record
        return signer.sign_record(record) if isinstance(record, Record) else signer.sign_partial(record)

    @property
    def trusts(self) -> bool:
        """Whether all that is in the remote is trusted."""
        return self._trust

    def vouches(self, record: Record) -> bool:
        """Tell whether a record of the remote is as good here as one that was made here."""
        signer = self._signer()
        return self._trust or (signer is not None and signer.is_signed(record))

    def document(self, name: str, data: bytes) -> bytes:
        """Return a document of the store as it is to stand in the remote under `name`. For any thread, like `sign`."""
        signer = self._signer() if name.startswith(CHECKPOINTS) else None
        return data if signer is None else signed_text(data, signer)

    def _signer(self) -> Signer | None:
        return None if self._key is None else Signer(self._key.secret, self._remote.store_id)
