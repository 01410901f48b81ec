"""Edge. `rclone serve s3`: a second S3 server, written by others, that stores in a directory.

It checks credentials and ignores conditions (`If-None-Match`, `If-Match`): what a weak remote looks like. Buckets are
directories.
"""

from __future__ import annotations

import itertools
import shutil
import sys
from pathlib import Path
from typing import Any

from .fresh import FreshBucket, s3_env, s3_options
from .process import Process

KEY, SECRET = "rclone-key", "rclone-secret"


class RcloneServer:
    """A running server over a directory of its own, or over `directory`."""

    def __init__(self, directory: Path | None = None) -> None:
        program = find_rclone()
        assert program is not None, "there is no rclone; it comes with the extra `test`"
        self._process = Process("rclone")
        self.directory = directory or self._process.directory / "buckets"
        self.directory.mkdir(exist_ok=True)
        self._process.start(
            [program, "serve", "s3", "--addr", "127.0.0.1:0", "--auth-key", f"{KEY},{SECRET}", str(self.directory)],
            env={
                "RCLONE_CONFIG": "/dev/null",
                "RCLONE_CACHE_DIR": str(self._process.directory / "cache"),
                "RCLONE_LOG_LEVEL": "NOTICE",
            },
        )
        self.port = int(self._process.said(r"s3 server on \[http://127\.0\.0\.1:(\d+)/?\]")[1])
        self._process.await_port(self.port)
        self.endpoint = f"http://127.0.0.1:{self.port}"
        self._numbers = itertools.count(1)

    @property
    def pid(self) -> int:
        """The process that holds the server."""
        return self._process.pid

    def stop(self) -> None:
        """End the server."""
        self._process.stop()

    def env(self) -> dict[str, str]:
        """Return an environment in which clients find this server and its credentials."""
        return s3_env(self.endpoint, KEY, SECRET, self._process.empty)

    def options(self) -> dict[str, Any]:
        """Return the options of a remote on this server."""
        return s3_options(self.endpoint, KEY, SECRET)

    def create_bucket(self) -> FreshBucket:
        """Make a bucket that was not there before."""
        name = f"bucket-{next(self._numbers)}"
        self._client().create_bucket(Bucket=name)  # by the server: it would not see a directory made behind its back
        return FreshBucket(name, f"s3://{name}/some/project", self.options(), self.env())

    def _client(self) -> Any:
        from botocore.session import Session

        session = Session()
        session.set_credentials(KEY, SECRET)
        return session.create_client("s3", endpoint_url=self.endpoint, region_name="us-east-1")

    def drop_bucket(self, bucket: FreshBucket) -> None:
        """Remove a bucket and all that is in it."""
        shutil.rmtree(self.directory / bucket.name)


def find_rclone() -> str | None:
    """Return the program: beside this Python, or on the PATH."""
    return shutil.which("rclone", path=str(Path(sys.executable).parent)) or shutil.which("rclone")
