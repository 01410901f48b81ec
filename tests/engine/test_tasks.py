from __future__ import annotations

from ckptflow.engine.tasks import TaskMaker
from ckptflow.ids import StageName


def test_what_a_task_prints_has_a_path_of_its_own():
    maker = TaskMaker(None, {}, "logs/r")  # type: ignore[arg-type]  # no task is made of a stage
    assert maker.log(StageName("load"), None, "1") == "logs/r/load.1.log"
    assert maker.log(StageName("load"), 7, "2") == "logs/r/load/00007.2.log"
    assert maker.log(StageName("a/b c"), None, "cut") == "logs/r/a%2fb%20c.cut.log"
    assert maker.log(StageName("load.1.log"), 7, "1") == "logs/r/load.1%2elog/00007.1.log", "no stage's file"
