"""Writes the example store of format version 1 beside this file: `python tests/compat/write_v1.py [FOLDER]`.

Run once, when the version was made; the files are kept and must stay readable for ever. Deterministic, so the test can
also tell whether this program still writes version 1 as it was.
"""

import json
import sys
from pathlib import Path
from tempfile import TemporaryDirectory

from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.kept import write_checkpoint
from ckptflow.checkpoints.lockfile import LockEntry, update
from ckptflow.checkpoints.manifest import Checkpoint, ProcessorState, Statistics, Status
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.remote import Remote
from ckptflow.checkpoints.sending import Sender
from ckptflow.checkpoints.signing import Signer
from ckptflow.checkpoints.trees import put_listing, put_tree
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, ListedFile, Listing, Tree
from ckptflow.ids import ChunkKey, Digest, StageName, digest
from ckptflow.plan.model import Record, State
from ckptflow.store import layout
from ckptflow.store.buckets.by_directory import DirectoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import Marker
from ckptflow.store.objects import Objects

RUN = "20260101T000000Z-3f9a"
REMOTE = "ffeeddccbbaa99887766554433221100"
KEY = b"a key that everybody may know"
FINISHED = "2026-01-01T00:00:00Z"


def key(text: str) -> ChunkKey:
    return ChunkKey(digest(f"key of {text}".encode()))


def write(folder: Path) -> None:
    store = LocalStore(folder / "store", create=True)
    marker = Marker(repository="00112233445566778899aabbccddeeff")
    store.put(layout.MARKER, (json.dumps(marker.to_dict(), sort_keys=True, indent=1) + "\n").encode())
    objects, log = Objects(store), RecordLog(store, RUN)

    parts = []
    for number in range(3):
        data = f'{{"row": {number}}}\n'.encode()
        part = Part(objects.put(data), len(data), digest(f"values {number}".encode()), rows=1)
        log.add(Record(key(f"chunk {number}"), {"rows": part}, StageName("load@fr"), RUN, 0.25, FINISHED, rows_in=1))
        parts.append(part)
    tree = put_tree(objects, Tree(Layout.PARTS, "jsonl", tuple(parts), ".jsonl"))

    file = objects.put(b"#!/bin/sh\n")
    listing = put_listing(objects, Listing((ListedFile("bin/run", file, 10, executable=True),)))
    folder_part = Part(listing, 10, listing, listing=True)
    log.add(Record(key("folder"), {"out": folder_part}, StageName("über/.."), RUN, 1.5, FINISHED))
    log.add(Record(key("forgotten"), {"out": parts[0]}, StageName("load@fr"), RUN, 0.25, FINISHED))
    log.forget(key("forgotten"))
    carried = Record(
        key("carried"), {"rows": parts[0]}, StageName("load@fr"), RUN, 0.25, FINISHED, state=State({"last": 3})
    )
    log.add(carried)
    write_remote(folder, store, [tree, listing, file])

    write_checkpoint(
        store,
        Checkpoint(
            checkpoint_id="load@fr_20260101000000",
            dataset="load@fr",
            processor="stages:load",
            start_time=FINISHED,
            last_update=FINISHED,
            status=Status.COMPLETED,
            processed_count=3,
            last_processed_id="row 2",
            processor_state=ProcessorState(current_position=3, total_items=3),
            statistics=Statistics(success_count=3, processing_time_seconds=0.75),
        ),
        keep=10,
    )
    entry = LockEntry(
        stage=StageName("load@fr"),
        key=digest(b"stage"),
        deps={"raw": {"path": "data/raw.csv", "digest": digest(b"raw"), "bytes": 7}},
        outs={"rows": {"path": "data/rows", "tree": tree, "rows": 3}},
        chunks=3,
        code=digest(b"code"),
        call="stages:load",
        params={"window": 7},
    )
    update(folder / "pipeline.lock", [entry])
    write_superseded(folder / "superseded")


def write_superseded(folder: Path) -> None:
    """A chunk made by code that was superseded, as the lock file of the new code notes it."""
    store = LocalStore(folder / "store", create=True)
    store.put(layout.MARKER, Marker(repository="00112233445566778899aabbccddee00").encode())
    objects, log = Objects(store), RecordLog(store, RUN)
    part = Part(objects.put(b'{"row": 0}\n'), 11, digest(b"values 0"), rows=1)
    stage, code = StageName("load@fr"), digest(b"code that was superseded")
    log.add(Record(key("then"), {"rows": part}, stage, RUN, 0.25, FINISHED, loose=key("loosely"), code=code))
    tree = put_tree(objects, Tree(Layout.PARTS, "jsonl", (part,), ".jsonl"))
    outs = {"rows": {"path": "data/rows", "tree": tree, "rows": 1}}
    entry = LockEntry(stage, digest(b"stage"), {}, outs, superseded=1, code=digest(b"code"), call="stages:load")
    update(folder / "pipeline.lock", [entry])


def write_remote(folder: Path, store: LocalStore, extra: list[Digest]) -> None:
    """The same work in a remote, signed: a pack, an object under its own name, the segments that tell of them."""
    bucket = DirectoryBucket(folder / "remote")
    (folder / "remote").mkdir()
    bucket.put(layout.MARKER, Marker(repository=REMOTE).encode())
    with TemporaryDirectory() as scratch:
        remote = Remote("origin", lambda: bucket, Path(scratch) / "mirror", None, store)
        remote.connect()
        sender = Sender(remote, Objects(store), RUN, sign=Signer(KEY, REMOTE).sign_record)
        sender._label = f"{RUN}-0-01234567"  # drawn by lot, else
        past = Past(store)
        records = sorted(past.iter(), key=lambda record: record.key)
        sender.send(records, extra)
        alone = Objects(store).put(b"travels alone")
        sender.send([], [alone])
        remote.close()
        store.delete(layout.object_name(alone))


if __name__ == "__main__":
    write(Path(sys.argv[1]) if len(sys.argv) > 1 else Path(__file__).parent / "v1")
