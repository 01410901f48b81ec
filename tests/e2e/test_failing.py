"""What goes wrong in users' functions: told in their words, and everything else is kept."""

from __future__ import annotations

import pytest

PIPELINE = """
    stages:
      slow:
        call: work:slow
        deps: {rows: rows.csv}
        chunk: {over: rows, rows: 20, cut: fixed}
        outs: {slow: slow.parquet}
        EXTRA
      after:
        call: work:after
        deps: {rows: slow.parquet}
        outs: {after: after.json}
      beside:
        call: work:beside
        outs: {beside: beside.json}
"""
BAD = """
    def check(value):
        if value == 60:
            raise ValueError(f"sixty is not wanted: {value}")

    def slow(rows):
        print("looking at", first(rows))
        trace(first(rows))
        check(first(rows))
        return rows

    def after(rows):
        return rows.num_rows

    def beside():
        time.sleep(0.3)
        return 1
"""


def pipeline(extra=""):
    return PIPELINE.replace("EXTRA", extra)


@pytest.fixture
def bad(place):
    place.work(BAD)
    place.pipeline(pipeline())
    place.rows(200)
    return place


def test_an_exception_is_told_with_the_users_frames_and_the_output(bad):
    ended = bad.run("repro", "-j", "1")
    assert ended.code == 1
    assert ended.out == ""
    assert "slow#3" in ended.err
    assert "ValueError: sixty is not wanted: 60" in ended.err
    assert "work.py" in ended.err
    assert "in check" in ended.err
    assert "in slow" in ended.err
    assert "ckptflow/run" not in ended.err, "frames of the engine"
    assert "looking at 60" in ended.err, "what the function printed last"
    assert "1 blocked (after)" in ended.err
    log = next(line.split()[-1] for line in ended.err.splitlines() if ".ckptflow/logs" in line)
    assert "looking at 60" in (bad.root / log).read_text()


def test_the_others_are_kept_and_only_the_failed_one_is_tried_again(bad):
    ended = bad.repro("-j", "1", code=1)
    ran = ended.counts("slow")
    assert ran[0] == len(bad.traces()) - 1 < 10, "more was begun after the failure than the worker had at hand"
    assert ran[2] == 1
    assert ended.stage("after")["state"] == "blocked"
    bad.forget()
    again = bad.repro("-j", "1", code=1)
    assert bad.traces()[0] == "60", "chunks that are done were run again"
    assert again.counts("slow")[1] == ran[0]
    bad.work(BAD.replace("value == 60", "value == 61"))
    bad.forget()
    assert bad.repro().counts("slow") == (10, 0, 0), "other code, so nothing of before counts"
    assert bad.content("after.json")[""].strip() == b"200"


def test_continue_does_the_other_chunks(bad):
    bad.pipeline(pipeline("on_error: continue"))
    ended = bad.repro(code=1)
    assert ended.counts("slow") == (9, 0, 1)
    assert ended.stage("slow")["state"] == "failed"
    assert not (bad.root / "slow.parquet").exists()
    bad.forget()
    assert bad.repro(code=1).counts("slow") == (0, 9, 1)
    assert bad.traces() == ["60"]
    bad.forget()
    assert bad.repro("slow#failed", code=1).counts("slow") == (0, 9, 1)
    assert bad.repro("--retry-failed", code=1).counts("slow") == (0, 9, 1)
    assert bad.traces() == ["60", "60"]


def test_a_chosen_chunk_that_fails_fails_the_run(bad):
    bad.pipeline(pipeline("on_error: continue"))
    assert bad.repro("slow#3", code=1).counts("slow") == (0, 0, 1)
    assert bad.repro("slow#2..3", code=1).counts("slow") == (1, 0, 1)
    assert bad.repro("slow", "--limit-chunks", "3", code=1).counts("slow")[2] == 1


def test_keep_going_does_what_does_not_depend_on_it(bad):
    ended = bad.repro("-k", "-j", "1", code=1)
    assert ended.stage("beside")["state"] in ("ran", "fresh")
    assert ended.stage("after")["state"] == "blocked"
    assert (bad.root / "beside.json").exists()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("return None", ["returned None", "is a `return` missing?"]),
        ("return 7", ["slow", "int"]),
        ("raise SystemExit(3)", ["SystemExit"]),
        ("os._exit(7)", ["ended with status 7"]),
        ("raise KeyboardInterrupt", ["KeyboardInterrupt"]),
        ("1 / 0", ["ZeroDivisionError", "1 / 0"]),
        ("raise MemoryError()", ["MemoryError"]),
        ("import nothing_such", ["ModuleNotFoundError", "nothing_such"]),
        ("sys.stdout.close(); raise ValueError('x')", ["NameError"]),
        ("os.close(1); os.close(2); print('x', flush=True)", ["Bad file descriptor"]),
        ("raise ValueError('a\\x1b[31mred\\x00')", ["ValueError"]),
        ("raise ValueError()", ["ValueError"]),
        ("def f(n): return f(n + 1)\n        return f(0)", ["RecursionError"]),
    ],
)
def test_results_and_ends_of_every_kind(place, body, words):
    place.work(f"""
    def slow(rows):
        {body}
    """)
    place.pipeline("""
        stages:
          slow:
            call: work:slow
            deps: {rows: rows.csv}
            outs: {slow: slow.parquet}
    """)
    place.rows(3)
    ended = place.run("repro")
    assert ended.code == 1, ended.err
    for word in words:
        assert word in ended.err
    assert "bug in ckptflow" not in ended.err
    assert "\x1b" not in ended.err
    assert "ckptflow/run/" not in ended.err
    assert not (place.root / "slow.parquet").exists()
    assert not place.records()


def test_what_functions_print_goes_to_logs_and_nowhere_else(place):
    place.work("""
        import subprocess, sys

        def slow(rows):
            print("printed")
            print("to standard error", file=sys.stderr)
            subprocess.run(["echo", "from a child"])
            os.write(1, b"to the descriptor\\n")
            return rows
    """)
    place.pipeline(pipeline().split("      after:")[0].replace("EXTRA", ""))
    place.rows(20)
    ended = place.repro()
    assert "printed" not in ended.err
    logs = [p.read_text() for p in (place.root / ".ckptflow/logs").rglob("*.log")]
    said = next(text for text in logs if "printed" in text)
    for words in ("to standard error", "from a child", "to the descriptor"):
        assert words in said


def test_retries_are_counted_and_waited_for(place):
    place.work("""
        def slow(rows):
            trace("try")
            if open(os.environ["SIDE"]).read().count("try") < 3:
                raise OSError("not yet")
            return rows
    """)
    place.rows(20)
    place.pipeline(pipeline("retries: 1\n        backoff: 10ms").split("      after:")[0])
    assert place.repro(code=1).counts("slow") == (0, 0, 1)
    assert len(place.traces()) == 2
    place.forget()
    place.pipeline(pipeline("retries: 2\n        backoff: 10ms").split("      after:")[0])
    ended = place.repro()
    assert ended.counts("slow") == (1, 0, 0)
    assert "not yet" in ended.err
    assert len(place.traces()) == 3


def test_a_retry_that_is_far_away_is_not_waited_for_when_the_stage_failed_anyway(place):
    place.work("""
        def slow(rows):
            trace(first(rows))
            raise OSError("perhaps later")

        def other():
            while not os.path.exists(os.environ["SIDE"]):
                time.sleep(0.01)
            time.sleep(0.3)
            raise ValueError("never")
    """)
    place.rows(40)
    place.pipeline("""
        stages:
          slow:
            call: work:slow
            deps: {rows: rows.csv}
            outs: {slow: slow.json}
            retries: 1
            backoff: 10m
          other:
            call: work:other
            outs: {other: other.json}
    """)
    ended = place.repro("-j", "2", code=1)
    assert ended.stage("other")["state"] == "failed"


def test_a_chunk_that_takes_too_long_is_ended(place):
    place.work("""
        def slow(rows):
            trace(first(rows))
            if first(rows) == 20:
                time.sleep(600)
            return rows
    """)
    place.rows(80)
    place.pipeline(pipeline("timeout: 4s\n        on_error: continue").split("      after:")[0])
    ended = place.repro(code=1)
    assert ended.counts("slow") == (3, 0, 1)
    assert "took longer than 4 s" in ended.err


def test_workers_bounds_how_many_run_at_once(place):
    place.work("""
        def slow(rows):
            trace("in")
            time.sleep(0.05)
            trace("out")
            return rows
    """)
    place.rows(160)
    place.pipeline(pipeline("workers: 1").split("      after:")[0])
    assert place.repro("-j", "3").counts("slow") == (8, 0, 0)
    assert place.traces() == ["in", "out"] * 8


def test_keep_going_past_a_dep_that_is_missing(place):
    place.pipeline("""
        stages:
          bad: {cmd: 'echo bad 1 >> "$SIDE"; touch bad', deps: [nothing.csv], outs: [bad]}
          after: {cmd: 'echo after 1 >> "$SIDE"', deps: [bad]}
          good: {cmd: 'echo good 1 >> "$SIDE"; touch good', outs: [good]}
    """)
    assert place.run("repro").code == 1
    assert place.traces() == []
    ended = place.repro("-k", code=1)
    assert place.traces() == ["good"]
    assert [ended.stage(name)["state"] for name in ("bad", "after", "good")] == ["failed", "blocked", "ran"]
    assert "nothing.csv" in ended.err
