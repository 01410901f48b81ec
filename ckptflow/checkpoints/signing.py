"""Pure. Signatures: what proves that a record or a checkpoint was written by somebody who has the project's key.

HMAC-SHA256 over one text that leaves no room for a second reading: canonical JSON (sorted keys, no spaces, ASCII) of

    [<word>, <version>, <store id>, <name in the store, of a document>, <the whole document without its signature>]

The word tells records, partial records, checkpoints and artifacts, so that none is ever taken for another. The store
id (`repository` in the marker) ties what is signed to one remote; the chunk key, which is in a record, ties its objects
to one recipe; the full name of a checkpoint ties it to its stage, its time and its status, so that an older one under a
newer name is found out. A library's folder has no id: an artifact is tied to its name, its data set and step, and to
the hash and size of its value. Every field counts, those of later versions too: what a reader does not know it cannot
judge, and to leave it out would let others write it.

A signature is made last: whatever is added to a document afterwards makes it invalid. It says who, not whether: it
proves that a key holder recorded this, not that the result is right.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass, field, replace
from ..plan.model import Partial, Record
from ..store import layout
from .manifest import Checkpoint

VERSION = 1
FIELD = "sig"
"""The name of the field, in records and in checkpoints: 64 hexadecimal digits."""

_canonical = json.JSONEncoder(sort_keys=True, separators=(",", ":")).encode


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs and checks what stands in the store `store_id`, with a key that `keys` has found good.

    The key is in no `repr`; a signer is not to be sent to other processes or kept.
    """

    key: bytes = field(repr=False)
    store_id: str

    def sign_record(self, record: Record) -> Record:
        """Return `record` with a signature for this store, in the place of any other that it has."""
        extra = {name: value for name, value in record.extra.items() if name != FIELD}
        return replace(record, extra={**extra, FIELD: self._signature("record", "", record.to_dict())})

    def sign_partial(self, partial: Partial) -> Partial:
        """Return what an unfinished chunk has kept with a signature for this store."""
        extra = {name: value for name, value in partial.extra.items() if name != FIELD}
        return replace(partial, extra={**extra, FIELD: self._signature("partial", "", partial.to_dict())})

    def is_signed(self, record: Record | Partial) -> bool:
        """Tell whether `record` bears a valid signature for this store. Raises nothing, whatever the record holds."""
        word = "record" if isinstance(record, Record) else "partial"
        return self._holds(word, "", record.to_dict())

    def sign_checkpoint(self, checkpoint: Checkpoint) -> Checkpoint:
        """Return `checkpoint` with a signature for this store and for the name that it has there."""
        extra = {name: value for name, value in checkpoint.extra.items() if name != FIELD}
        doc = json.loads(json.dumps(checkpoint.to_dict()))  # as it will be read: keys that are numbers become texts
        return replace(checkpoint, extra={**extra, FIELD: self._signature("checkpoint", name_of(checkpoint), doc)})

    def is_signed_checkpoint(self, name: str, doc: Mapping[str, Any]) -> bool:
        """Tell whether `doc`, as it was read from `name` in this store, bears a valid signature for just that name."""
        return self._holds("checkpoint", name, doc)

    def signature_of_artifact(self, name: str, doc: Mapping[str, Any]) -> str:
        """Return the signature of the document at `name` that tells of a saved value; `doc` as it will be read."""
        return self._signature("artifact", name, doc)

    def is_signed_artifact(self, name: str, doc: Mapping[str, Any]) -> bool:
        """Tell whether `doc`, as it was read from `name` in a library's folder, bears a valid signature."""
        return self._holds("artifact", name, doc)

    def _holds(self, word: str, name: str, doc: Mapping[str, Any]) -> bool:
        given = doc.get(FIELD)
        if not isinstance(given, str) or not given.isascii():
            return False
        try:
            expected = self._signature(word, name, doc)
        except (TypeError, ValueError, RecursionError):  # nothing that came out of a JSON text
            return False
        from hmac import compare_digest

        return compare_digest(expected, given)

    def _signature(self, word: str, name: str, doc: Mapping[str, Any]) -> str:
        from hmac import digest  # loads OpenSSL: a run without remotes does without

        rest = {key: value for key, value in doc.items() if key != FIELD}
        text = _canonical([word, VERSION, self.store_id, name, rest])
        return digest(self.key, text.encode("ascii"), "sha256").hex()


def name_of(checkpoint: Checkpoint) -> str:
    """Return the name in a store that belongs to the content of `checkpoint`."""
    return layout.checkpoint_name(checkpoint.dataset, checkpoint.timestamp, checkpoint.status.value)
