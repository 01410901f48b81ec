"""The code of the random projects: three modules, what refers to what in them, and edits of them.

`MODULES` maps a file to its text, in which `{NAME}` stands for values that edits change. `REACH` says which of these
values each stage function depends on: the oracle that code identity is held against.
"""

from __future__ import annotations

VALUES = {
    "SCALE": "3",
    "OFFSET": "7",
    "TWIST": "x * SCALE % 1009",
    "TURN": "x + OFFSET",
    "LIMIT": "40",
    "NOTE": "a remark",
    "DOC": "What it is.",
    "SPARE": "1",
    "BAD": "3",
    "TABLE": "{'mon': 1, 'tue': 2, 'wed': 3}",
}

OTHER = {
    "SCALE": ("3", "5", "11"),
    "OFFSET": ("7", "8"),
    "TWIST": ("x * SCALE % 1009", "x * SCALE % 997"),
    "TURN": ("x + OFFSET", "x - OFFSET"),
    "LIMIT": ("40", "55"),
    "NOTE": ("a remark", "another remark", "no remark"),
    "DOC": ("What it is.", "What it does."),
    "SPARE": ("1", "2", "3"),
    "BAD": ("3", "5", "6"),
    "TABLE": ("{'mon': 1, 'tue': 2, 'wed': 3}", "{'mon': 1, 'tue': 20, 'wed': 3}"),
}

SILENT = ("NOTE", "DOC", "SPARE")
"""Values whose change makes nothing stale."""

MODULES = {
    "lib/__init__.py": "",
    "lib/deep.py": '''\
"""{DOC}"""
SCALE = {SCALE}
OFFSET = {OFFSET}
DAYS = {TABLE}


def twist(x):
    # {NOTE}
    return {TWIST}


def turn(x):
    """{DOC}"""
    return {TURN}


def spare(x):
    return x + {SPARE}
''',
    "lib/mid.py": '''\
from . import deep
from .deep import twist

LIMIT = {LIMIT}


class Bender:
    """{DOC}"""

    def __init__(self, by):
        self.by = by

    def bend(self, x):
        return twist(x) + self.by


def fold(x):
    return deep.turn(x)  # {NOTE}


def day_number(day):
    return deep.DAYS.get(day, 0)


def unused(x):
    return deep.spare(x)
''',
    "lib/steps.py": """\
import json
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from lib import mid
from lib.mid import Bender, fold

SCHEMA = pa.schema([("key", pa.int64()), ("amount", pa.int64()), ("name", pa.string()), ("day", pa.string())])


def _table(rows):
    return pa.Table.from_pylist(rows, schema=SCHEMA)


def mapped(items: pa.Table, factor=1):
    bender = Bender(factor)
    return _table([r | {{"amount": bender.bend(r["amount"])}} for r in items.to_pylist()])


def plain(items: pa.Table):
    return _table(items.to_pylist())


def filtered(items: pa.Table, least=0):
    return _table([r for r in items.to_pylist() if fold(r["amount"]) % 97 >= least])


def split(items: pa.Table):
    rows = items.to_pylist()
    return {{"low": _table([r for r in rows if r["amount"] % 100 < mid.LIMIT]), "count": {{"rows": len(rows)}}}}


def joined(items: pa.Table, rates: pa.Table):
    known = dict(zip(rates["day"].to_pylist(), rates["rate"].to_pylist()))
    return _table([r | {{"amount": r["amount"] + known.get(r["day"], 0)}} for r in items.to_pylist()])


def degrees(items: pa.Table, links: pa.Table):
    weights = {{}}
    for link in links.to_pylist():
        for end in {{link["a"], link["b"]}}:
            weights[end] = weights.get(end, 0) + link["w"]
    return _table([r | {{"amount": weights.get(r["key"], 0)}} for r in items.to_pylist()])


def by_day(items: pa.Table):
    rows = items.to_pylist()
    days = sorted({{r["day"] for r in rows}})
    return _table([
        {{"key": len(d), "amount": sum(r["amount"] for r in rows if r["day"] == d), "name": d, "day": d}} for d in days
    ])


def read(rows: pa.Table, factor=1):
    columns = ("key", "amount", "name", "day")
    return _table([{{c: r[c] for c in columns}} | {{"amount": r["amount"] * factor}} for r in rows.to_pylist()])


def narrow(items: pa.Table):
    return pa.table({{"sum": [sum(items["amount"].to_pylist())], "rows": [items.num_rows]}})


def concat(first: pa.Table, second: pa.Table):
    return pa.concat_tables([first, second]).combine_chunks()


def total(items: pa.Table):
    days = {{}}
    for row in items.to_pylist():
        days[row["day"]] = days.get(row["day"], 0) + mid.day_number(row["day"]) * row["amount"]
    return dict(sorted(days.items()))


def pickled(items: pa.Table):
    return [(r["key"], r["name"]) for r in items.to_pylist()]


def array(items: pa.Table):
    return items["amount"].combine_chunks().to_numpy()


def text(items: pa.Table):
    return "".join(f"{{r['key']}} {{r['name']}}\\n" for r in items.to_pylist())


def upper(lines: str) -> str:
    return lines.upper()


def sizes(files: list[Path]):
    return {{file.name: [len(file.read_bytes()), fold(1)] for file in files}}


def tree(docs: Path):
    return {{str(f.relative_to(docs)): f.read_text()[:20] for f in sorted(docs.rglob("*")) if f.is_file()}}


def copies(files: list[Path], copied: Path):
    for file in files:
        (copied / file.name).write_bytes(file.read_bytes()[::-1])


def each_row(item, factor=1):
    if item["amount"] % 5 == 0:
        return None
    return {{"key": item["key"], "amount": fold(item["amount"]) * factor, "half": item["amount"] / 2}}


def each_list(item):
    return ({{"name": item["name"], "part": part}} for part in range(item["amount"] % 3))


def each_good(item):
    if item["amount"] % 7 == {BAD}:
        raise ValueError(f"{{item['name']}} is bad")
    return {{"name": item["name"], "amount": item["amount"]}}


def each_file(file):
    return {{"name": file.name, "size": fold(len(file.read_bytes()))}}


def numbered(item, state):
    last = state["last"] + 1
    return {{"id": f"S{{last}}", "key": item["key"]}}, {{"last": last}}


def running(items: pa.Table, state):
    total = sum(items["amount"].to_pylist())
    return {{"sum": state + total}}, (state + total) % 50


def good(items: pa.Table):
    return [100 // ((amount + {BAD}) % 11) for amount in items["amount"].to_pylist()]


def tally(items: pa.Table):
    days = {{}}
    for row in items.to_pylist():
        days[row["day"]] = days.get(row["day"], 0) + fold(row["amount"])
    return dict(sorted(days.items()))


def add_up(left, right):
    return {{day: left.get(day, 0) + right.get(day, 0) for day in sorted({{*left, *right}})}}


def measured(items: Path):
    return {{"bytes": sum(f.stat().st_size for f in ([items] if items.is_file() else items.iterdir()))}}
""",
}

REACH = {
    "mapped": {"SCALE", "TWIST"},
    "plain": set[str](),
    "filtered": {"OFFSET", "TURN"},
    "split": {"LIMIT"},
    "joined": set[str](),
    "degrees": set[str](),
    "by_day": set[str](),
    "read": set[str](),
    "narrow": set[str](),
    "concat": set[str](),
    "total": {"TABLE"},
    "pickled": set[str](),
    "array": set[str](),
    "text": set[str](),
    "upper": set[str](),
    "sizes": {"OFFSET", "TURN"},
    "tree": set[str](),
    "copies": set[str](),
    "measured": set[str](),
    "each_row": {"OFFSET", "TURN"},
    "each_list": set[str](),
    "each_good": {"BAD"},
    "each_file": {"OFFSET", "TURN"},
    "numbered": set[str](),
    "running": set[str](),
    "good": {"BAD"},
    "tally": {"OFFSET", "TURN"},
}


def module_texts(values: dict[str, str]) -> dict[str, str]:
    """Return path -> text of the project's modules."""
    return {path: text.format(**values) if text else "" for path, text in MODULES.items()}
