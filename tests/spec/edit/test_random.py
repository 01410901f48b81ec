"""Edits drawn at random: the data changes exactly as meant, and nothing but the intended lines do."""

from __future__ import annotations

from collections.abc import Iterator
from difflib import SequenceMatcher
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ckptflow.errors import EditRefused
from ckptflow.spec.compose import compose
from ckptflow.spec.edit.changes import Change, Delete, Path, Put, Rename, changed, look_up, same
from ckptflow.spec.edit.edition import Edition
from ckptflow.spec.edit.located import LINE_END, locate
from ckptflow.spec.edit.splicing import excerpt, is_written
from ckptflow.spec.model import Value
from ckptflow.spec.nodes import to_value

words = st.text(st.characters(codec="utf-8", exclude_categories=["Cs"]), min_size=0, max_size=12)
likely = st.sampled_from(
    [
        *["yes", "null", "~", "1", "0x1f", "1e5", "12:30", "2020-01-01", "<<", "=", "---", "...", ""],
        *["a: b", "a #b", "key:", "a:b", ":0", "- x", "-", "-x", "? x", "?x", "a,b", "[x", "{x}", "${a}"],
        *["#", "%x", "*a", "&a", "!t", "|", ">", "@", "`", "'", '"', "\\", "python a.py --b 'c d' \"e\""],
        *["a\nb\n", "a\n\n b", "a\n\tb", " lead", "trail ", "\t", "x\ty", "é😀", "long " * 40],
    ]
)
scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_subnormal=False) | words | likely
keys = st.sampled_from(["a", "b c", "x.y", "é", "1", "yes", "a: b", "cmd", "deps", "#", "", "-", "path/to/it.csv", '"'])
values = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(keys, inner, max_size=3), max_leaves=6
)


def paths(value: Value, above: Path = ()) -> Iterator[Path]:
    """Yield the paths of all values in a document."""
    steps: Any = value.keys() if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
    for step in steps:
        yield (*above, step)
        yield from paths(value[step], (*above, step))  # type: ignore[index, call-overload]


@st.composite
def changes(draw: st.DrawFn, data: Value) -> Change:
    known = list(paths(data))
    path = draw(st.sampled_from(known))
    there = look_up(data, path)
    match draw(st.sampled_from(["put", "put", "new", "new", "delete", "rename", "stage"])):
        case "put":
            return Put(path, draw(values))
        case "new" if isinstance(there, dict):
            order = draw(st.sampled_from([(), tuple(there), ("x", *there), (*there, "x"), tuple(there)[1:]]))
            return Put((*path, draw(keys | st.just("x"))), draw(values), order)
        case "new" if isinstance(there, list):
            return Put((*path, len(there)), draw(values))
        case "new" | "stage":
            stage = draw(st.dictionaries(st.sampled_from(["cmd", "deps", "outs", "chunk", "env"]), values, min_size=1))
            return Put(("stages", draw(keys)), stage, apart=True)
        case "delete":
            return Delete(path)
        case _:
            named = [p for p in known if isinstance(p[-1], str)]
            path = draw(st.sampled_from(named))
            siblings = look_up(data, path[:-1])
            assert isinstance(siblings, dict)
            return Rename(path, draw(keys.filter(lambda key: key not in siblings)))


def lines_of(text: str) -> list[str]:
    return LINE_END.split(text)


def read(text: str) -> Value:
    document = compose("f", text.removeprefix("\ufeff"), [])
    assert document is not None, text
    return to_value(document.root)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_only_what_is_meant_changes(text: str, data: st.DataObject) -> None:
    edition = Edition.begin("pipeline.yaml", text)
    change = data.draw(changes(edition.data))
    try:
        after = edition.made(change)
        after.check_data()
    except EditRefused as refused:
        assert refused.problems[0].code in ("CF192", "CF193", "CF190")
        assert is_shared(edition, change), f"refused without need: {refused}\n{change}"
        return
    assert same(read(after.result), changed(edition.data, change))
    assert_untouched(edition, after, change)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_several_edits_one_after_another(text: str, data: st.DataObject) -> None:
    edition = Edition.begin("pipeline.yaml", text)
    meant = edition.data
    for _ in range(4):
        change = data.draw(changes(edition.data))
        try:
            edition.made(change).check_data()
        except EditRefused:
            continue
        edition, meant = edition.made(change), changed(meant, change)
        assert same(read(edition.result), meant)
        if not isinstance(meant, dict) or not isinstance(meant.get("stages"), dict) or not meant["stages"]:
            return


def is_shared(edition: Edition, change: Change) -> bool:
    """Tell whether there is a reason to refuse: an alias or a merged mapping, or nothing would be left of the file."""
    return "<<" in edition.text or (change == Delete(("stages",)) and list(edition.data or ()) == ["stages"])


def assert_untouched(before: Edition, after: Edition, change: Change) -> None:
    """Every old line that is not there any more, where it was, is one that the change is about."""
    old, new = lines_of(before.text), lines_of(after.text)
    head = next((i for i, (a, b) in enumerate(zip(old, new, strict=False)) if a != b), min(len(old), len(new)))
    longest = min(len(old), len(new)) - head
    tail = next((i for i in range(longest) if old[-1 - i] != new[-1 - i]), longest)
    gone = {i for i in range(head, len(old) - tail) if old[i].strip()}
    if gone:
        kept = SequenceMatcher(None, old[head : len(old) - tail], new[head : len(new) - tail], autojunk=False)
        gone -= {head + m.a + i for m in kept.get_matching_blocks() for i in range(m.size)}
    assert gone <= touched(before, change), [old[i] for i in sorted(gone - touched(before, change))]
    assert after.result.startswith("\ufeff") == before.result.startswith("\ufeff")
    ends = set(LINE_END.findall(before.text))
    assert set(LINE_END.findall(after.text)) <= ends
    if not isinstance(change, Put):
        assert after.text.endswith(("\n", "\r")) == before.text.endswith(("\n", "\r"))


def touched(edition: Edition, change: Change) -> set[int]:
    """Return the lines of the old text that `change` may alter or take away."""
    text, path = edition.text, change.path
    while not is_written(text, path):
        path = path[:-1]
    there = look_up(edition.data, path)
    inserted = isinstance(change, Put) and path != change.path
    if isinstance(change, Delete):
        above = look_up(edition.data, path[:-1])
        assert isinstance(above, dict | list)
        path = path[:-1] if len(above) == 1 else path
    while path and is_flow(text, path[:-1]):  # inside brackets: all lines of the outermost ones
        path = path[:-1]
    if not path:
        return set(range(len(lines_of(text))))
    if inserted and isinstance(there, dict | list) and there and not is_flow(text, path):
        return set()  # a line more, and none less
    found = excerpt(text, path)
    return set(range(found.first, found.first + len(found.lines)))


def is_flow(text: str, path: Path) -> bool:
    """Tell whether what stands at `path` is written in brackets."""
    spot = locate(text).root
    for step in path:
        assert spot is not None
        spot = spot.items[step] if isinstance(step, int) else spot.pairs[spot.pair(step) or 0][1]
    return spot is not None and spot.flow
