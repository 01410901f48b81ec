from __future__ import annotations

from ckptflow.run import tracebacks
from ckptflow.run.messages import Output

VALUE = Output("out", "out.json", "json", name="out")


def test_a_traceback_has_the_user_s_frames_only_and_paths_inside_the_project(bench):
    bench.write("from lib.sums import divide\ndef f():\n    return divide(1)\n")
    bench.write("def divide(x):\n    return x / 0\n", "lib/sums.py")
    failure = bench.one(bench.call("f", (VALUE,))).failure
    assert failure.traceback.splitlines()[:3] == [
        "Traceback (most recent call last):",
        '  File "steps.py", line 3, in f',
        "    return divide(1)",
    ]
    assert 'File "lib/sums.py", line 2, in divide' in failure.traceback
    assert "ckptflow" not in failure.traceback
    assert failure.traceback.endswith("ZeroDivisionError: division by zero")


def test_causes_notes_and_groups_are_kept(bench):
    bench.write(
        "def f():\n"
        "    try:\n"
        "        raise KeyError('first')\n"
        "    except KeyError as error:\n"
        "        new = ExceptionGroup('several', [ValueError('inner')])\n"
        "        new.add_note('look here')\n"
        "        raise new from error\n"
    )
    failure = bench.one(bench.call("f", (VALUE,))).failure
    for part in ("KeyError: 'first'", "direct cause", "ValueError: inner", "look here"):
        assert part in failure.traceback
    assert failure.notes == ("look here",)
    assert "ckptflow" not in failure.traceback


def test_an_error_while_importing_has_no_frames_of_the_import_system(bench):
    bench.write("import broken\ndef f(): pass\n")
    bench.write("raise RuntimeError('at import')\n", "broken.py")
    text = bench.one(bench.call("f", (VALUE,))).failure.traceback
    assert "importlib" not in text and "ckptflow" not in text
    assert 'File "broken.py", line 1' in text


def test_an_endless_recursion_is_shown_from_both_ends_in_short(bench):
    bench.write(
        "def f(n=0):\n    return g(n)\ndef g(n):\n    return f(n + 1)\n",
    )
    text = bench.one(bench.call("f", (VALUE,))).failure.traceback
    assert "RecursionError" in text
    assert len(text.splitlines()) < 300


def test_a_message_survives_an_exception_that_cannot_be_printed():
    class Broken(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    assert "its text cannot be made: RuntimeError" in tracebacks.message(Broken())
    assert tracebacks.message(ValueError()) == "ValueError"
