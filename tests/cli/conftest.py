"""A project that only remembers what it was asked, for tests of the command line alone."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from ckptflow.cli import main as main_module
from ckptflow.cli.session import Session
from ckptflow.engine.checkout import CheckedOut, Placed
from ckptflow.engine.fetch import Fetched
from ckptflow.engine.gc import Cleaned
from ckptflow.engine.inspect import Check, GraphView, OutView, RunSummary
from ckptflow.engine.pull import Pulled
from ckptflow.engine.push import Pushed
from ckptflow.engine.result import RunResult, StageResult
from ckptflow.engine.transfer import Lack
from ckptflow.engine.verify import Verified
from ckptflow.events import Event, Reporter, RunEnded, RunStarted, StageDone
from ckptflow.ids import StageName
from ckptflow.plan.stale import Cause, Reason
from ckptflow.plan.view import PlanView, StageView
from ckptflow.workspace.settings import Settings

GOLDEN = Path(__file__).parents[1] / "golden"
A, B = StageName("a"), StageName("b")

FRESH = PlanView((StageView(A, "fresh", 1, 0, 1, 0),))
STALE = PlanView((StageView(A, "stale", 9, 2, 7, 0, (Reason(Cause.CODE, "its code changed"),), (), (3, 4)),))


@dataclass
class FakeProject:
    """Answers with what the test put there, or raises `error`."""

    view: PlanView = FRESH
    outcome: str = "ok"
    signal: int | None = None
    error: BaseException | None = None
    events: tuple[Event, ...] = ()
    findings: tuple[Any, ...] = ()
    checks: tuple[Check, ...] = ()
    cleaned: Cleaned = field(default_factory=lambda: Cleaned("store", counted="the workspace"))
    missing: tuple[Lack, ...] = ()
    notes: tuple[str, ...] = ()
    settings: Settings = field(default_factory=lambda: Settings(jobs=4, origin={"jobs": "command line"}))
    calls: list[tuple[str, Any]] = field(default_factory=list)

    def _called(self, name: str, *args: Any) -> None:
        self.calls.append((name, args))
        if self.error is not None:
            raise self.error

    def repro(self, targets: Any, *, options: Any, reporter: Reporter) -> RunResult:
        self._called("repro", targets, options)
        ok = self.outcome == "ok"
        stage = StageResult("a", "ran" if ok else "failed", 1.0, 9, 2, 7, 0 if ok else 1, 2, 0, ("its code changed",))
        result = RunResult("r1", self.outcome, 2.4, (stage,), self.signal)
        done = StageDone(A, stage.state, 1.0, 9, 2, 7, stage.failed)
        for event in (RunStarted("r1", (A,), 2), *self.events, done, RunEnded("r1", ok, 2.4, result.to_json())):
            reporter.emit(event)
        return result

    def plan(self, targets: Any = (), *, options: Any = None) -> PlanView:
        self._called("plan", targets, options)
        return self.view

    def status(self, targets: Any = (), *, options: Any = None) -> PlanView:
        self._called("status", targets, options)
        return self.view

    def why(self, targets: Any = (), *, options: Any = None) -> PlanView:
        self._called("status", targets, options)
        return self.view

    def graph(self) -> GraphView:
        self._called("graph")
        return GraphView(("a", "b"), (("a", "b"),), {"a": 9})

    def show(self, out: str, rows: int = 10) -> OutView:
        self._called("show", out, rows)
        return OutView("data/a.parquet", "a", "parquet", (("x", "int64"),), 2, 10, 1, ((1,), (2,)))

    def verify(self, *, deep: bool = False, targets: Any = ()) -> list[Any]:
        self._called("verify", deep, targets)
        return list(self.findings)

    def verify_remote(self, targets: Any = (), *, tally: Any, **options: Any) -> Verified:
        self._called("verify_remote", targets, options)
        return Verified("storage", "s3://b/p", 3, 60, 2, 4, 1.5, tuple(self.findings))

    def push(self, targets: Any = (), *, tally: Any, **options: Any) -> Pushed:
        self._called("push", targets, options)
        moved = (1002, 4_100_000, 1000, 3) if self.missing or options["dry"] else (0, 0, 0, 0)
        return Pushed("storage", "s3://b/p", *moved, 9, 1.2, options["dry"], missing=self.missing, notes=self.notes)

    def fetch(self, targets: Any = (), *, tally: Any, **options: Any) -> Fetched:
        self._called("fetch", targets, options)
        dry = options["dry"]
        return Fetched("storage", "s3://b/p", 7, 70, 5, 3, 0.5, dry, 2, 2 - len(self.missing), self.missing, self.notes)

    def checkout(self, targets: Any = (), *, force: bool, tally: Any, on_wait: Any) -> CheckedOut:
        self._called("checkout", targets, force)
        outs = (Placed("a", "data/a", "added"), Placed("b", "data/b", "changed"), Placed("c", "data/c", "unchanged"))
        return CheckedOut(0.5, outs, self.missing)

    def pull(self, targets: Any = (), *, force: bool, tally: Any, on_wait: Any, **options: Any) -> Pulled:
        self._called("pull", targets, force, options)
        fetched = self.fetch(targets, tally=tally, dry=False)
        return Pulled(fetched, self.checkout(targets, force=force, tally=tally, on_wait=on_wait))

    def gc(self, *, options: Any, remote: Any, jobs: Any) -> Cleaned:
        self._called("gc", options, remote, jobs)
        return self.cleaned

    def log(self, limit: int = 20) -> list[RunSummary]:
        self._called("log", limit)
        return [RunSummary("r1", "2026-11-23T10:15:00Z", 2.4, "ok", 2, 7, 0)]

    def doctor(self) -> tuple[Check, ...]:
        self._called("doctor")
        return self.checks


@dataclass(frozen=True)
class Ran:
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture(autouse=True)
def _nowhere(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """No command finds a project by accident, that of this repository least of all."""
    monkeypatch.chdir(tmp_path_factory.mktemp("nowhere"))


@pytest.fixture
def project(monkeypatch: pytest.MonkeyPatch) -> FakeProject:
    fake = FakeProject()

    def find(self: Session, *, file: str | None = None, overrides: Mapping[str, str] | None = None) -> FakeProject:
        fake.calls.append(("find", (file, overrides or {})))
        return fake

    monkeypatch.setattr(Session, "project", find)
    return fake


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Ran]:
    """Run a command line in this process."""
    for name in ("NO_COLOR", "FORCE_COLOR", "CKPTFLOW_DEBUG", "_CKPTFLOW_COMPLETE"):
        monkeypatch.delenv(name, raising=False)

    def run_it(*args: str) -> Ran:
        code = main_module.main(list(args))
        out, err = capsys.readouterr()
        return Ran(code, out, err)

    return run_it


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """Compare a text with `tests/golden/NAME`; CKPTFLOW_WRITE_GOLDEN=1 writes it instead."""

    def compare(name: str, text: str) -> None:
        path = GOLDEN / name
        if os.environ.get("CKPTFLOW_WRITE_GOLDEN"):
            path.write_text(text, encoding="utf-8")
        assert text == path.read_text(encoding="utf-8")

    return compare
