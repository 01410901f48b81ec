from __future__ import annotations

from ckptflow.workspace.skeleton import MODELINE, with_ignored, with_modeline


def test_lines_are_added_once() -> None:
    first = with_ignored("x", ["/a/", "/b"])
    assert first == "x\n# ckptflow: what can be made again\n/a/\n/b\n"
    assert with_ignored(first, ["/a/", "/b"]) == first
    assert with_ignored("b\n", ["/b"]) == "b\n"


def test_a_modeline_is_added_once() -> None:
    text = with_modeline("# mine\nstages: {}\n", "a/b/pipeline.yaml")
    assert text == f"{MODELINE}../../.ckptflow/pipeline.schema.json\n# mine\nstages: {{}}\n"
    assert with_modeline(text, "a/b/pipeline.yaml") == text
    assert with_modeline("\ufeffstages: {}", "p").startswith(f"\ufeff{MODELINE}")
