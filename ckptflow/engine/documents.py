"""Edge. The documents that go to a remote beside records: checkpoints, the pointers to the newest, what runs came to.

What the remote has is told by two listings; a document never changes once it is there, but for the pointers. Of each
stage only the newest checkpoints go there, as many as a store keeps.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from functools import partial

from ..checkpoints.manifest import oldest_first, split_name, to_remove
from ..checkpoints.remote import Remote
from ..checkpoints.sending import Sender
from ..dataclass import dataclass, field
from ..ids import Digest, StageName, is_digest
from ..spec.model import Keeping
from ..store import layout
from ..store.protocol import Entry, NotThere, Store
from .gate import Gate


@dataclass(slots=True)
class Documents:
    """What of `store` is to be put into `remote`: documents under their names, then pointers under those of the
    documents that they point to. `objects` are what the documents name.
    """

    store: Store
    remote: Remote
    names: list[str] = field(default_factory=list)
    pointers: dict[str, str] = field(default_factory=dict)
    objects: list[Digest] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.names) + len(self.pointers)

    def send(self, sender: Sender, gate: Gate) -> None:
        """Put them, checkpoints signed by `gate`. What is gone meanwhile is left out. Raises `StoreError`."""
        put = partial(self._put, sender, gate)
        for pairs in ([(name, name) for name in self.names], list(self.pointers.items())):
            for _ in self.remote.map(put, pairs):
                pass

    def _put(self, sender: Sender, gate: Gate, pair: tuple[str, str]) -> None:
        name, source = pair
        try:
            data = self.store.get(source)
        except NotThere:
            return
        sender.document(name, gate.document(source, data))


def find_documents(store: Store, remote: Remote, stages: frozenset[StageName] | None) -> Documents:
    """Return what `store` has and `remote` lacks; of `stages` only checkpoints. Two requests, or one for `stages`.

    Raises `StoreError`.
    """
    found = Documents(store, remote)
    folders = None if stages is None else {layout.stage_folder(stage) for stage in stages}
    here, there = _by_folder(store.list(layout.CHECKPOINTS)), _by_folder(remote.listing(layout.CHECKPOINTS)[1])
    for folder in sorted(here):
        if folders is None or folder in folders:
            _checkpoints(found, folder, here[folder], there.get(folder, {}))
    if folders is None:
        runs = {entry.name for entry in remote.listing(layout.RUNS)[1]}
        found.names += [entry.name for entry in store.list(layout.RUNS) if entry.name not in runs]
    found.objects += dict.fromkeys(name for document in found.names for name in _named(store, document))
    return found


def _checkpoints(found: Documents, folder: str, here: dict[str, int], there: dict[str, int]) -> None:
    files = {file for file in (*here, *there) if split_name(file)}
    old = set(to_remove(files, Keeping().keep))
    new = [file for file in oldest_first(files) if file not in there and file not in old]
    found.names += [folder + file for file in new]
    newest = oldest_first(files)[-1:]
    pointed = there.get(layout.LATEST)
    if newest and newest[0] in here and (newest[0] in new or pointed != there.get(newest[0])):
        found.pointers[folder + layout.LATEST] = folder + newest[0]


def _by_folder(entries: Iterable[Entry]) -> dict[str, dict[str, int]]:
    found: dict[str, dict[str, int]] = {}
    for entry in entries:
        folder, _, file = entry.name.rpartition("/")
        found.setdefault(f"{folder}/", {})[file] = entry.bytes
    return found


def _named(store: Store, document: str) -> Iterator[Digest]:
    """Yield the objects that a checkpoint or the document of a run names."""
    try:
        doc = json.loads(store.get(document))
    except (NotThere, ValueError, RecursionError):
        return
    if not isinstance(doc, dict):
        return
    values: list[object] = []
    for field_ in ("files", "locks"):
        if isinstance(texts := doc.get(field_), dict):
            values += texts.values()
    if isinstance(code := doc.get("code"), dict):
        values.append(code.get("sources"))
    yield from (Digest(value) for value in values if isinstance(value, str) and is_digest(value))
