"""The server by rclone: what a remote looks like that knows no conditions."""

from __future__ import annotations

import pytest

from .process import Process


def test_it_stores_and_lists_and_checks_who_asks(rclone_bucket, s3):
    client, name = s3(rclone_bucket), rclone_bucket.name
    client.put_object(Bucket=name, Key="some/key", Body=b"1")
    assert client.get_object(Bucket=name, Key="some/key")["Body"].read() == b"1"
    assert [e["Key"] for e in client.list_objects_v2(Bucket=name)["Contents"]] == ["some/key"]
    other = s3(type(rclone_bucket)(name, "", {**rclone_bucket.options, "secret": "wrong"}))
    with pytest.raises(client.exceptions.ClientError, match="SignatureDoesNotMatch"):
        other.get_object(Bucket=name, Key="some/key")


def test_it_ignores_conditions(rclone_bucket, s3):
    client, name = s3(rclone_bucket), rclone_bucket.name
    client.put_object(Bucket=name, Key="one", Body=b"1")
    client.put_object(Bucket=name, Key="one", Body=b"2", IfNoneMatch="*")
    client.put_object(Bucket=name, Key="one", Body=b"3", IfMatch='"another"')
    assert client.get_object(Bucket=name, Key="one")["Body"].read() == b"3"


def test_a_server_that_ends_tells_why():
    process = Process("broken")
    process.start(["/bin/sh", "-c", "echo no such luck; exit 3"])
    with pytest.raises(AssertionError, match="no such luck"):
        process.said("listens")
    assert not process.directory.exists()
