from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ckptflow.values.paths import PathChange, compare_paths

paths = st.dictionaries(st.sampled_from(["a", "b", "c", "d/", "d/x"]), st.sampled_from(["1", "2"]))


def test_groups_and_their_json() -> None:
    old = {"same": "1", "gone": "2", "mod": "3", "moved/a": "4", "moved/": "5"}
    new = {"same": "1", "came": "6", "mod": "7", "to/a": "4", "to/": "5"}
    found = compare_paths(old, new, frozenset({"same"}))
    assert found.added == (PathChange(None, "came", None, "6"),)
    assert found.to_json() == {
        "added": [{"path": "came"}],
        "deleted": [{"path": "gone"}],
        "modified": [{"path": "mod"}],
        "renamed": [{"path": {"old": "moved/", "new": "to/"}}, {"path": {"old": "moved/a", "new": "to/a"}}],
        "not in cache": [{"path": "same"}],
    }
    assert found.to_json(digests=True, missing=False) == {
        "added": [{"path": "came", "hash": "6"}],
        "deleted": [{"path": "gone", "hash": "2"}],
        "modified": [{"path": "mod", "hash": {"old": "3", "new": "7"}}],
        "renamed": [
            {"path": {"old": "moved/", "new": "to/"}, "hash": "5"},
            {"path": {"old": "moved/a", "new": "to/a"}, "hash": "4"},
        ],
    }


@given(paths, paths)
def test_every_difference_is_told_once(old: dict[str, str], new: dict[str, str]) -> None:
    found = compare_paths(old, new)
    gone = [c.old for c in (*found.deleted, *found.renamed)]
    came = [c.new for c in (*found.added, *found.renamed)]
    assert sorted(filter(None, gone)) == sorted(old.keys() - new.keys())
    assert sorted(filter(None, came)) == sorted(new.keys() - old.keys())
    assert {c.old for c in found.modified} == {p for p in old.keys() & new.keys() if old[p] != new[p]}
    assert all(c.old_digest == c.new_digest for c in found.renamed)
