"""What is in a bucket, looked at and meddled with by somebody who is no machine of the project.

far = Far(moto_bucket, tmp_path / "far")
far.records()                       # what every machine can find there
far.flip(far.names("packs/")[0])    # one bit of it
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ckptflow.checkpoints import lines
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.sending import Sender
from ckptflow.ids import ChunkKey, Digest
from ckptflow.plan.model import Record
from ckptflow.store import layout
from ckptflow.store.bucket import Bucket
from ckptflow.store.buckets.opening import open_bucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.objects import Objects
from tests.servers import FreshBucket
from tests.servers.faults import flipped

RUN = "20260101T000000Z-ffff"


@dataclass
class Far:
    """One bucket. `folder` is a new directory for what is needed to send something there."""

    fresh: FreshBucket
    folder: Path

    def __post_init__(self) -> None:
        self.bucket: Bucket = open_bucket(self.fresh.url, self.fresh.options, root=self.folder, timeout=10)

    def names(self, prefix: str = "") -> list[str]:
        """Return the names there, sorted."""
        return [entry.name for entry in self.bucket.list(prefix)]

    def lines(self) -> Iterator[lines.Line]:
        """Yield what the segments there say; bad lines are passed over."""
        for name in self.names(layout.RECORDS):
            for line in self.bucket.get(name).splitlines():
                with suppress(lines.BadLine):
                    yield lines.decode(line)

    def records(self) -> dict[ChunkKey, Record]:
        """Return the records there whose objects are there as well."""
        found = list(self.lines())
        held = {h.object for line in found if isinstance(line, lines.Holding) for h in line.objects}
        records = [line for line in found if isinstance(line, Record)]
        return {r.key: r for r in records if all(part.object in held for part in r.outs.values())}

    def flip(self, *names: str) -> None:
        """Change one bit near the start of each: of packs, that is in an object and not in the index."""
        for name in names:
            self.bucket.put(name, flipped(self.bucket.get(name), 0, 20))

    def begin(self) -> str:
        """Make it a remote, if it is none yet; return what it is called."""
        return open_store(self.bucket, create=True).repository

    def sender(self) -> tuple[Sender, Objects]:
        """Return what sends to this bucket just as a machine does, and the objects that it sends."""
        store = LocalStore(self.folder / "store", create=True)
        open_store(store, create=True)
        objects = Objects(store)
        remote = Remote("storage", lambda: self.bucket, self.folder / "mirror", None, store)
        remote.connect()
        remote.refresh()
        return Sender(remote, objects, RUN), objects

    def send(self, records: Iterable[Record], contents: Iterable[bytes] = ()) -> list[Digest]:
        """Send objects, and records that may name them. Return the names of the objects."""
        sender, objects = self.sender()
        names = [objects.put(data) for data in contents]
        sender.send(records, names)
        return names
