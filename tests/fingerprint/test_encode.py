from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.fingerprint.encode import digest_of, encode

texts = st.text(st.characters(), max_size=8)
scalars = st.none() | st.booleans() | st.integers() | st.floats() | texts | st.binary(max_size=8)
values = st.recursive(
    scalars | st.frozensets(texts, max_size=3),
    lambda inner: (
        st.lists(inner, max_size=4) | st.lists(inner, max_size=4).map(tuple) | st.dictionaries(texts, inner, max_size=3)
    ),
    max_leaves=12,
)


def same(a: object, b: object) -> bool:
    """Equality that knows types, signs of zero and that a NaN is itself."""
    if type(a) is not type(b):
        return False
    if isinstance(a, float) and isinstance(b, float):
        return (math.isnan(a) and math.isnan(b)) or (a == b and math.copysign(1, a) == math.copysign(1, b))
    if isinstance(a, list | tuple) and isinstance(b, list | tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, dict) and isinstance(b, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    return a == b


@given(values, values)
def test_equal_bytes_exactly_for_equal_values(a: object, b: object) -> None:
    assert (encode(a) == encode(b)) == same(a, b)


@given(st.lists(values, max_size=4), st.lists(values, max_size=4))
def test_no_value_is_the_beginning_of_another(a: list[object], b: list[object]) -> None:
    joined = [b"".join(encode(item) for item in items) for items in (a, b)]
    assert (joined[0] == joined[1]) == same(a, b)


@given(st.dictionaries(texts, st.integers(), max_size=6))
def test_order_of_keys_does_not_count(value: dict[str, int]) -> None:
    assert encode(value) == encode(dict(reversed(value.items())))


def test_look_alikes_differ() -> None:
    alike = [
        *(None, False, True, 0, 1, -1, 0.0, -0.0, 1.0, "", "1", b"", b"1", "None"),
        *([], (), {}, frozenset(), [[]], [()], ["a", "b"], ["ab"], [["a"], "b"], [["a", "b"]], ("a", "b")),
        *({"a": "b"}, frozenset({"a", "b"}), frozenset({"ab"}), 255, 256, -256, 2**64, -(2**64), 2.0**64),
        *(math.inf, -math.inf, math.nan, "é", "e\u0301", "\ud800"),
    ]
    assert len({encode(value) for value in alike}) == len(alike)


def test_every_nan_is_one() -> None:
    assert encode(math.nan) == encode(-math.nan) == encode(float("inf") - float("inf"))


class Text(str):
    pass


@pytest.mark.parametrize(
    "value",
    [object(), {1: 2}, {"a": {None: 1}}, frozenset({1}), {"a"}, 1j, bytearray(b"a"), Text("a"), {Text("a"): 1}, ...],
)
def test_other_types_are_refused(value: object) -> None:
    with pytest.raises(TypeError):
        encode([value])


GOLDEN = {
    "bytes of a mixed value": (
        encode({"b": [1, -1, True, None], "a": (1.5, "é", b"\x00")}).hex(),
        "01"
        "64323a" "73313a61" "74333a" "663ff8000000000000" "73323ac3a9" "62313a00"
        "73313a62" "6c343a" "69313a01" "69313aff" "54" "6e",
    ),
    "digest of nothing": (digest_of(None), "876994339381e5fb02b5faa6f50b781669d1b06f3392ab5d30361d48af90d939"),
    "digest of a recipe": (
        digest_of({"code": "ab" * 32, "args": {"n": 3, "rate": 0.1}, "deps": [["raw", "cd" * 32]]}),
        "ae5e07adf33933a35090cca478be187c0bb4aa8129d846c1f71080eb6f55d260",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", GOLDEN)
def test_format_never_changes(name: str) -> None:
    found, golden = GOLDEN[name]
    assert found == golden
