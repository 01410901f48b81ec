"""What every bucket does: run on every driver and server (see `conftest`)."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from ckptflow.errors import StoreError
from ckptflow.store.buckets.ranges import BLOCK
from ckptflow.store.protocol import NotThere
from tests.store.buckets.conftest import HERE, KINDS, MISSING

ODD = "checkpoints/stage%20with@~=+-_.and-more/x~%41+y=z@_-.json"
LEAVING = [
    "",
    ".",
    "..",
    "/etc/passwd",
    "a/../b",
    "../a",
    "a//b",
    "a/",
    "a/.hidden",
    ".a",
    "a\\b",
    "a\0",
    "a b",
    "ä",
    "a\n",
]


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_the_suite_runs_on_this_kind(kind):
    if kind in MISSING:
        pytest.skip(f"not tested on {kind}: {MISSING[kind]}")
    assert kind in HERE


def names(bucket, prefix="", after=""):
    return [entry.name for entry in bucket.list(prefix, after)]


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 5000], ids=["empty", "one byte", "1.25 MB"])
def test_what_is_put_is_got(bucket, tmp_path, data):
    bucket.put("objects/ab/cd", data)
    assert bucket.get("objects/ab/cd") == data
    assert bucket.read("objects/ab/cd")[0] == data
    assert bucket.stat("objects/ab/cd").bytes == len(data)
    assert bucket.download("objects/ab/cd", tmp_path / "copy") == len(data)
    assert (tmp_path / "copy").read_bytes() == data
    assert [(e.name, e.bytes) for e in bucket.list("objects/")] == [("objects/ab/cd", len(data))]


def test_what_was_put_is_replaced(bucket):
    for data in (b"first", b"", b"a longer third one"):
        bucket.put("records/r-000001.jsonl", data)
        assert bucket.get("records/r-000001.jsonl") == data
        assert names(bucket) == ["records/r-000001.jsonl"]


def test_what_is_not_there(bucket, tmp_path):
    bucket.put("objects/ab/ce", b"neighbour")
    for ask in (
        bucket.get,
        bucket.read,
        lambda name: bucket.get(name, 2, 3),
        lambda n: bucket.download(n, tmp_path / "f"),
    ):
        with pytest.raises(NotThere):
            ask("objects/ab/cd")
    assert bucket.stat("objects/ab/cd") is None
    assert bucket.stat("objects/ab") is None
    assert names(bucket, "objects/ab/cd") == []
    assert names(bucket, "records/") == []
    assert list(tmp_path.glob("*f*")) == []


def test_an_empty_bucket_lists_nothing(bucket):
    assert names(bucket) == []
    assert names(bucket, "records/", "records/r") == []


def test_names_of_all_allowed_characters(bucket):
    bucket.put(ODD, b"odd")
    assert bucket.get(ODD) == b"odd"
    assert bucket.stat(ODD).bytes == 3
    assert names(bucket) == [ODD]
    assert names(bucket, ODD[:-10]) == [ODD]
    assert bucket.create(ODD + "2", b"") is True
    bucket.delete([ODD])
    assert names(bucket) == [ODD + "2"]


@pytest.mark.parametrize("name", LEAVING)
def test_names_that_could_leave_are_refused(bucket, tmp_path, name):
    path = tmp_path / "file"
    path.write_bytes(b"x")
    calls = (
        lambda: bucket.get(name),
        lambda: bucket.read(name),
        lambda: bucket.download(name, tmp_path / "other"),
        lambda: bucket.put(name, b""),
        lambda: bucket.upload(name, path),
        lambda: bucket.create(name, b""),
        lambda: bucket.replace(name, b"", "v"),
        lambda: bucket.stat(name),
        lambda: bucket.delete([name]),
    )
    for call in calls:
        with pytest.raises(StoreError) as caught:
            call()
        assert not isinstance(caught.value, NotThere)
    assert path.exists()


@pytest.mark.parametrize("prefix", ["../", "/", "a/../", ".x"])
def test_prefixes_that_could_leave_are_refused(bucket, prefix):
    with pytest.raises(StoreError):
        list(bucket.list(prefix))


def test_ranges(bucket):
    data = bytes(range(200))
    bucket.put("packs/ab/cd", data)
    assert bucket.get("packs/ab/cd", 0, 1) == data[:1]
    assert bucket.get("packs/ab/cd", 10, 20) == data[10:30]
    assert bucket.get("packs/ab/cd", 199, 1) == data[199:]
    assert bucket.get("packs/ab/cd", 150) == data[150:]
    assert bucket.get("packs/ab/cd", 200) == b""
    assert bucket.get("packs/ab/cd", 7, 0) == b""


@pytest.mark.parametrize(("start", "size"), [(190, 11), (200, 1), (500, 10), (0, 201), (201, None), (500, 0)])
def test_a_range_behind_the_end_is_an_error_and_no_miss(bucket, start, size):
    bucket.put("packs/ab/cd", bytes(200))
    with pytest.raises(StoreError) as caught:
        bucket.get("packs/ab/cd", start, size)
    assert not isinstance(caught.value, NotThere)


def test_create_never_replaces(place):
    bucket = place.bucket
    assert bucket.create("ckptflow.json", b"first") is True
    if place.guards:
        assert bucket.create("ckptflow.json", b"second") is False
        assert bucket.get("ckptflow.json") == b"first"
    else:  # documented: a server that ignores conditions overwrites, and `remote check` finds that out
        assert bucket.create("ckptflow.json", b"second") is True
        assert bucket.get("ckptflow.json") == b"second"
    assert names(bucket) == ["ckptflow.json"]


def test_create_of_nothing_replaces_nothing(place):
    bucket = place.bucket
    bucket.put("checkpoints/s/x.json", b"there")
    assert bucket.create("checkpoints/s/x.json", b"") is not place.guards
    assert bucket.get("checkpoints/s/x.json") == (b"there" if place.guards else b"")


def test_replace_only_what_was_read(place):
    bucket = place.bucket
    bucket.put("checkpoints/s/latest.json", b"one")
    data, version = bucket.read("checkpoints/s/latest.json")
    assert data == b"one"
    assert bucket.replace("checkpoints/s/latest.json", b"two", version) is True
    stale = bucket.replace("checkpoints/s/latest.json", b"three", version)
    assert stale is not place.guards
    assert bucket.get("checkpoints/s/latest.json") == (b"two" if place.guards else b"three")
    assert bucket.replace("checkpoints/s/latest.json", b"four", bucket.read("checkpoints/s/latest.json")[1]) is True
    assert bucket.get("checkpoints/s/latest.json") == b"four"


def test_replace_of_what_is_gone_makes_nothing(place):
    bucket = place.bucket
    bucket.put("a/b", b"one")
    version = bucket.read("a/b")[1]
    bucket.delete(["a/b"])
    assert bucket.replace("a/b", b"two", version) is not place.guards
    assert (bucket.stat("a/b") is None) is place.guards


def test_list_is_sorted_by_whole_name_and_by_prefix(bucket):
    wanted = sorted(["a-b", "a/c", "a/b/c", "a/b-d", "a0", "b/x", "ab/y", "a/b.x", "a=", "a/b/d/e", "aB", "a/b~"])
    for name in reversed(wanted):
        bucket.put(name, name.encode())
    assert names(bucket) == wanted
    for prefix in ("a", "a/", "a/b", "a/b/", "a/b/c", "ab", "b/", "a/b-", "zz", "a/b/d/e"):
        assert names(bucket, prefix) == [n for n in wanted if n.startswith(prefix)], prefix
        for after in ("a", "a/b", "a/b/c", "a/b~", "aa", "b/x", "zzz"):
            expected = [n for n in wanted if n.startswith(prefix) and n > after]
            assert names(bucket, prefix, after) == expected, (prefix, after)


def test_more_names_than_a_page_holds(place, bucket):
    if place.kind == "gcsfs on an emulator":
        pytest.skip("this emulator takes minutes to delete so many: it searches all of them for each")
    wanted = [f"records/r{i // 100:02d}-{i % 100:06d}.jsonl" for i in range(1105)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: bucket.put(name, b""), wanted))
    bucket.put("records/r-000001.jsonl", b"first")
    bucket.put("records0", b"behind")
    assert names(bucket, "records/") == ["records/r-000001.jsonl", *wanted]
    assert names(bucket, "records/", wanted[1003]) == wanted[1004:]
    assert names(bucket, "records/r07") == wanted[700:800]
    bucket.delete([*wanted[:1101], "records/not-there.jsonl"])
    assert names(bucket, "records/") == ["records/r-000001.jsonl", *wanted[1101:]]


def test_deleted_is_gone(bucket):
    for name in ("a/b", "a/c", "a/d"):
        bucket.put(name, b"1")
    bucket.delete(["a/b", "a/missing", "a/d", "b/missing"])
    assert names(bucket) == ["a/c"]
    bucket.delete(["a/b"])
    bucket.delete([])
    bucket.delete(name for name in ("a/c",))
    assert names(bucket) == []


def test_what_others_do_is_seen_at_once(place):
    one, other = place.again(), place.again()
    one.put("records/a", b"1")
    assert names(other, "records/") == ["records/a"]
    assert other.stat("records/b") is None
    one.put("records/b", b"22")
    assert names(other, "records/") == ["records/a", "records/b"]
    assert other.stat("records/b").bytes == 2
    one.put("records/b", b"333")
    assert other.get("records/b") == b"333"
    assert other.stat("records/b").bytes == 3
    one.delete(["records/a"])
    assert names(other, "records/") == ["records/b"]
    assert other.stat("records/a") is None


def test_times_are_those_of_the_server(bucket):
    bucket.put("a/b", b"1")
    [listed] = bucket.list("a/")
    assert abs(listed.written_ns - time.time_ns()) < 3600 * 10**9
    assert abs(bucket.stat("a/b").written_ns - listed.written_ns) < 10**9


def test_files_travel_small_and_in_parts(bucket, tmp_path):
    source, copy = tmp_path / "source", tmp_path / "copy"
    for size in (0, 1, 100_000, BLOCK + 1, 2 * BLOCK + 12_345):
        source.write_bytes(bytes(i % 251 for i in range(1000)) * (size // 1000) + bytes(size % 1000))
        bucket.upload("objects/ab/cd", source)
        assert bucket.stat("objects/ab/cd").bytes == size
        assert bucket.download("objects/ab/cd", copy) == size
        assert copy.read_bytes() == source.read_bytes()
        copy.unlink()
    assert names(bucket) == ["objects/ab/cd"]
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.endswith(".tmp")) == []


def test_a_file_that_is_not_there_is_not_uploaded(bucket, tmp_path):
    with pytest.raises(StoreError) as caught:
        bucket.upload("objects/ab/cd", tmp_path / "nothing")
    assert not isinstance(caught.value, NotThere)
    assert names(bucket) == []


def test_what_cannot_be_written_locally_is_an_error(bucket, tmp_path):
    bucket.put("objects/ab/cd", b"data")
    with pytest.raises(StoreError) as caught:
        bucket.download("objects/ab/cd", tmp_path / "no-such-folder" / "file")
    assert not isinstance(caught.value, NotThere)


def test_many_threads_at_once(bucket):
    def work(number: int) -> None:
        for i in range(6):
            name = f"records/r{number}-{i:06d}.jsonl"
            bucket.put(name, name.encode() * (i + 1))
            assert bucket.get(name) == name.encode() * (i + 1)
            assert bucket.create(f"runs/{number}-{i}.json", b"x") is True
            if i % 2:
                bucket.delete([name])
        assert len(names(bucket, f"records/r{number}-")) == 3

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(work, range(8)))
    assert len(names(bucket, "records/")) == 24
    assert len(names(bucket, "runs/")) == 48


def test_one_creator_wins(place):
    if not place.guards:
        pytest.skip("a server that ignores conditions has no winner")
    buckets = [place.again() for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda i: buckets[i].create("ckptflow.json", f"writer {i}".encode()), range(8)))
    assert made.count(True) == 1
    assert buckets[0].get("ckptflow.json") == f"writer {made.index(True)}".encode()


def test_no_replacement_is_lost(place):
    if not place.guards:
        pytest.skip("a server that ignores conditions loses some")
    place.bucket.put("a/counter", b"0 by nobody")

    def count(i: int) -> None:
        bucket = place.again()
        done = 0
        while done < 5:
            data, version = bucket.read("a/counter")
            done += bucket.replace("a/counter", b"%d by %d" % (int(data.split()[0]) + 1, i), version)

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(count, range(4)))
    assert place.bucket.get("a/counter").split()[0] == b"20"


def test_a_bucket_that_does_not_exist_is_an_error_and_no_miss(place, tmp_path):
    if place.elsewhere is None:
        pytest.skip("it always exists")
    bucket = place.elsewhere()
    path = tmp_path / "file"
    path.write_bytes(b"x")
    calls = {
        "get": lambda: bucket.get("a/b"),
        "range": lambda: bucket.get("a/b", 1, 2),
        "read": lambda: bucket.read("a/b"),
        "download": lambda: bucket.download("a/b", tmp_path / "other"),
        "put": lambda: bucket.put("a/b", b""),
        "upload": lambda: bucket.upload("a/b", path),
        "create": lambda: bucket.create("a/b", b""),
        "replace": lambda: bucket.replace("a/b", b"", "0"),
        "stat": lambda: bucket.stat("a/b"),
        "list": lambda: list(bucket.list("")),
        "list below": lambda: list(bucket.list("a/")),
        "delete": lambda: bucket.delete(["a/b"]),
    }
    for what, call in calls.items():
        with pytest.raises(StoreError) as caught:
            call()
        assert type(caught.value) is StoreError, what
        assert caught.value.hint, what


def test_urls_show_where(place):
    assert place.bucket.url
    place.bucket.close()
