"""Which driver is chosen, what options mean to it, where credentials come from, and that no error shows any."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from ckptflow.errors import StoreError
from ckptflow.store.bucket import Unavailable
from ckptflow.store.buckets import azure_options, gcs_options, s3_options
from ckptflow.store.buckets.by_directory import DirectoryBucket
from ckptflow.store.buckets.by_fsspec import FsspecBucket
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.buckets.by_obstore import ObstoreBucket
from ckptflow.store.buckets.by_s3fs import S3fsBucket, s3fs_options
from ckptflow.store.buckets.opening import open_bucket
from ckptflow.store.buckets.urls import parse_url, scrub, secrets_in, shown

KEY, SECRET, TOKEN = "AKIDEXAMPLEKEY", "sEcReT/with+slash=", "a-session-token"


@pytest.fixture(autouse=True)
def nothing_around(monkeypatch, tmp_path):
    """No credentials but those of the test."""
    import os

    for name in list(os.environ):
        if name.startswith(("AWS_", "AZURE_", "GOOGLE_", "STORAGE_EMULATOR")):
            monkeypatch.delenv(name)
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "config"))
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "credentials"))


def opened(url, options=None, **more):
    from pathlib import Path

    bucket = open_bucket(url, options or {}, root=Path("/project"), timeout=1.0, **more)
    return getattr(bucket, "_inner", bucket)


@pytest.mark.parametrize(
    ("url", "options", "kind"),
    [
        ("../shared", {}, DirectoryBucket),
        ("/mnt/shared", {}, DirectoryBucket),
        ("file:///mnt/shared", {}, DirectoryBucket),
        ("memory://x", {}, MemoryBucket),
        ("s3://bucket/p", {}, ObstoreBucket),
        ("s3://bucket/p", {"driver": "fsspec"}, S3fsBucket),
        ("gs://bucket/p", {"token": "anon"}, ObstoreBucket),
        ("az://container/p", {"account_name": "x", "account_key": "YWJj"}, ObstoreBucket),
        ("abfss://container@account.dfs.core.windows.net/p", {"account_key": "YWJj"}, ObstoreBucket),
        ("https://example.org/data", {}, FsspecBucket),
        ("memory://x", {"driver": "fsspec"}, FsspecBucket),
    ],
)
def test_the_driver_follows_from_the_url(url, options, kind):
    assert type(opened(url, options)) is kind


def test_paths_are_those_of_the_project():
    assert opened("../shared").url == "/shared"
    assert opened("file:///mnt/a%20b").url == "/mnt/a b"


def test_a_bucket_in_memory_is_one_for_all_that_ask():
    opened("memory://one/x").put("a/b", b"1")
    assert opened("memory://one/x").get("a/b") == b"1"
    assert opened("memory://two/x").stat("a/b") is None


@pytest.mark.parametrize(
    ("url", "options", "words"),
    [
        ("s3://", {}, "names no bucket"),
        ("s3://bucket/a/../b", {}, "not a path"),
        ("s3://bucket", {"driver": "boto"}, "`obstore` or `fsspec`"),
        ("sftp://host/p", {"driver": "obstore"}, "cannot be reached by obstore"),
        ("nonsense://host/p", {}, "no driver for nonsense"),
        ("s3://bucket", {"secert": SECRET}, "no option `secert`"),
        ("s3://bucket", {"profile": "absent"}, "no profile `absent`"),
        ("az://container", {"connection_string": SECRET}, "connection string"),
        ("gs://bucket", {"token": "/no/such/file.json"}, "names no file"),
        ("s3://bucket", {"verify": "/no/such/file.pem", "key": KEY, "secret": SECRET}, "certificates"),
    ],
)
def test_what_cannot_be_opened_says_why_and_shows_no_value(url, options, words):
    with pytest.raises(StoreError) as caught:
        opened(url, options)
    assert words in f"{caught.value} {caught.value.hint}"
    assert SECRET not in f"{caught.value} {caught.value.hint} {caught.value.__cause__!r}"


@pytest.mark.parametrize(
    ("url", "package", "extra"),
    [
        ("s3://bucket/p", "s3fs", "s3"),
        ("gs://bucket/p", "gcsfs", "gcs"),
        ("abfs://container/p", "adlfs", "azure"),
        ("sftp://host/p", "paramiko", "sftp"),
        ("https://host/p", "aiohttp", "http"),
    ],
)
def test_a_missing_package_is_named(url, package, extra):
    code = (
        f"import sys; sys.modules['{package}'] = None\n"
        "from pathlib import Path; from ckptflow.errors import StoreError\n"
        "from ckptflow.store.buckets.opening import open_bucket\n"
        "try:\n"
        f"    open_bucket('{url}', {{'driver': 'fsspec'}}, root=Path('/'), timeout=1)\n"
        "except StoreError as error:\n"
        "    print(error.hint)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == f'`pip install "ckptflow[{extra}]"`\n'


def test_opening_loads_no_driver_but_the_chosen_one():
    code = (
        "import sys; from pathlib import Path; from ckptflow.store.buckets.opening import open_bucket\n"
        "open_bucket('/tmp', {}, root=Path('/'), timeout=1)\n"
        "print([m for m in ('obstore', 'fsspec', 's3fs', 'aiohttp', 'asyncio', 'botocore') if m in sys.modules])\n"
        "open_bucket('s3://bucket/p', {'key': 'a', 'secret': 'b'}, root=Path('/'), timeout=1)\n"
        "print([m for m in ('fsspec', 's3fs', 'aiohttp', 'botocore') if m in sys.modules])\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["[]", "[]"]


S3FS = {
    "key": KEY,
    "secret": SECRET,
    "token": TOKEN,
    "endpoint_url": "http://host:9000/",
    "client_kwargs": {"region_name": "r1"},
}
DVC = {
    "access_key_id": KEY,
    "secret_access_key": SECRET,
    "session_token": TOKEN,
    "endpointurl": "http://host:9000",
    "region": "r1",
}


@pytest.mark.parametrize("options", [S3FS, DVC], ids=["s3fs", "dvc"])
def test_options_of_s3_in_the_words_of_others(options):
    made = s3_options.connection("bucket", options, "s3://bucket")
    assert made.config == {
        "bucket": "bucket",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "session_token": TOKEN,
        "endpoint": "http://host:9000",
        "region": "r1",
    }
    assert made.client == {"allow_http": True}
    assert SECRET not in repr(made)
    own = s3fs_options(options, 7.0)
    assert (own["key"], own["secret"], own["token"]) == (KEY, SECRET, TOKEN)
    assert own["client_kwargs"]["region_name"] == "r1"
    assert own["config_kwargs"]["read_timeout"] == 7.0
    assert own["use_listings_cache"] is False


def config(options):
    return s3_options.connection("bucket", options, "s3://bucket").config


def test_more_options_of_s3(tmp_path):
    made = s3_options.connection("b", {"anon": True, "endpoint_url": "host:9000", "use_ssl": "false"}, "s3://b")
    assert (made.config["endpoint"], made.client["allow_http"]) == ("http://host:9000", True)
    assert made.config["skip_signature"] is True
    made = s3_options.connection("b", {"key": "k", "verify": False, "endpoint_url": "https://host"}, "s3://b")
    assert made.client == {"allow_invalid_certificates": True, "allow_http": False}
    (tmp_path / "own.pem").write_bytes(b"certificates")
    made = s3_options.connection("b", {"key": "k", "ssl_verify": str(tmp_path / "own.pem")}, "s3://b")
    assert made.client == {"root_certificate": b"certificates"}
    virtual = {"key": "k", "endpoint_url": "https://host", "config_kwargs": {"s3": {"addressing_style": "virtual"}}}
    assert config(virtual)["endpoint"] == "https://bucket.host"
    assert config({"key": "k"})["region"] == "us-east-1"


CREDENTIALS = f"""
[default]
aws_access_key_id = default-key
aws_secret_access_key = default-secret
[work]
aws_access_key_id = {KEY}
aws_secret_access_key = {SECRET}
aws_session_token = {TOKEN}
"""
CONFIG = """
[default]
region = default-region
[profile work]
region = work-region
endpoint_url = https://work.example
[profile sso]
sso_start_url = https://sso.example
sso_account_id = 1
[profile program]
credential_process = echo '{"Version": 1, "AccessKeyId": "by-program", "SecretAccessKey": "program-secret"}'
"""


@pytest.fixture
def files(tmp_path):
    (tmp_path / "credentials").write_text(CREDENTIALS)
    (tmp_path / "config").write_text(CONFIG)


def test_keys_of_a_profile(files, monkeypatch):
    wanted = {
        "bucket": "bucket",
        "access_key_id": KEY,
        "secret_access_key": SECRET,
        "session_token": TOKEN,
        "region": "work-region",
        "endpoint": "https://work.example",
    }
    assert config({"profile": "work"}) == wanted
    assert config({})["access_key_id"] == "default-key"
    assert config({})["region"] == "default-region"
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert config({}) == wanted
    assert config({"region": "mine"})["region"] == "mine"


def test_a_profile_in_options_goes_before_the_environment_and_that_before_others(files, monkeypatch):
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "env-key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "env-secret")
    monkeypatch.setenv("AWS_PROFILE", "work")
    assert "access_key_id" not in config({})  # obstore takes them from there
    assert config({"profile": "default"})["access_key_id"] == "default-key"
    assert config({"key": "option", "secret": "s"})["access_key_id"] == "option"
    assert "access_key_id" not in config({"anon": True})


def test_files_of_credentials_named_in_options(tmp_path):
    (tmp_path / "other").write_text("[default]\naws_access_key_id = other\naws_secret_access_key = s\n")
    assert config({"credentialpath": str(tmp_path / "other")})["access_key_id"] == "other"


def test_a_profile_that_needs_more_is_left_to_botocore(files, monkeypatch):
    made = s3_options.connection("bucket", {"profile": "program"}, "s3://bucket")
    given = made.provider()
    assert (given["access_key_id"], given["secret_access_key"]) == ("by-program", "program-secret")
    assert given["expires_at"].tzinfo is not None
    monkeypatch.setitem(sys.modules, "botocore.session", None)
    with pytest.raises(StoreError) as caught:
        s3_options.connection("bucket", {"profile": "sso"}, "s3://bucket")
    assert 'pip install "ckptflow[s3]"' in str(caught.value)


def test_the_environment_names_the_endpoint(monkeypatch):
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://localhost:9000")
    made = s3_options.connection("bucket", {"key": "k", "secret": "s"}, "s3://bucket")
    assert (made.config["endpoint"], made.client["allow_http"]) == ("http://localhost:9000", True)


def test_credentials_from_the_environment_reach_the_server(moto_bucket, monkeypatch, tmp_path):
    for name, value in moto_bucket.env.items():
        monkeypatch.setenv(name, value)
    for driver in ("obstore", "fsspec"):
        bucket = open_bucket(moto_bucket.url, {}, root=tmp_path, timeout=10.0, driver=driver)
        bucket.put(f"a/{driver}", b"1")
        assert bucket.get(f"a/{driver}") == b"1"


def test_options_of_gcs(tmp_path, monkeypatch):
    def made(options):
        return gcs_options.connection("bucket", options, "gs://bucket")

    path = tmp_path / "key.json"
    path.write_text("{}")
    assert made({"token": str(path), "project": "p"}).config == {
        "bucket": "bucket",
        "application_credentials": str(path),
    }
    assert made({"credentialpath": str(path)}).config["application_credentials"] == str(path)
    assert made({"token": "anon"}).config["skip_signature"] is True
    assert made({"token": "google_default"}).config == {"bucket": "bucket"}
    assert made({"token": "ya29.bearer"}).config["bearer_token"] == "ya29.bearer"
    assert json.loads(made({"token": {"type": "service_account"}}).config["service_account_key"])
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "localhost:4443")
    emulated = made({})
    assert emulated.config == {"bucket": "bucket", "base_url": "http://localhost:4443", "skip_signature": True}
    assert emulated.client == {"allow_http": True}


def test_options_of_azure(monkeypatch):
    def made(options, host="container"):
        return azure_options.connection("container", host, options, "az://container").config

    text = "DefaultEndpointsProtocol=https;AccountName=acc;AccountKey=a2V5;EndpointSuffix=core.windows.net"
    wanted = {
        "container_name": "container",
        "account_name": "acc",
        "account_key": "a2V5",
        "endpoint": "https://acc.blob.core.windows.net",
    }
    assert made({"connection_string": text}) == wanted
    monkeypatch.setenv("AZURE_STORAGE_CONNECTION_STRING", text)
    assert made({}) == wanted
    own = {"account_name": "x", "account_key": "eQ=="}
    assert made(own) == {"container_name": "container", **own}
    assert made({"sas_token": "?sv=1&sig=2"})["sas_key"] == "sv=1&sig=2"
    monkeypatch.delenv("AZURE_STORAGE_CONNECTION_STRING")
    assert made({}, "files@acc.dfs.core.windows.net") == {"container_name": "files", "account_name": "acc"}
    assert made({"connection_string": "UseDevelopmentStorage=true"})["account_name"] == "devstoreaccount1"
    monkeypatch.setenv("AZURE_STORAGE_ACCOUNT", "env")
    assert made({})["account_name"] == "env"


def test_urls_are_shown_without_users_and_signatures():
    assert shown("https://user:pass@host/data?sig=abc#x") == "https://host/data"
    assert shown("s3://key:secret@bucket/p/") == "s3://bucket/p"
    assert shown("sftp://user@host/p") == "sftp://host/p"
    assert parse_url("C:/data") is None
    assert parse_url("plain/path") is None
    text = "error performing GET https://host/b?X-Amz-Signature=abc with sEcReT and https://u:p@host/x"
    assert scrub(text, ["sEcReT"]) == "error performing GET https://host/b with *** and https://host/x"
    assert secrets_in({"key": KEY, "region": "eu-west-1", "client_kwargs": {"x": "inner-secret"}}) == {
        KEY,
        "inner-secret",
    }


@pytest.mark.parametrize("driver", ["obstore", "fsspec"])
def test_no_error_shows_credentials(moto_server, moto_bucket, rclone_bucket, tmp_path, driver):
    from tests.servers import Fault, Kind

    secrets = {"key": "AKIDNOBODYKNOWS", "secret": "nobody-knows-this-secret", "token": "nobody-knows-this-token"}
    told = []

    def ask(bucket):
        calls = (
            lambda: bucket.get("a/b"),
            lambda: bucket.stat("a/b"),
            lambda: bucket.put("a/b", b""),
            lambda: bucket.create("a/b", b""),
            lambda: list(bucket.list("a/")),
            lambda: bucket.delete(["a/b"]),
        )
        for call in calls:
            with pytest.raises(StoreError) as caught:
                call()
            error = caught.value
            while error is not None:
                told.append(f"{error} {error!r} {getattr(error, 'hint', '')}")
                error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)

    def at(url, options):
        return open_bucket(url, {**options, **secrets}, root=tmp_path, timeout=1.0, driver=driver)._inner

    ask(at(rclone_bucket.url, rclone_bucket.options))  # wrong credentials, for a server that looks
    ask(at("s3://user:pass-word@no-such-bucket/p", moto_bucket.options))
    ask(at(moto_bucket.url, {**moto_bucket.options, "endpoint_url": "http://127.0.0.1:9"}))
    for status in (403, 500, 418):
        with moto_server.fault(Fault(Kind.ERROR, status=status)):
            ask(at(moto_bucket.url, moto_bucket.options))
    assert len(told) >= 36
    for text in told:
        for secret in (*secrets.values(), "pass-word", "Signature", "X-Amz"):
            assert secret not in text


@pytest.mark.parametrize("driver", ["obstore", "fsspec"])
def test_wrong_credentials_are_no_miss(rclone_bucket, tmp_path, driver):
    bucket = open_bucket(
        rclone_bucket.url, {**rclone_bucket.options, "secret": "wrong-one"}, root=tmp_path, timeout=5.0, driver=driver
    )
    for ask in (
        lambda: bucket.get("a/b"),
        lambda: bucket.stat("a/b"),
        lambda: list(bucket.list("")),
        lambda: bucket.put("a/b", b""),
    ):
        with pytest.raises(StoreError) as caught:
            ask()
        assert type(caught.value) is StoreError
        assert not isinstance(caught.value, Unavailable)
        assert "credentials" in caught.value.hint
