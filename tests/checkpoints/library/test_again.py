"""`auto_resume`: called again, with its checkpoint, so often and no more."""

from __future__ import annotations

import asyncio
import random

import pytest

from ckptflow.checkpoints import auto_resume
from ckptflow.checkpoints.library import again


@pytest.fixture
def slept(monkeypatch) -> list[float]:
    pauses: list[float] = []
    monkeypatch.setattr(again.time, "sleep", pauses.append)
    monkeypatch.setattr(random, "uniform", lambda low, high: 1.0)
    return pauses


def failing(times: int, error: type[BaseException] = ValueError):
    calls: list[object] = []

    def function(dataset="d", checkpoint="nothing yet"):
        """Text."""
        calls.append(checkpoint)
        if len(calls) <= times:
            raise error(f"number {len(calls)}")
        return "done"

    return function, calls


def test_it_is_called_again(local, slept) -> None:
    with local.track("d") as run:
        run.done("a")
    function, calls = failing(2)
    wrapped = auto_resume(manager=local)(function)
    assert wrapped.__doc__ == "Text."
    assert wrapped(dataset="d") == "done"
    assert len(calls) == 3 and calls[1] == local.latest("d")


def test_checkpoints_are_given_from_the_second_call_on(local, slept) -> None:
    with local.track("d") as run:
        run.done("a")
    function, calls = failing(2)
    assert auto_resume(manager=local, dataset="d")(function)() == "done"
    assert calls == ["nothing yet", local.latest("d"), local.latest("d")]
    assert slept == [1.0, 2.0]


def test_the_last_error_is_raised_with_notes(slept) -> None:
    function, calls = failing(9)
    with pytest.raises(ValueError, match="number 3") as caught:
        auto_resume(retries=2, backoff="2s")(function)()
    assert len(calls) == 3 and slept == [2.0, 4.0]
    notes = caught.value.__notes__
    assert [n for n in notes if "number 1" in n or "number 2" in n] == notes[:2]
    assert "gave up after 3 attempts" in notes[2]


@pytest.mark.parametrize("error", [KeyboardInterrupt, SystemExit])
def test_the_end_of_the_process_is_no_failure(slept, error) -> None:
    function, calls = failing(1, error)
    with pytest.raises(error):
        auto_resume()(function)()
    assert len(calls) == 1


def test_pauses_as_one_likes(slept) -> None:
    for backoff, wanted in (([1, 5], [1, 5, 5]), (lambda n: n * 10, [10, 20, 30]), (40, [40, 60, 60]), (0, [0, 0, 0])):
        slept.clear()
        assert auto_resume(retries=3, backoff=backoff)(failing(3)[0])() == "done"
        assert slept == wanted
    for wrong in ("soon", -1, []):
        with pytest.raises(ValueError):
            auto_resume(backoff=wrong)
    with pytest.raises(ValueError):
        auto_resume(retries=-1)


def test_only_errors_of_a_kind(slept) -> None:
    function, calls = failing(1)
    with pytest.raises(ValueError):
        auto_resume(on=OSError)(function)()
    assert len(calls) == 1


def test_a_function_that_needs_a_checkpoint_gets_one_at_once(local, slept) -> None:
    given = []

    @auto_resume()
    def function(manager, dataset_name, *, checkpoint):
        given.append(checkpoint)
        with manager.track(dataset_name) as run:
            run.done(len(given))
            if len(given) < 2:
                raise OSError

    function(local, dataset_name="d")
    assert given[0] is None and given[1].status == "failed"


def test_a_function_that_takes_none_gets_none(slept) -> None:
    calls = []

    @auto_resume(retries=1)
    def function(a, *, b):
        calls.append((a, b))
        if len(calls) == 1:
            raise OSError

    function(1, b=2)
    assert calls == [(1, 2), (1, 2)]


def test_coroutines(local, monkeypatch) -> None:
    calls = []

    @auto_resume(retries=2, backoff=0, manager=local, dataset="d")
    async def function(checkpoint=None):
        calls.append(checkpoint)
        if len(calls) < 3:
            raise OSError
        return len(calls)

    assert asyncio.run(function()) == 3


def test_generators_are_refused() -> None:
    with pytest.raises(TypeError, match="generator"):

        @auto_resume()
        def function():
            yield 1


def test_without_parentheses(local, slept) -> None:
    given = []

    @auto_resume
    def function(manager, dataset, checkpoint=None):
        """Text."""
        given.append(checkpoint)
        with manager.track(dataset) as run:
            run.done(len(given))
            if len(given) < 4:
                raise OSError
        return "done"

    assert function.__doc__ == "Text."
    assert function(local, "d") == "done"
    assert [c and c.status for c in given] == [None, "failed", "failed", "failed"]
    assert slept == [1.0, 2.0, 4.0]

    class Object:
        calls = 0

        @auto_resume
        def method(self):
            self.calls += 1
            if self.calls == 1:
                raise OSError
            return self.calls

    assert Object().method() == 2


def test_the_types_of_both_forms(tmp_path) -> None:
    """A decorated function keeps its type: a checker sees what is called, with and without parentheses."""
    api = pytest.importorskip("mypy.api", reason="mypy is not installed; it comes with the extra `check`")
    program = tmp_path / "program.py"
    program.write_text(
        "from ckptflow.checkpoints import auto_resume\n"
        "@auto_resume\ndef bare(n: int) -> str: return str(n)\n"
        "@auto_resume(retries=3)\ndef full(n: int) -> str: return str(n)\n"
        "texts: list[str] = [bare(1), full(1)]\n"
        "bare('x')\nfull('x')\n"
    )
    said, _, _ = api.run([str(program), "--strict", f"--cache-dir={tmp_path}"])
    wrong = [line for line in said.splitlines() if "error:" in line]
    assert len(wrong) == 2 and all("incompatible type" in line for line in wrong), said
