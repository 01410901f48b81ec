"""Killed anywhere, by anything: what was recorded is kept, what was in flight runs again, nobody stays behind."""

from __future__ import annotations

import os
import random
import re
import shutil
import signal
import time

import pytest

SLOW = """
    def slow(rows):
        trace(first(rows))
        time.sleep(0.05)
        return rows.append_column("z", [[i * 2 for i in rows["x"].to_pylist()]])

    def total(rows):
        trace("total")
        return {"rows": rows.num_rows, "sum": sum(rows["z"].to_pylist())}
"""
PIPELINE = """
    stages:
      slow:
        call: work:slow
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 20, cut: fixed}
        outs: {slow: data/slow.parquet}
      total:
        call: work:total
        deps: {rows: data/slow.parquet}
        outs: {total: data/total.json}
"""
CHUNKS = 60


@pytest.fixture
def place(place):
    place.env["CKPTFLOW_JOBS"] = "2"
    return place


@pytest.fixture
def sixty(place):
    """Sixty chunks of 50 ms on two workers, and what an undisturbed run makes of them."""
    place.work(SLOW)
    place.pipeline(PIPELINE)
    place.rows(20 * CHUNKS)
    return place


@pytest.fixture
def undisturbed(sixty):
    """The bytes of a run that nobody disturbed, made with a store of its own."""
    assert sixty.run("repro", CKPTFLOW_STORE="elsewhere").code == 0
    made = {out: sixty.content(out) for out in ("data/slow.parquet", "data/total.json")}
    for name in ("data/slow.parquet", "data"):
        for path in (sixty.root / name).iterdir():
            if path.is_file():
                path.unlink()
    (sixty.root / "pipeline.lock").unlink()
    sixty.forget()
    return made


def gone(place, running, wait_until):
    pids = place.pids()
    wait_until(lambda: not any(map(running, pids)), "the workers to end")


@pytest.mark.parametrize("seed", [1, 2])
def test_sigkill_of_the_run_at_random_moments(sixty, undisturbed, seed, kill_all, running, wait_until):
    chance = random.Random(seed)
    goals = sorted(chance.sample(range(1, CHUNKS), 5))
    again = 0
    for goal in goals:
        recorded, called = sixty.records(), len(sixty.traces())
        process = sixty.start("repro", UNTIL=str(20 * (CHUNKS - 1)))
        wait_until(lambda goal=goal, p=process: sixty.records() >= goal or p.poll() is not None, "progress")
        time.sleep(chance.random() * 0.06)
        kill_all(process)
        gone(sixty, running, wait_until)
        assert sixty.records() >= recorded
        again += len(sixty.traces()) - called - (sixty.records() - recorded)
    assert again <= 2 * len(goals), "more was lost than the chunks in flight"
    kept, called = sixty.records(), len(sixty.traces())

    ended = sixty.repro()

    assert len(sixty.traces()) - called == CHUNKS + 1 - kept, (
        "something recorded was run again, or something was not run"
    )
    assert set(sixty.traces()) == {str(20 * i) for i in range(CHUNKS)} | {"total"}
    assert ended.counts("slow") == (CHUNKS - min(kept, CHUNKS), min(kept, CHUNKS), 0)
    assert {out: sixty.content(out) for out in undisturbed} == undisturbed


def test_sigkill_before_anything_and_right_at_the_end(sixty, undisturbed, kill_all, running, wait_until):
    for delay in (0.05, 0.15, 0.3, 0.5):
        process = sixty.start("repro")
        time.sleep(delay)
        kill_all(process)
    process = sixty.start("repro")
    wait_until(lambda: "total" in sixty.traces(), "the last stage")
    kill_all(process)
    gone(sixty, running, wait_until)
    ended = sixty.repro()
    assert ended.counts("slow")[0] == 0
    assert {out: sixty.content(out) for out in undisturbed} == undisturbed
    assert sixty.repro().counts("total") == (0, 1, 0)


def test_sigkill_of_a_worker_costs_its_chunk_one_attempt(place, wait_until):
    place.work("""
        def slow(rows):
            trace(first(rows))
            if first(rows) == 40 and "again" not in open(os.environ["SIDE"]).read():
                trace("again")
                os.kill(os.getpid(), 9)
            return rows
    """)
    pipeline = """
        stages:
          slow:
            call: work:slow
            deps: {rows: rows.csv}
            chunk: {over: rows, rows: 20, cut: fixed}
            outs: {slow: slow.parquet}
            retries: RETRIES
            backoff: 10ms
    """
    place.rows(100)
    place.pipeline(pipeline.replace("RETRIES", "1"))
    assert place.repro().counts("slow") == (5, 0, 0)
    assert place.traces().count("40") == 2
    assert all(place.traces().count(str(n)) == 1 for n in (0, 20, 60, 80))

    place.forget()
    place.pipeline(
        pipeline.replace("retries: RETRIES", "on_error: continue").replace(
            "slow:\n", "slow:\n            version: 2\n", 1
        )
    )
    ended = place.repro(code=1)
    assert ended.counts("slow") == (4, 0, 1)
    assert "slow#2" in ended.err
    assert "SIGKILL" in ended.err
    assert place.repro().counts("slow") == (1, 4, 0)


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_one_signal_lets_the_chunks_in_flight_finish(sixty, number, code, running, wait_until):
    process = sixty.start("repro", "--json", "--events", "events.jsonl", UNTIL="120")
    sixty.await_traces(6 + 2)
    sixty.interrupt(process, number)
    ended = sixty.finish(process)
    assert ended.code == code
    ran = len(sixty.traces())
    assert 6 + 2 <= ran < CHUNKS
    assert sixty.records() == ran, "a chunk that was begun was not finished and recorded"
    assert ended.json["ok"] is False
    assert ended.json["outcome"] == "interrupted"
    assert ended.counts("slow") == (ran, 0, 0)
    assert f"{ran} chunks run and kept" in ended.err
    gone(sixty, running, wait_until)
    checkpoints = list((sixty.root / ".ckptflow/store/checkpoints").rglob("*in_progress.json"))
    assert len(checkpoints) == 1

    assert sixty.repro().counts("slow") == (CHUNKS - ran, ran, 0)
    assert len(sixty.traces()) == CHUNKS + 1


def test_a_second_signal_ends_at_once(place, running, wait_until):
    place.work("""
        def slow(rows):
            trace(first(rows))
            if first(rows) >= 40:
                wait_for("never")
            return rows
    """)
    place.pipeline(PIPELINE.split("      total:")[0])
    place.rows(100)
    process = place.start("repro", "--json", "--events", "events.jsonl", CKPTFLOW_GRACE="600")
    place.await_traces(4)
    process.send_signal(signal.SIGINT)
    place.await_event("stopping")
    time.sleep(0.3)  # it had time to end
    assert process.poll() is None, "it did not wait for the chunks in flight"
    process.send_signal(signal.SIGINT)
    ended = place.finish(process)  # long before the grace is over
    assert ended.code == 130
    assert ended.counts("slow") == (2, 0, 0)
    gone(place, running, wait_until)
    place.let("never")
    assert place.repro().counts("slow") == (3, 2, 0)


def test_the_grace_period_ends_a_chunk_that_takes_too_long(place, running, wait_until):
    place.work("""
        def slow(rows):
            trace(first(rows))
            wait_for("never")
            return rows
    """)
    place.pipeline(PIPELINE.split("      total:")[0])
    place.rows(20)
    process = place.start("repro", CKPTFLOW_GRACE="0.2")
    place.await_traces(1)
    process.send_signal(signal.SIGTERM)
    assert place.finish(process).code == 143
    gone(place, running, wait_until)


def test_time_is_up_and_there_is_more_to_do(sixty):
    ended = sixty.repro("--for", "1s", code=75)
    assert ended.json["outcome"] == "timeout"
    ran = ended.counts("slow")[0]
    assert ran == len(sixty.traces()) < CHUNKS
    assert "time is up" in ended.err
    assert sixty.repro("--for", "1h").counts("slow") == (CHUNKS - ran, ran, 0)
    assert len(sixty.traces()) == CHUNKS + 1
    assert sixty.run("repro", "--for", "1s").code == 0, "nothing was left to do"


def test_ctrl_c_while_the_command_starts(sixty, wait_until):
    """Before the command is reached, the interpreter says what it likes; from then on there is no traceback."""
    codes = set()
    for delay in (0.0, 0.02, 0.04, 0.07, 0.1, 0.15, 0.2, 0.3, 0.4):
        process = sixty.start("repro", PYTHONFAULTHANDLER="", UNTIL="0", CKPTFLOW_GRACE="0.1")
        time.sleep(delay)
        os.killpg(process.pid, signal.SIGINT)
        ended = sixty.finish(process)
        codes.add(ended.code)
        assert not re.search(r'cli/main.py", line \d+, in [a-z_]', ended.err), ended.err
    for moment in ((sixty.root / ".ckptflow").exists, (sixty.root / ".ckptflow/logs").exists, sixty.traces):
        shutil.rmtree(sixty.root / ".ckptflow", ignore_errors=True)
        sixty.forget()
        process = sixty.start("repro", PYTHONFAULTHANDLER="", UNTIL="0", CKPTFLOW_GRACE="0.1")
        wait_until(moment, "the moment")
        os.killpg(process.pid, signal.SIGINT)
        ended = sixty.finish(process)
        codes.add(ended.code)
        assert "Traceback" not in ended.err, ended.err
    assert codes <= {130, -signal.SIGINT, 1}
