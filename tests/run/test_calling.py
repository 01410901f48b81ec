from __future__ import annotations

import pytest

from ckptflow.errors import ResultError
from ckptflow.run.calling import bind_results
from ckptflow.run.messages import Output

A = Output("a", "a.json", "json", name="a")
B = Output("b", "b.json", "json", name="b")
FILE = Output("out", "data/result.csv", "file", name="out")
DIR = Output("out", "data/result", "dir", name="out")
UNNAMED = Output("x.json", "x.json", "json")

SHAPES = """
from collections import namedtuple
from dataclasses import dataclass
from types import SimpleNamespace
Pair = namedtuple("Pair", "b a")
@dataclass
class Both:
    b: int
    a: int
def mapping(): return {"b": 2, "a": 1}
def named(): return Pair(2, 1)
def fields(): return Both(2, 1)
def in_order(): return 1, 2
"""


@pytest.mark.parametrize("shape", ["mapping", "named", "fields", "in_order"])
def test_several_outs_take_any_shape_with_their_names_or_a_tuple_in_order(bench, shape):
    bench.write(SHAPES)
    report = bench.one(bench.call(shape, (A, B)))
    assert (bench.text(report, "a").strip(), bench.text(report, "b").strip()) == ("1", "2")


def test_one_out_takes_the_value_itself_even_a_mapping_with_its_name():
    assert bind_results({"a": 1}, (A,)) == {"a": {"a": 1}}
    assert bind_results((1, 2), (A,)) == {"a": (1, 2)}
    assert bind_results([], (UNNAMED,)) == {"x.json": []}
    assert bind_results(None, ()) == {}


@pytest.mark.parametrize(
    ("result", "message"),
    [
        ({"a": 1}, "nothing for b"),
        ({"a": 1, "b": 2, "c": 3}, "c, which the stage does not declare"),
        ({"a": 1, "c": 3}, "nothing for b and c, which the stage does not declare"),
        ((1,), "returned 1 values for 2 outs"),
        ((1, 2, 3), "returned 3 values for 2 outs"),
        (None, "returned NoneType for the outs a, b"),
        (7, "returned int for the outs a, b"),
        ("ab", "returned str for the outs a, b"),
    ],
)
def test_results_that_do_not_fit_are_refused_with_what_would(result, message):
    with pytest.raises(ResultError) as caught:
        bind_results(result, (A, B))
    assert message in caught.value.message
    assert "a mapping with a, b" in caught.value.hint


def test_none_for_one_out_asks_for_the_return(bench):
    bench.write("def f(): pass\n")
    failure = bench.one(bench.call("f", (A,))).failure
    assert (failure.kind, failure.message) == ("result", "the function returned None for `a`")
    assert "return" in failure.hint


def test_a_type_that_the_format_cannot_hold_names_stage_out_and_type(bench):
    bench.write("def f(): return object()\n")
    failure = bench.one(bench.call("f", (A,))).failure
    assert failure.kind == "result"
    assert "out `a`" in failure.message and "object" in failure.message


def test_a_file_out_is_a_path_with_the_out_s_own_name(bench):
    bench.write("def f(out):\n    assert not out.exists()\n    out.write_text(out.name)\n    return out\n")
    assert bench.text(bench.one(bench.call("f", (FILE,)))) == "result.csv"


def test_a_file_out_that_was_not_written_is_a_failure(bench):
    bench.write("def f(out): pass\n")
    failure = bench.one(bench.call("f", (FILE,))).failure
    assert (failure.kind, failure.message) == ("result", "nothing was written to `out`")


def test_paths_and_values_may_be_mixed(bench):
    bench.write("def f(out):\n    out.write_text('file')\n    return 5\n")
    report = bench.one(bench.call("f", (FILE, A)))
    assert (bench.text(report), bench.text(report, "a").strip()) == ("file", "5")


def test_a_file_out_needs_a_name(bench):
    bench.write("def f(): pass\n")
    failure = bench.one(bench.call("f", (Output("x.bin", "x.bin", "file"),))).failure
    assert "needs a name" in failure.message


def test_nothing_of_a_chunk_stays_behind_in_the_staging_directory(bench):
    bench.write(
        "def good(out):\n    out.write_text('1')\n    (out.parent / 'scratch').write_text('2')\n"
        "def bad(out):\n    out.write_text('1')\n    raise ValueError\n"
    )
    with bench.pool() as pool:
        pool.submit((bench.call("good", (FILE,)), bench.call("bad", (FILE,))))
        bench.finish(pool)
        (staging,) = (bench.root / "store" / "tmp").iterdir()
        assert list(staging.iterdir()) == []


def test_a_generator_s_own_error_is_the_user_s(bench):
    pytest.importorskip("pyarrow")
    bench.write(
        "import pyarrow as pa\n"
        "def f():\n"
        "    yield pa.record_batch({'x': [1, 2]})\n"
        "    raise OSError('from the generator')\n"
    )
    failure = bench.one(bench.call("f", (Output("t", "t.parquet", "parquet", name="t"),))).failure
    assert (failure.kind, failure.message) == ("exception", "OSError: from the generator")
    assert "in f" in failure.traceback


def test_a_table_is_named_by_its_rows(bench):
    bench.write(
        "import pyarrow as pa\n"
        "def whole(): return pa.table({'x': [1, 2, 3]})\n"
        "def batches():\n"
        "    for i in (1, 2, 3): yield pa.record_batch({'x': [i]})\n"
    )
    out = (Output("t", "t.parquet", "parquet", name="t"),)
    one, two = bench.call("whole", out), bench.call("batches", out)
    final = bench.run(one, two)
    first, second = final[one.id].outs["t"], final[two.id].outs["t"]
    assert first.rows == second.rows == 3
    assert first.values == second.values != first.object
