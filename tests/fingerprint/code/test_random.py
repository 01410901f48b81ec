"""Random projects. Two properties: exactly the functions that reach an edit change; and what computes another result
is another function, whatever way the edit takes to the result."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

from hypothesis import given, settings
from hypothesis import strategies as st

from ckptflow.fingerprint.code import CodeIdentity

Identity = Callable[..., CodeIdentity]
FUNCTIONS = 8
MODULES = ("a", "p.b", "p.c")
PATHS = {"a": "a.py", "p.b": "p/b.py", "p.c": "p/c.py"}

graphs = st.lists(
    st.tuples(
        st.sampled_from(MODULES),
        st.lists(st.tuples(st.integers(0, FUNCTIONS - 1), st.integers(0, 4)), max_size=3),
    ),
    min_size=FUNCTIONS,
    max_size=FUNCTIONS,
)


def call(caller: str, home: str, other: int, way: int) -> tuple[str, str]:
    """Return (import at the top, expression) for one function using another in one of several ways."""
    name = f"f{other}"
    if caller == home:
        return "", (f"{name}()", f"[{name} for _ in [0]]", f"(lambda: {name})()", name, f"getattr(me, '{name}')")[way]
    return (
        (f"from {home} import {name}", f"{name}()"),
        (f"import {home}", f"{home}.{name}()"),
        (f"import {home} as x{other}", f"x{other}.{name}"),
        ("", f"__import__('importlib').import_module('{home}').{name}"),
        (f"from {home} import {name} as y{other}", f"(lambda z: y{other})"),
    )[way]


def written(graph: list[tuple[str, list[tuple[int, int]]]], edited: int) -> dict[str, str]:
    tops: dict[str, list[str]] = {module: [f"import {module} as me"] for module in MODULES}
    bodies: dict[str, list[str]] = {module: [] for module in MODULES}
    for number, (module, uses) in enumerate(graph):
        lines = [f"def f{number}():", f"    print({'new' if number == edited else 'old'!r})"]
        for other, way in uses:
            top, expression = call(module, graph[other][0], other, way)
            tops[module].append(top)
            lines.append(f"    {expression}")
        bodies[module].append("\n".join(lines))
    texts = {PATHS[module]: "\n".join([*tops[module], *bodies[module], ""]) for module in MODULES}
    return {**texts, "p/__init__.py": ""}


def reaching(graph: list[tuple[str, list[tuple[int, int]]]], edited: int) -> set[int]:
    found = {edited}
    while True:
        more = {n for n, (_, uses) in enumerate(graph) if any(other in found for other, _ in uses)} - found
        if not more:
            return found
        found |= more


@settings(max_examples=60, deadline=None, derandomize=True)
@given(graph=graphs, edited=st.integers(0, FUNCTIONS - 1))
def test_exactly_the_functions_that_reach_an_edit_change(
    identity: Identity, graph: list[tuple[str, list[tuple[int, int]]]], edited: int
) -> None:
    before, after = written(graph, -1), written(graph, edited)
    changed = set()
    for number, (module, _) in enumerate(graph):
        entry = f"{module}:f{number}"
        one, other = identity(before, entry), identity(after, entry)
        assert one.holes == ()
        if one.digest != other.digest:
            changed.add(number)
    assert changed == reaching(graph, edited)


# Statements that make, share and change module-level state in all ways that are common. `#` is a number to be edited.
STATE = Path(__file__).with_name("state.txt").read_text("utf-8").strip().split("\n\n")
ENTRIES = [*"TLUVWCDEFSQMG", "N2", "g()", "h()", "P()", "A().m()", "k.d", "K.d"]
ENTRIES += ["[c.n for c in A.seen]", "{n: fn() for n, fn in R.items()}"]
ADDRESS = re.compile(" at 0x[0-9a-f]+")
BASE = Path(__file__).with_name("state_base.txt").read_text("utf-8")


def run(modules: dict[str, str]) -> tuple[bool, str]:
    """Import the modules afresh and call `m.f`; tell whether that went well, and what came of it."""
    before = set(sys.modules)
    try:
        for name, text in modules.items():
            module = sys.modules[name] = ModuleType(name)
            exec(compile(text, f"{name}.py", "exec"), module.__dict__)
        return True, ADDRESS.sub("", repr(sys.modules["m"].f()))
    except Exception as error:
        return False, type(error).__name__
    finally:
        for name in set(sys.modules) - before:
            del sys.modules[name]


def running(statements: list[str]) -> list[int]:
    """Return the positions of the statements that do not fail after those before them."""
    namespace: dict[str, object] = {}
    exec(BASE, namespace)
    kept = []
    for position, statement in enumerate(statements):
        try:
            exec(statement, namespace)
        except Exception:
            continue
        kept.append(position)
    return kept


@st.composite
def edits(draw: st.DrawFn) -> tuple[list[str], list[str], int]:
    """Return the statements before and after an edit, and how many of them stand in a module of their own."""
    chosen = draw(st.lists(st.sampled_from(STATE), min_size=2, max_size=14))
    numbers = draw(st.lists(st.integers(1, 4), min_size=len(chosen), max_size=len(chosen)))
    statements = [text.replace("#", str(number)) for text, number in zip(chosen, numbers, strict=True)]
    kept = running(statements)
    chosen, statements = [chosen[p] for p in kept], [statements[p] for p in kept]
    edited = list(statements)
    if statements:
        position = draw(st.integers(0, len(statements) - 1))
        action = draw(st.sampled_from(["change", "change", "change", "remove", "swap"]))
        if action == "change":
            edited[position] = chosen[position].replace("#", str(draw(st.integers(5, 9))))
        elif action == "remove":
            del edited[position]
        else:
            other = draw(st.integers(0, len(statements) - 1))
            edited[position], edited[other] = edited[other], edited[position]
    return statements, edited, draw(st.integers(0, len(statements)))


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(edit=edits(), entry=st.sampled_from(ENTRIES))
def test_another_result_is_another_digest(
    identity: Identity, edit: tuple[list[str], list[str], int], entry: str
) -> None:
    projects = []
    for statements in edit[:2]:
        text = BASE + "\n".join(statements)
        projects.append({"m": f"{text}\ndef f():\n    return {entry}\n"})
    check(identity, projects)


@settings(max_examples=1000, deadline=None, derandomize=True)
@given(edit=edits(), entry=st.sampled_from(ENTRIES))
def test_another_result_through_two_modules_is_another_digest(
    identity: Identity, edit: tuple[list[str], list[str], int], entry: str
) -> None:
    projects = []
    for statements in edit[:2]:
        first = BASE + "\n".join(statements[: edit[2]])
        second = "from a import *\nimport a\n" + "\n".join(statements[edit[2] :])
        projects.append({"a": f"{first}\n", "m": f"{second}\ndef f():\n    return {entry}\n"})
    check(identity, projects)


def check(identity: Identity, projects: list[dict[str, str]]) -> None:
    results = [run(project) for project in projects]
    if all(finished for finished, _ in results) and results[0] != results[1]:
        one, other = (identity({f"{name}.py": text for name, text in project.items()}) for project in projects)
        assert one.digest != other.digest, results
