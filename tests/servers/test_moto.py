"""The server by moto: one process, kept connections, conditions that hold between threads, counts that are right."""

from __future__ import annotations

import http.client
import os
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from .moto import MotoServer
from .process import ROOT
from .tally import parse

PART = 5 << 20


def test_a_connection_is_kept(moto_server, moto_bucket, wire):
    for number in range(3):
        wire.ask("PUT", f"/{moto_bucket.name}/{number}", b"x")
        if number == 0:
            kept = wire.sock
        assert wire.sock is kept
    assert wire.ask("HEAD", f"/{moto_bucket.name}/1")[0].headers["Content-Length"] == "1"
    assert wire.ask("DELETE", f"/{moto_bucket.name}/1")[0].status == 204
    answer, text = wire.ask("GET", f"/{moto_bucket.name}/0", Range="bytes=0-0")
    assert (answer.status, text) == (206, b"x")
    assert wire.sock is kept


def test_a_chunked_body_and_one_that_waits_to_be_asked_for(moto_bucket, wire):
    wire.request("PUT", f"/{moto_bucket.name}/a", iter([b"one ", b"two"]), encode_chunked=True)
    assert wire.getresponse().read() == b""
    assert wire.ask("PUT", f"/{moto_bucket.name}/b", b"three", Expect="100-continue")[1] == b""
    for key, text in (("a", b"one two"), ("b", b"three")):
        assert wire.ask("GET", f"/{moto_bucket.name}/{key}")[1] == text


def test_one_of_many_creates(moto_bucket, s3):
    client = s3(moto_bucket)

    def create(number):
        try:
            client.put_object(Bucket=moto_bucket.name, Key="one", Body=str(number).encode(), IfNoneMatch="*")
        except client.exceptions.ClientError as error:
            assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 412
            return False
        return True

    with ThreadPoolExecutor(8) as threads:
        created = list(threads.map(create, range(32)))
    assert created.count(True) == 1
    assert client.get_object(Bucket=moto_bucket.name, Key="one")["Body"].read() == str(created.index(True)).encode()


def test_replacing_needs_the_version(moto_bucket, s3):
    client = s3(moto_bucket)
    first = client.put_object(Bucket=moto_bucket.name, Key="one", Body=b"1")["ETag"]
    client.put_object(Bucket=moto_bucket.name, Key="one", Body=b"2", IfMatch=first)
    with pytest.raises(client.exceptions.ClientError, match="PreconditionFailed"):
        client.put_object(Bucket=moto_bucket.name, Key="one", Body=b"3", IfMatch=first)
    assert client.get_object(Bucket=moto_bucket.name, Key="one")["Body"].read() == b"2"


def test_requests_are_counted_by_what_they_do(moto_server, moto_bucket, s3):
    client, name = s3(moto_bucket), moto_bucket.name
    for key in ("objects/a", "objects/b", "records/é 1+"):
        client.put_object(Bucket=name, Key=key, Body=b"12345")
    client.get_object(Bucket=name, Key="objects/a")["Body"].read()
    client.head_object(Bucket=name, Key="objects/a")
    client.list_objects_v2(Bucket=name, Prefix="records/")
    client.copy_object(Bucket=name, Key="objects/c", CopySource=f"{name}/objects/a")
    client.delete_object(Bucket=name, Key="objects/b")
    client.delete_objects(Bucket=name, Delete={"Objects": [{"Key": "objects/c"}]})
    upload = client.create_multipart_upload(Bucket=name, Key="objects/d")["UploadId"]
    part = client.upload_part(Bucket=name, Key="objects/d", UploadId=upload, PartNumber=1, Body=b"x" * PART)
    client.list_multipart_uploads(Bucket=name)
    client.complete_multipart_upload(
        Bucket=name,
        Key="objects/d",
        UploadId=upload,
        MultipartUpload={"Parts": [{"ETag": part["ETag"], "PartNumber": 1}]},
    )
    upload = client.create_multipart_upload(Bucket=name, Key="objects/e")["UploadId"]
    client.abort_multipart_upload(Bucket=name, Key="objects/e", UploadId=upload)
    client.head_bucket(Bucket=name)

    counts = moto_server.counts(name)
    assert dict(counts.operations) == {
        "PUT": 3, "GET": 1, "HEAD": 1, "LIST": 1, "COPY": 1, "DELETE": 1, "DELETES": 1,
        "BEGIN": 2, "PART": 1, "UPLOADS": 1, "COMPLETE": 1, "ABORT": 1, "BUCKET": 1,
    }  # fmt: skip
    assert counts.requests == 16
    records = moto_server.counts(name, "records/")
    assert dict(records.operations) == {"PUT": 1, "LIST": 1}
    assert records.received == 5
    assert moto_server.counts(name, "objects/a").sent == 5
    assert moto_server.requests(name, operation="PUT")[2]["key"] == "records/é 1+"
    assert moto_server.requests(name, operation="PART")[0]["received"] == PART
    assert moto_server.counts("another").requests == 0
    moto_server.reset()
    assert moto_server.counts().requests == 0


@pytest.mark.parametrize(
    ("method", "target", "operation", "key"),
    [
        ("GET", "/b?list-type=2&prefix=a%2Fb", "LIST", "a/b"),
        ("GET", "/b/?prefix=a", "LIST", "a"),
        ("GET", "/b?location", "BUCKET", ""),
        ("PUT", "/b", "BUCKET", ""),
        ("GET", "/b/a%20b", "GET", "a b"),
        ("GET", "/b/a?uploadId=1", "UPLOADS", "a"),
        ("POST", "/b/a?uploads=", "BEGIN", "a"),
        ("POST", "/b/?delete", "DELETES", ""),
    ],
)
def test_what_a_request_does(method, target, operation, key):
    request = parse(method, target, 0)
    assert (request.operation, request.bucket, request.key) == (operation, "b", key)


def test_the_clock_can_be_set(moto_server, moto_bucket, s3):
    client = s3(moto_bucket)
    moto_server.clock(ahead=86_400)
    client.put_object(Bucket=moto_bucket.name, Key="later", Body=b"")
    moto_server.clock()
    client.put_object(Bucket=moto_bucket.name, Key="now", Body=b"")
    later, now = client.list_objects_v2(Bucket=moto_bucket.name)["Contents"]
    assert 86_000 < (later["LastModified"] - now["LastModified"]).total_seconds() <= 86_400


def test_buckets_know_nothing_of_each_other(moto_server, moto_bucket, s3):
    other = moto_server.create_bucket()
    client = s3(moto_bucket)
    client.put_object(Bucket=moto_bucket.name, Key="a", Body=b"")
    assert "Contents" not in client.list_objects_v2(Bucket=other.name)
    moto_server.drop_bucket(other)
    with pytest.raises(client.exceptions.NoSuchBucket):
        client.list_objects_v2(Bucket=other.name)


def test_the_environment_is_enough_for_both_clients(moto_bucket):
    program = (
        "import sys, botocore.session, obstore\n"
        "name = sys.argv[1]\n"
        "botocore.session.Session().create_client('s3').put_object(Bucket=name, Key='a', Body=b'1')\n"
        "print(obstore.get(obstore.store.S3Store(name), 'a').bytes().to_bytes())\n"
    )
    clean = {k: v for k, v in os.environ.items() if not k.startswith("AWS_")}
    ended = subprocess.run(
        [sys.executable, "-c", program, moto_bucket.name],
        env={**clean, **moto_bucket.env, "HTTP_PROXY": "http://127.0.0.1:9", "http_proxy": "http://127.0.0.1:9"},
        capture_output=True, text=True,
    )  # fmt: skip
    assert (ended.stdout, ended.returncode) == ("b'1'\n", 0), ended.stderr


def test_the_server_outlives_a_killed_client(moto_server, moto_bucket, wire):
    program = (
        "import http.client, os, sys\n"
        "wire = http.client.HTTPConnection('127.0.0.1', int(sys.argv[1]))\n"
        "wire.putrequest('PUT', sys.argv[2]); wire.putheader('Content-Length', '1000'); wire.endheaders(b'half')\n"
        "os.kill(os.getpid(), 9)\n"
    )
    path = f"/{moto_bucket.name}/half"
    ended = subprocess.run([sys.executable, "-c", program, str(moto_server.port), path])
    assert ended.returncode == -signal.SIGKILL
    assert wire.ask("GET", path)[0].status == 404


def test_a_server_ends_with_the_tests_that_started_it(tmp_path):
    """Also when they are killed: it holds on to nothing but a pipe to them."""
    program = "from tests.servers import MotoServer\ns = MotoServer()\nprint(s.pid, s.port, flush=True)\ninput()\n"
    tests = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    _, port = (int(text) for text in tests.stdout.readline().split())
    tests.kill()
    tests.communicate()
    assert _refuses(port)


def test_a_stopped_server_is_gone_with_what_it_held():
    server = MotoServer()
    threads = set(threading.enumerate())
    server.stop()
    server.stop()
    assert _refuses(server.port)
    assert set(threading.enumerate()) <= threads


def _refuses(port):
    end = time.monotonic() + 30
    while time.monotonic() < end:
        try:
            http.client.HTTPConnection("127.0.0.1", port, timeout=5).connect()
        except ConnectionRefusedError:
            return True
        time.sleep(0.02)
    return False
