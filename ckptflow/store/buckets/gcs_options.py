"""Edge. Options and credentials for Google Cloud Storage, in obstore's words.

Taken are the options of gcsfs (`token`, `endpoint_url`), of DVC (`credentialpath`) and obstore's own. What options
leave out obstore takes from `GOOGLE_APPLICATION_CREDENTIALS`, from what `gcloud auth application-default login` left,
and from the machine's role.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

from ...errors import StoreError
from .connection import Connection, root_certificate, take

_SAME = {
    "credentialpath": "application_credentials",
    "endpoint_url": "base_url",
    "endpointurl": "base_url",
    "anon": "skip_signature",
    "allow_anonymous_login": "skip_signature",
}
_IGNORED = ("project", "projectname", "access", "consistency", "default_location")
"""What makes buckets, which ckptflow never does."""

_ANONYMOUS = ("anon", False)
_BY_CHAIN = ("google_default", "cache", "cloud", "browser")


def connection(bucket: str, options: Mapping[str, Any], url: str) -> Connection:
    """Return how to reach a bucket with these options; `url` stands in errors. Raises `StoreError`."""
    config = take(options, _SAME)
    verify, token = config.pop("verify", None), config.pop("token", None)
    for key in _IGNORED:
        config.pop(key, None)
    config = {"bucket": bucket, **_of_token(token, url), **config}
    client = root_certificate(verify, url)
    emulator = os.environ.get("STORAGE_EMULATOR_HOST")
    if emulator and "base_url" not in config:
        config["base_url"] = emulator if "://" in emulator else f"http://{emulator}"
        config["skip_signature"] = True
    if "base_url" in config:
        config["base_url"] = str(config["base_url"]).rstrip("/")
        client["allow_http"] = config["base_url"].startswith("http://")
    return Connection("gs", config, client)


def _of_token(token: Any, url: str) -> dict[str, Any]:
    """Return what gcsfs's `token` says: a word, the path of a file of credentials, their contents, a bearer token."""
    if token is None or token in _BY_CHAIN:
        return {}
    if token in _ANONYMOUS:
        return {"skip_signature": True}
    if isinstance(token, Mapping):
        return {"service_account_key": json.dumps(dict(token))}
    if not isinstance(token, str):
        raise StoreError(f"{url}: the option `token` is neither a text nor a mapping", hint="see docs/remotes.md")
    path = os.path.expanduser(token)  # noqa: PTH111 - it may be no path at all
    if "/" in token or token.endswith(".json"):
        if not os.path.isfile(path):  # noqa: PTH113
            raise StoreError(f"{url}: the option `token` names no file that is there")
        return {"application_credentials": path}
    return {"bearer_token": token}
