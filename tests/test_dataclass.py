"""What the standard library's dataclasses do, these do too: each test makes the same class both ways."""

from __future__ import annotations

import copy
import dataclasses
import pickle
import subprocess
import sys
from collections.abc import Callable
from typing import Any, ClassVar

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow import dataclass as ours

NAMES = st.lists(st.sampled_from(["a", "b", "kind", "self_", "value", "names", "_x", "make", "_nothing_"]), unique=True)
WAYS = st.fixed_dictionaries({"frozen": st.booleans(), "slots": st.just(True), "eq": st.booleans()}) | st.just({})
VALUES = st.integers(0, 2) | st.text(max_size=2) | st.tuples(st.integers(0, 1)) | st.none()


def both(names: list[str], first_default: int, factories: bool, way: dict[str, bool], hidden: set[str]) -> list[type]:
    """Return the same class by the standard library and by ours; fields from `first_default` on have a default."""
    made = []
    for module in (dataclasses, ours):
        body: dict[str, Any] = {"__annotations__": dict.fromkeys(names, "int"), "__qualname__": "Outer.Made"}
        body["__module__"] = __name__
        for place, name in enumerate(names):
            options: dict[str, Any] = {"repr": False, "compare": False} if name in hidden else {}
            if place >= first_default:
                options |= {"default_factory": list} if factories else {"default": place}
            if options:
                body[name] = module.field(**options)
        made.append(module.dataclass(**way)(type("Made", (), body)))
    return made


def outcome(work: Callable[[], Any]) -> Any:
    """Return what `work` gives, or the kind of error it raises."""
    try:
        return work()
    except Exception as error:
        return type(error)


def shown(instance: Any, names: list[str]) -> Any:
    return repr(instance) if isinstance(instance, type) else (repr(instance), [getattr(instance, n) for n in names])


@given(
    NAMES, st.integers(0, 9), st.booleans(), WAYS, st.data(), st.lists(VALUES, max_size=6), st.lists(VALUES, max_size=6)
)
@pytest.mark.parametrize("calls", [0, 2, 16], ids="{} calls before it is compiled".format)
def test_the_same_as_the_standard_library(calls, names, first_default, factories, way, data, one, two):
    ours._CALLS = calls
    hidden = data.draw(st.sets(st.sampled_from(names))) if names else set()
    keywords = data.draw(st.dictionaries(st.sampled_from([*names, "other"]), VALUES, max_size=3))
    theirs, mine = both(names, first_default, factories, way, hidden)
    for given_ in (one, two):
        for more in ({}, keywords):
            made = [outcome(lambda kind=kind, g=given_, m=more: kind(*g, **m)) for kind in (theirs, mine)]
            assert shown(made[0], names) == shown(made[1], names)
    first, second = ([outcome(lambda k=kind, g=g: k(*g)) for g in (one, two)] for kind in (theirs, mine))
    if any(isinstance(instance, type) for instance in (*first, *second)):
        return
    assert (first[0] == first[1]) == (second[0] == second[1])
    assert (first[0] != first[1]) == (second[0] != second[1])
    assert (first[0] == 5) is (second[0] == 5) is False
    assert second[0] != first[0]
    for pair in (first, second):
        assert outcome(lambda p=pair: hash(p[0]) == hash(copy.copy(p[0]))) == outcome(
            lambda: hash(first[0]) == hash(copy.copy(first[0]))
        )
    assert theirs.__match_args__ == mine.__match_args__
    for name in (*names, "other"):
        for change in (lambda x, n=name: setattr(x, n, 1), lambda x, n=name: delattr(x, n)):
            tried = [outcome(lambda x=x, c=change: c(copy.copy(x))) for x in (first[0], second[0])]
            assert tried[0] == tried[1] or (tried[0] is not None and issubclass(tried[1], AttributeError))


@ours.dataclass(frozen=True, slots=True)
class Inner:
    at: int
    names: tuple[str, ...] = ()


@ours.dataclass(frozen=True, slots=True)
class Whole:
    """A class as they are here."""

    fixed: ClassVar[str] = "fixed"
    inner: Inner
    by: dict[str, list[Inner]] = ours.field(default_factory=dict, compare=False)

    def __str__(self) -> str:
        return f"whole of {self.inner.at}"


@ours.dataclass(slots=True)
class State:
    count: int = 0
    seen: list[int] = ours.field(default_factory=list, repr=False)

    def __post_init__(self) -> None:
        self.count += 1


WHOLE = Whole(Inner(1, ("x",)), {"k": [Inner(2)]})


def test_what_the_class_itself_says_stays():
    assert str(WHOLE) == "whole of 1"
    assert Whole.fixed == "fixed"
    assert [f.name for f in ours.fields(Whole)] == ["inner", "by"] == [f.name for f in ours.fields(WHOLE)]
    assert Whole.__doc__ == "A class as they are here." and Whole.__module__ == __name__
    assert State(4).count == 5
    match WHOLE:
        case Whole(Inner(at, names)):
            assert (at, names) == (1, ("x",))


def test_it_travels():
    for again in (pickle.loads(pickle.dumps(WHOLE)), copy.copy(WHOLE), copy.deepcopy(WHOLE)):
        assert again == WHOLE and again.by == WHOLE.by
    assert copy.deepcopy(WHOLE).by is not WHOLE.by


def test_another_value():
    assert ours.replace(WHOLE, inner=Inner(3)) == Whole(Inner(3)) == dataclasses.replace(WHOLE, inner=Inner(3))
    with pytest.raises(TypeError):
        ours.replace(WHOLE, outer=3)


def test_as_plain_values():
    wanted = {"inner": {"at": 1, "names": ("x",)}, "by": {"k": [{"at": 2, "names": ()}]}}
    assert ours.asdict(WHOLE) == wanted == dataclasses.asdict(WHOLE)


def test_a_dataclass_to_the_standard_library():
    assert dataclasses.is_dataclass(WHOLE) and dataclasses.is_dataclass(Whole)
    found = dataclasses.fields(Whole)
    assert [(f.name, f.type, f.compare, f.repr) for f in found] == [
        ("inner", "Inner", True, True),
        ("by", "dict[str, list[Inner]]", False, True),
    ]
    assert found[0].default is dataclasses.MISSING
    assert found[1].default_factory is dict


def test_a_slot_for_each_field():
    assert Whole.__slots__ == ("inner", "by")
    assert not hasattr(WHOLE, "__dict__")
    with pytest.raises(AttributeError):
        State().other = 1


def test_what_is_not_done_is_refused():
    class Base:
        pass

    class More(Base):
        a: int

    class Changing:
        a: list[int] = []  # noqa: RUF012 - this is the mistake

    class Disorder:
        a: int = 1
        b: int

    class Open:
        a: int

    for kind, words in ((More, "dataclasses"), (Changing, "default_factory"), (Disorder, "follows a")):
        with pytest.raises(TypeError, match=words):
            ours.dataclass(kind)
    with pytest.raises(TypeError, match="dataclasses"):
        ours.dataclass(Open, frozen=True)


@pytest.fixture(autouse=True)
def calls_as_they_are(monkeypatch):
    monkeypatch.setattr(ours, "_CALLS", ours._CALLS)


def test_nothing_is_compiled_before_a_class_is_called_often():
    code = """
import builtins, sys
from ckptflow.dataclass import dataclass
real, compiled = builtins.exec, []
builtins.exec = lambda *args: (compiled.append(args[0]), real(*args))
class A:
    a: "int"
A = dataclass(frozen=True, slots=True)(A)
A.__eq__, A.__repr__, A.__hash__
made = [A(n) for n in range(16)]
before = len(compiled)
made += [A(16), A(17)]
assert [a.a for a in made] == [*range(18)]
print(before, len(compiled), "dataclasses" in sys.modules, "inspect" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert told.split() == ["0", "1", "False", "False"]
