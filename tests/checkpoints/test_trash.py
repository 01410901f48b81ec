"""What is put away can be had back, on every kind of store, and is kept by `gc` until its time is over."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from ckptflow.checkpoints import trash
from ckptflow.checkpoints.gc import Terms, remove, survey
from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.reach import Roots
from ckptflow.checkpoints.records import RecordLog
from ckptflow.chunk.headway import Headway, Items
from ckptflow.plan.model import Partial
from ckptflow.store import layout
from ckptflow.store.local import LocalStore
from ckptflow.store.marker import open_store
from ckptflow.store.memory import MemoryStore
from ckptflow.store.objects import Objects

from .conftest import make_record

NAME = "checkpoints/load/load_20260601120001_failed.json"
NOW = datetime(2026, 6, 10, 12, 0, 0, tzinfo=UTC)
RUN = "20260101T000000Z-aaaa"


@pytest.fixture(params=["local", "memory"])
def store(request, tmp_path):
    store = LocalStore(tmp_path / "store", create=True) if request.param == "local" else MemoryStore()
    open_store(store, create=True)
    return store


def test_names():
    folder = trash.new_folder(NOW)
    assert folder.startswith("trash/20260610120000-") and trash.new_folder(NOW) != folder
    assert layout.trash_of(folder + NAME) == (folder, "20260610120000", NAME)
    assert layout.trash_of(NAME) is None and layout.trash_of("trash/x/y") is None
    layout.check_name(folder + NAME)


def test_a_document_goes_and_comes_back_byte_for_byte(store):
    store.put(NAME, bytes(range(256)))
    folder = trash.new_folder(NOW)
    assert trash.put_away(store, NAME, folder)
    assert store.stat(NAME) is None and not trash.put_away(store, NAME, folder)
    (found,) = trash.contents(store)
    assert (found.name, found.when, found.where, found.is_records) == (NAME, "20260610120000", folder + NAME, False)
    store.put(NAME, b"another")
    assert not trash.put_back(store, found) and store.get(NAME) == b"another"
    store.delete(NAME)
    assert trash.put_back(store, found) and store.get(NAME) == bytes(range(256))
    assert trash.contents(store) == [] and not trash.put_back(store, found)


def test_what_was_put_away_last_comes_first(store):
    for days in (3, 1, 2):
        store.put(NAME, b"%d" % days)
        trash.put_away(store, NAME, trash.new_folder(NOW - timedelta(days=days)))
    assert [store.get(each.where) for each in trash.contents(store)] == [b"1", b"2", b"3"]


def test_records_are_kept_as_lines(store):
    folder = trash.new_folder(NOW)
    trash.put_records_away(store, [make_record(1), make_record(2)], folder)
    (found,) = trash.contents(store)
    assert found.is_records and trash.read_records(store, found) == [make_record(1), make_record(2)]
    store.put(found.where, store.get(found.where).replace(b'"load"', b'"lead"', 1))
    assert trash.read_records(store, found) == [make_record(2)], "a damaged line is left out"


def test_what_is_no_file_can_be_put_away_too(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    folder = tmp_path / "store/checkpoints/load"
    folder.mkdir(parents=True)
    link, directory = folder / "load_20260601120001_failed.json", folder / "load_20260601120002_failed.json"
    link.symlink_to("gone")
    directory.mkdir()
    (directory / "inside").touch()
    where = trash.new_folder(NOW)
    for path in (link, directory):
        assert trash.put_away(store, f"checkpoints/load/{path.name}", where)
    assert list(folder.iterdir()) == [] and trash.contents(store) == []
    trash.sweep(store, [e.name for e in store.list(layout.TRASH)])
    assert not (tmp_path / "store" / where).exists()


def clean(store, now=NOW, grace_days=7):
    terms = Terms(int(now.timestamp() * 1e9), grace_days * 86400 * 10**9, keep_runs=0)
    remove(store, survey(store, Roots(), terms), "20270101T000000Z-gggg")


def test_gc_keeps_what_is_needed_to_bring_it_back_until_its_time_is_over(store):
    objects = Objects(store)
    source = objects.put(b"the code")
    record = make_record(1)
    part = objects.put(b"data 1")
    store.put(NAME, json.dumps({"code": {"sources": source}}).encode())
    log = RecordLog(store, RUN)
    log.add(record)
    folder = trash.new_folder(NOW)
    trash.put_away(store, NAME, folder)
    trash.put_records_away(store, [record], folder)
    log.forget(record.key)
    if isinstance(store, LocalStore):  # in memory, time is the number of calls: all of it is old
        import os

        for entry in store.list(""):
            os.utime(store.local(entry.name), ns=(0, 0))
    clean(store, NOW + timedelta(days=6))
    assert objects.is_here(source) and objects.is_here(part) and len(trash.contents(store)) == 2
    clean(store, NOW + timedelta(days=8))
    assert not objects.is_here(source) and not objects.is_here(part) and trash.contents(store) == []


def partial(number, position):
    return Partial(make_record(number).key, Headway(position, Items(ok=position)), "load", RUN, "2026-01-01T00:00:00Z")


def test_what_was_kept_of_a_chunk_before_it_was_forgotten_does_not_count(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    log, later = RecordLog(store, RUN), RecordLog(store, "20260102T000000Z-aaaa")
    key = make_record(1).key
    own = Past(store, tmp_path / "cache.db", log)
    log.add_partial(partial(1, 10))
    own.add_partial(partial(1, 10))
    log.add_partial(partial(2, 30))
    assert [p.headway.position for p in own.partials(key)] == [10, 10]
    own.forget(key)
    own.refresh()
    assert own.partials(key) == [] and len(own.partials(make_record(2).key)) == 1
    later.add_partial(partial(1, 5))
    own.refresh()
    assert [p.headway.position for p in own.partials(key)] == [5], "what came after it counts"
    own.close()


def test_gc_does_not_bring_back_what_was_forgotten(store):
    """The line that takes it back stays as long as what it hides does; both go together."""
    objects = Objects(store)
    log = RecordLog(store, RUN)
    name = objects.put(b"data 1")
    part = make_record(1).outs["out"]
    assert part.object == name
    headway = Headway(1, Items(ok=1), {"out": (part,)})
    log.add_partial(Partial(make_record(1).key, headway, "load", RUN, "2026-01-01T00:00:00Z"))
    log.forget(make_record(1).key)
    log.add(make_record(2, data=b"data 1"))  # the object stays reached by this one alone, and the segment is rewritten
    young = int(datetime.now(UTC).timestamp() * 1e9) if isinstance(store, LocalStore) else 10**9
    for now in (0, young + 10**12):
        terms = Terms(now, 0, keep_runs=0)
        remove(store, survey(store, Roots(objects={name}), terms), f"20270101T00000{now % 2}Z-gggg")
        past = Past(store)
        assert past.partials(make_record(1).key) == []
        past.close()
