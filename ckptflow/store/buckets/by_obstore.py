"""Edge. S3, GCS and Azure by obstore: one request a call, no hidden ones.

Rules: obstore's own repetitions are off wherever a request that was made twice could be mistaken (`create`: the second
finds what the first one made), so `Retrying` belongs round this. They are on for parts of a large upload, which cannot
be repeated from outside, and for taking those back. A listing is checked to be in order; an answer of 404 that does
not say that the key is missing leads to a look at the bucket.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import cached_property, partial
from itertools import islice
from pathlib import Path
from typing import Any

from ...errors import CkptflowError, StoreError
from .. import layout
from ..bucket import Unavailable
from ..oserrors import store_error
from ..protocol import Entry, NotThere
from .connection import Connection
from .failures import NO_BUCKET, NOT_THERE, answer_in, failure, no_answer, no_bucket, no_credentials
from .patience import Patience
from .ranges import BLOCK, Turns, check_start, download, nanoseconds, part_of, part_size, too_short, write_all

_PAGE = 1000
_PARTS_AT_ONCE = 4
_BATCHES = {"s3": 1000, "gs": 100, "az": 256}
_GARBLED = re.compile(
    r"HTTP error|request or response body|error decoding|invalid .{0,40}response|timed? ?out|connection", re.IGNORECASE
)
_METADATA_SERVICE = re.compile(
    r"performing \w+ \S*(169\.254\.169\.254|/latest/|computeMetadata|/metadata/|oauth2/token)"
)


class ObstoreBucket:
    """A `Bucket` on S3, GCS or Azure. May be used from several threads. `timeout` is in seconds without an answer."""

    def __init__(self, connection: Connection, prefix: str, *, url: str, timeout: float) -> None:
        self.url = url
        self._kind = connection.kind
        self._patience = Patience(timeout)
        self._gives_ranges: bool | None = None  # not known yet
        self._timeout = timeout
        self._open = partial(_open, connection, prefix, url)
        self._quick = self._open(timeout, {"max_retries": 0})

    @cached_property
    def _bulk(self) -> Any:
        """For what is large. Made when it is needed: 10 ms. A part waits for its turn on a line that four share."""
        patient = {"max_retries": 5, "retry_timeout": timedelta(seconds=4 * self._timeout), "backoff": _BACKOFF}
        return self._open(_PARTS_AT_ONCE * self._timeout, patient)

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on. Raises `NotThere`, `StoreError`."""
        import obstore

        if size == 0:
            self._check_end(name, start)
            return b""
        options: Mapping[str, Any] = {} if not start and size is None else {"range": _range(start, size)}
        try:
            result = obstore.get(self._quick, layout.check_name(name), options=options)  # type: ignore[arg-type]
            data = bytes(result.bytes())
            begin, end = result.range
        except Exception as error:
            if options and ("StartTooLarge" in str(error) or answer_in(str(error)).status == 416):
                self._check_end(name, start)
                if size is None:
                    return b""
                raise too_short(f"{name} at {self.url}", start, size) from None
            if options and "non-partial response" in str(error):
                self._gives_ranges = False
                return self._cut(name, start, size)
            raise self._error(error, f"read {name}", name) from None
        self._gives_ranges = self._gives_ranges or bool(options)
        wanted = end - begin
        if len(data) != wanted:
            raise no_answer(f"read {name}", self.url)
        if begin != start or (size is not None and wanted != size):
            raise too_short(f"{name} at {self.url}", start, size or 0)
        return data

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`, large ones in parts; return how many. Raises `NotThere`."""
        entry = self.stat(name)
        if entry is None:
            raise NotThere(f"no {name} at {self.url}")
        if entry.bytes <= BLOCK:
            return write_all(path, [self.get(name)])
        if self._gives_ranges is None:
            self.get(name, 0, 1)  # tells
        if not self._gives_ranges:
            return write_all(path, self._stream(name))
        return download(
            lambda start, size: self._patience.again(lambda: self.get(name, start, size)), entry.bytes, path
        )

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one request, replacing what was there."""
        self._put(self._bulk if len(data) > 1 << 20 else self._quick, name, data, f"write {name}")

    def upload(self, name: str, path: Path) -> None:
        """Store a local file under `name`, large ones in parts; those of an upload that fails are removed."""
        import obstore

        layout.check_name(name)
        try:
            size = path.stat().st_size
            if size <= 2 * BLOCK:
                self.put(name, path.read_bytes())
                return
        except OSError as error:
            raise store_error(error, f"upload {path}", str(path.parent)) from error
        part = part_size(size)
        sent = _Parts(path, part)
        with Turns.uploads:
            try:
                obstore.put(
                    self._bulk,
                    name,
                    sent,
                    use_multipart=True,
                    chunk_size=part,
                    max_concurrency=max(1, _PARTS_AT_ONCE * BLOCK // part),
                )
            except Exception as error:
                raise (sent.failed or self._error(error, f"write {name}")) from None

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        import obstore.exceptions

        try:
            obstore.put(self._quick, layout.check_name(name), data, mode="create", use_multipart=False)
        except obstore.exceptions.AlreadyExistsError as error:
            return self._refused(error, f"create {name}")
        except Exception as error:
            raise self._error(error, f"create {name}") from None
        return True

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there still has this `version`; else change nothing and return False."""
        import obstore.exceptions

        known: Any = {"version": version} if self._kind == "gs" else {"e_tag": version}
        try:
            obstore.put(self._quick, layout.check_name(name), data, mode=known, use_multipart=False)
        except (obstore.exceptions.PreconditionError, obstore.exceptions.AlreadyExistsError) as error:
            return self._refused(error, f"replace {name}")
        except FileNotFoundError as error:
            failed = self._error(error, f"replace {name}", name)
            if isinstance(failed, NotThere):
                return False
            raise failed from None
        except Exception as error:
            raise self._error(error, f"replace {name}") from None
        return True

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their version: the ETag, on GCS the generation. Raises `NotThere`."""
        import obstore

        try:
            result = obstore.get(self._quick, layout.check_name(name))
            data, meta = bytes(result.bytes()), result.meta
        except Exception as error:
            raise self._error(error, f"read {name}", name) from None
        if len(data) != meta["size"]:
            raise no_answer(f"read {name}", self.url)
        version = meta["version" if self._kind == "gs" else "e_tag"]
        if not version:
            raise StoreError(
                f"{self.url} tells no version of {name}", hint="it cannot guard what must not be overwritten"
            )
        return data, version

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        import obstore

        try:
            meta = obstore.head(self._quick, layout.check_name(name))
        except Exception as error:
            failed = self._error(error, f"look at {name}", name)
            if isinstance(failed, NotThere):
                return None
            raise failed from None
        return Entry(name, meta["size"], nanoseconds(meta["last_modified"]))

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted."""
        import obstore

        layout.check_prefix(prefix)
        folder, _, rest = prefix.rpartition("/")
        # obstore takes whole folders as prefixes. A beginning of a name is reached by what sorts before it, and left
        # at the first name behind; where `rest` is one letter the folder's own name is what sorts before.
        offset = max(after, f"{folder}/{rest[:-1]}" if folder and len(rest) > 1 else rest[:-1]) or None
        reached = ""
        try:
            for page in obstore.list(self._quick, folder or None, offset=offset, chunk_size=_PAGE):
                for meta in page:
                    name = meta["path"]
                    if name <= reached:
                        raise StoreError(f"{self.url} lists names out of order: it cannot be a remote")
                    reached = name
                    if name.startswith(prefix) and name > after:
                        yield Entry(name, meta["size"], nanoseconds(meta["last_modified"]))
                    elif name > prefix and not name.startswith(prefix):
                        return
        except CkptflowError:
            raise
        except Exception as error:
            raise self._error(error, f"list {prefix or 'names'}") from None

    def delete(self, names: Iterable[str]) -> None:
        """Remove names, up to 1,000 in one request; no error for those that are not there."""
        left = (layout.check_name(name) for name in names)
        while batch := list(islice(left, _BATCHES[self._kind])):
            if not self._delete(batch):  # GCS and Azure tell that one is missing, and may stop there
                for name in batch:
                    self._delete([name])

    def close(self) -> None:
        """Nothing to let go of: obstore closes connections that are idle."""

    def _stream(self, name: str) -> Iterator[bytes]:
        """Yield all bytes as they come, in blocks."""
        import obstore

        try:
            result = obstore.get(self._quick, layout.check_name(name))
            left = result.meta["size"]
            for block in result.stream(min_chunk_size=BLOCK):
                left -= len(block)
                yield bytes(block)
        except Exception as error:
            raise self._error(error, f"read {name}", name) from None
        if left:
            raise no_answer(f"read {name}", self.url)

    def _cut(self, name: str, start: int, size: int | None) -> bytes:
        """Return a range where the server sends everything (`rclone serve s3` does): what is around it is dropped."""
        parts: list[bytes] = []
        at, end = 0, start + size if size is not None else None
        for block in self._stream(name):
            parts.append(block[max(0, start - at) : None if end is None else max(0, end - at)])
            at += len(block)
            if end is not None and at >= end:
                break
        check_start(start, at, f"{name} at {self.url}")
        return part_of(b"".join(parts), 0, size, f"{name} at {self.url}")

    def _put(self, store: Any, name: str, data: bytes, doing: str) -> None:
        import obstore

        try:
            obstore.put(store, layout.check_name(name), data, use_multipart=False)
        except Exception as error:
            raise self._error(error, doing) from None

    def _delete(self, names: Sequence[str]) -> bool:
        """Remove names; False if one of them was not there."""
        import obstore

        try:
            obstore.delete(self._quick, names)
        except Exception as error:
            failed = self._error(error, f"delete {names[0]}", names[0])
            if isinstance(failed, NotThere):
                return False
            raise failed from None
        return True

    def _refused(self, error: Exception, doing: str) -> bool:
        """Return False for a condition that was not met; raise for a conflict with another writer just now."""
        answer = answer_in(str(error))
        if answer.code in NO_BUCKET:
            raise no_bucket(self.url) from None
        if answer.status == 409 and answer.code != "BlobAlreadyExists":
            raise Unavailable(f"cannot {doing} at {self.url}: somebody else is writing it") from None
        return False

    def _check_end(self, name: str, start: int) -> None:
        entry = self.stat(name)
        if entry is None:
            raise NotThere(f"no {name} at {self.url}")
        check_start(start, entry.bytes, f"{name} at {self.url}")

    def _error(self, error: Exception, doing: str, missing: str | None = None) -> StoreError:
        """Return what obstore's error means. Its text goes nowhere: it holds addresses, signed ones too.

        With `missing`, the name of a key, a 404 is `NotThere` if that is certain.
        """
        if isinstance(error, StoreError):
            return error
        text = str(error)
        answer = answer_in(text)
        if answer.code in NO_BUCKET:
            return no_bucket(self.url)
        if isinstance(error, FileNotFoundError) or answer.status == 404:
            if missing is None:
                return failure(answer, doing, self.url)
            return self._miss(missing, answer.code)
        if _METADATA_SERVICE.search(text):
            return no_credentials(self.url, "neither options, environment, profile nor a role of this machine give any")
        if answer.status or answer.code:
            return failure(answer, doing, self.url)
        if "scheme is not allowed" in text:
            return StoreError(f"cannot {doing} at {self.url}: the endpoint is plain http", hint="set `use_ssl: false`")
        if re.search(r"certificate|UnknownIssuer|TLS handshake", text):
            return StoreError(
                f"cannot {doing} at {self.url}: the server's certificate is not trusted",
                hint="set the option `verify` to the file of your own authority's certificates",
            )
        if _GARBLED.search(text):
            return no_answer(doing, self.url)
        return StoreError(
            f"cannot {doing} at {self.url}: {type(error).__name__} in the driver",
            hint="check the options of the remote",
        )

    def _miss(self, name: str, code: str) -> StoreError:
        """Return `NotThere` for a 404 if the server says that it is the key that is missing, or the bucket is there."""
        if code not in NOT_THERE:
            next(self.list(name), None)  # raises if there is no such bucket
        return NotThere(f"no {name} at {self.url}")


_BACKOFF = {"init_backoff": timedelta(milliseconds=100), "max_backoff": timedelta(seconds=5), "base": 2}


def _open(connection: Connection, prefix: str, url: str, timeout: float, retry: Mapping[str, Any]) -> Any:
    from obstore import store

    kinds = {"s3": store.S3Store, "gs": store.GCSStore, "az": store.AzureStore}
    limits = {
        # The whole of a request may take long; silence may not.
        "timeout": timedelta(days=1),
        "read_timeout": timedelta(seconds=timeout),
        "connect_timeout": timedelta(seconds=min(timeout, 10)),
    }
    provider = {} if connection.provider is None else {"credential_provider": connection.provider}
    try:
        return kinds[connection.kind](
            prefix=prefix or None,
            config=dict(connection.config),
            client_options={**limits, **connection.client},
            retry_config=dict(retry),
            **provider,
        )
    except Exception as error:
        unknown = re.search(r"Configuration key: '(\w+)'", str(error))
        raise StoreError(
            f"{url}: there is no option `{unknown[1]}`" if unknown else f"{url}: its options do not fit together",
            hint="options are in docs/remotes.md",
        ) from None


def _range(start: int, size: int | None) -> Any:
    return {"offset": start} if size is None else (start, start + size)


class _Parts:
    """The parts of a file, read one at a time. `failed` is why it ended early, None if it did not.

    obstore ends an upload that an iterator fails in, and takes its parts back; an interrupt lands here too.
    """

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._size = size
        self.failed: BaseException | None = None

    def __iter__(self) -> Iterator[bytes]:
        try:
            with open(self._path, "rb", buffering=0) as file:
                while part := file.read(self._size):
                    yield part
        except OSError as error:
            self.failed = store_error(error, f"read {self._path.name}", str(self._path.parent))
            raise
        except BaseException as error:
            self.failed = error
            raise
