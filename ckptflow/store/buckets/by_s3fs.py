"""Edge. S3 by s3fs, for who wants its credentials and options: the requests themselves, on the connection it makes.

s3fs as a file system is not used: its `open` commits what is cut short, an exclusive file of no bytes overwrites,
`exists` says no for a bucket that is missing or forbidden, listings come from a cache, and a read is preceded by a
hidden question for the size. What is left is one request a call, all repetitions off (see `by_obstore` for why), and no
`Expect: 100-continue`, which costs a round trip. An upload in parts is ours from the first request to the last, so that
an interrupt takes the parts back.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable, Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

from ...errors import StoreError
from .. import layout
from ..bucket import Unavailable
from ..oserrors import store_error
from ..protocol import Entry, NotThere
from .failures import NO_BUCKET, NOT_THERE, Answer, failure, no_answer, no_bucket, no_credentials
from .patience import Patience
from .ranges import BLOCK, Turns, check_start, download, nanoseconds, part_size, too_short, write_all

_T = TypeVar("_T")
_BATCH = 1000
_PARTS_AT_ONCE = 4


class S3fsBucket:
    """A `Bucket` on S3. May be used from several threads. `timeout` is in seconds without an answer."""

    def __init__(self, fs: Any, bucket: str, prefix: str, *, url: str, timeout: float) -> None:
        self.url = url
        self._fs = fs
        fs.retries = 1  # s3fs's own repetitions; botocore's are off in `s3fs_options`
        self._bucket = bucket
        self._lead = f"{prefix}/" if prefix else ""
        self._patience = Patience(timeout)
        self._tamed: list[Any] = []

    def get(self, name: str, start: int = 0, size: int | None = None) -> bytes:
        """Return all bytes, or `size` of them from offset `start` on. Raises `NotThere`, `StoreError`."""
        if size == 0:
            return self._nothing(name, start)
        asked = {}
        if start or size is not None:
            asked["Range"] = f"bytes={start}-{'' if size is None else start + size - 1}"
        try:
            data, _ = self._run(self._get(name, asked))
        except Exception as error:
            if size is None and _answer(error).status == 416:
                return self._nothing(name, start)
            raise self._error(error, f"read {name}", name) from None
        if size is not None and len(data) != size:
            raise too_short(f"{name} at {self.url}", start, size)
        return data

    def download(self, name: str, path: Path) -> int:
        """Write all bytes to the new local file `path`, large ones in parts; return how many. Raises `NotThere`."""
        entry = self.stat(name)
        if entry is None:
            raise NotThere(f"no {name} at {self.url}")
        if entry.bytes <= BLOCK:
            return write_all(path, [self.get(name)])
        return download(
            lambda start, size: self._patience.again(lambda: self.get(name, start, size)), entry.bytes, path
        )

    def put(self, name: str, data: bytes) -> None:
        """Store `data` under `name` in one request, replacing what was there."""
        self._put(name, data, {}, f"write {name}")

    def upload(self, name: str, path: Path) -> None:
        """Store a local file under `name`, large ones in parts; those of an upload that fails are removed."""
        layout.check_name(name)
        try:
            size = path.stat().st_size
            if size <= 2 * BLOCK:
                self.put(name, path.read_bytes())
                return
            with Turns.uploads, open(path, "rb", buffering=0) as file:
                self._upload(name, file, part_size(size))
        except OSError as error:
            raise store_error(error, f"upload {path}", str(path.parent)) from error

    def create(self, name: str, data: bytes) -> bool:
        """Like `put`, unless the name exists: then change nothing and return False."""
        return self._put(name, data, {"IfNoneMatch": "*"}, f"create {name}")

    def replace(self, name: str, data: bytes, version: str) -> bool:
        """Like `put`, if what is there still has this `version`; else change nothing and return False."""
        return self._put(name, data, {"IfMatch": version}, f"replace {name}")

    def read(self, name: str) -> tuple[bytes, str]:
        """Return all bytes and their version, the ETag. Raises `NotThere`."""
        try:
            data, version = self._run(self._get(name, {}))
        except Exception as error:
            raise self._error(error, f"read {name}", name) from None
        return data, version

    def stat(self, name: str) -> Entry | None:
        """Return what is known of `name`, None if it is not there."""
        try:
            found = self._run(self._call("head_object", Key=self._key(name)))
        except Exception as error:
            failed = self._error(error, f"look at {name}", name)
            if isinstance(failed, NotThere):
                return None
            raise failed from None
        return Entry(name, found["ContentLength"], nanoseconds(found["LastModified"]))

    def list(self, prefix: str, after: str = "") -> Iterator[Entry]:
        """Yield all names that start with `prefix` and sort behind `after`, sorted."""
        layout.check_prefix(prefix)
        asked: dict[str, Any] = {"Prefix": f"{self._lead}{prefix}", "MaxKeys": 1000}
        if after:
            asked["StartAfter"] = f"{self._lead}{after}"
        reached = ""
        while True:
            page = self._ask(f"list {prefix or 'names'}", self._call("list_objects_v2", **asked))
            for found in page.get("Contents", ()):
                name = found["Key"][len(self._lead) :]
                if name <= reached:
                    raise StoreError(f"{self.url} lists names out of order: it cannot be a remote")
                reached = name
                if name > after:
                    yield Entry(name, found["Size"], nanoseconds(found["LastModified"]))
            if not page.get("IsTruncated"):
                return
            asked["ContinuationToken"] = page["NextContinuationToken"]

    def delete(self, names: Iterable[str]) -> None:
        """Remove names, up to 1,000 in one request; no error for those that are not there."""
        left = ({"Key": self._key(name)} for name in names)
        while batch := list(islice(left, _BATCH)):
            doing = f"delete {batch[0]['Key'][len(self._lead) :]}"
            answer = self._ask(doing, self._call("delete_objects", Delete={"Objects": batch, "Quiet": True}))
            for refused in answer.get("Errors", ()):
                raise failure(Answer(0, _code(refused.get("Code"))), doing, self.url)

    def close(self) -> None:
        """Close the connections."""
        if self._tamed:
            self._fs.close_session(self._fs.loop, self._fs._s3creator)

    def _key(self, name: str) -> str:
        return f"{self._lead}{layout.check_name(name)}"

    def _run(self, work: Coroutine[Any, Any, _T]) -> _T:
        """Do `work` on s3fs's loop; an interrupt here ends it there, where s3fs would let it go on unseen."""
        future = asyncio.run_coroutine_threadsafe(work, self._fs.loop)
        try:
            return future.result()
        except BaseException:
            future.cancel()
            raise

    async def _call(self, method: str, **asked: Any) -> Any:
        await self._fs.set_session()
        client = await self._fs.get_s3(self._bucket)
        if not any(client is known for known in self._tamed):
            from botocore.handlers import add_expect_header

            client.meta.events.unregister("before-call.s3", add_expect_header)
            self._tamed.append(client)
        return await self._fs._call_s3(method, Bucket=self._bucket, **asked)

    async def _get(self, name: str, asked: Mapping[str, Any]) -> tuple[bytes, str]:
        answer = await self._call("get_object", Key=self._key(name), **asked)
        async with answer["Body"] as body:
            data = await body.read()
        if len(data) != answer["ContentLength"]:
            raise no_answer(f"read {name}", self.url)
        return data, answer["ETag"]

    def _put(self, name: str, data: bytes, condition: Mapping[str, Any], doing: str) -> bool:
        """Store bytes; False if the condition was not met.

        aiohttp sends a request once more, unasked, when the connection breaks before the answer; the second is refused
        for what the first one did. So a refusal counts only if what is there are other bytes.
        """
        try:
            self._run(self._call("put_object", Key=self._key(name), Body=bytes(data), **condition))
        except Exception as error:
            answer = _answer(error)
            if condition and answer.code not in NO_BUCKET and answer.status in (404, 412):
                try:
                    return self.get(name) == data
                except NotThere:
                    return False
            raise self._error(error, doing) from None
        return True

    def _upload(self, name: str, file: Any, part: int) -> None:
        key, doing, at_once = self._key(name), f"write {name}", max(1, _PARTS_AT_ONCE * BLOCK // part)
        upload = self._ask(doing, self._call("create_multipart_upload", Key=key))["UploadId"]
        try:
            parts: list[dict[str, Any]] = []
            while blocks := list(islice(iter(lambda: file.read(part), b""), at_once)):
                parts += self._ask(doing, self._send_parts(key, upload, len(parts), blocks))
            done = {"Parts": parts}
            self._ask(doing, self._call("complete_multipart_upload", Key=key, UploadId=upload, MultipartUpload=done))
        except BaseException:
            self._take_back(key, upload)
            raise

    def _ask(self, doing: str, work: Coroutine[Any, Any, _T]) -> _T:
        try:
            return self._run(work)
        except Exception as error:
            raise self._error(error, doing) from None

    async def _send_parts(self, key: str, upload: str, sent: int, blocks: Iterable[bytes]) -> Sequence[dict[str, Any]]:
        """Send parts at once, each again by itself if that fails: a whole large file is not sent anew for one."""
        return await asyncio.gather(
            *(self._send_part(key, upload, number, block) for number, block in enumerate(blocks, sent + 1))
        )

    async def _send_part(self, key: str, upload: str, number: int, block: bytes) -> dict[str, Any]:
        for left in (3, 2, 1, 0):
            try:
                answer = await self._call("upload_part", Key=key, UploadId=upload, PartNumber=number, Body=block)
                return {"PartNumber": number, "ETag": answer["ETag"]}
            except Exception as error:
                if not left or not isinstance(self._error(error, "write"), Unavailable):
                    raise
                await asyncio.sleep(self._patience.chance() * min(self._patience.longest, 1.6 / 2**left))
        raise AssertionError("the last try returns or raises")

    def _take_back(self, key: str, upload: str) -> None:
        """Remove the parts of an upload, if the server can be reached; what led here is told in any case."""
        for last in self._patience.tries():
            try:
                self._run(self._call("abort_multipart_upload", Key=key, UploadId=upload))
                return
            except Exception as error:
                if last or not isinstance(self._error(error, "write"), Unavailable):
                    return

    def _nothing(self, name: str, start: int) -> bytes:
        entry = self.stat(name)
        if entry is None:
            raise NotThere(f"no {name} at {self.url}")
        check_start(start, entry.bytes, f"{name} at {self.url}")
        return b""

    def _error(self, error: Exception, doing: str, missing: str | None = None) -> StoreError:
        """Return what s3fs's or botocore's error means; see `ObstoreBucket._error`."""
        if isinstance(error, StoreError):
            return error
        answer = _answer(error)
        if answer.code in NO_BUCKET:
            return no_bucket(self.url)
        if answer.status == 404 and missing is not None:
            if answer.code not in NOT_THERE:
                next(self.list(missing), None)  # raises if there is no such bucket
            return NotThere(f"no {missing} at {self.url}")
        if answer.status or answer.code:
            return failure(answer, doing, self.url)
        kind = type(error).__name__
        if kind in ("NoCredentialsError", "PartialCredentialsError", "ProfileNotFound", "CredentialRetrievalError"):
            return no_credentials(self.url, f"botocore says {kind}")
        if kind in ("ParamValidationError", "InvalidRegionError", "UnknownParameterError", "TypeError", "ValueError"):
            return StoreError(f"cannot {doing} at {self.url}: {kind} in s3fs", hint="check the options of the remote")
        if kind == "SSLError":
            return StoreError(f"cannot {doing} at {self.url}: the server's certificate is not trusted", hint=_VERIFY)
        return no_answer(doing, self.url)


_VERIFY = "set the option `verify` to the file of your own authority's certificates"


def _code(text: Any) -> str:
    return text if isinstance(text, str) and text.isalnum() else ""


def _answer(error: BaseException) -> Answer:
    """Return the server's answer in an error of botocore, or in what s3fs made of one."""
    response = getattr(error, "response", None)
    if isinstance(response, Mapping):
        status = response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
        return Answer(status, _code(response.get("Error", {}).get("Code")))
    return _answer(error.__cause__) if error.__cause__ is not None else Answer(0)


_SAME = {
    "endpointurl": "endpoint_url",
    "access_key_id": "key",
    "secret_access_key": "secret",
    "session_token": "token",
    "allow_anonymous_login": "anon",
    "ssl_verify": "verify",
    "region_name": "region",
}
_FLAGS = ("anon", "use_ssl", "requester_pays")


def s3fs_options(options: Mapping[str, Any], timeout: float) -> dict[str, Any]:
    """Return the arguments of `S3FileSystem` for options in its own words, in DVC's, or in obstore's."""
    from .connection import as_flag

    found = {_SAME.get(key, key): value for key, value in options.items() if value is not None and key != "driver"}
    client = dict(found.pop("client_kwargs", {}))
    for key, own in (("region", "region_name"), ("verify", "verify")):
        if key in found:
            client.setdefault(own, found.pop(key))
    if isinstance(client.get("verify"), str) and client["verify"].lower() in ("true", "false"):
        client["verify"] = as_flag(client["verify"])
    for key in _FLAGS:
        if key in found:
            found[key] = as_flag(found[key])
    config = {
        "connect_timeout": min(timeout, 10),
        "read_timeout": timeout,
        "retries": {"total_max_attempts": 1},
        "max_pool_connections": 32,
        # Others than AWS do not know the checksums that botocore adds unasked, or send wrong ones with ranges.
        "request_checksum_calculation": "when_required",
        "response_checksum_validation": "when_required",
        **found.pop("config_kwargs", {}),
    }
    if found.get("endpoint_url") or client.get("endpoint_url"):
        config.setdefault("s3", {"addressing_style": "path"})
    return {**found, "client_kwargs": client, "config_kwargs": config, "use_listings_cache": False}
