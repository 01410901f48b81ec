"""Pure. A bucket that nobody has used before, and how a configuration or an environment names it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class FreshBucket:
    """An empty bucket of one test.

    `url` has a prefix below the bucket, as remotes usually have. `options` are those of a remote in `config.yaml`, in
    the words of the fsspec driver of the URL. `env` is for processes that are to find credentials and server in their
    environment; `options` is then left out.
    """

    name: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)


def no_proxy() -> dict[str, str]:
    """Return the environment that keeps requests to this machine away from a proxy."""
    return {"NO_PROXY": "127.0.0.1,localhost", "no_proxy": "127.0.0.1,localhost"}


def s3_env(endpoint: str, key: str, secret: str, empty: Path) -> dict[str, str]:
    """Return an environment in which clients of S3 talk to `endpoint` with these credentials and look nowhere else.

    botocore and obstore both read `AWS_ENDPOINT_URL`; obstore wants to be told that http will do. `empty` is an empty
    file, which stands for those in the user's home; botocore does not take `/dev/null` for one.
    """
    return {
        "AWS_ACCESS_KEY_ID": key,
        "AWS_SECRET_ACCESS_KEY": secret,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_REGION": "us-east-1",
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ALLOW_HTTP": "true",
        "AWS_EC2_METADATA_DISABLED": "true",
        "AWS_CONFIG_FILE": str(empty),
        "AWS_SHARED_CREDENTIALS_FILE": str(empty),
        **no_proxy(),
    }


def s3_options(endpoint: str, key: str, secret: str) -> dict[str, Any]:
    """Return the options of a remote that say the same."""
    return {"endpoint_url": endpoint, "key": key, "secret": secret, "client_kwargs": {"region_name": "us-east-1"}}
