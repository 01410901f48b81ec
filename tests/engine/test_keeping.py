"""What a checkpoint of a stage costs does not grow with the chunks that are done: it is written every few seconds."""

from __future__ import annotations

import pytest

from ckptflow.chunk.packed import Pieces
from ckptflow.plan.done import Done


def write(root, write_files, each=""):
    write_files(
        root,
        {
            "pipeline.yaml": f"""
                stages:
                  a:
                    call: work:one
                    deps: {{rows: rows.csv}}
                    chunk: {{over: rows, rows: 1, cut: fixed}}
                    checkpoint: {{items: 1}}
                    outs: {{a: a.parquet}}
                    {each}
                """,
            "work.py": "def one(rows):\n    return rows\n",
            "rows.csv": "x\n" + "".join(f"{n}\n" for n in range(30)),
        },
    )


@pytest.mark.parametrize("each", ["", "each: item"])
def test_writing_a_checkpoint_goes_through_no_list_of_chunks(tmp_path, write_files, open_project, monkeypatch, each):
    write(tmp_path, write_files, each)
    looks = []
    real = Done.indexes
    monkeypatch.setattr(Done, "indexes", lambda done: looks.append("done") or real(done))
    monkeypatch.setattr(Pieces, "__iter__", lambda pieces: pytest.fail("all pieces are made"))
    assert open_project(tmp_path).repro().ok
    assert len(looks) <= 2, "once for the outs and once for the result, whatever the number of checkpoints"
