"""What libraries do behind one's back: each trap is shown to be there, and that a bucket does not fall into it."""

from __future__ import annotations

import pytest

from ckptflow.errors import StoreError
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets.opening import open_bucket
from ckptflow.store.protocol import NotThere

S3FS = "fsspec"


@pytest.fixture
def fs(moto_bucket):
    """s3fs as a program would use it that knows of no traps."""
    import s3fs

    return s3fs.S3FileSystem(**moto_bucket.options, skip_instance_cache=True)


@pytest.fixture
def bucket(moto_bucket, tmp_path):
    return open_bucket(moto_bucket.url, moto_bucket.options, root=tmp_path, timeout=20.0, driver=S3FS)


def path(moto_bucket, name):
    return f"{moto_bucket.url.removeprefix('s3://')}/{name}"


def test_a_body_that_breaks_off_is_no_object(moto_bucket, fs, bucket, tmp_path, monkeypatch):
    with pytest.raises(RuntimeError), fs.open(path(moto_bucket, "a/trap"), "wb") as file:
        file.write(b"half of it")
        raise RuntimeError
    assert fs.cat_file(path(moto_bucket, "a/trap")) == b"half of it"  # the trap

    source = tmp_path / "source"
    source.write_bytes(b"all of it")

    def fail(self):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr("pathlib.Path.read_bytes", fail)
    with pytest.raises(StoreError):
        bucket.upload("a/b", source)
    monkeypatch.undo()
    assert bucket.stat("a/b") is None


def test_nothing_does_not_overwrite_something(moto_bucket, fs, bucket):
    bucket.put("a/trap", b"there")
    with fs.open(path(moto_bucket, "a/trap"), "xb"):
        pass
    assert bucket.get("a/trap") == b""  # the trap
    bucket.put("a/b", b"there")
    assert bucket.create("a/b", b"") is False
    assert bucket.get("a/b") == b"there"


def test_a_missing_bucket_is_not_an_empty_one(moto_bucket, fs, tmp_path):
    assert fs.exists("no-such-bucket/a") is False  # the trap
    bucket = open_bucket("s3://no-such-bucket", moto_bucket.options, root=tmp_path, timeout=5.0, driver=S3FS)
    for ask in (lambda: bucket.stat("a"), lambda: bucket.get("a"), lambda: list(bucket.list(""))):
        with pytest.raises(StoreError) as caught:
            ask()
        assert not isinstance(caught.value, NotThere)


def test_no_listing_is_remembered(moto_bucket, fs, bucket):
    bucket.put("a/b", b"1")
    assert len(fs.ls(path(moto_bucket, "a"))) == 1
    bucket.put("a/c", b"2")
    assert len(fs.ls(path(moto_bucket, "a"))) == 1  # the trap
    assert [entry.name for entry in bucket.list("a/")] == ["a/b", "a/c"]


def test_no_question_comes_before_a_read(moto_server, moto_bucket, fs, bucket):
    bucket.put("a/b", b"data")
    moto_server.reset()
    fs.cat_file(path(moto_bucket, "a/b"))
    assert moto_server.counts(moto_bucket.name)["HEAD"] == 1  # the trap
    moto_server.reset()
    assert bucket.get("a/b") == b"data"
    assert [r["operation"] for r in moto_server.requests(moto_bucket.name)] == ["GET"]


def test_nothing_is_expected_before_a_write(bucket):
    """botocore would wait for `100 Continue` before it sends a body."""
    from botocore.handlers import add_expect_header

    bucket.put("a/b", b"data")
    inner = bucket._inner
    sent = []
    [client] = inner._tamed
    client.meta.events.register("before-call.s3", lambda params, **_: sent.append(dict(params["headers"])))
    bucket.put("a/b", b"data")
    assert "Expect" not in sent[0]
    client.meta.events.register("before-call.s3", add_expect_header)
    client.meta.events.register_last("before-call.s3", lambda params, **_: sent.append(dict(params["headers"])))
    bucket.put("a/b", b"data")
    assert "Expect" in sent[-1]  # the trap


def test_obstore_creates_with_its_own_call(moto_bucket, tmp_path):
    """`obstore.fsspec` takes `mode="create"` and overwrites."""
    bucket = open_bucket(moto_bucket.url, moto_bucket.options, root=tmp_path, timeout=20.0)
    assert bucket.create("a/b", b"first") is True
    assert bucket.create("a/b", b"second") is False
    assert bucket.get("a/b") == b"first"


@pytest.mark.parametrize("url", ["file://{}", "{}"], ids=["by fsspec", "by itself"])
def test_a_file_is_never_seen_half_written(tmp_path, monkeypatch, url):
    """fsspec's driver of local files writes where they are to be."""
    import shutil

    (tmp_path / "remote").mkdir()
    options = {"driver": "fsspec"} if url.startswith("file") else {}
    bucket = open_bucket(url.format(tmp_path / "remote"), options, root=tmp_path, timeout=5.0)
    bucket.put("a/b", b"before")
    source = tmp_path / "source"
    source.write_bytes(b"after")
    seen = []

    def half(original):
        def copy(from_, to, *args, **kwargs):
            with open(to, "wb") as file:
                file.write(b"af")
            seen.append((bucket.get("a/b"), [entry.name for entry in bucket.list("")]))
            raise OSError(28, "No space left on device")

        return copy

    monkeypatch.setattr(shutil, "copyfile", half(shutil.copyfile))
    with pytest.raises(StoreError):
        bucket.upload("a/b", source)
    monkeypatch.undo()
    assert seen
    assert set(map(str, seen)) == {str((b"before", ["a/b"]))}
    assert bucket.get("a/b") == b"before"
    assert [p.name for p in (tmp_path / "remote").rglob("*.tmp")] == []


def test_a_folder_that_cannot_be_read_is_no_empty_one(tmp_path, monkeypatch):
    """fsspec's walks leave out what they cannot list."""
    import fsspec

    fs = fsspec.filesystem("file")
    (tmp_path / "trap/objects/ab").mkdir(parents=True)
    (tmp_path / "trap/objects/ab/cd").write_bytes(b"1")
    bucket = open_bucket(f"file://{tmp_path}/trap", {"driver": "fsspec"}, root=tmp_path, timeout=0.1)
    assert [entry.name for entry in bucket.list("objects/")] == ["objects/ab/cd"]
    whole = type(fs).ls

    def fail(self, path, *args, **kwargs):
        if path.endswith("objects/ab"):
            raise OSError(5, "Input/output error")
        return whole(self, path, *args, **kwargs)

    monkeypatch.setattr(type(fs), "ls", fail)
    assert list(fs.find(f"{tmp_path}/trap")) == []  # the trap
    with pytest.raises(Unavailable):
        list(bucket.list("objects/"))


def test_a_web_page_that_cannot_be_asked_for_is_not_missing(tmp_path):
    """fsspec says "not found" whatever went wrong with a question about a page."""
    import fsspec

    with pytest.raises(FileNotFoundError):  # the trap
        fsspec.filesystem("http", skip_instance_cache=True).info("http://127.0.0.1:9/a")
    bucket = open_bucket("http://127.0.0.1:9/data", {}, root=tmp_path, timeout=0.5)
    for ask in (lambda: bucket.stat("a"), lambda: bucket.get("a"), lambda: list(bucket.list(""))):
        with pytest.raises(Unavailable):
            ask()


def test_the_web_is_read_only(http_server, tmp_path):
    folder = http_server.directory / "data" / "records"
    folder.mkdir(parents=True)
    (folder / "r-000001.jsonl").write_bytes(b"one line\n")
    (folder / "r-000002.jsonl").write_bytes(b"")
    bucket = open_bucket(f"http://127.0.0.1:{http_server.port}/data", {}, root=tmp_path, timeout=10.0)
    assert [(e.name, e.bytes) for e in bucket.list("")] == [
        ("records/r-000001.jsonl", 9),
        ("records/r-000002.jsonl", 0),
    ]
    assert bucket.get("records/r-000001.jsonl") == b"one line\n"
    assert bucket.get("records/r-000001.jsonl", 4, 4) == b"line"
    assert bucket.stat("records/r-000003.jsonl") is None
    assert [e.name for e in bucket.list("records/", "records/r-000001.jsonl")] == ["records/r-000002.jsonl"]
    with pytest.raises(NotThere):
        bucket.get("records/r-000003.jsonl")
    for change in (lambda: bucket.put("a", b""), lambda: bucket.create("a", b""), lambda: bucket.delete(["a"])):
        with pytest.raises(StoreError) as caught:
            change()
        assert "only be read" in str(caught.value)
    nowhere = open_bucket(f"http://127.0.0.1:{http_server.port}/nowhere", {}, root=tmp_path, timeout=2.0)
    with pytest.raises(StoreError) as caught:
        nowhere.stat("a/b")
    assert not isinstance(caught.value, NotThere | Unavailable)
