"""Pure. `.dvc/config`: where DVC keeps its cache and its remotes, and how a remote is written in our own settings.

The format is that of git's configuration: `[core]`, `['remote "name"']`, `key = value`, comments with `#` and `;`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ..dataclass import dataclass, field
from ..spec.paths import is_url
from .lock import rooted

FILES = ("config", "config.local")

_SECTION = re.compile(r"""\[\s*(?P<quote>['"]?)(?P<name>.*?)(?P=quote)\s*\]""")
_REMOTE = re.compile(r'remote\s+"?(?P<name>[^"]+)"?')

Config = Mapping[str, Mapping[str, str]]
"""Section -> key -> value; names of sections and keys in lower case but for what stands in double quotes."""

_SECRETS = frozenset(
    (
        "access_key_id", "secret_access_key", "session_token",
        "password", "passphrase",
        "sas_token", "connection_string", "account_key", "client_secret",
    )
)  # fmt: skip
_Translation = dict[str, tuple[str, ...]]
_S3: _Translation = {
    "endpointurl": ("endpoint_url",),
    "profile": ("profile",),
    "access_key_id": ("key",),
    "secret_access_key": ("secret",),
    "session_token": ("token",),
    "allow_anonymous_login": ("anon",),
    "use_ssl": ("use_ssl",),
    "region": ("client_kwargs", "region_name"),
    "ssl_verify": ("client_kwargs", "verify"),
    "read_timeout": ("config_kwargs", "read_timeout"),
    "connect_timeout": ("config_kwargs", "connect_timeout"),
    "sse": ("s3_additional_kwargs", "ServerSideEncryption"),
    "sse_kms_key_id": ("s3_additional_kwargs", "SSEKMSKeyId"),
    "acl": ("s3_additional_kwargs", "ACL"),
}
_GS: _Translation = {
    "projectname": ("project",),
    "credentialpath": ("token",),
    "endpointurl": ("endpoint_url",),
    "allow_anonymous_login": ("anon",),
}
_AZURE: _Translation = {
    "connection_string": ("connection_string",),
    "sas_token": ("sas_token",),
    "account_name": ("account_name",),
    "account_key": ("account_key",),
    "tenant_id": ("tenant_id",),
    "client_id": ("client_id",),
    "client_secret": ("client_secret",),
    "allow_anonymous_login": ("anon",),
}
_SSH: _Translation = {
    "user": ("username",),
    "password": ("password",),
    "port": ("port",),
    "keyfile": ("key_filename",),
    "passphrase": ("passphrase",),
    "timeout": ("timeout",),
    "allow_agent": ("allow_agent",),
    "gss_auth": ("gss_auth",),
}
_OPTIONS = {"s3": _S3, "gs": _GS, "azure": _AZURE, "ssh": _SSH, "sftp": _SSH}
_OF_DVC_ALONE = frozenset(
    ("checksum_jobs", "jobs", "no_traverse", "protected", "shared", "slow_link_warning", "type", "verify")
)
"""Options that say how DVC works, and nothing of the place."""
_PATHS = frozenset(("credentialpath", "keyfile"))


@dataclass(frozen=True, slots=True)
class Remote:
    """A remote in our own terms: `options` are those of the fsspec driver of its URL, `secrets` those of them that no
    repository should hold; `left_out` are options of DVC's that have no equivalent.
    """

    name: str
    url: str
    options: Mapping[str, Any] = field(default_factory=dict)
    secrets: Mapping[str, Any] = field(default_factory=dict)
    left_out: tuple[str, ...] = ()


def read_config(text: str) -> Config:
    """Return the sections of a configuration file; lines that are neither are passed over, as DVC's own files have
    none.
    """
    found: dict[str, dict[str, str]] = {}
    section: dict[str, str] = {}
    for line in text.splitlines():
        stripped = line.strip()
        if not stripped or stripped[0] in "#;":
            continue
        head = _SECTION.fullmatch(stripped)
        if head is not None:
            section = found.setdefault(head["name"].strip(), {})
            continue
        key, equals, value = stripped.partition("=")
        if equals:
            section[key.strip().lower()] = _value(value.strip())
    return found


def _value(text: str) -> str:
    if text[:1] in ("'", '"') and (end := text.find(text[0], 1)) > 0:
        return text[1:end]
    return re.split(r"\s#", text, maxsplit=1)[0].strip()


def cache_folder(configs: Mapping[str, Config], folder: str) -> str:
    """Return where DVC's cache lies. `configs`: by name of the file, in `FILES`; `folder`: the path of `.dvc`."""
    chosen = ""
    for name in FILES:
        chosen = configs.get(name, {}).get("cache", {}).get("dir", chosen)
    return rooted(folder, chosen or "cache")


def default_remote(configs: Mapping[str, Config]) -> str | None:
    """Return the name of the remote that is taken where none is named."""
    chosen = None
    for name in FILES:
        chosen = configs.get(name, {}).get("core", {}).get("remote", chosen)
    return chosen


def remotes(configs: Mapping[str, Config], folder: str) -> list[Remote]:
    """Return the remotes by name. Paths are relative to `folder`, that of `.dvc`, in DVC, and here to what it is
    relative to. Options of `config.local` are secrets, whatever they are: they were not meant for the repository.
    """
    found: dict[str, tuple[dict[str, str], set[str]]] = {}
    for file in FILES:
        for section, values in configs.get(file, {}).items():
            match = _REMOTE.fullmatch(section)
            if match is not None:
                options, local = found.setdefault(match["name"], ({}, set()))
                options.update(values)
                local.update(key for key in values if file == FILES[1] and key != "url")
    return [_remote(name, options, local, folder) for name, (options, local) in sorted(found.items()) if options]


def _remote(name: str, options: Mapping[str, str], local: set[str], folder: str) -> Remote:
    url = options.get("url", "")
    scheme = url.partition("://")[0] if is_url(url) else ""
    known = _OPTIONS.get(scheme, {})
    kept: dict[str, Any] = {}
    secrets: dict[str, Any] = {}
    left_out: list[str] = []
    for key, value in sorted(options.items()):
        if key == "url":
            continue
        if key not in known:
            left_out += [] if key in _OF_DVC_ALONE else [key]
            continue
        typed = rooted(folder, value) if key in _PATHS and not value.startswith("~") else _typed(value)
        _put(secrets if key in local or key in _SECRETS else kept, known[key], typed)
    return Remote(name, url if scheme else rooted(folder, url), kept, secrets, tuple(left_out))


def _put(into: dict[str, Any], path: tuple[str, ...], value: Any) -> None:
    for step in path[:-1]:
        into = into.setdefault(step, {})
    into[path[-1]] = value


def _typed(value: str) -> Any:
    """Return what a text of the configuration stands for."""
    if value.lower() in ("true", "false"):
        return value.lower() == "true"
    return int(value) if value.isdecimal() and not value.startswith("0") else value
