import pytest
from hypothesis import given
from hypothesis import strategies as st

from ckptflow.errors import StoreError
from ckptflow.ids import digest
from ckptflow.store import layout

TEXTS = st.text(min_size=1, max_size=60) | st.sampled_from(
    [
        "train@fr",
        "../x",
        "..",
        ".",
        "a/b",
        "a\\b",
        "über",
        "a b",
        "A",
        "a",
        "%41",
        "C:",
        "a\0b",
        "x" * 300,
        "latest.json",
        "~",
    ]
)


def test_objects():
    object_ = digest(b"x")
    name = layout.object_name(object_)
    assert name == f"objects/{object_[:2]}/{object_[2:]}"
    assert layout.object_of(name) == object_
    for other in ("objects/ab", "records/x", f"objects/{object_[:3]}/{object_[3:]}", name + "0", name.upper()):
        assert layout.object_of(other) is None


@pytest.mark.parametrize("bad", ["", "../../etc", "a" * 63, "A" * 64, "a" * 63 + "/"])
def test_what_is_no_digest_becomes_no_name(bad):
    with pytest.raises(StoreError):
        layout.object_name(bad)


def test_segments():
    name = layout.segment_name("20261123T101500Z-3f9a", 7)
    assert name == "records/20261123T101500Z-3f9a-000007.jsonl"
    assert layout.segment_of(name) == ("20261123T101500Z-3f9a", 7)
    assert layout.segment_of("records/x.txt") is None
    with pytest.raises(StoreError):
        layout.segment_name("../x", 1)


@given(TEXTS)
def test_a_stage_is_one_harmless_component(stage):
    component = layout.escape(stage)
    assert "/" not in component and not component.startswith(".") and len(component) < 180
    assert component.isascii()
    layout.check_name(layout.checkpoint_name(stage, "20260101000000", "completed"))
    layout.check_name(layout.latest_name(stage))
    layout.check_name(layout.lock_name(stage))


@given(TEXTS, TEXTS)
def test_different_stages_have_different_components(a, b):
    assert (layout.escape(a) == layout.escape(b)) == (a == b)
    assert (layout.lock_name(a) == layout.lock_name(b)) == (a == b)


def test_plain_stages_are_readable():
    assert layout.escape("train@fr") == "train@fr"
    assert layout.escape("node_features") == "node_features"
    assert layout.escape("../x") == "%2e%2e%2fx"
    assert (
        layout.checkpoint_name("load", "20260101000000", "failed") == "checkpoints/load/load_20260101000000_failed.json"
    )
