"""Edge. From the URL of a remote to its bucket: the one place that chooses drivers.

A driver's libraries are loaded when it is chosen, never before. Every bucket that can fail to answer is wrapped in
`Retrying`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal
from urllib.parse import unquote

from ...errors import StoreError
from ..bucket import Bucket
from .by_directory import DirectoryBucket
from .by_memory import MemoryBucket
from .patience import Patience
from .retrying import Retrying
from .urls import Url, bucket_and_prefix, parse_url, shown

Driver = Literal["obstore", "fsspec"]
_FAMILIES = {
    **dict.fromkeys(("s3", "s3a", "s3n"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gs"),
    **dict.fromkeys(("az", "azure", "abfs", "abfss", "adl"), "az"),
}
_in_memory: dict[str, MemoryBucket] = {}


def open_bucket(
    url: str, options: Mapping[str, Any], *, root: Path, timeout: float, driver: Driver | None = None
) -> Bucket:
    """Return the bucket at `url`: a URL, or a path relative to `root`. Asks the server nothing.

    `options` go to the driver; their key `driver` (`obstore` or `fsspec`) chooses one unless the argument does.
    `timeout` is the seconds to wait for an answer, and how long failed requests are repeated. Raises `StoreError`.
    """
    parts = parse_url(url)
    if parts is None:
        return Retrying(DirectoryBucket(root / Path(url).expanduser()), Patience(timeout))
    chosen = driver or options.get("driver")
    if chosen not in (None, "obstore", "fsspec"):
        raise StoreError("the option `driver` of a remote is `obstore` or `fsspec`")
    if chosen != "fsspec" and parts.scheme in ("file", "local"):
        return Retrying(DirectoryBucket(Path("/") / unquote(parts.path)), Patience(timeout))
    if chosen != "fsspec" and parts.scheme == "memory":
        return _in_memory.setdefault(f"{parts.host}/{parts.path}", MemoryBucket(shown(url)))
    if chosen != "fsspec" and parts.scheme in _FAMILIES:
        return Retrying(_by_obstore(url, parts, options, timeout), Patience(timeout))
    if chosen == "obstore":
        raise StoreError(f"{shown(url)} cannot be reached by obstore", hint="leave out the option `driver`")
    from .fsspec_opening import open_fsspec

    return Retrying(open_fsspec(url, parts, options, timeout), Patience(timeout))


def _by_obstore(url: str, parts: Url, options: Mapping[str, Any], timeout: float) -> Bucket:
    from . import by_obstore

    bucket, prefix = bucket_and_prefix(parts)
    family = _FAMILIES[parts.scheme]
    if family == "s3":
        from . import s3_options

        connection = s3_options.connection(bucket, options, shown(url))
    elif family == "gs":
        from . import gcs_options

        connection = gcs_options.connection(bucket, options, shown(url))
    else:
        from . import azure_options

        connection = azure_options.connection(bucket, parts.host, options, shown(url))
    return by_obstore.ObstoreBucket(connection, prefix, url=shown(url), timeout=timeout)
