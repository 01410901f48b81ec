"""The thread beside the user's code: it hears the engine, keeps at once when no more is to be begun, and by time."""

from __future__ import annotations

import os
import threading

import pytest


class Keeping:
    """What is called to keep; counts, and may fail."""

    def __init__(self, error=None):
        self.threads = []
        self.error = error

    def __call__(self):
        self.threads.append(threading.current_thread().name)
        if self.error is not None:
            raise self.error


def test_nothing_is_kept_or_heard_where_nobody_asks(desk):
    keep = Keeping()
    with desk.minder(3600.0, keep) as minder:
        minder.check()
        assert not minder.stopping
    assert (keep.threads, desk.heard) == ([], [])


def test_it_keeps_by_time_in_its_own_thread(desk, until):
    keep = Keeping()
    with desk.minder(0.01, keep):
        until(lambda: len(keep.threads) >= 3)
    assert set(keep.threads) == {"ckptflow-minder"}
    assert "ckptflow-minder" not in {thread.name for thread in threading.enumerate()}


def test_told_to_begin_nothing_more_it_keeps_at_once(desk, until):
    keep = Keeping()
    with desk.minder(3600.0, keep) as minder:
        desk.engine.send(None)
        until(lambda: keep.threads)
        assert minder.stopping
        minder.pause(3600.0)  # no waiting any more
    assert desk.heard == [None]


def test_other_messages_are_passed_on_in_their_order(desk, until):
    keep = Keeping()
    with desk.minder(3600.0, keep) as minder:
        for number in (1, 2, 3):
            desk.engine.send(number)
        until(lambda: desk.heard == [1, 2, 3])
        assert not minder.stopping
    assert keep.threads == []


def test_what_comes_after_it_is_left_for_the_worker(desk):
    with desk.minder(3600.0, Keeping()):
        pass
    desk.engine.send(7)
    assert desk.channel.recv() == 7


def test_what_keeping_raises_is_raised_by_check(desk, until):
    keep = Keeping(OSError("disk full"))
    with desk.minder(0.01, keep) as minder:
        until(lambda: keep.threads)
        with pytest.raises(OSError, match="disk full"):
            until(lambda: minder.check())
    assert len(keep.threads) == 1, "once is enough"


def test_the_end_of_the_engine_ends_nothing_here(desk, until):
    keep = Keeping()
    with desk.minder(0.05, keep) as minder:
        os.close(desk.engine.fd)
        until(lambda: len(keep.threads) >= 2)
        minder.check()
        assert not minder.stopping
    desk.engine.fd = os.open(os.devnull, os.O_RDONLY)  # for the fixture to close


def test_no_descriptors_are_left(desk):
    def descriptors():
        return len(os.listdir("/dev/fd"))

    before = descriptors()
    for _ in range(20):
        with desk.minder(3600.0, Keeping()):
            pass
    assert descriptors() == before
