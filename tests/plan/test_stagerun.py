from __future__ import annotations

import pytest

from ckptflow.chunk.model import Part
from ckptflow.chunk.tree import Layout
from ckptflow.ids import digest
from ckptflow.plan.stagerun import ChunkState, StageRun, make_tree, suffix_of
from ckptflow.spec.model import Out, OverParts

PART = Part(digest(b"a"), 1, digest(b"a"), 3)
FILES = Part(digest(b"l"), 1, digest(b"l"), None, listing=True)


def test_states_are_counted(world, stage):
    world.stages(stage("a", "raw", chunk=OverParts("x")))
    declared = world.pipeline.stages["a"]
    recipe = world.recipe("a")
    run = StageRun(declared, recipe, recipe.digest())
    run.fresh_chunks = 7
    assert run.chunks == 7, "what the lock file says, while nothing else is known"
    run.open(4)
    run.move(2, ChunkState.READY)
    run.move(0, ChunkState.READY)
    run.move(2, ChunkState.RAN)
    assert run.chunks == 4
    assert [run.count(s) for s in (ChunkState.UNKNOWN, ChunkState.READY, ChunkState.RAN)] == [2, 1, 1]
    assert list(run.indexes(ChunkState.UNKNOWN)) == [1, 3]
    assert run.chunked


@pytest.mark.parametrize(
    ("out", "part", "chunked", "layout", "suffix"),
    [
        (Out("a.parquet", "parquet"), PART, False, Layout.FILE, ""),
        (Out("a.parquet", "parquet"), PART, True, Layout.PARTS, ".parquet"),
        (Out("a", "parquet"), PART, True, Layout.PARTS, ".parquet"),
        (Out("a", "dir"), FILES, False, Layout.DIR, ""),
        (Out("a", "dir"), FILES, True, Layout.DIR, ""),
        (Out("a", "file"), FILES, True, Layout.DIR, ""),
    ],
)
def test_the_layout_of_an_out(out, part, chunked, layout, suffix):
    tree = make_tree(out, (part,), chunked=chunked)
    assert (tree.layout, tree.suffix) == (layout, suffix)


@pytest.mark.parametrize(
    ("path", "format_", "suffix"),
    [
        ("a/b.parquet", "parquet", ".parquet"),
        ("a.b/c", "pickle", ".pkl"),
        ("a/.hidden", "text", ".txt"),
        ("x.tar.gz", "file", ".gz"),
        ("x", "file", ""),
        ("x", "json", ".json"),
    ],
)
def test_suffixes_of_parts(path, format_, suffix):
    assert suffix_of(Out(path, format_)) == suffix
