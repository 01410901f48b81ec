"""What a run keeps, skips, counts and hands out."""

from __future__ import annotations

import os
import signal
import threading
from pathlib import Path

import pytest

from ckptflow.checkpoints import CheckpointManager
from ckptflow.checkpoints.library import run as module
from ckptflow.errors import CheckpointError, StoreError
from ckptflow.store.local import LocalStore


def finished(manager, given, dataset="d", **terms):
    """Do all of `given` that is left; return it."""
    seen = []
    with manager.track(dataset, **terms) as run:
        for item in run.remaining(given):
            seen.append(item)
            run.done(item)
    return seen


def test_each_id_comes_once_whatever_the_input_repeats(manager) -> None:
    assert finished(manager, ["a", "b", "a", "a", "c", "b"]) == ["a", "b", "c"]
    assert finished(manager, ["c", "d", "d"]) == ["d"]


def test_texts_and_numbers_are_different_ids(local) -> None:
    assert finished(local, [1, "1", 2, Path("x/y"), -(2**80)]) == [1, "1", 2, Path("x/y"), -(2**80)]
    assert finished(local, ["2", 1, "x/y", "\ud800", -(2**80)]) == ["2", "\ud800"]
    assert finished(local, ["\ud800"]) == []


@pytest.mark.parametrize("item", [None, 1.5, True, ("a",), b"x"])
def test_other_ids_are_refused(local, item) -> None:
    with pytest.raises(CheckpointError, match="text or a whole number"):
        finished(local, [item])


def test_remaining_is_lazy(local) -> None:
    pulled = []

    def endless():
        n = 0
        while True:
            pulled.append(n)
            yield n
            n += 1

    with local.track("d") as run:
        for item in run.remaining(endless()):
            run.done(item)
            if item == 4:
                break
    assert pulled == [0, 1, 2, 3, 4]
    assert local.latest("d").status == "in_progress"  # left before its end


def test_failed_items_are_tried_again_by_the_next_run(manager) -> None:
    def work(bad, **terms):
        seen = []
        with manager.track("d", **terms) as run:
            for item in run.remaining("abcdb"):
                seen.append(item)
                if item in bad:
                    run.failed(item, ValueError(f"no {item}"))
                else:
                    run.done(item, run.next_id("S"))
        return seen

    assert work("bd") == ["a", "b", "c", "d"]
    latest = manager.latest("d")
    assert (latest.statistics.success_count, latest.statistics.error_count, latest.processed_count) == (2, 2, 4)
    assert latest.processor_state.processed_files == ("a", "c")
    assert latest.processor_state.extra["failed_files"][0] == {"id": "b", "error": "ValueError: no b", "attempts": 1}
    assert work("", retry_failed=False) == []
    assert work("d") == ["b", "d"]
    assert manager.latest("d").processor_state.extra["failed_files"][0]["attempts"] == 2
    assert manager.report("d").failures == {"d": "ValueError: no d"}
    assert work("") == ["d"]
    latest = manager.latest("d")
    assert (latest.last_generated_id, latest.statistics.error_count) == ("S4", 0)


def test_skipped_items_stay_skipped(manager) -> None:
    with manager.track("d") as run:
        for item in run.remaining("ab"):
            run.skipped(item, "not ours")
    assert manager.latest("d").statistics.skipped_count == 2
    assert finished(manager, "abc") == ["c"]
    assert manager.latest("d").processed_count == 3


def test_items_that_were_not_marked_come_again(local, caplog) -> None:
    with local.track("d") as run:
        assert [*run.remaining("ab")] == ["a", "b"]
        assert [*run.remaining("ab")] == ["a", "b"]
    assert "neither done, failed nor skipped" in caplog.text
    assert finished(local, "ab") == ["a", "b"]


def test_ids_in_sequence(local) -> None:
    with local.track("d") as run:
        for item in run.remaining("abcd"):
            first, second = run.next_id("S", width=4), run.next_id("S", width=4)
            other = run.next_id("T", start=100)
            if item == "b":
                run.failed(item, "broken")
            elif item == "c":
                run.done(item)
            else:
                run.done(item, generated_id=first)
            ids = first, second, other
    assert ids == ("S0005", "S0006", "T102")
    with local.track("d") as run:
        assert (run.last_generated_id, run.next_id("S"), run.next_id("T")) == ("S0005", "S7", "T103")
        with pytest.raises(CheckpointError):
            run.next_id("S2")


def test_numbers_as_ids(local) -> None:
    with local.track("d") as run:
        run.done("a", generated_id=41)
    assert local.latest("d").last_generated_id == 41
    with local.track("d") as run:
        assert run.next_id() == "42"


def test_threads_share_a_run(manager) -> None:
    given, guard = [], threading.Lock()
    with manager.track("d", items=40) as run:
        items = list(run.remaining(range(200)))

        def work():
            while True:
                with guard:
                    if not items:
                        return
                    item = items.pop()
                id_ = run.next_id("S")
                given.append(id_)
                run.done(item, generated_id=id_)

        threads = [threading.Thread(target=work) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
    assert sorted(given, key=lambda text: int(text[1:])) == [f"S{n}" for n in range(1, 201)]
    assert manager.latest("d").processed_count == 200
    assert manager.validate("d") == []


def test_the_state_is_that_of_the_last_item(manager) -> None:
    with pytest.raises(ZeroDivisionError), manager.track("d") as run:
        run.state["deep"] = {"list": [1]}
        run.state["gone"] = 1
        run.done("a")
        del run.state["gone"]
        run.state["deep"]["list"].append(2)
        run.done("b")
        run.state["deep"]["list"].append("half an item")
        run.state["new"] = True
        raise ZeroDivisionError
    assert manager.latest("d").processor_state.dataset_specific_state == {"deep": {"list": [1, 2]}}
    with manager.track("d") as run:
        assert run.state == {"deep": {"list": [1, 2]}}
        run.state["epoch"] = 3
        assert run.checkpoint().processor_state.dataset_specific_state["epoch"] == 3
        run.state["epoch"] = 4
    assert manager.latest("d").processor_state.dataset_specific_state["epoch"] == 4


@pytest.mark.parametrize("value", [{1: 2}, (1,), [(1,)], float("nan"), object(), {"a": {2: 3}}])
def test_a_state_that_would_not_come_back_is_refused(local, value) -> None:
    with pytest.raises(CheckpointError, match="state"), local.track("d") as run:
        run.state["x"] = value
        run.done("a")
    assert finished(local, "a") == ["a"]


def test_checkpoints_come_by_count_and_by_time(local, monkeypatch) -> None:
    written = []
    real = module.write_checkpoint

    def write(store, checkpoint, *args, **options):
        written.append(checkpoint.processed_count)
        return real(store, checkpoint, *args, **options)

    monkeypatch.setattr(module, "write_checkpoint", write)
    assert len(finished(local, range(25), items=10)) == 25
    assert written == [0, 10, 20, 25]
    written.clear()
    clock = iter(range(0, 10**9, 100))
    monkeypatch.setattr(module.time, "monotonic", lambda: float(next(clock)))
    finished(local, range(10), dataset="e", every="1h")
    assert 0 < len(written) - 2 < 10


def test_an_older_checkpoint_can_be_gone_back_to(local) -> None:
    ids = []
    for n in range(3):
        with pytest.raises(ZeroDivisionError), local.track("d", items=1000) as run:
            for item in run.remaining(range(n * 5, n * 5 + 5)):
                run.state["last"] = item
                run.done(item, run.next_id("S"))
            raise ZeroDivisionError
        ids.append(local.latest("d"))
    middle = ids[1]
    with local.track("d", checkpoint=middle) as run:
        assert run.state == {"last": 9} and run.next_id("S") == "S11"
        assert [*run.remaining(range(15))] == [10, 11, 12, 13, 14]
        run.done(12, "S11")
    assert local.latest("d").processed_count == 11
    assert finished(local, range(15)) == [10, 11, 13, 14]
    with pytest.raises(CheckpointError, match="not of e"):
        local.track("e", checkpoint=middle).__enter__()


def test_resume_calls_the_processor(manager) -> None:
    with pytest.raises(ZeroDivisionError), manager.track("d", processor="letters") as run:
        run.done("a")
        raise ZeroDivisionError

    def process(checkpoint, more):
        with manager.track(checkpoint.dataset, checkpoint=checkpoint) as run:
            return checkpoint.status, [*run.remaining("abc")], more

    assert manager.resume("d", processors={"letters": process}, more=1) == ("failed", ["b", "c"], 1)
    id_ = manager.latest("d").checkpoint_id
    assert manager.resume(checkpoint_id=id_, processors=process, more=2)[1:] == (["b", "c"], 2)
    for wrong in ({}, {"numbers": process}):
        with pytest.raises(CheckpointError, match="letters"):
            manager.resume("d", processors=wrong)
    with pytest.raises(CheckpointError, match="no valid checkpoint"):
        manager.resume("nobody", processors=process)
    with pytest.raises(ValueError, match="one of the two"):
        manager.resume()


def test_resume_imports_the_processor(local) -> None:
    finished(local, "a", processor="builtins:dict")
    assert local.resume("d") == {"checkpoint": local.latest("d")}
    finished(local, "a", processor="builtins:nothing")
    with pytest.raises(CheckpointError, match="cannot be imported"):
        local.resume("d")


def test_many_runs_leave_few_journals(local, tmp_path) -> None:
    for n in range(60):
        with pytest.raises(ZeroDivisionError), local.track("d", items=1) as run:
            run.done(n, run.next_id("S"))
            raise ZeroDivisionError
    local.prune("d", keep=1)
    assert len(list((tmp_path / "checkpoints" / "d").glob("*.journal"))) <= 18
    assert finished(local, range(61)) == [60]
    assert local.latest("d").last_generated_id == "S60"


def test_two_runs_at_once_without_a_lock_lose_nothing(manager) -> None:
    with manager.track("d") as one, manager.track("d") as two:
        one.done("a")
        two.done("b")
        one.done("c")
    assert finished(manager, "abcd") == ["d"]


def test_names_that_mean_something_are_other_folders(local) -> None:
    for dataset in ("_locks", "objects", "tmp", "a/b", "..", "ü", "x" * 200, "%74mp"):
        assert finished(local, "ab", dataset=dataset) == ["a", "b"]
        assert local.latest(dataset).dataset == dataset
        with local.lock(dataset):
            local.save(dataset, "latest", {"a": 1})
        assert finished(local, "abc", dataset=dataset) == ["c"]
    assert {"_locks", "objects", "tmp", "a/b", "..", "ü", "%74mp"} <= set(local.datasets())


def test_a_failing_disk_is_told_and_what_was_told_done_is_done(local, monkeypatch) -> None:
    real = LocalStore.append
    calls = []

    def append(self, name, data):
        calls.append(name)
        if len(calls) == 4:
            real(self, name, data[: len(data) // 2])
            raise StoreError("disk full")
        real(self, name, data)

    monkeypatch.setattr(LocalStore, "append", append)
    with pytest.raises(StoreError, match="disk full"), local.track("d") as run:
        for item in run.remaining("abcdef"):
            run.done(item)
    with local.track("d") as run:
        assert [*run.remaining("abcdef")] == ["d", "e", "f"]


def test_a_signal_between_items_calls_the_handler_that_was_there(local) -> None:
    called = []
    former = signal.signal(signal.SIGTERM, lambda number, frame: called.append(number))
    try:
        with local.track("d") as run:
            for item in run.remaining("abc"):
                run.done(item)
                if item == "b":
                    os.kill(os.getpid(), signal.SIGTERM)
                    latest = local.latest("d")
                    assert (latest.processed_count, latest.extra["interrupted"]) == (2, "SIGTERM")
        assert called == [signal.SIGTERM]
        assert local.latest("d").status == "completed" and "interrupted" not in local.latest("d").extra
        os.kill(os.getpid(), signal.SIGTERM)
        assert called == [signal.SIGTERM] * 2
    finally:
        signal.signal(signal.SIGTERM, former)


def test_ctrl_c_is_a_keyboard_interrupt_and_nested_runs_both_write(local) -> None:
    with pytest.raises(KeyboardInterrupt), local.track("outer") as outer:
        outer.done("x")
        with local.track("inner") as inner:
            inner.done("a")
            os.kill(os.getpid(), signal.SIGINT)
            inner.done("never reached")
    for dataset in ("outer", "inner"):
        assert local.latest(dataset).extra["interrupted"] == "SIGINT"
        assert local.latest(dataset).processed_count == 1
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_a_signal_while_writing_waits_for_the_line(local, monkeypatch) -> None:
    real = LocalStore.append

    def append(self, name, data):
        real(self, name, data[:9])
        os.kill(os.getpid(), signal.SIGINT)
        real(self, name, data[9:])

    with pytest.raises(KeyboardInterrupt), local.track("d") as run:
        monkeypatch.setattr(LocalStore, "append", append)
        run.done("a")
    monkeypatch.undo()
    assert local.validate("d") == []
    assert finished(local, "ab") == ["b"]


def test_other_threads_leave_signals_alone(local) -> None:
    before = signal.getsignal(signal.SIGTERM)
    found = []

    def work():
        with local.track("d") as run:
            found.append(signal.getsignal(signal.SIGTERM))
            run.done("a")

    thread = threading.Thread(target=work)
    thread.start()
    thread.join(60)
    assert found == [before] and local.latest("d").status == "completed"


def test_a_child_process_cannot_mark_items(local) -> None:
    with local.track("d") as run:
        child = os.fork()
        if child == 0:
            try:
                run.done("a")
            except CheckpointError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert local.latest("d").processed_count == 0


def test_the_report_is_live(manager) -> None:
    with manager.track("d", total=10) as run:
        for item in run.remaining(range(4)):
            run.done(item)
        run._lane.flush()
        report = manager.report("d")
        assert (report.processed, report.total, report.status) == (4, 10, "in_progress")
        assert report.rate > 0 and report.seconds_left is not None
        assert "4 of 10 items (40.0 %)" in str(report)
        assert report.to_dict()["success"] == 4
    assert manager.report("nothing").status is None


def test_wrong_arguments_are_refused_at_once(local) -> None:
    for wrong in ({"every": "soon"}, {"every": 0}, {"items": 0}):
        with pytest.raises(ValueError):
            local.track("d", **wrong)
    for wrong in ({"keep": 0}, {"durability": "maybe"}):
        with pytest.raises(ValueError):
            CheckpointManager("x", **wrong)
    with pytest.raises(CheckpointError, match="has not begun"):
        local.track("d").done("a")


def test_completed_ones_outlive_older_ones_in_progress(local) -> None:
    manager = CheckpointManager(local.url, keep=2)
    finished(manager, range(5), items=1)
    assert len(manager.list("d")) == 2 and manager.list("d")[-1].status == "completed"
    assert manager.prune("d", older_than="1d") == []
    with pytest.raises(ValueError):
        manager.prune("d", keep=0)
