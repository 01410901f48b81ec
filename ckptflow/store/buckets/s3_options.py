"""Edge. Options and credentials for S3: the ways people write them, and where they keep them, in obstore's words.

Taken are the options of s3fs (`key`, `client_kwargs`), of DVC (`endpointurl`, `access_key_id`) and obstore's own. What
options leave out comes from the environment, then from the files of the AWS command line, then from the machine's role:
obstore knows the first and the last. Profiles with keys are read here; those that need more (single sign-on, a role, a
program) are left to botocore where it is installed.
"""

from __future__ import annotations

import configparser
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from ...dataclass import dataclass, field
from ...errors import StoreError
from .connection import Connection, as_flag, root_certificate, take
from .failures import no_credentials

_SAME = {
    "key": "access_key_id",
    "access_key_id": "access_key_id",
    "aws_access_key_id": "access_key_id",
    "secret": "secret_access_key",
    "secret_access_key": "secret_access_key",
    "aws_secret_access_key": "secret_access_key",
    "token": "session_token",
    "session_token": "session_token",
    "aws_session_token": "session_token",
    "region": "region",
    "region_name": "region",
    "endpoint_url": "endpoint",
    "endpointurl": "endpoint",
    "endpoint": "endpoint",
    "anon": "skip_signature",
    "allow_anonymous_login": "skip_signature",
    "requester_pays": "request_payer",
    "sse": "server_side_encryption",
    "sse_kms_key_id": "sse_kms_key_id",
}
_IN_ENVIRONMENT = (
    "AWS_ACCESS_KEY_ID",
    "AWS_WEB_IDENTITY_TOKEN_FILE",
    "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
    "AWS_CONTAINER_CREDENTIALS_FULL_URI",
)
_ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
_PROFILE_NEEDS_MORE = ("role_arn", "sso_session", "sso_start_url", "credential_process", "web_identity_token_file")
_DOING = "ckptflow reads keys from profiles itself"


def connection(bucket: str, options: Mapping[str, Any], url: str) -> Connection:
    """Return how to reach a bucket with these options; `url` stands in errors. Raises `StoreError`."""
    given = take(options, _SAME, ("client_kwargs", "config_kwargs"))
    own = {key: given.pop(key, None) for key in ("profile", "use_ssl", "verify", "ssl_verify")}
    files = (given.pop("credentialpath", None), given.pop("configpath", None))
    addressing = given.pop("s3", None)
    config: dict[str, Any] = {"bucket": bucket, **given}
    profile = _chosen_profile(own["profile"], config, files, url)
    config = {**profile.config, **config}
    endpoint = config.pop("endpoint", None) or next((os.environ[k] for k in _ENDPOINTS if os.environ.get(k)), None)
    plain = own["use_ssl"] is not None and not as_flag(own["use_ssl"])
    virtual = isinstance(addressing, Mapping) and addressing.get("addressing_style") == "virtual"
    client: dict[str, Any] = root_certificate(own["verify"] if own["ssl_verify"] is None else own["ssl_verify"], url)
    if endpoint:
        endpoint = str(endpoint).rstrip("/")
        if "://" not in endpoint:
            endpoint = f"{'http' if plain else 'https'}://{endpoint}"
        if plain:
            endpoint = endpoint.replace("https://", "http://", 1)
        config["endpoint"] = endpoint.replace("://", f"://{bucket}.", 1) if virtual else endpoint
        client["allow_http"] = endpoint.startswith("http://")
    if virtual:
        config["virtual_hosted_style_request"] = True
    if not config.get("region") and not (os.environ.get("AWS_REGION") or os.environ.get("AWS_DEFAULT_REGION")):
        config["region"] = "us-east-1"
    return Connection("s3", config, client, profile.provider)


@dataclass(frozen=True, slots=True)
class _Profile:
    config: Mapping[str, Any] = field(default_factory=dict)
    provider: Callable[[], Mapping[str, Any]] | None = None


def _chosen_profile(
    name: str | None, config: Mapping[str, Any], files: tuple[str | None, str | None], url: str
) -> _Profile:
    """Return what the profile gives that is to be used; nothing where options or environment give keys.

    A profile named in the options goes before the environment, one named by `AWS_PROFILE` behind it, as everywhere.
    """
    if config.get("skip_signature") or config.get("access_key_id"):
        return _Profile()
    if name is None and files[0] is None and any(os.environ.get(key) for key in _IN_ENVIRONMENT):
        return _Profile()
    wanted = name or os.environ.get("AWS_PROFILE") or os.environ.get("AWS_DEFAULT_PROFILE")
    found = _read_profile(wanted or "default", files)
    if found is None:
        if wanted is None:
            return _Profile()  # the machine's role is left
        raise no_credentials(url, f"there is no profile `{wanted}` in the files of the AWS command line")
    values = {"region": found.get("region"), "endpoint": found.get("endpoint_url")}
    known = {key: value for key, value in values.items() if value}
    if found.get("aws_access_key_id") and found.get("aws_secret_access_key"):
        known["access_key_id"] = found["aws_access_key_id"]
        known["secret_access_key"] = found["aws_secret_access_key"]
        if found.get("aws_session_token"):
            known["session_token"] = found["aws_session_token"]
        return _Profile(known)
    if any(key in found for key in _PROFILE_NEEDS_MORE):
        return _Profile(known, _by_botocore(wanted, files, url))
    return _Profile(known)


def _read_profile(name: str, files: tuple[str | None, str | None]) -> dict[str, str] | None:
    """Return the settings of a profile, those of the credentials file before those of the configuration file."""
    credentials = Path(files[0] or os.environ.get("AWS_SHARED_CREDENTIALS_FILE") or "~/.aws/credentials").expanduser()
    configuration = Path(files[1] or os.environ.get("AWS_CONFIG_FILE") or "~/.aws/config").expanduser()
    found: dict[str, str] = {}
    there = False
    for path, section in ((configuration, name if name == "default" else f"profile {name}"), (credentials, name)):
        parser = configparser.RawConfigParser(strict=False)
        try:
            parser.read(path, encoding="utf-8")
        except (OSError, UnicodeDecodeError, configparser.Error):
            raise StoreError(f"cannot read {path}", hint="is it a file of the AWS command line?") from None
        if parser.has_section(section):
            there = True
            found |= dict(parser.items(section))
    return found if there else None


def _by_botocore(name: str | None, files: tuple[str | None, str | None], url: str) -> Callable[[], Mapping[str, Any]]:
    """Return a provider of credentials that are fetched, and renewed when they expire, by botocore."""
    try:
        from botocore.session import Session
    except ImportError:
        raise no_credentials(
            url, f'the profile needs more than keys, and {_DOING} only: `pip install "ckptflow[s3]"`'
        ) from None
    from datetime import UTC, datetime, timedelta

    session = Session(profile=name)
    for variable, path in zip(("credentials_file", "config_file"), files, strict=True):
        if path is not None:
            session.set_config_variable(variable, path)

    def provide() -> Mapping[str, Any]:
        credentials = session.get_credentials()
        if credentials is None:
            raise ValueError("botocore found no credentials for the profile")
        keys = credentials.get_frozen_credentials()
        soon = datetime.now(UTC) + timedelta(minutes=5)  # botocore renews in time if it is asked often enough
        return {
            "access_key_id": keys.access_key,
            "secret_access_key": keys.secret_key,
            "token": keys.token,
            "expires_at": soon,
        }

    return provide
