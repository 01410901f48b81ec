from __future__ import annotations

from ckptflow.checkpoints.garbage import Group
from ckptflow.engine.gc import Cleaned
from ckptflow.report.garbage import cleaned_lines
from ckptflow.report.style import Style

PLAIN = Style()
OLD = Group("old_stage", 12, 300_000_000, "no pipeline or lock file that counts has this stage")
RUNS = Group("runs", 3, 0, "beyond the latest 10")


def lines(asked: bool = False, **fields: object) -> list[str]:
    found = Cleaned("store", kept_objects=1204, kept_bytes=5_100_000_000, counted="the workspace", **fields)  # type: ignore[arg-type]
    return cleaned_lines(found, PLAIN, asked=asked)


def test_what_would_go_and_how_to_let_it() -> None:
    assert lines(groups=(OLD, RUNS), notes=("a note",)) == [
        "would delete  old_stage  12  300 MB  no pipeline or lock file that counts has this stage",
        "would delete  runs        3          beyond the latest 10",
        "keeps 1,204 objects, 5.1 GB: what the workspace and checkpoints lead to, and what is young",
        "note: a note",
        "Nothing deleted. `--yes` deletes 300 MB.",
    ]


def test_what_went() -> None:
    said = lines(True, groups=(OLD,), done=True)
    assert said[0].startswith("deleted  old_stage") and said[-1] == "Deleted 300 MB."


def test_a_run_is_in_the_way() -> None:
    said = lines(True, groups=(OLD,), waiting="run r1, pid 7 on host")
    assert said[-1] == (
        "Nothing deleted: the store is in use (run r1, pid 7 on host). Say it again when that has ended."
    )


def test_nothing_to_do() -> None:
    assert lines(True, done=True)[-1] == "Nothing to delete."


def test_what_a_remote_lets_go_later() -> None:
    later = {"condemned": (OLD,), "wait": 7 * 86400.0, "pending_bytes": 5_000_000, "due": 7200.0}
    said = lines(**later)
    assert said[0].startswith("would condemn  old_stage")
    assert said[-2] == "5.0 MB were condemned before and go later, the first of it in 2h00m"
    assert said[-1] == ("Nothing deleted. `--yes` deletes 0 B and condemns 300 MB, which a `gc` deletes after 7d00h.")
    done = lines(True, done=True, groups=(RUNS,), **later)
    assert done[1].startswith("condemned  old_stage")
    assert done[-1] == "Deleted 0 B. 300 MB are condemned; a `gc` after 7d00h deletes them."
