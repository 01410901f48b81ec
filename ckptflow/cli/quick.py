"""Edge. `repro` with nothing to do, answered before click, YAML or any room that needs them is loaded."""

from __future__ import annotations

import sys

QUICK = frozenset({"--json", "-q", "--quiet"})


def try_quick(args: list[str]) -> int | None:
    """Answer `repro` (with no more than `--json` and `-q`) if nothing can have changed; None to go the ordinary way."""
    if not QUICK.issuperset(args[1:]):
        return None
    import os
    import time

    began = time.perf_counter()
    from ..engine.fresh import answer, find_root, still_fresh

    found = find_root(os.getcwd())  # noqa: PTH109 - pathlib costs as much as all the rest
    result = still_fresh(*found) if found is not None else None
    if result is None:
        return None
    from ..report.summary import nothing_to_do

    if "--json" in args:
        import json

        sys.stdout.write(json.dumps(answer(began, result), indent=2) + "\n")
    if "-q" not in args and "--quiet" not in args:
        sys.stderr.write(nothing_to_do(len(result["stages"])) + "\n")
    sys.stdout.flush()
    return 0
