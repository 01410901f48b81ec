"""Pure. What servers of object storage answer, and what it means to who asked: to try again, to give up, a miss.

Rules: an error says what was done, where, and a reason from this page, never the server's own text: that may hold
signed addresses and names of keys. `NotThere` needs a code that says so.
"""

from __future__ import annotations

import re

from ...dataclass import dataclass
from ...errors import StoreError
from ..bucket import Unavailable

NOT_THERE = frozenset({"NoSuchKey", "BlobNotFound"})
NO_BUCKET = frozenset({"NoSuchBucket", "ContainerNotFound", "FilesystemNotFound"})
_BUSY = frozenset(
    {
        "BadDigest",
        "IncompleteBody",
        "InternalError",
        "InvalidPart",
        "InvalidPartOrder",
        "MalformedXML",
        "NoSuchUpload",
        "OperationTimedOut",
        "RequestTimeout",
        "ServerBusy",
        "ServiceUnavailable",
        "SlowDown",
        "XAmzContentSHA256Mismatch",
        "Md5Mismatch",
    }
)
"""Worth another try whatever the status: the server was slow or busy, what it got was damaged on the way, or the end of
an upload in parts was told and the answer to that was lost.
"""

_CREDENTIALS = "check the credentials: options of the remote, environment variables, profile (docs/remotes.md)"
_HINTS = {
    "ExpiredToken": "the session token has expired: renew it (for single sign-on: log in again)",
    "InvalidAccessKeyId": f"this access key is not known there; {_CREDENTIALS}",
    "SignatureDoesNotMatch": f"the secret key does not fit the access key; {_CREDENTIALS}",
    "RequestTimeTooSkewed": "the clock of this machine is wrong: set it",
    "AccountIsDisabled": "the storage account is disabled",
    "InvalidBucketName": "this is no name of a bucket",
    "EntityTooLarge": "the server does not take so large an object",
    "QuotaExceeded": "the server is full",
    "XMinioStorageFull": "the server is full",
    "InvalidRange": "what names it is not what was stored",
}
_BY_STATUS = {
    301: "the bucket is in another region: set the option `region`",
    307: "the bucket is in another region: set the option `region`",
    401: _CREDENTIALS,
    403: f"{_CREDENTIALS}, and what they are allowed to do with this bucket",
    404: "check the name of the bucket or container and the endpoint",
    405: "the server does not know this request: is the endpoint one of object storage?",
    411: "the server does not know this request: is the endpoint one of object storage?",
    501: "the server does not know this request: is the endpoint one of object storage?",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """What a server answered: HTTP status (0: none came) and the code in the body or a header (empty: none)."""

    status: int
    code: str = ""

    def __str__(self) -> str:
        return " ".join(part for part in (str(self.status or ""), self.code) if part)


_STATUS = re.compile(r"(?:status |\()code: (\d{3})")
_CODE = re.compile(r"<Code>\s*([A-Za-z0-9]{1,64})\s*</Code>|\b[Cc]ode: \"?([A-Za-z][A-Za-z0-9]{1,63})\b")


def answer_in(text: str) -> Answer:
    """Return the status and code that an HTTP client's error text holds."""
    status = _STATUS.search(text)
    code = _CODE.search(text)
    return Answer(int(status[1]) if status else 0, (code[1] or code[2]) if code else "")


def failure(answer: Answer, doing: str, url: str) -> StoreError:
    """Return the error for an answer that is no success and no miss, met while `doing` ("read a/b") at `url`."""
    if answer.code in _BUSY or answer.status in (408, 409, 425, 429) or answer.status in {*range(500, 600)} - {501}:
        return Unavailable(f"cannot {doing} at {url}: the server answered {answer}", hint="try again later")
    if answer.code in NO_BUCKET:
        return no_bucket(url)
    hint = _HINTS.get(answer.code) or _BY_STATUS.get(answer.status) or "check the endpoint and options of the remote"
    return StoreError(f"cannot {doing} at {url}: the server answered {answer}", hint=hint)


def no_answer(doing: str, url: str) -> Unavailable:
    """Return the error for a request that got no answer, or not all of it."""
    return Unavailable(
        f"cannot {doing} at {url}: the server did not answer in full",
        hint="check the network and the endpoint; a setting `remote_timeout` says how long to wait",
    )


def no_bucket(url: str) -> StoreError:
    """Return the error for a bucket or container that does not exist."""
    return StoreError(
        f"{url}: there is no such bucket or container",
        hint="check its name and the endpoint, or make it: ckptflow does not",
    )


def no_credentials(url: str, where: str) -> StoreError:
    """Return the error for a remote that no credentials were found for; `where` says what was looked at."""
    return StoreError(
        f"no credentials for {url}: {where}",
        hint="set the environment variables, a profile, or options of the remote; `anon: true` for a public bucket",
    )
