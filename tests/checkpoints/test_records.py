import os
import signal
import subprocess
import sys

import pytest

from ckptflow.checkpoints.lines import Forget
from ckptflow.checkpoints.records import Durability, RecordLog, read_segment, segments
from ckptflow.errors import StoreError
from ckptflow.store.memory import MemoryStore
from ckptflow.store.wrappers import Counting, FailAt, When

RUN = "20260101T000000Z-aaaa"


def read(store):
    """All good lines, and the damage."""
    damage = []
    return [line for name, _, _ in segments(store) for _, line in read_segment(store, name, damage)], damage


def test_what_is_added_is_read_in_order(store, record):
    log = RecordLog(store, RUN)
    made = [record(n) for n in range(5)]
    spots = [log.add(r) for r in made]
    log.forget(made[0].key)
    assert read(store) == ([*made, Forget(made[0].key)], [])
    data = store.get(spots[3].segment)
    assert data[spots[3].offset : spots[3].offset + spots[3].bytes].startswith(b'{"key":"' + made[3].key.encode())


def test_no_file_before_the_first_record(store):
    RecordLog(store, RUN).sync()
    assert list(segments(store)) == []


def test_segments_are_cut_and_go_on(store, record):
    log = RecordLog(store, RUN, segment_bytes=1000)
    made = [record(n) for n in range(20)]
    for r in made:
        log.add(r)
    names = [name for name, size, _ in segments(store) if size <= 1000]
    assert len(names) > 5 and names[0] == f"records/{RUN}-000001.jsonl"
    assert read(store) == (made, [])


def test_two_logs_of_one_run_never_share_a_segment(store, record):
    first, second = RecordLog(store, RUN), RecordLog(store, RUN)
    for n in range(6):
        (first, second)[n % 2].add(record(n))
    assert len(list(segments(store))) == 2
    assert len(read(store)[0]) == 6


def test_a_torn_tail_is_dropped_without_a_word(store, record):
    log = RecordLog(store, RUN)
    log.add(record(1))
    spot = log.add(record(2))
    path = store.local(spot.segment)
    for cut in (1, 20, spot.bytes):
        os.truncate(path, spot.offset + cut)
        assert read(store) == ([record(1)], [])


def test_a_bad_line_in_the_middle_is_reported_and_passed_over(store, record):
    log = RecordLog(store, RUN)
    spots = [log.add(record(n)) for n in range(3)]
    with open(store.local(spots[1].segment), "r+b") as file:
        file.seek(spots[1].offset + 30)
        file.write(b"?")
    good, damage = read(store)
    assert good == [record(0), record(2)]
    assert [(d.segment, d.offset, d.bytes) for d in damage] == [(spots[1].segment, spots[1].offset, spots[1].bytes)]
    assert "checksum" in str(damage[0])


def test_after_an_error_the_next_line_starts_a_segment(record):
    inner = MemoryStore()
    log = RecordLog(FailAt(inner, 3, When.TORN, StoreError), RUN)
    log.add(record(1))
    with pytest.raises(StoreError):
        log.add(record(2))
    log._store = inner  # the disk works again
    log.add(record(3))
    assert read(inner) == ([record(1), record(3)], [])


@pytest.mark.parametrize(
    ("durability", "after_add", "after_sync"),
    [(Durability.STRICT, 4, 5), (Durability.BATCH, 0, 1), (Durability.OFF, 0, 0)],
)
def test_durability(record, durability, after_add, after_sync):
    store = Counting(MemoryStore())
    log = RecordLog(store, RUN, durability=durability)
    log.add(record(1))
    log.add(record(2))
    assert store.calls["sync"] == after_add
    log.sync()
    assert store.calls["sync"] == after_sync


def test_strict_syncs_objects_before_their_record(record):
    calls = []

    class Watched(MemoryStore):
        __slots__ = ()

        def sync(self, names=()):
            calls.append(("sync", list(names)))

        def append(self, name, data):
            calls.append(("append", name))

    log = RecordLog(Watched(), RUN, durability=Durability.STRICT)
    log.add(record(1))
    object_ = next(iter(record(1).outs.values())).object
    assert calls[0] == ("sync", [f"objects/{object_[:2]}/{object_[2:]}"])
    assert [kind for kind, _ in calls] == ["sync", "append", "sync"]


def test_a_killed_process_loses_nothing_that_was_recorded(store, record):
    code = f"""
import sys
from ckptflow.store.local import LocalStore
from ckptflow.checkpoints.records import RecordLog
from ckptflow.checkpoints.lines import decode
store = LocalStore(sys.argv[1])
line = decode(sys.stdin.buffer.readline()[:-1])
log = RecordLog(store, {RUN!r})
n = 0
while True:
    log.add(line)
    n += 1
    if n % 100 == 0:
        print(n, flush=True)
"""
    from ckptflow.checkpoints.lines import encode_record

    process = subprocess.Popen(
        [sys.executable, "-c", code, str(store.root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    process.stdin.write(encode_record(record(1)))
    process.stdin.flush()
    for _ in range(5):
        told = int(process.stdout.readline())
    os.kill(process.pid, signal.SIGKILL)
    process.communicate()
    good, damage = read(store)
    assert len(good) >= told == 500
    assert damage == []
    assert all(r == record(1) for r in good)
