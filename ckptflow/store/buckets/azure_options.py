"""Edge. Options and credentials for Azure Blob Storage, in obstore's words.

Taken are the options of adlfs and DVC (`connection_string`, `account_name`, `account_key`, `sas_token`, ...) and
obstore's own. What options leave out comes from `AZURE_STORAGE_CONNECTION_STRING` and the other variables of the
Azure command line, then from the machine's identity: obstore knows all but the first.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

from ...errors import StoreError
from .connection import Connection, root_certificate, take

_SAME = {
    "anon": "skip_signature",
    "allow_anonymous_login": "skip_signature",
    "endpoint_url": "endpoint",
    "account_url": "endpoint",
    "sas_token": "sas_key",
    "use_emulator": "use_emulator",
}
_IGNORED = ("assume_container_exists", "exclude_environment_credential", "location_mode", "request_session")
_IN_CONNECTION_STRING = {
    "accountname": "account_name",
    "accountkey": "account_key",
    "sharedaccesssignature": "sas_key",
    "blobendpoint": "endpoint",
}
# The account that every emulator has; published by Microsoft.
_EMULATOR = {
    "account_name": "devstoreaccount1",
    "account_key": "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw==",
    "endpoint": "http://127.0.0.1:10000/devstoreaccount1",
}


def connection(container: str, host: str, options: Mapping[str, Any], url: str) -> Connection:
    """Return how to reach a container with these options; `host` is that of the URL, which may name the account
    (`container@account.dfs.core.windows.net`); `url` stands in errors. Raises `StoreError`.
    """
    config = take(options, _SAME)
    verify = config.pop("verify", None)
    for key in _IGNORED:
        config.pop(key, None)
    text = config.pop("connection_string", None)
    if text is None and not {"account_name", "account_key", "sas_key", "endpoint"} & set(config):
        text = os.environ.get("AZURE_STORAGE_CONNECTION_STRING")
    config = {**(_of_connection_string(str(text), url) if text else {}), **config}
    user, at, domain = host.rpartition("@")
    if at:
        container = user
        config.setdefault("account_name", domain.partition(".")[0])
    if not config.get("account_name") and os.environ.get("AZURE_STORAGE_ACCOUNT"):
        config["account_name"] = os.environ["AZURE_STORAGE_ACCOUNT"]
    if not config.get("account_key") and os.environ.get("AZURE_STORAGE_KEY"):
        config["account_key"] = os.environ["AZURE_STORAGE_KEY"]
    client = root_certificate(verify, url)
    if config.get("endpoint"):
        config["endpoint"] = str(config["endpoint"]).rstrip("/")
        client["allow_http"] = config["endpoint"].startswith("http://")
    if isinstance(config.get("sas_key"), str):
        config["sas_key"] = config["sas_key"].lstrip("?")
    return Connection("az", {"container_name": container, **config}, client)


def _of_connection_string(text: str, url: str) -> dict[str, Any]:
    """Return the configuration in `AccountName=...;AccountKey=...;BlobEndpoint=...`. Raises `StoreError`."""
    pairs = [part.partition("=") for part in text.strip().strip(";").split(";")]
    fields = {key.strip().lower(): value.strip() for key, _, value in pairs}
    if fields.get("usedevelopmentstorage", "").lower() == "true":
        return dict(_EMULATOR)
    found: dict[str, Any] = {own: fields[key] for key, own in _IN_CONNECTION_STRING.items() if fields.get(key)}
    if not found:
        hint = "copy it anew: `AccountName=...;AccountKey=...`"
        raise StoreError(f"{url}: the connection string names neither account nor endpoint", hint=hint)
    if "endpoint" not in found and "account_name" in found:
        scheme = fields.get("defaultendpointsprotocol", "https")
        suffix = fields.get("endpointsuffix", "core.windows.net")
        found["endpoint"] = f"{scheme}://{found['account_name']}.blob.{suffix}"
    return found
