from __future__ import annotations

import os

import pytest

from ckptflow.ids import digest
from ckptflow.run.messages import Done, Output

VALUE = Output("out", "out.json", "json", name="out")


def test_an_edit_within_one_second_is_never_hidden_by_a_compiled_file(bench):
    """Python believes a `.pyc` by whole seconds and size; a run must not."""
    path = bench.root / "steps.py"
    for text, expected in (("def f(): return 1\n", "1"), ("def f(): return 2\n", "2")):
        path.write_text(text)
        os.utime(path, (1_700_000_000, 1_700_000_000))
        import py_compile

        assert bench.text(bench.one(bench.call("f", (VALUE,)))).strip() == expected
        py_compile.compile(str(path))


def test_a_module_that_was_edited_after_planning_is_refused_unrun(bench):
    bench.write("open('ran', 'w')\ndef f(): return 1\n")
    planned = {"steps.py": digest(b"def f(): return 0\n")}
    failure = bench.one(bench.call("f", (VALUE,)), sources=planned).failure
    assert failure.kind == "dep-changed"
    assert "steps.py was edited" in failure.message
    assert not (bench.root / "ran").exists()


def test_a_planned_module_of_a_package_is_accepted(bench):
    bench.write("", "pkg/__init__.py")
    bench.write("VALUE = 5\n", "pkg/deep.py")
    bench.write("from pkg.deep import VALUE\ndef f(): return VALUE\n")
    planned = {
        name: digest((bench.root / name).read_bytes()) for name in ("steps.py", "pkg/deep.py", "pkg/__init__.py")
    }
    assert isinstance(bench.one(bench.call("f", (VALUE,)), sources=planned), Done)
    planned["pkg/deep.py"] = digest(b"VALUE = 6\n")
    failure = bench.one(bench.call("f", (VALUE,)), sources=planned).failure
    assert (failure.kind, failure.message) == ("dep-changed", "pkg/deep.py was edited while the run was under way")


def test_the_project_comes_first_on_the_path_but_not_before_the_worker_s_own_imports(bench):
    bench.write("raise RuntimeError('the worker must not import this')\n", "pickle.py")
    bench.write("raise RuntimeError('nor this')\n", "ckptflow/__init__.py")
    bench.write("def where(): return 'the project'\n", "yaml.py")
    bench.write("import yaml\ndef f(): return yaml.where()\n")
    assert bench.text(bench.one(bench.call("f", (VALUE,)))).strip() == '"the project"'


def test_a_namespace_package_and_a_nested_name_load(bench):
    bench.write("class A:\n    @staticmethod\n    def f(): return 3\n", "space/inner.py")
    bench.write("from space.inner import A\n")
    assert bench.text(bench.one(bench.call("A.f", (VALUE,)))).strip() == "3"


@pytest.mark.parametrize(
    ("module", "call", "message", "hint"),
    [
        (None, "f", "there is no module `steps` for `call: steps:f`", "project's directory"),
        ("def transform(): pass\n", "transfrom", "module `steps` has no `transfrom`", "did you mean `transform`?"),
        ("f = 1\n", "f", "`steps:f` is a int, not a function", ""),
        ("import nothing_of_this_name\n", "f", "ModuleNotFoundError: No module named 'nothing_of_this_name'", ""),
        ("def f(:\n", "f", "SyntaxError: invalid syntax (steps.py, line 1)", ""),
        ("1 / 0\n", "f", "ZeroDivisionError: division by zero", ""),
    ],
)
def test_what_cannot_be_loaded_is_explained(bench, module, call, message, hint):
    if module is not None:
        bench.write(module)
    failure = bench.one(bench.call(call, (VALUE,))).failure
    assert failure.kind == "exception"
    assert failure.message == message
    assert hint in (failure.hint or "")


def test_wrong_arguments_are_explained(bench):
    bench.write("def f(a): return a\n")
    failure = bench.one(bench.call("f", (VALUE,), kwargs={"b": 1})).failure
    assert failure.message == "TypeError: f() got an unexpected keyword argument 'b'"
