from __future__ import annotations

import threading
from pathlib import Path

from ckptflow.run import context
from ckptflow.run.messages import Output

VALUE = Output("out", "out.json", "json", name="out")


def test_outside_a_run_the_context_does_nothing():
    outside = context.context()
    outside.progress(1, 2)
    outside.checkpoint({"at": 1})
    outside.logger.debug("nothing")
    assert (outside.stage, outside.key, outside.index, outside.chunks) == ("", "", None, 1)
    assert context.context().state is None, "one test's state must not reach the next"


def test_inside_a_run_every_thread_finds_the_same_context():
    inside = context.Context("s", "k", 3, 9, 2)
    context.enter(inside)
    try:
        found = []
        thread = threading.Thread(target=lambda: found.append(context.context()))
        thread.start()
        thread.join()
        context.context().checkpoint("here")
        assert found == [inside]
        assert inside.state == "here"
    finally:
        context.enter(None)
    assert context.context() is not inside


def test_progress_is_told_seldom_and_at_the_end(monkeypatch):
    now = [100.0]
    monkeypatch.setattr(context.time, "monotonic", lambda: now[0])
    told = []
    inside = context.Context(_tell=lambda n, total, failed: told.append((n, total, failed)))
    for n in range(1, 101):
        now[0] += 0.01
        inside.progress(n, 100, failed=n // 50)
    assert told[0] == (1, 100, 0)
    assert told[-1] == (100, 100, 2)
    assert 10 <= len(told) <= 12


def test_log_lines_go_to_the_log_of_the_chunk(bench):
    bench.write(
        "from ckptflow.run.context import context\n"
        "def f(text):\n    context().logger.info(text); context().logger.debug('fine print'); return 1\n"
    )
    tasks = [bench.call("f", (VALUE,), kwargs={"text": text}) for text in ("one", "two")]
    bench.run(*tasks)
    assert [Path(task.log).read_text() for task in tasks] == ["INFO one\n", "INFO two\n"]
