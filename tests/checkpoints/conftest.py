"""A store, records for it, and objects that they name."""

import pytest
from hypothesis import settings

from ckptflow.chunk.model import Part
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Record
from ckptflow.store.local import LocalStore
from ckptflow.store.objects import Objects

settings.register_profile("repeatable", settings.get_profile("unhurried"), derandomize=True)
settings.load_profile("repeatable")


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store", create=True)


def make_record(number, *, data=None, run="20260101T000000Z-aaaa", stage="load"):
    """A record whose key says `number` and whose object holds `data`."""
    data = f"data {number}".encode() if data is None else data
    object_ = digest(data)
    return Record(
        key=ChunkKey(digest(f"key {number}".encode())),
        outs={"out": Part(object_, len(data), object_, 3)},
        stage=StageName(stage),
        run=run,
        seconds=0.125,
        finished="2026-01-01T00:00:00Z",
        rows_in=3,
    )


@pytest.fixture
def record():
    return make_record


@pytest.fixture
def finish(store):
    """Do a chunk: its object into the store, then its record into `log`."""

    def finish(log, number, data=None):
        made = make_record(number, data=data)
        Objects(store).put(f"data {number}".encode() if data is None else data)
        log.add(made)
        return made

    return finish
