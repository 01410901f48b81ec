from __future__ import annotations

import os
import signal
import threading

from ckptflow.engine.stop import Stop


def test_signals_are_counted_and_handlers_put_back():
    before = [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)]
    with Stop() as stop:
        assert not stop.wanted
        os.kill(os.getpid(), signal.SIGTERM)
        assert (stop.wanted, stop.at_once, stop.reason) == (True, False, "SIGTERM")
        os.kill(os.getpid(), signal.SIGINT)
        assert (stop.at_once, stop.signals) == (True, [signal.SIGTERM, signal.SIGINT])
    assert [signal.getsignal(n) for n in (signal.SIGINT, signal.SIGTERM)] == before


def test_a_signal_wakes_who_waits():
    read, write = os.pipe()
    os.set_blocking(write, False)
    with Stop() as stop:
        stop.wake(write)
        os.kill(os.getpid(), signal.SIGINT)
        assert os.read(read, 1) == bytes([signal.SIGINT])
        stop.wake(-1)
    assert signal.set_wakeup_fd(-1) == -1
    os.close(read)
    os.close(write)


def test_time():
    assert Stop().left() is None
    assert not Stop().time_is_up
    soon = Stop(3600)
    assert 3000 < soon.left() <= 3600
    assert not soon.wanted
    over = Stop(0)
    assert over.wanted
    assert over.left() == 0
    assert over.reason == "time is up"
    assert not over.at_once


def test_in_another_thread_signals_are_not_ours():
    before = signal.getsignal(signal.SIGINT)
    found = []

    def body():
        with Stop() as stop:
            stop.wake(1)
            found.append(signal.getsignal(signal.SIGINT))

    thread = threading.Thread(target=body)
    thread.start()
    thread.join()
    assert found == [before]
