"""Stages that are shell commands: their outs are safe while they work, and when they do not finish."""

from __future__ import annotations

import json
import signal

import pytest

SLOW = """
    stages:
      slow:
        cmd: {}
        deps: [in.txt]
        outs: [out.txt]
"""
WAITS = """echo call $$ >> "$SIDE" && echo half > out.txt
while [ ! -e "$SIDE.go" ]; do sleep 0.02; done
cp in.txt out.txt"""


@pytest.fixture
def before(place):
    """A project with an out of a first run, and its dep changed since."""
    place.pipeline(SLOW.format("cp in.txt out.txt"))
    place.write("in.txt", "first\n")
    place.repro()
    place.write("in.txt", "second\n")
    return place


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_command_ended_in_the_middle_leaves_the_out_of_before(before, number, running, wait_until):
    before.pipeline(SLOW.format(json.dumps(WAITS)))
    process = before.start("repro", CKPTFLOW_GRACE="0.1")
    before.await_traces(1)
    process.send_signal(number)
    before.finish(process)
    pids = before.pids()
    wait_until(lambda: not any(map(running, pids)), "the command to end")
    if number is not signal.SIGKILL:
        assert before.content("out.txt")[""] == b"first\n"
    before.run("status")
    before.let("go")
    ended = before.repro()
    assert before.content("out.txt")[""] == b"second\n"
    assert ended.counts("slow") == (1, 0, 0)
    assert not list(before.root.glob("*half*"))


def test_what_a_killed_run_moved_aside_is_put_back_by_the_next(before, kill_all, wait_until, running):
    before.pipeline(SLOW.format(json.dumps(WAITS)))
    process = before.start("repro")
    before.await_traces(1)
    kill_all(process)
    wait_until(lambda: not any(map(running, before.pids())), "the command to end")
    before.pipeline(SLOW.format("'false'"))
    ended = before.run("repro")
    assert ended.code == 1
    assert "put back `out.txt`" in ended.err
    assert before.content("out.txt")[""] == b"first\n", "a command that fails leaves what was there"


def test_a_command_that_fails_is_told_with_its_output(before):
    before.pipeline(SLOW.format("'echo to the log; echo worse >&2; cp in.txt out.txt; exit 3'"))
    ended = before.run("repro")
    assert ended.code == 1
    assert "3" in ended.err
    assert "worse" in ended.err
    assert "to the log" in ended.err
    assert before.content("out.txt")[""] == b"first\n"
    assert before.run("repro").code == 1, "what failed is not recorded"


def test_a_command_that_makes_no_out(before):
    before.pipeline(SLOW.format("'true'"))
    ended = before.run("repro")
    assert ended.code == 1
    assert "out.txt" in ended.err
    assert before.content("out.txt")[""] == b"first\n"


def test_persist_keeps_what_was_there(place):
    place.pipeline("""
        stages:
          log:
            cmd: cat in.txt >> log.txt
            deps: [in.txt]
            outs:
              - log.txt: {persist: true}
    """)
    place.write("in.txt", "one\n")
    place.repro()
    place.write("in.txt", "two\n")
    place.repro()
    assert place.content("log.txt")[""] == b"one\ntwo\n"
    place.repro()
    assert place.content("log.txt")[""] == b"one\ntwo\n"
    place.write("in.txt", "one\n")
    assert place.repro().stage("log")["state"] == "ran", "what is added depends on what was there"
    assert place.content("log.txt")[""] == b"one\ntwo\none\n"
    (place.root / "log.txt").unlink()
    assert place.repro().stage("log")["state"] == "reused"
    assert place.content("log.txt")[""] == b"one\ntwo\none\n"


def test_what_was_added_and_not_noted_is_not_added_twice(place):
    place.pipeline("stages: {log: {cmd: cat in.txt >> log.txt, deps: [in.txt], outs: [{log.txt: {persist: true}}]}}")
    place.write("in.txt", "one\n")
    place.repro("--no-commit")  # as after a kill between the record and the lock file
    place.repro()
    assert place.content("log.txt")[""] == b"one\n"
    place.write("in.txt", "two\n")
    place.repro("--no-commit")
    place.repro()
    assert place.content("log.txt")[""] == b"one\ntwo\n"


def test_a_command_without_outs_is_run_for_its_effect(place):
    place.pipeline("stages: {s: {cmd: 'cat in.txt >> \"$SIDE\"', deps: [in.txt]}, t: {cmd: 'echo t 1 >> \"$SIDE\"'}}")
    for text in ("a 1\n", "a 1\n", "b 1\n", "a 1\n"):
        place.write("in.txt", text)
        place.repro()
    assert sorted(place.traces()) == ["a", "a", "b", "t", "t", "t", "t"]


def test_commands_know_the_stage_and_the_root(place):
    place.pipeline("stages: {s: {cmd: 'echo $DVC_STAGE > out; echo $DVC_ROOT >> out', outs: [out]}}")
    place.repro()
    assert place.content("out")[""].decode() == f"s\n{place.root}\n"


def test_a_chunk_at_a_time(place):
    place.pipeline("""
        stages:
          upper:
            cmd: echo ${chunk.index} >> "$SIDE"; tr a-z A-Z < ${chunk.in} > ${chunk.out}
            deps: {words: words.txt}
            chunk: {over: words, bytes: 100, cut: fixed}
            outs: {upper: upper.txt}
    """)
    place.write("words.txt", "".join(f"word {i:03d}\n" for i in range(100)))
    ended = place.repro()
    total = ended.counts("upper")[0]
    assert total > 5
    assert sorted(map(int, place.traces())) == list(range(total))
    text = b"".join(place.content("upper.txt").values()).decode()
    assert text == "".join(f"WORD {i:03d}\n" for i in range(100))
    path = place.root / "words.txt"
    path.write_text(path.read_text().replace("word 050", "verb 050"))
    assert place.repro().counts("upper") == (1, total - 1, 0)


def test_a_list_of_commands_stops_at_the_first_that_fails(place):
    place.pipeline("""
        stages:
          list:
            cmd:
              - echo one $$ >> "$SIDE"
              - "false"
              - echo three $$ >> "$SIDE"
            outs: [out.txt]
    """)
    assert place.run("repro").code == 1
    assert place.traces() == ["one"]


def test_values_of_params_are_never_pasted_unquoted(place):
    place.write("params.yaml", "word: \"a; touch pwned; $(touch pwned) 'x'\"\n")
    place.pipeline("""
        stages:
          say:
            cmd: printf '%s' ${word} > out.txt
            params: [word]
            outs: [out.txt]
    """)
    place.repro()
    assert place.content("out.txt")[""] == b"a; touch pwned; $(touch pwned) 'x'"
    assert not (place.root / "pwned").exists()


def test_a_file_of_dvc_runs_as_it_is(place):
    place.write(
        "dvc.yaml",
        """
        stages:
          copy:
            wdir: sub
            cmd: cp ../in.txt out.txt
            deps: [../in.txt]
            outs: [out.txt]
          count:
            cmd:
              - wc -l < sub/out.txt > count.txt
            deps: [sub]
            metrics: [count.txt: {cache: false}]
    """,
    )
    place.write("in.txt", "x\n")
    (place.root / "sub").mkdir()
    ended = place.repro()
    assert [s["state"] for s in ended.json["stages"]] == ["ran", "ran"]
    assert place.content("count.txt")[""].strip() == b"1"
    assert [s["state"] for s in place.repro().json["stages"]] == ["fresh", "fresh"]
    place.write("in.txt", "x\ny\n")
    place.repro("count")
    assert place.content("count.txt")[""].strip() == b"2"
