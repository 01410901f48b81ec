"""Edge. What options of all object stores have in common: how to reach a bucket, in obstore's words."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any, Literal

from ...dataclass import dataclass, field
from ...errors import StoreError


@dataclass(frozen=True, slots=True)
class Connection:
    """What obstore needs: configuration of the store, of its HTTP client, and who gives credentials (None: obstore)."""

    kind: Literal["s3", "gs", "az"]
    config: Mapping[str, Any] = field(repr=False)
    client: Mapping[str, Any] = field(default_factory=dict, repr=False)
    provider: Callable[[], Mapping[str, Any]] | None = field(default=None, repr=False)


def take(options: Mapping[str, Any], same: Mapping[str, str], nested: Iterable[str] = ()) -> dict[str, Any]:
    """Return options with obstore's names for those in `same`, mappings under `nested` keys laid flat, None left out.

    What is not in `same` keeps its name.
    """
    found: dict[str, Any] = {}
    for key, value in options.items():
        if key in nested and isinstance(value, Mapping):
            found |= take(value, same, nested)
        elif value is not None and key != "driver":
            found[same.get(key, key)] = value
    return found


def as_flag(value: Any) -> bool:
    """Return a yes or no that may have come from a command line as text."""
    return value.strip().lower() not in ("false", "no", "off", "0", "") if isinstance(value, str) else bool(value)


def root_certificate(verify: Any, url: str) -> dict[str, Any]:
    """Return options of the HTTP client for `verify`: true, false, or the path of a file of certificates."""
    if verify is None or verify is True:
        return {}
    if isinstance(verify, str) and verify.strip().lower() not in ("true", "false", "yes", "no"):
        try:
            return {"root_certificate": Path(verify).expanduser().read_bytes()}
        except OSError as error:
            raise StoreError(f"{url}: cannot read the certificates in {verify}: {error.strerror}") from error
    return {} if as_flag(verify) else {"allow_invalid_certificates": True}
