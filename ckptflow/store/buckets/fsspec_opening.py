"""Edge. From a URL to fsspec's driver for its scheme, and to what it needs to be told.

Connections are never shared with others in this process, and remember no listings.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from ...errors import StoreError
from ..bucket import Bucket
from .by_fsspec import READ_ONLY, FsspecBucket
from .by_s3fs import S3fsBucket, s3fs_options
from .urls import Url, bucket_and_prefix, scrub, secrets_in, shown

_EXTRAS = {
    **dict.fromkeys(("s3", "s3a", "s3n"), "s3"),
    **dict.fromkeys(("gs", "gcs"), "gcs"),
    **dict.fromkeys(("az", "abfs", "abfss", "adl", "azure"), "azure"),
    **dict.fromkeys(("sftp", "ssh"), "sftp"),
    **dict.fromkeys(("http", "https"), "http"),
}
_KEEPS_LISTINGS = ("gs", "gcs", "az", "abfs", "abfss", *READ_ONLY)


def open_fsspec(url: str, parts: Url, options: Mapping[str, Any], timeout: float) -> Bucket:
    """Return the bucket at `url` by fsspec's driver for its scheme. Raises `StoreError`."""
    if parts.scheme in ("s3", "s3a", "s3n"):
        bucket, prefix = bucket_and_prefix(parts)
        make = _maker(parts.scheme, url, s3fs_options(options, timeout))
        return S3fsBucket(make()[0], bucket, prefix, url=shown(url), timeout=timeout)
    own = {key: value for key, value in options.items() if value is not None and key != "driver"}
    if parts.scheme in _KEEPS_LISTINGS:
        own["use_listings_cache"] = False
    if parts.scheme in ("sftp", "ssh"):
        own.setdefault("timeout", min(timeout, 10))
    make = _maker(parts.scheme, url, own)
    if parts.scheme in READ_ONLY:
        import aiohttp  # there, since the driver is

        limits = aiohttp.ClientTimeout(total=None, sock_connect=min(timeout, 10), sock_read=timeout)
        own["client_kwargs"] = {"timeout": limits, **own.get("client_kwargs", {})}
    return FsspecBucket(make, parts.scheme, url=url, timeout=timeout)


def _maker(scheme: str, url: str, options: Mapping[str, Any]) -> Callable[[], tuple[Any, str]]:
    """Return what makes a new connection and the path in it: never one that others share, or that remembers."""
    try:
        from fsspec import get_filesystem_class
        from fsspec.core import url_to_fs

        get_filesystem_class(scheme)
    except ImportError:
        extra = _EXTRAS.get(scheme)
        hint = f'`pip install "ckptflow[{extra}]"`' if extra else "install fsspec's driver for this scheme"
        raise StoreError(f"{shown(url)} needs a package that is not installed", hint=hint) from None
    except ValueError:
        raise StoreError(f"{shown(url)}: there is no driver for {scheme}://", hint="is the scheme right?") from None

    def make() -> tuple[Any, str]:
        try:
            fs, path = url_to_fs(url, skip_instance_cache=True, **options)
        except (TypeError, ValueError, KeyError, AttributeError) as error:
            told = scrub(str(error), secrets_in(options))
            raise StoreError(f"{shown(url)}: {told}", hint="options are in docs/remotes.md") from None
        return fs, path

    return make
