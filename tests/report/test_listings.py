from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from ckptflow.report.listings import check_lines, finding_lines, log_lines, setting_lines
from ckptflow.report.out import out_json, out_lines
from ckptflow.report.style import Style


@dataclass(frozen=True)
class Run:
    run: str
    started: str
    seconds: float
    outcome: str
    ran: int
    reused: int
    failed: int


@dataclass(frozen=True)
class Finding:
    what: str
    name: str
    problem: str
    remedy: str


@dataclass(frozen=True)
class Check:
    name: str
    ok: bool
    detail: str
    hint: str | None = None


@dataclass(frozen=True)
class Out:
    path: str
    stage: str | None
    format: str
    schema: Sequence[tuple[str, str]] = ()
    rows: int | None = None
    bytes: int = 0
    chunks: int = 1
    preview: Sequence[Sequence[object]] = field(default=())


TABLE = Out(
    "data/nodes.parquet",
    "nodes",
    "parquet",
    (("account", "string"), ("amount", "double"), ("日", "int64")),
    519_000,
    212_000_000,
    519,
    (("A1", 1.5, None), ("A" * 50, -2, 3)),
)


def test_what_users_read(golden: Callable[[str, str], None]) -> None:
    style = Style(width=80)
    forms = {
        "log": log_lines([Run("r2", "2026-11-23T10:15:00Z", 125.0, "ok", 3, 516, 0)], style),
        "log, none": log_lines([], style),
        "verify": finding_lines([Finding("object", "ab12", "its bytes are not what its name says", "repro")], style),
        "verify, sound": finding_lines([], style),
        "doctor": check_lines([Check("python", True, "3.12"), Check("store", False, "read-only", "chmod")], style),
        "config": setting_lines([("jobs", "4", "command line"), ("link", "reflink, copy", "default")], style),
        "show": out_lines(TABLE, style),
        "show, a text": out_lines(Out("a.txt", None, "text", bytes=5, preview=(("hello",),)), style),
    }
    golden("listings.txt", "".join(f"--- {name}\n" + "".join(f"{x}\n" for x in lines) for name, lines in forms.items()))


def test_out_as_json() -> None:
    doc = out_json(TABLE)
    assert doc["schema"][0] == {"name": "account", "type": "string"}
    assert doc["preview"][0] == ["A1", 1.5, None]
