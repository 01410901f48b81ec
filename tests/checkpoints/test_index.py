"""The past against a simple model: what a reading of all segments from the start would say."""

import os
import shutil
import sqlite3
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.checkpoints import index
from ckptflow.checkpoints.index import Past
from ckptflow.checkpoints.lines import Forget, encode_record
from ckptflow.checkpoints.records import RecordLog, SegmentReader, read_segment, segments
from ckptflow.checkpoints.trees import put_tree
from ckptflow.chunk.headway import Headway, Items
from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout, Tree
from ckptflow.ids import ChunkKey, StageName, digest
from ckptflow.plan.model import Partial, Record
from ckptflow.store.local import LocalStore
from ckptflow.store.memory import MemoryStore
from ckptflow.store.objects import Objects

RUN = "20260101T000000Z-aaaa"


def make_record(number, *, run=RUN):
    """A record whose key says `number`."""
    object_ = digest(f"data {number}".encode())
    return Record(
        key=ChunkKey(digest(f"key {number}".encode())),
        outs={"out": Part(object_, 9, object_, 3)},
        stage=StageName("load"),
        run=run,
        seconds=0.1234567891,
        finished="2026-01-01T00:00:00Z",
    )


def model(store):
    """Key -> record, the slow and simple way."""
    found = {}
    for name, _, _ in segments(store):
        for _, line in read_segment(store, name, []):
            if isinstance(line, Forget):
                found.pop(line.key, None)
            elif isinstance(line, Record):
                found[line.key] = line
    return found


def agrees(past, store, numbers=range(40)):
    wanted = {key: record.to_dict() for key, record in model(store).items()}
    keys = [make_record(n).key for n in numbers]
    found = {key: record.to_dict() for key, record in past.lookup(keys).items()}
    assert found == {key: wanted[key] for key in keys if key in wanted}
    assert past.count() == len(wanted)
    assert {record.key: record.to_dict() for record in past.iter()} == wanted


@pytest.fixture
def db(tmp_path):
    return tmp_path / "cache.db"


def fill(store, numbers, run=RUN):
    log = RecordLog(store, run)
    for n in numbers:
        log.add(make_record(n, run=run))
    return log


def test_what_was_recorded_is_found(store, db):
    fill(store, range(30))
    agrees(Past(store, db), store)
    agrees(Past(store, db), store)
    agrees(Past(store), store)


def test_nothing_is_found_in_an_empty_store(store, db):
    past = Past(store, db)
    assert past.lookup([make_record(1).key]) == {} and past.count() == 0 and list(past.iter()) == []


def test_a_start_does_not_read_again_what_was_read(store, db, monkeypatch):
    log = fill(store, range(30))
    Past(store, db).refresh()
    seen = []
    real = index._index_lines

    def watched(id_, data, start):
        seen.append(start)
        return real(id_, data, start)

    monkeypatch.setattr(index, "_index_lines", watched)
    agrees(Past(store, db), store)
    assert seen == []
    spot = log.add(make_record(30))
    agrees(Past(store, db), store)
    assert seen == [spot.offset]


def test_lines_that_stand_together_are_read_at_once(store, db, monkeypatch):
    fill(store, range(40))
    past = Past(store, db)
    past.refresh()
    size = next(segments(store))[1] // 40
    reads = []
    read = SegmentReader.read
    monkeypatch.setattr(SegmentReader, "read", lambda self, at, n: reads.append(n) or read(self, at, n))
    keys = [make_record(n).key for n in range(40)]
    assert set(past.lookup(keys)) == set(keys)
    assert len(reads) == 1
    monkeypatch.setattr(index, "_BLOCK_BYTES", 10 * size)
    assert set(past.lookup(keys)) == set(keys)
    assert len(reads) <= 1 + 5
    monkeypatch.setattr(index, "_GAP_BYTES", size // 2)
    reads.clear()
    assert set(past.lookup([keys[3], keys[4], keys[20]])) == {keys[3], keys[4], keys[20]}
    assert len(reads) == 2
    assert sum(reads) < 4 * size
    past.close()


def test_the_latest_record_of_a_key_counts(store, db):
    fill(store, [1], "20260101T000000Z-aaaa")
    Past(store, db).refresh()
    fill(store, [1, 2], "20260102T000000Z-aaaa")
    assert Past(store, db).lookup([make_record(1).key])[make_record(1).key].run == "20260102T000000Z-aaaa"
    agrees(Past(store, db), store)


def test_own_records_are_found_before_they_are_indexed(store, db, monkeypatch):
    monkeypatch.setattr(index, "_FRESH_MOST", 5)
    log = RecordLog(store, RUN)
    past = Past(store, db, log)
    for n in range(40):
        log.add(make_record(n))
        past.add(make_record(n))
        assert make_record(n).key in past.lookup([make_record(n).key])
        assert len(past._fresh) <= 11, "memory does not grow with the run"
    agrees(past, store)


def test_own_records_that_were_never_logged_are_not_lost(store, db, monkeypatch):
    monkeypatch.setattr(index, "_FRESH_MOST", 5)
    past = Past(store, db)
    past._spill_at = 5
    for n in range(20):
        past.add(make_record(n))
    assert len(past.lookup([make_record(n).key for n in range(20)])) == 20
    assert past.count() == 20 == len(list(past.iter()))


def test_what_this_process_knows_beats_a_run_that_sorts_later(store, db, monkeypatch):
    monkeypatch.setattr(index, "_FRESH_MOST", 5)
    fill(store, range(4), "20260109T000000Z-zzzz")
    log = RecordLog(store, RUN)
    past = Past(store, db, log)
    past._spill_at = 5
    past.forget(make_record(1).key)
    for n in (2, *range(10, 30)):
        log.add(make_record(n))
        past.add(make_record(n))
    found = past.lookup([make_record(n).key for n in (1, 2)])
    assert {key: record.run for key, record in found.items()} == {make_record(2).key: RUN}


def test_forgotten_stays_forgotten_until_recorded_anew(store, db):
    log = fill(store, range(3))
    past = Past(store, db, log)
    key = make_record(1).key
    past.forget(key)
    for each in (past, Past(store, db), Past(store)):
        assert key not in each.lookup([key]) and each.count() == 2
        assert key not in {r.key for r in each.iter()}
    log.add(make_record(1))
    past.add(make_record(1))
    for each in (past, Past(store, db), Past(store)):
        assert key in each.lookup([key]) and each.count() == 3


def test_forgetting_without_a_log_holds_for_the_process(store, db):
    fill(store, range(3))
    past = Past(store, db)
    past.forget(make_record(1).key)
    assert past.lookup([make_record(1).key]) == {} and past.count() == 2
    agrees(Past(store, db), store)


def test_a_deleted_segment_takes_its_records_along(store, db):
    fill(store, range(5), "20260101T000000Z-aaaa")
    fill(store, range(3, 8), "20260102T000000Z-bbbb")
    agrees(Past(store, db), store)
    store.delete("records/20260102T000000Z-bbbb-000001.jsonl")
    assert Past(store, db).count() == 5, "before any lookup finds out"
    past = Past(store, db)
    agrees(past, store)
    assert past.lookup([make_record(4).key])[make_record(4).key].run == "20260101T000000Z-aaaa"


def test_a_shrunk_segment_loses_its_end(store, db):
    fill(store, range(10))
    agrees(Past(store, db), store)
    path = store.local(f"records/{RUN}-000001.jsonl")
    os.truncate(path, path.stat().st_size // 2)
    agrees(Past(store, db), store)


def test_a_segment_replaced_by_a_longer_one(store, db):
    fill(store, range(5))
    agrees(Past(store, db), store)
    store.delete(f"records/{RUN}-000001.jsonl")
    fill(store, range(10, 22))
    assert Past(store, db).lookup([make_record(10).key]), "before a lookup of an old key finds out"
    agrees(Past(store, db), store)


def test_a_segment_that_goes_between_start_and_question(store, db):
    fill(store, range(5))
    past = Past(store, db)
    past.refresh()
    store.delete(f"records/{RUN}-000001.jsonl")
    agrees(past, store)


def test_a_segment_rewritten_behind_the_index(store, db):
    fill(store, range(5))
    past = Past(store, db)
    past.refresh()
    name = f"records/{RUN}-000001.jsonl"
    path = store.local(name)
    before = path.stat()
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(reversed(lines)))
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))  # same size, same time: only the lines tell
    agrees(past, store)
    agrees(Past(store, db), store)


def test_damage_is_reported_and_passed_over(store, db):
    fill(store, range(5))
    path = store.local(f"records/{RUN}-000001.jsonl")
    data = bytearray(path.read_bytes())
    second = data.index(b"\n") + 1
    data[second + 50] ^= 1
    path.write_bytes(data)
    past = Past(store, db)
    agrees(past, store)
    assert past.count() == 4
    assert [(d.segment, d.offset) for d in past.damage()] == [(f"records/{RUN}-000001.jsonl", second)]


def test_a_torn_tail_is_read_when_it_is_whole(store, db):
    log = fill(store, range(3))
    name = f"records/{RUN}-000001.jsonl"
    whole = store.get(name)
    store.put(name, whole[:-20])
    past = Past(store, db)
    assert past.count() == 2 and past.damage() == []
    store.append(name, whole[-20:])
    past.refresh()
    assert past.count() == 3 and past.damage() == []
    del log


def test_lines_longer_than_a_block(store, db, monkeypatch):
    monkeypatch.setattr(index, "_READ_BYTES", 64)
    fill(store, range(5))
    agrees(Past(store, db), store)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda db: db.unlink(),
        lambda db: db.write_bytes(b""),
        lambda db: db.write_bytes(b"no database" * 1000),
        lambda db: os.truncate(db, db.stat().st_size // 2),
        lambda db: db.write_bytes(db.read_bytes()[:100] + os.urandom(db.stat().st_size - 100)),
    ],
)
def test_the_database_may_be_spoilt_at_any_time(store, db, spoil):
    fill(store, range(30))
    past = Past(store, db)
    agrees(past, store)
    past.close()
    spoil(db)
    past = Past(store, db)
    agrees(past, store)
    past.close()
    agrees(Past(store, db), store)


def test_pages_spoilt_under_an_open_database(store, db):
    fill(store, range(2000))
    past = Past(store, db)
    past.refresh()
    past._db.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    data = bytearray(db.read_bytes())
    for page in range(1, len(data) // 4096):
        data[page * 4096 : page * 4096 + 64] = os.urandom(64)
    db.write_bytes(data)
    agrees(Past(store, db), store)
    agrees(past, store)


def test_an_index_that_lies_gives_no_wrong_record(store, db):
    fill(store, range(10))
    past = Past(store, db)
    past.refresh()
    past._db.execute("UPDATE lines_1 SET at = (SELECT min(at) FROM lines_1)")  # every key points to one line
    agrees(past, store)
    past._db.execute("UPDATE lines_1 SET at = -5, bytes = 1 << 40")
    agrees(past, store)


def test_a_locked_or_missing_place_for_the_database(store, tmp_path):
    fill(store, range(5))
    agrees(Past(store, tmp_path / "no" / "such" / "folder" / "cache.db"), store)
    (tmp_path / "folder.db").mkdir()
    agrees(Past(store, tmp_path / "folder.db"), store)


def test_tables_of_others_in_the_same_file_are_left_alone(store, db):
    with sqlite3.connect(db) as other:
        other.execute("CREATE TABLE files (path TEXT)")
        other.execute("INSERT INTO files VALUES ('x')")
    other.close()
    fill(store, range(5))
    agrees(Past(store, db), store)
    assert sqlite3.connect(db).execute("SELECT * FROM files").fetchall() == [("x",)]


def test_one_database_for_two_stores(store, db, tmp_path):
    other = LocalStore(tmp_path / "other", create=True)
    fill(store, range(5))
    fill(other, range(3, 9))
    for _ in range(2):
        agrees(Past(store, db), store)
        agrees(Past(other, db), other)


def test_a_store_replaced_by_another_at_the_same_place(store, db):
    fill(store, range(5))
    agrees(Past(store, db), store)
    shutil.rmtree(store.root)
    other = LocalStore(store.root, create=True)
    fill(other, range(20, 30))
    agrees(Past(other, db), other)


def test_a_store_without_files():
    store = MemoryStore()
    fill(store, range(5))
    agrees(Past(store), store)


def test_trees(store, db):
    past = Past(store, db)
    tree = Tree(Layout.PARTS, "parquet", tuple(make_record(1).outs.values()), ".parquet")
    name = put_tree(Objects(store), tree)
    assert past.tree(name) == tree
    assert past.tree(make_record(1).key) is None
    path = Objects(store).path(name)
    path.chmod(0o644)
    path.write_bytes(b"spoilt")
    assert past.tree(name) is None


ACTIONS = st.one_of(
    st.tuples(st.just("add"), st.integers(0, 7), st.integers(0, 2)),
    st.tuples(st.just("forget"), st.integers(0, 7), st.integers(0, 2)),
    st.tuples(st.just("reopen")),
    st.tuples(st.just("refresh")),
    st.tuples(st.just("lose index")),
    st.tuples(st.just("delete"), st.integers(0, 5)),
    st.tuples(st.just("truncate"), st.integers(0, 5), st.integers(1, 200)),
    st.tuples(st.just("flip"), st.integers(0, 5), st.integers(0, 2000)),
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ACTIONS, max_size=25))
def test_whatever_happens_to_log_and_index(tmp_path_factory, actions):
    folder = tmp_path_factory.mktemp("past")
    store, db = LocalStore(folder / "store", create=True), folder / "cache.db"
    logs = [RecordLog(store, f"2026010{n}T000000Z-aaaa", segment_bytes=1500) for n in range(3)]
    past = Past(store, db)
    for action, *args in actions:
        names = [name for name, _, _ in segments(store)]
        if action == "add":
            logs[args[1]].add(make_record(args[0], run=f"run{args[1]}"))
        elif action == "forget":
            logs[args[1]].forget(make_record(args[0]).key)
        elif action == "reopen":
            past.close()
            past = Past(store, db)
        elif action == "refresh":
            past.refresh()
        elif action == "lose index":
            past.close()
            db.unlink(missing_ok=True)
            past = Past(store, db)
        elif names:
            name = names[args[0] % len(names)]
            data = bytearray(store.get(name))
            if action == "delete":
                store.delete(name)
            elif action == "truncate":
                store.put(name, bytes(data[: max(0, len(data) - args[1])]))
            elif data:
                data[args[1] % len(data)] ^= 1
                store.put(name, bytes(data))
            past.close()  # damage is seen by the next process; this one has its own records in mind
            past = Past(store, db)
    past.refresh()
    agrees(past, store, range(8))
    past.close()


def make_partial(number, position, *, run=RUN, own=None):
    """What an unfinished chunk has kept: `number` is in its key, its one object holds the position."""
    object_ = digest(f"items {position}".encode())
    headway = Headway(
        position=position,
        items=Items(ok=position or 0),
        outs={"out": (Part(object_, 9, object_, 3),)},
        own=() if own is None else (own,),
    )
    return Partial(make_record(number).key, headway, StageName("load"), run, "2026-01-01T00:00:00Z")


@pytest.mark.parametrize("again", [False, True])
def test_what_an_unfinished_chunk_has_kept_is_found_the_furthest_first(tmp_path, again):
    store = LocalStore(tmp_path / "store", create=True)
    log, later = RecordLog(store, RUN), RecordLog(store, "20260102T000000Z-aaaa")
    past = Past(store, tmp_path / "cache.db", log)
    for number, position in ((1, 10), (1, 30), (2, 5)):
        partial = make_partial(number, position)
        log.add_partial(partial)
        past.add_partial(partial)
    later.add_partial(make_partial(1, 20))
    log.add(make_record(3))
    past.add(make_record(3))
    if again:
        past.close()
        past = Past(store, tmp_path / "cache.db")
    found = [partial.headway.position for partial in past.partials(make_record(1).key)]
    assert found[0] == 30
    assert set(found) == ({30, 20, 10})
    assert past.partials(make_record(3).key) == []
    assert past.lookup([make_record(1).key]) == {}, "it is no record"
    agrees(past, store)
    past.close()


def test_of_points_that_functions_keep_themselves_the_last_counts(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    first, second = RecordLog(store, RUN), RecordLog(store, "20260102T000000Z-aaaa")
    second.add_partial(make_partial(1, None, own="late"))
    first.add_partial(make_partial(1, None, own="early"))
    past = Past(store)
    assert past.partials(make_record(1).key)[0].headway.own == ("late",)
    past.close()


def test_a_damaged_line_is_passed_over_and_told_of(tmp_path):
    store = LocalStore(tmp_path / "store", create=True)
    log = RecordLog(store, RUN)
    log.add_partial(make_partial(1, 10))
    log.add_partial(make_partial(1, 20))
    (segment,) = (tmp_path / "store/records").iterdir()
    segment.write_bytes(segment.read_bytes().replace(b'"position":20', b'"position":21'))
    past = Past(store)
    assert [partial.headway.position for partial in past.partials(make_record(1).key)] == [10]
    assert len(past.damage()) == 1
    past.close()


def test_having_tells_what_lookup_finds(store, db):
    log = RecordLog(store, RUN)
    records = [make_record(number) for number in range(6)]
    for each in records:
        log.add(each)
    log.forget(records[1].key)
    log.forget(records[2].key)
    RecordLog(store, f"{RUN}2").add(records[2])  # anew, in a later segment
    past = Past(store, db)
    keys = [r.key for r in records]
    assert past.having(keys) == past.lookup(keys).keys() == {*keys} - {records[1].key}
    past.close()


# ---- by loose key


def loose_record(number, of, *, code="code", run=RUN):
    record = make_record(number, run=run)
    return replace(record, loose=ChunkKey(digest(of.encode())), code=digest(code.encode()))


def loosely(past, *of):
    found = past.loosely(ChunkKey(digest(name.encode())) for name in of)
    return {name: sorted(r.key for r in found.get(ChunkKey(digest(name.encode())), ())) for name in of}


def keys(*numbers):
    return sorted(make_record(n).key for n in numbers)


def test_records_are_found_by_their_loose_key(store, db):
    log = RecordLog(store, RUN)
    log.add(make_record(0))  # of an older version: it has none
    for number, of in enumerate("aab", 1):
        log.add(loose_record(number, of))
    for past in (Past(store, db), Past(store, db), Past(store)):
        assert loosely(past, "a", "b", "c") == {"a": keys(1, 2), "b": keys(3), "c": []}
        assert past.loosely([]) == {}


def test_what_is_forgotten_or_recorded_anew_is_not_found_by_the_loose_key_that_it_had(store, db):
    log = RecordLog(store, RUN)
    log.add(loose_record(1, "a"))
    log.add(loose_record(2, "a"))
    past = Past(store, db, log)
    assert loosely(past, "a") == {"a": keys(1, 2)}
    past.forget(make_record(1).key)
    assert loosely(past, "a") == {"a": keys(2)}
    assert loosely(Past(store, db), "a") == {"a": keys(2)}
    log.add(loose_record(2, "b"))
    again = Past(store, db)
    assert loosely(again, "a", "b") == {"a": [], "b": keys(2)}


def test_a_segment_that_goes_takes_its_loose_keys_along(store, db):
    RecordLog(store, RUN).add(loose_record(1, "a"))
    other = "20260102T000000Z-bbbb"
    RecordLog(store, other).add(loose_record(2, "a", run=other))
    past = Past(store, db)
    assert loosely(past, "a") == {"a": keys(1, 2)}
    store.delete(f"records/{RUN}-000001.jsonl")
    past.refresh()
    assert loosely(past, "a") == {"a": keys(2)}


def test_loose_keys_of_another_store_in_the_same_database_are_others(store, db, tmp_path):
    other = LocalStore(tmp_path / "other", create=True)
    RecordLog(store, RUN).add(loose_record(1, "a"))
    RecordLog(other, RUN).add(loose_record(2, "a"))
    assert loosely(Past(store, db), "a") == {"a": keys(1)}
    assert loosely(Past(other, db), "a") == {"a": keys(2)}


def test_an_index_that_lies_of_loose_keys_finds_no_wrong_record(store, db):
    log = RecordLog(store, RUN)
    log.add(loose_record(1, "a"))
    log.add(loose_record(2, "b"))
    past = Past(store, db)
    assert loosely(past, "a", "b") == {"a": keys(1), "b": keys(2)}
    past._db.execute("UPDATE loose_1 SET key = ?", (bytes.fromhex(make_record(2).key),))
    assert loosely(past, "a", "b") == {"a": [], "b": keys(2)}


def test_many_loose_keys_are_sought_at_once(store, db):
    log = RecordLog(store, RUN)
    for number in range(1200):
        log.add(loose_record(number, f"{number}"))
    found = loosely(Past(store, db), *map(str, range(1300)))
    assert [len(found[str(n)]) for n in range(1300)] == [1] * 1200 + [0] * 100


def test_nobody_pays_who_does_not_ask(store, db):
    RecordLog(store, RUN).add(loose_record(1, "a"))
    past = Past(store, db)
    agrees(past, store)
    assert past._db.execute("SELECT count(*) FROM loose_1").fetchone() == (0,)
    assert loosely(past, "a") == {"a": keys(1)}


def test_what_is_added_later_is_found_too(store, db):
    log = RecordLog(store, RUN)
    log.add(loose_record(1, "a"))
    past = Past(store, db)
    assert loosely(past, "a", "b") == {"a": keys(1), "b": []}
    log.add(loose_record(2, "b"))
    past.refresh()
    assert loosely(past, "a", "b") == {"a": keys(1), "b": keys(2)}


def test_a_segment_that_was_written_anew_is_read_anew(store, db):
    RecordLog(store, RUN).add(loose_record(1, "a"))
    past = Past(store, db)
    assert loosely(past, "a") == {"a": keys(1)}
    store.put(f"records/{RUN}-000001.jsonl", encode_record(loose_record(2, "b")) + encode_record(loose_record(3, "b")))
    past.refresh()
    assert loosely(past, "a", "b") == {"a": [], "b": keys(2, 3)}


def test_loose_keys_of_lines_longer_than_a_block(store, db, monkeypatch):
    monkeypatch.setattr(index, "_READ_BYTES", 64)
    log = RecordLog(store, RUN)
    for number in range(5):
        log.add(loose_record(number, f"{number}"))
    assert loosely(Past(store, db), "0", "4") == {"0": keys(0), "4": keys(4)}


def test_a_bad_line_costs_its_own_record_alone(store, db):
    log = RecordLog(store, RUN)
    for number in range(3):
        log.add(loose_record(number, "a"))
    path = store.root / f"records/{RUN}-000001.jsonl"
    data = bytearray(path.read_bytes())
    data[data.index(b"\n") + 120] ^= 1
    path.chmod(0o644)
    path.write_bytes(data)
    assert loosely(Past(store, db), "a") == {"a": keys(0, 2)}
