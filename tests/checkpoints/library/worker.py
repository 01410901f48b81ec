"""A process that works on items and says so, for tests that kill it: `worker.py BASE OPTIONS COUNT OUT UNTIL`.

It waits at the item number UNTIL of its run until standard input ends. Each item's result is a file named by its
generated id, written whole before the item is marked done.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

from ckptflow.checkpoints import CheckpointManager

base, options, count, out = sys.argv[1], json.loads(sys.argv[2]), int(sys.argv[3]), Path(sys.argv[4])
until = int(sys.argv[5])
manager = CheckpointManager(base, keep=3, options=options)
with manager.lock("corpus", timeout=60), manager.track("corpus", total=count, items=20) as run:
    for number, item in enumerate(run.remaining([*range(count), 5, 7])):
        with open(out / "begun", "a") as begun:
            begun.write(f"{item}\n")
        print(item, flush=True)
        if number == until:
            os.read(0, 1)
        name = run.next_id("S")
        temporary = out / f".{name}"
        temporary.write_text(str(item))
        os.replace(temporary, out / name)
        run.state["sum"] = run.state.get("sum", 0) + item
        run.done(item, generated_id=name)
