"""`store`: every driver in turn; `growing`: those that can append. A new driver is one more entry in `DRIVERS`."""

import pytest
from hypothesis import settings

from ckptflow.store.bucketed import BucketStore
from ckptflow.store.buckets.by_memory import MemoryBucket
from ckptflow.store.local import LocalStore
from ckptflow.store.memory import MemoryStore
from ckptflow.store.wrappers import Counting, FailAt, When

settings.register_profile("repeatable", settings.get_profile("unhurried"), derandomize=True)
settings.load_profile("repeatable")

DRIVERS = {
    "local": lambda tmp: LocalStore(tmp / "store", create=True),
    "memory": lambda tmp: MemoryStore(),
    "bucket": lambda tmp: BucketStore(MemoryBucket()),
    "counting": lambda tmp: Counting(MemoryStore()),
    "not failing yet": lambda tmp: FailAt(LocalStore(tmp / "store", create=True), 10**9, When.BEFORE),
}


@pytest.fixture(params=DRIVERS)
def store(request, tmp_path):
    return DRIVERS[request.param](tmp_path)


@pytest.fixture(params=[name for name in DRIVERS if name != "bucket"])
def growing(request, tmp_path):
    return DRIVERS[request.param](tmp_path)
