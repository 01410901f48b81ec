from __future__ import annotations

from collections.abc import Callable

from ckptflow.errors import Place, Problem, SpecError, StageError, TargetNotFound
from ckptflow.report.problems import error_json, error_lines
from ckptflow.report.style import Style

SPEC = SpecError(
    (
        Problem(
            "CF112",
            "unknown field `dpes` in stage `node_features`",
            Place("pipeline.yaml", 23, 5, "    dpes:", 4),
            "did you mean `deps`?",
        ),
        Problem("CF121", "stage `normalise` needs `node_feature`", Place("pipeline.yaml", 148, 20), "stages are load"),
        Problem("CF130", "wide and tabbed", Place("params.yaml", 7, 6, "\t日本: x # \x1b[2J", 1)),
        Problem("CF140", "nowhere in particular", None, "look around"),
    )
)


def test_spec_error_points_at_each_mistake(golden: Callable[[str, str], None]) -> None:
    golden("spec-error.txt", "".join(f"{line}\n" for line in error_lines(SPEC, Style())))


def test_one_line_and_a_hint() -> None:
    error = TargetNotFound("nod", hint="did you mean `node`?")
    assert error_lines(error, Style()) == [
        "error[CF004]: no stage or out matches `nod`",
        "  = help: did you mean `node`?",
    ]


def test_stage_error_brings_the_users_traceback() -> None:
    error = StageError("a failed", traceback="Traceback:\n  f()", output="said\n")
    assert error_lines(error, Style())[1:] == ["  Traceback:", "    f()", "  said"]


def test_json_has_every_mistake_with_its_place() -> None:
    doc = error_json(SPEC, 4)
    assert (doc["type"], doc["ok"], doc["exit"], len(doc["problems"])) == ("error", False, 4, 4)
    assert doc["problems"][0] == {
        "code": "CF112",
        "message": "unknown field `dpes` in stage `node_features`",
        "file": "pipeline.yaml",
        "line": 23,
        "column": 5,
        "help": "did you mean `deps`?",
    }
    assert doc["problems"][3]["file"] is None
    assert error_json(TargetNotFound("x"), 5)["problems"] == []
