from __future__ import annotations

from dataclasses import dataclass

from ckptflow.report.imported import import_lines


@dataclass
class File:
    path: str
    action: str
    origin: str | None = None


@dataclass
class Stage:
    stage: str
    state: str
    reasons: tuple[str, ...] = ()


FILES = [(File("pipeline.yaml", "create", "dvc.yaml"), ["+x"]), (File("sub/pipeline.yaml", "keep", "sub/dvc.yaml"), [])]
STAGES = [
    Stage("a", "taken"),
    Stage("b", "fresh"),
    Stage("c", "frozen"),
    Stage("d", "stale", ("its command changed", "follows a")),
    Stage("e", "unknown", ("follows d",)),
]


def test_what_was_done() -> None:
    assert import_lines([(f, []) for f, _ in FILES], STAGES, ["a note"], dry=False) == [
        "created   pipeline.yaml   from dvc.yaml",
        "kept      sub/pipeline.yaml",
        "note: a note",
        "",
        "5 stages: 2 up to date (1 taken over from DVC), 1 frozen, 1 to run, 1 known only when it is done. "
        "Nothing was run.",
        "  d: its command changed; follows a",
        "  e: follows d",
        "",
        "ckptflow reads pipeline.yaml from now on; what DVC reads was left as it is.",
        "Next:  ckptflow repro -P",
    ]


def test_what_would_be_done() -> None:
    lines = import_lines(FILES, STAGES[:2], [], dry=True)
    assert lines == [
        "create   pipeline.yaml   from dvc.yaml",
        "    +x",
        "keep     sub/pipeline.yaml",
        "",
        "2 stages: 2 up to date (1 to be taken over from DVC). Nothing was run.",
        "",
        "Nothing was written.  Next:  ckptflow import-dvc",
    ]


def test_a_long_diff_is_cut() -> None:
    lines = import_lines([(FILES[0][0], ["+x"] * 100)], [], [], dry=True)
    assert lines[41] == "    ... 60 lines more"
