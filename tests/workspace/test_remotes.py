"""Which options are credentials, and how remotes are shown."""

from __future__ import annotations

import pytest

from ckptflow.workspace.remotes import Remote, has_credentials, is_credential, is_name


@pytest.mark.parametrize(
    "name",
    [
        *("key", "secret", "token", "password", "passphrase", "connection_string", "account_key", "sas", "sas_token"),
        *("credential", "credentials", "access_key_id", "aws_secret_access_key", "accessKeyId", "AccountKey", "apikey"),
        *("secretAccessKey", "SAS_TOKEN", "client_secret", "connectionString", "private-key", "auth", "bearer_token"),
    ],
)
def test_what_is_named_like_a_credential_is_one(name) -> None:
    assert is_credential(name, "x") and is_credential(name, 12345)
    assert not is_credential(name, True) and not is_credential(name, None)


@pytest.mark.parametrize(
    "name",
    [
        *("region", "endpoint_url", "profile", "anon", "use_ssl", "account_name", "project", "username", "port"),
        *("sse_kms_key_id", "SSEKMSKeyId", "key_filename", "client_id", "tenant_id", "acl", "author", "driver", ""),
    ],
)
def test_other_options_are_none(name) -> None:
    assert not is_credential(name, "x")


@pytest.mark.parametrize(
    ("url", "found"),
    [
        ("s3://key:secret@bucket/x", True),
        ("https://host/x?sig=abc", True),
        ("https://user:@host/", True),
        ("sftp://user@host/x", False),
        ("abfs://container@account.dfs.core.windows.net/x", False),
        ("http://host:9000/a:b@c", False),
        ("s3://bucket/x", False),
        ("/mnt/a?b", False),
        ("../a@b:c", False),
    ],
)
def test_credentials_in_a_url(url, found) -> None:
    assert has_credentials(url) is found
    assert is_credential("proxy", url) is found


def test_options_are_shown_without_credentials() -> None:
    options = {
        "region": "eu",
        "secret": "hidden",
        "client_kwargs": {"verify": False, "aws_secret_access_key": "hidden", "more": {}},
        "proxy": "http://me:hidden@proxy:80/x",
        "key": 12,
    }
    remote = Remote("s3://me:hidden@bucket/x?sig=hidden", options)
    assert remote.shown_options() == {
        "client_kwargs.aws_secret_access_key": "***",
        "client_kwargs.more": {},
        "client_kwargs.verify": False,
        "key": "***",
        "proxy": "http://proxy:80/x",
        "region": "eu",
        "secret": "***",
    }
    assert "hidden" not in f"{remote} {remote.shown_options()}"
    assert str(remote) == "s3://bucket/x (client_kwargs, key, proxy, region, secret)"
    assert str(Remote("s3://me:hidden@bucket")) == "s3://bucket"


def test_names() -> None:
    assert is_name("a") and is_name("Storage-2.eu_x")
    assert not any(map(is_name, ["", "-a", ".a", "a/b", "a b", "../a"]))
