"""Two runs at once: one works, the other waits, and then has nothing to do."""

from __future__ import annotations

import signal

import pytest

PIPELINE = """
    stages:
      slow:
        call: work:slow
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 20, cut: fixed}
        outs: {slow: slow.parquet}
"""


@pytest.fixture
def busy(place):
    """A run that waits for `place.let("go")`, and the process."""
    place.work("""
        def slow(rows):
            trace(first(rows))
            wait_for("go")
            return rows
    """)
    place.pipeline(PIPELINE)
    place.rows(60)
    process = place.start("repro", "--json", "-j", "2")
    place.await_traces(2)
    yield process
    place.let("go")
    if process.poll() is None:
        place.finish(process)


def test_the_second_waits_and_then_has_nothing_to_do(place, busy):
    second = place.start("repro", "--json", "-v")
    third = place.start("repro", "--json")
    place.let("go")
    assert place.finish(busy).counts("slow") == (3, 0, 0)
    for other in (second, third):
        ended = place.finish(other)
        assert ended.code == 0
        assert ended.counts("slow") == (0, 3, 0)
    assert len(place.traces()) == 3


def test_no_patience_names_the_holder(place, busy):
    ended = place.run("repro", "--json", CKPTFLOW_LOCK_TIMEOUT="0")
    assert ended.code == 11
    assert f"pid {busy.pid}" in ended.err
    assert ended.json["exit"] == 11
    assert place.run("status", "-q").code == 10, "reading commands never wait"
    assert place.run("plan").code == 0
    assert place.run("verify").code == 0


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, -signal.SIGTERM)])
def test_a_signal_while_waiting(place, busy, number, code):
    second = place.start("repro")
    told = next((line for line in second.stderr if "waiting for" in line), "")
    second.send_signal(number)
    ended = place.finish(second)
    assert ended.code == code
    assert f"pid {busy.pid}" in told
    assert "Traceback" not in ended.err


def test_the_lock_of_a_dead_run_holds_nobody_up(place, busy, kill_all):
    kill_all(busy)
    place.let("go")
    assert place.repro(CKPTFLOW_LOCK_TIMEOUT="0").counts("slow")[2] == 0
