"""Edge. Servers of object storage for tests: started by them on 127.0.0.1, each in a process of its own.

| module | what it holds |
|---|---|
| `fixtures` | what tests ask for: a server a session, a fresh bucket a test |
| `moto` | S3 by moto, behind a layer that counts requests and makes them fail |
| `rclone` | S3 by `rclone serve s3`: an independent server that knows no conditional requests |
| `azurite`, `gcs`, `emulators` | Azure and Google by their emulators, where those are installed |
| `faults`, `tally` | what is to go wrong; what was asked for: values that the tests and the server's process share |
| `serving`, `handler` | the process behind `moto` |
| `process`, `leash` | a process that ends with the tests, whatever ends them |
"""

from __future__ import annotations

from .faults import Fault, Kind
from .fresh import FreshBucket
from .moto import MotoServer
from .rclone import RcloneServer
from .tally import Counts

__all__ = ["Counts", "Fault", "FreshBucket", "Kind", "MotoServer", "RcloneServer"]
