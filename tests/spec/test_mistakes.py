"""Each mistake that a pipeline file can hold: its code and its exact place; and the JSON Schema beside the checker."""

from __future__ import annotations

import re
from collections.abc import Callable

import jsonschema
import pytest

from ckptflow.errors import Problem
from ckptflow.spec import table
from ckptflow.spec.schema import json_schema

PARAMS = """\
a: {b: 1, list: [10, 20], name: x y, none: null, on: true}
n: 4
q: it's "q" $HOME `id`
list: [1]
odd: {"x y": 1}
"""
OTHERS = {
    "params.yaml": PARAMS,
    "other.json": '{"k": {"z": 1}, "k2": 2}',
    "other.toml": "k = 1\n[t]\nd = 2024-01-02\n",
    "bad.yaml": "a: [1\nb: 2\n",
    "bad.json": '{"a": 1,\n "b": }',
    "bad.toml": "a = 1\nb =\n",
    "twice.json": '{"a": 1,\n "a": 2}',
    "list.yaml": "[1, 2]",
    "conf/p.yaml": "x: 1",
    "more.yaml": "m: 1\nk: 2\n",
    "params.py": "X = 1",
    "bad.py": "X = 1\nY = = 2\n",
}
CMD = "stages:\n  s:\n    cmd: make\n"
CALL = "stages:\n  s:\n    call: m:f\n"
CHUNKED = "stages:\n  s:\n    call: m:f\n    deps: {t: t.parquet, u: u.parquet, p: p.pkl}\n"
CHUNKED_CMD = "stages:\n  s:\n    deps: {t: t.parquet, u: u.parquet}\n    outs: {o: o.csv, r: r.csv}\n"

# name: (text, what is found, whether the shape alone is wrong so that the schema must refuse it too)
MISTAKES: dict[str, tuple[str, list[tuple[str, int, int]], bool]] = {
    # the file
    "empty": ("", [("CF117", 1, 1)], True),
    "comment only": ("# nothing\n", [("CF117", 1, 1)], True),
    "a list": ("- a\n", [("CF117", 1, 1)], True),
    "a text": ("hello", [("CF117", 1, 1)], True),
    "unknown top-level key": ("stagse: {}\n", [("CF110", 1, 1)], True),
    "stages is a list": ("stages:\n  - cmd: x\n", [("CF111", 2, 3)], True),
    "stages is nothing": ("stages:\n", [("CF111", 1, 8)], True),
    "stage is a text": ("stages:\n  s: make\n", [("CF111", 2, 6)], True),
    "stage is nothing": ("stages:\n  s:\n", [("CF111", 2, 5)], True),
    "stage name begins with a dot": ("stages:\n  .b: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name with two dots": ("stages:\n  a/../b: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name with a number sign": ("stages:\n  a#1: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name with a slash": ("stages:\n  ../b: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name with @": ('stages:\n  "a@b": {cmd: x}\n', [("CF118", 2, 3)], True),
    "stage name with a space": ("stages:\n  a b: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name begins like an option": ("stages:\n  -a: {cmd: x}\n", [("CF118", 2, 3)], True),
    "stage name is empty": ('stages:\n  "": {cmd: x}\n', [("CF118", 2, 3)], True),
    "stage name too long": (f"stages:\n  {'x' * 101}: {{cmd: x}}\n", [("CF118", 2, 3)], True),
    "stage name ends with a newline": ('stages:\n  "a\\n": {cmd: x}\n', [("CF118", 2, 3)], False),
    "stage name is a number": ("stages:\n  2020: {cmd: x}\n", [("CF111", 2, 3)], False),
    # what a stage is
    "neither call nor cmd": ("stages:\n  s:\n    deps: [a]\n", [("CF120", 2, 3)], True),
    "call and cmd": ("stages:\n  s:\n    call: m:f\n    cmd: make\n", [("CF121", 4, 5)], True),
    "call without a function": ("stages:\n  s:\n    call: m.f\n", [("CF122", 3, 11)], True),
    "call with a path": ("stages:\n  s:\n    call: a/m.py:f\n", [("CF122", 3, 11)], True),
    "call is a list": ("stages:\n  s:\n    call: [m:f]\n", [("CF111", 3, 11)], True),
    "call is empty": ("stages:\n  s:\n    call:\n", [("CF111", 3, 10)], True),
    "cmd is empty": ('stages:\n  s:\n    cmd: ""\n', [("CF113", 3, 10)], True),
    "cmd is an empty list": ("stages:\n  s:\n    cmd: []\n", [("CF113", 3, 10)], True),
    "cmd is a number": ("stages:\n  s:\n    cmd: 12\n", [("CF111", 3, 10)], True),
    "cmd list with a mapping": ("stages:\n  s:\n    cmd:\n    - a: b\n", [("CF111", 4, 7)], True),
    "cmd with NUL": ('stages:\n  s:\n    cmd: "a\\0b"\n', [("CF113", 3, 10)], False),
    "args of a command": (CMD + "    args: {x: 1}\n", [("CF123", 4, 5)], False),
    "unknown key in a stage": (CMD + "    dpes: [a]\n", [("CF110", 4, 5)], True),
    "foreach over a text": ("stages:\n  s:\n    foreach: abc\n    do: {cmd: x}\n", [("CF111", 3, 14)], True),
    "foreach over a param that is no list": (
        "stages:\n  s:\n    foreach: ${n}\n    do: {cmd: x}\n",
        [("CF111", 3, 14)],
        False,
    ),
    "foreach without do": ("stages:\n  s:\n    foreach: [1]\n", [("CF116", 3, 5)], True),
    "do without foreach": ("stages:\n  s:\n    do: {cmd: x}\n", [("CF116", 3, 5)], True),
    "do is a list": ("stages:\n  s:\n    foreach: [1]\n    do: [x]\n", [("CF111", 4, 9)], True),
    "a field beside foreach": (
        "stages:\n  s:\n    foreach: [1]\n    cmd: x\n    do: {cmd: x}\n",
        [("CF110", 4, 5)],
        True,
    ),
    "item of a list is no mapping": (
        "stages:\n  s:\n    foreach: [1, 2]\n    do: {cmd: '${item.x}'}\n",
        [("CF131", 4, 15)],
        False,
    ),
    "key of a list": ("stages:\n  s:\n    foreach: [1]\n    do: {cmd: '${key}'}\n", [("CF131", 4, 15)], False),
    "unknown key in do": (
        "stages:\n  s:\n    foreach: [1]\n    do:\n      cmd: x\n      dpes: [a]\n",
        [("CF110", 6, 7)],
        True,
    ),
    "matrix beside foreach": (
        "stages:\n  s:\n    matrix: {a: [1]}\n    foreach: [1]\n    do: {cmd: x}\n",
        [("CF126", 3, 5)],
        True,
    ),
    "axis is a number": ("stages:\n  s:\n    matrix: {a: 1}\n    cmd: x\n", [("CF111", 3, 17)], True),
    "matrix is a list": ("stages:\n  s:\n    matrix: [1]\n    cmd: x\n", [("CF111", 3, 13)], True),
    "unknown axis": (
        "stages:\n  s:\n    matrix: {size: [1]}\n    cmd: x ${item.sise}\n",
        [("CF131", 4, 12)],
        False,
    ),
    "matrix with too many stages": (
        "stages:\n  s:\n    matrix: {a: &x [" + ", ".join(map(str, range(400))) + "], b: *x}\n    cmd: x\n",
        [("CF108", 3, 13)],
        False,
    ),
    "item makes no stage name": (
        'stages:\n  s:\n    foreach: ["a\\nb"]\n    do: {cmd: x}\n',
        [("CF118", 2, 3)],
        False,
    ),
    "vars name item": (
        "stages:\n  s:\n    foreach: [1]\n    do:\n      cmd: x\n      vars: [{item: 2}]\n",
        [("CF135", 6, 15)],
        False,
    ),
    "two items write one out": (
        "stages:\n  s:\n    foreach: [1, 2]\n    do:\n      cmd: x\n      outs: [o]\n",
        [("CF153", 6, 14)],
        False,
    ),
    "params.yaml in vars in part": (
        "vars: ['params.yaml:n']\nstages: {s: {cmd: x}}\n",
        [("CF137", 1, 8)],
        False,
    ),
    "vars file whole and in part": (
        "vars:\n- more.yaml\n- more.yaml:m\nstages: {s: {cmd: x}}\n",
        [("CF137", 3, 3)],
        False,
    ),
    "vars file in part twice": (
        "vars: ['more.yaml:m', 'more.yaml:m']\nstages: {s: {cmd: x}}\n",
        [("CF137", 1, 23)],
        False,
    ),
    "each of nothing": (CALL + "    each: item\n", [("CF168", 4, 5)], False),
    "combine of nothing": (CALL + "    combine: m:g\n", [("CF167", 4, 5)], False),
    "carry of nothing": (CALL + "    carry: {initial: 0}\n", [("CF166", 4, 5)], False),
    "quarantine of nothing": (CALL + "    on_error: quarantine\n", [("CF170", 4, 5)], False),
    "max_errors of nothing": (CALL + "    max_errors: 1%\n", [("CF170", 4, 5)], False),
    "not supported yet: executor": (CALL + "    executor: dask\n", [("CF112", 4, 5)], True),
    "not supported yet: resources": (CALL + "    resources: {cpus: 1}\n", [("CF112", 4, 5)], True),
    "dep on no stage": (CMD + "    deps: [{stage: group}]\n", [("CF165", 4, 20)], False),
    "dep on itself": (CMD + "    deps: [{stage: s}]\n", [("CF156", 4, 20)], False),
    "text beside a dep": (CMD + "    deps: [{data: group}]\n", [("CF111", 4, 19)], True),
    "function with params from an out": (
        "stages:\n  m: {cmd: x, outs: [best.yaml]}\n  s:\n    call: m:f\n    params: [{best.yaml: [lr]}]\n",
        [("CF144", 5, 27)],
        False,
    ),
    "function reads a URL": (CALL + "    deps: {x: 'https://host/x'}\n", [("CF159", 4, 15)], False),
    "dep on a remote of DVC": (CMD + "    deps: ['remote://b/x']\n", [("CF112", 4, 12)], False),
    "out is a URL": (CMD + "    outs: ['s3://b/x']\n", [("CF151", 4, 12)], False),
    # values
    "workers is a text": (CMD + "    workers: many\n", [("CF111", 4, 14)], True),
    "workers is 0": (CMD + "    workers: 0\n", [("CF113", 4, 14)], True),
    "workers is a fraction": (CMD + "    workers: 1.5\n", [("CF111", 4, 14)], True),
    "workers is true": (CMD + "    workers: true\n", [("CF111", 4, 14)], True),
    "retries is negative": (CMD + "    retries: -1\n", [("CF113", 4, 14)], True),
    "frozen is yes": (CMD + "    frozen: yes\n", [("CF111", 4, 13)], True),
    "rowwise is 1": (CMD + "    rowwise: 1\n", [("CF111", 4, 14)], True),
    "on_error is unknown": (CMD + "    on_error: contineu\n", [("CF113", 4, 15)], True),
    "timeout in words": (CMD + "    timeout: 5 minutes\n", [("CF115", 4, 14)], True),
    "timeout of nothing": (CMD + "    timeout: 0s\n", [("CF115", 4, 14)], True),
    "timeout is negative": (CMD + "    timeout: -3\n", [("CF115", 4, 14)], True),
    "timeout out of order": (CMD + "    timeout: 5s3h\n", [("CF115", 4, 14)], True),
    "backoff is a list": (CMD + "    backoff: [1]\n", [("CF111", 4, 14)], True),
    "env value is nothing": (CMD + "    env: {A: }\n", [("CF111", 4, 14)], True),
    "env value is a list": (CMD + "    env: {A: [1]}\n", [("CF111", 4, 14)], True),
    "env name": (CMD + "    env: {A-B: 1}\n", [("CF113", 4, 11)], True),
    "env value with NUL": (CMD + '    env: {A: "x\\0"}\n', [("CF113", 4, 14)], False),
    "env is a list": (CMD + "    env: [A=1]\n", [("CF111", 4, 10)], True),
    "packages is a text": (CMD + "    packages: numpy\n", [("CF113", 4, 15)], True),
    "packages with a version": (CMD + "    packages: [numpy>=2]\n", [("CF113", 4, 16)], True),
    "args is a list": (CALL + "    args: [1]\n", [("CF111", 4, 11)], True),
    "a key in args is a number": (
        CALL + "    args: {w: {0: 1.5, a: [{1: 2}]}}\n",
        [("CF111", 4, 16), ("CF111", 4, 29)],
        False,
    ),
    "wdir is a list": (CMD + "    wdir: [a]\n", [("CF111", 4, 11)], True),
    "desc is a list": (CMD + "    desc: [a]\n", [("CF111", 4, 11)], True),
    # deps and outs
    "deps is a text": (CMD + "    deps: a.csv\n", [("CF111", 4, 11)], True),
    "deps is nothing": (CMD + "    deps:\n", [("CF111", 4, 10)], True),
    "dep is a number": (CMD + "    deps: [3]\n", [("CF111", 4, 12)], True),
    "dep is empty": (CMD + "    deps: ['']\n", [("CF150", 4, 12)], True),
    "dep without a path": (CMD + "    deps: {a: {format: csv}}\n", [("CF116", 4, 15)], True),
    "dep with an unknown key": (CMD + "    deps: {a: {path: b, colums: [c]}}\n", [("CF110", 4, 25)], True),
    "dep item with two keys": (CMD + "    deps: [{a: {}, b: {}}]\n", [("CF111", 4, 12)], True),
    "dep columns is empty": (CMD + "    deps: {a: {path: b, columns: []}}\n", [("CF113", 4, 34)], True),
    "dep columns is a text": (CMD + "    deps: {a: {path: b, columns: c}}\n", [("CF111", 4, 34)], True),
    "dep listed twice": (CMD + "    deps: [a, b, ./a]\n", [("CF158", 4, 18)], False),
    "wdir outside the project": (CMD + "    wdir: ..\n", [("CF152", 4, 11)], False),
    "wdir is absolute": (CMD + "    wdir: /tmp\n", [("CF152", 4, 11)], False),
    "out outside the project": (CMD + "    outs: [../a]\n", [("CF151", 4, 12)], False),
    "out outside the project through a directory": (CMD + "    outs: [a/../../b]\n", [("CF151", 4, 12)], False),
    "out is absolute": (CMD + "    outs: [/tmp/a]\n", [("CF151", 4, 12)], False),
    "out on a drive": (CMD + "    outs: ['C:\\a']\n", [("CF151", 4, 12)], False),
    "out is the project": (CMD + "    outs: [.]\n", [("CF151", 4, 12)], False),
    "out is a pattern": (CMD + "    outs: [a/*.csv]\n", [("CF157", 4, 12)], False),
    "out in the store": (CMD + "    outs: [.ckptflow/a]\n", [("CF155", 4, 12)], False),
    "out is the pipeline": (CMD + "    outs: [pipeline.yaml]\n", [("CF155", 4, 12)], False),
    "out is the lock file": (CMD + "    outs: [pipeline.lock]\n", [("CF155", 4, 12)], False),
    "out is a params file": (CMD + "    params: [n]\n    outs: [params.yaml]\n", [("CF156", 4, 14)], False),
    "out holds a params file": (
        CMD + "    params: [conf/p.yaml: ]\n    outs: [conf]\n",
        [("CF155", 5, 12)],
        False,
    ),
    "out flag is a text": (CMD + "    outs: [a: {cache: 'no'}]\n", [("CF111", 4, 23)], True),
    "out flag is unknown": (CMD + "    outs: [a: {cahce: false}]\n", [("CF110", 4, 16)], True),
    "out format is unknown": (CMD + "    outs: {a: {path: a, format: parket}}\n", [("CF180", 4, 33)], False),
    "out is a list": (CMD + "    outs: [[a]]\n", [("CF111", 4, 12)], True),
    "metric flag is unknown": (CMD + "    metrics: [a: {cahce: false}]\n", [("CF110", 4, 19)], True),
    "two outs with one name": (CALL + "    outs: {a: x}\n    metrics: {a: y}\n", [("CF124", 5, 15)], False),
    "out twice in a stage": (CMD + "    outs: [a, ./a]\n", [("CF153", 4, 15)], False),
    "out in an out of the same stage": (CMD + "    outs: [a, a/b]\n", [("CF154", 4, 15)], False),
    "dep is its own out": (CMD + "    deps: [a]\n    outs: [a]\n", [("CF156", 4, 12)], False),
    "dep holds its own out": (CMD + "    deps: [a]\n    outs: [a/b]\n", [("CF156", 4, 12)], False),
    "dep lies in its own out": (CMD + "    deps: [a/b]\n    outs: [a]\n", [("CF156", 4, 12)], False),
    "dep pattern meets its own out": (CMD + "    deps: ['a/*.csv']\n    outs: [a/b.csv]\n", [("CF156", 4, 12)], False),
    # arguments
    "argument of dep and args": (CALL + "    deps: {x: a}\n    args: {x: 1}\n", [("CF124", 4, 12)], False),
    "argument of two params": (CALL + "    params: [a.b, other.json: [k.b]]\n", [("CF141", 4, 32)], False),
    "argument of two params, both there": (
        CALL + "    params: [n, other.toml: [k], other.json: [k]]\n",
        [("CF124", 4, 47)],
        False,
    ),
    "argument of param and dep": (CALL + "    deps: {n: x}\n    params: [n]\n", [("CF124", 5, 14)], False),
    "argument of a file out and a dep": (CALL + "    deps: {x: a}\n    outs: {x: b.txt}\n", [("CF124", 5, 12)], False),
    "argument with a dash": (CALL + "    deps: {a-b: x}\n", [("CF125", 4, 12)], False),
    "argument is a number": (CALL + "    params: [a.list.0]\n", [("CF125", 4, 14)], False),
    # params and vars
    "params is a mapping": (CMD + "    params: {a: b}\n", [("CF111", 4, 13)], True),
    "param is a number": (CMD + "    params: [1]\n", [("CF111", 4, 14)], True),
    "param not there": (CMD + "    params: [a.c]\n", [("CF141", 4, 14)], False),
    "param below a scalar": (CMD + "    params: [n.x]\n", [("CF141", 4, 14)], False),
    "param file not there": (CMD + "    params: [none.yaml: [x]]\n", [("CF140", 4, 26)], False),
    "whole param file not there": (CMD + "    params: [none.yaml: ]\n", [("CF140", 4, 14)], False),
    "param not there in Python": (CMD + "    params: [params.py: [Y]]\n", [("CF141", 4, 26)], False),
    "param file is bad Python": (CMD + "    params: [bad.py: [X]]\n", [("CF101", 2, 5)], False),
    "metrics is no list": ("metrics: m.json\n" + CMD, [("CF111", 1, 10)], True),
    "metric outside": ("metrics: [../m.json]\n" + CMD, [("CF152", 1, 11)], False),
    "params file is a URL": ("params: ['https://x/y']\n" + CMD, [("CF152", 1, 10)], False),
    "template in metrics": ("metrics: ['${nope}']\n" + CMD, [("CF131", 1, 11)], False),
    "plot with an unknown key": ("plots: [a: {z: 1}]\n" + CMD, [("CF110", 1, 13)], True),
    "plot with two ids": ("plots: [{a: , b: }]\n" + CMD, [("CF111", 1, 9)], True),
    "plot whose y is a number": (CMD + "    plots: [a.csv: {y: 1}]\n", [("CF111", 4, 24)], True),
    "param file outside": (CMD + "    params: [../p.yaml: [X]]\n", [("CF152", 4, 26)], False),
    "param file is bad YAML": (CMD + "    params: [bad.yaml: [a]]\n", [("CF101", 2, 2)], False),
    "param file is bad JSON": (CMD + "    params: [bad.json: [a]]\n", [("CF101", 2, 7)], False),
    "param file is bad TOML": (CMD + "    params: [bad.toml: [a]]\n", [("CF101", 2, 4)], False),
    "param file with a key twice": (CMD + "    params: [twice.json: [a]]\n", [("CF105", 2, 2)], False),
    "vars is a mapping": ("vars: {a: 1}\n" + CMD, [("CF111", 1, 7)], True),
    "vars file not there": ("vars: [none.yaml]\n" + CMD, [("CF140", 1, 8)], False),
    "vars file holds a list": ("vars: [list.yaml]\n" + CMD, [("CF111", 1, 8)], False),
    "vars key not there": ("vars: ['other.json:nope']\n" + CMD, [("CF141", 1, 8)], False),
    "vars defined twice": ("vars: [{x: 1}, {x: 2}]\n" + CMD, [("CF135", 1, 17)], False),
    "vars against params": ("vars: [{a: {b: 2}}]\n" + CMD, [("CF135", 1, 8)], False),
    "vars with a template": ("vars: [{x: '${n}'}]\n" + CMD, [("CF136", 1, 8)], False),
    "stage vars defined twice": ("vars: [{x: 1}]\n" + CMD + "    vars: [{x: 2}]\n", [("CF135", 5, 13)], False),
    # templates
    "template name unknown": ("stages:\n  s:\n    cmd: make ${nn}\n", [("CF131", 3, 15)], False),
    "template key unknown": ("stages:\n  s:\n    cmd: make ${a.bb}\n", [("CF131", 3, 15)], False),
    "template index too large": ("stages:\n  s:\n    cmd: make ${a.list[2]}\n", [("CF131", 3, 15)], False),
    "two templates unknown": (
        "stages:\n  s:\n    cmd: make ${x1} ${n} ${x2}\n",
        [("CF131", 3, 15), ("CF131", 3, 26)],
        False,
    ),
    "template without an end": ("stages:\n  s:\n    cmd: make ${n\n", [("CF130", 3, 15)], False),
    "template is empty": ("stages:\n  s:\n    cmd: make ${}\n", [("CF130", 3, 15)], False),
    "template of the shell": ("stages:\n  s:\n    cmd: make ${X:-1}\n", [("CF130", 3, 15)], False),
    "list in a text": ("stages:\n  s:\n    cmd: make ${a.list}\n", [("CF132", 3, 15)], False),
    "mapping in a text": ("stages:\n  s:\n    cmd: x\n    wdir: x/${a}\n", [("CF132", 4, 13)], False),
    "mapping in quotes": ("stages:\n  s:\n    cmd: make '${a}'\n", [("CF132", 3, 16)], False),
    "mapping that makes no options": ("stages:\n  s:\n    cmd: make ${odd}\n", [("CF132", 3, 15)], False),
    "mapping as a key": (CMD + "    outs:\n    - ${a}: {cache: false}\n", [("CF132", 5, 7)], False),
    "template of the wrong type": (CMD + "    workers: ${a.name}\n", [("CF111", 4, 14)], False),
    "key twice after templates": (CALL + "    args: {'x${n}': 1, x4: 2}\n", [("CF105", 4, 24)], False),
    "value in a here-document": (
        "stages:\n  s:\n    cmd: |\n      cat <<E\n      ${q}\n      E\n",
        [("CF134", 3, 10)],
        False,
    ),
    "value in a substitution": ("stages:\n  s:\n    cmd: make $(cat ${q})\n", [("CF134", 3, 21)], False),
    "chunk in an unchunked command": ("stages:\n  s:\n    cmd: make ${chunk.in}\n", [("CF133", 3, 15)], False),
    "chunk outside cmd": (CHUNKED + "    chunk: {over: t}\n    args: {x: '${chunk.in}'}\n", [("CF133", 6, 15)], False),
    # chunks
    "chunk is a text": (CHUNKED + "    chunk: t\n", [("CF111", 5, 12)], True),
    "chunk is empty": (CHUNKED + "    chunk: {}\n", [("CF162", 5, 12)], False),
    "chunk without over and by": (CHUNKED + "    chunk: {rows: 5}\n", [("CF162", 5, 12)], False),
    "chunk with over and by": (CHUNKED + "    chunk: {over: t, by: {t: a}}\n", [("CF162", 5, 12)], False),
    "chunk with two sizes": (CHUNKED + "    chunk: {over: t, rows: 5, bytes: 5}\n", [("CF162", 5, 38)], False),
    "chunk over a dep that is not there": (CHUNKED + "    chunk: {over: tt}\n", [("CF161", 5, 19)], False),
    "chunk by a dep that is not there": (CHUNKED + "    chunk: {by: {x: a}, rows: 1}\n", [("CF161", 5, 18)], False),
    "chunk by nothing": (CHUNKED + "    chunk: {by: {}, rows: 1}\n", [("CF113", 5, 17)], True),
    "chunk by no columns": (CHUNKED + "    chunk: {by: {t: []}, rows: 1}\n", [("CF113", 5, 21)], True),
    "chunk by a number": (CHUNKED + "    chunk: {by: {t: 3}, rows: 1}\n", [("CF111", 5, 21)], True),
    "chunk by a column twice": (CHUNKED + "    chunk: {by: {t: [a, a]}, rows: 1}\n", [("CF162", 5, 21)], False),
    "chunk over with into": (CHUNKED + "    chunk: {over: t, into: 4}\n", [("CF162", 5, 28)], False),
    "chunk by with files": (CHUNKED + "    chunk: {by: {t: a}, files: 4}\n", [("CF162", 5, 32)], False),
    "chunk cut without a size": (CHUNKED + "    chunk: {over: t, cut: fixed}\n", [("CF162", 5, 27)], False),
    "chunk cut is unknown": (CHUNKED + "    chunk: {over: t, rows: 5, cut: fix}\n", [("CF113", 5, 36)], True),
    "chunk rows is 0": (CHUNKED + "    chunk: {over: t, rows: 0}\n", [("CF113", 5, 28)], True),
    "chunk rows is a size": (CHUNKED + "    chunk: {over: t, rows: 10k}\n", [("CF111", 5, 28)], True),
    "chunk bytes without a unit": (CHUNKED + "    chunk: {over: t, bytes: 64M}\n", [("CF114", 5, 29)], True),
    "chunk bytes is 0": (CHUNKED + "    chunk: {over: t, bytes: 0}\n", [("CF114", 5, 29)], True),
    "chunk bytes is less than one": (CHUNKED + "    chunk: {over: t, bytes: 0.1B}\n", [("CF114", 5, 29)], False),
    "chunk key unknown": (CHUNKED + "    chunk: {over: t, row: 5}\n", [("CF110", 5, 22)], True),
    "chunk rows of a pickle": (CHUNKED + "    chunk: {over: p, rows: 5}\n", [("CF164", 5, 19)], False),
    "chunk by a column that is not read": (
        CALL + "    deps: {t: {path: t.parquet, columns: [a]}}\n    chunk: {by: {t: b}, rows: 5}\n",
        [("CF163", 5, 21)],
        False,
    ),
    "chunk in which dep": (
        CHUNKED_CMD + "    chunk: {by: {t: a, u: b}, into: 2}\n    cmd: x ${chunk.in} ${chunk.out.o} ${chunk.out.r}\n",
        [("CF133", 6, 10)],
        False,
    ),
    "chunk out which out": (
        CHUNKED_CMD + "    chunk: {over: t}\n    cmd: x ${chunk.in} ${chunk.out}\n",
        [("CF133", 6, 10)],
        False,
    ),
    "chunk out not written": (
        CHUNKED_CMD + "    chunk: {over: t}\n    cmd: x ${chunk.in} ${chunk.out.o}\n",
        [("CF133", 6, 10)],
        False,
    ),
    "chunk with an unknown name": (
        CHUNKED_CMD + "    chunk: {over: t}\n    cmd: x ${chunk.in.v} ${chunk.out.o} ${chunk.out.r}\n",
        [("CF133", 6, 10)],
        False,
    ),
    "chunk with an unknown word": (
        CHUNKED_CMD + "    chunk: {over: t}\n    cmd: x ${chunk.number} ${chunk.out.o} ${chunk.out.r}\n",
        [("CF133", 6, 10)],
        False,
    ),
    # between stages
    "one out of two stages": (
        "stages:\n  a:\n    cmd: x\n    outs: [o]\n  b:\n    cmd: y\n    outs: [./o]\n",
        [("CF153", 7, 12)],
        False,
    ),
    "an out in another's": (
        "stages:\n  a:\n    cmd: x\n    outs: [o/p/q]\n  b:\n    cmd: y\n    outs: [o]\n",
        [("CF154", 4, 12)],
        False,
    ),
    "a cycle of two": (
        "stages:\n  a:\n    cmd: x\n    deps: [p]\n    outs: [o]\n  b:\n    cmd: y\n    deps: [o]\n    outs: [p]\n",
        [("CF160", 2, 3)],
        False,
    ),
    "a cycle through a pattern": (
        "stages:\n  a:\n    cmd: x\n    deps: ['d/*.csv']\n    outs: [o]\n"
        "  b:\n    cmd: y\n    deps: [o]\n    outs: [d/p.csv]\n",
        [("CF160", 2, 3)],
        False,
    ),
    "two cycles": (
        "stages:\n  a: {cmd: x, deps: [b], outs: [a]}\n  b: {cmd: x, deps: [a], outs: [b]}\n"
        "  c: {cmd: x, deps: [d], outs: [c]}\n  d: {cmd: x, deps: [c], outs: [d]}\n",
        [("CF160", 2, 3), ("CF160", 4, 3)],
        False,
    ),
    # YAML
    "a bracket is open": ("stages:\n  s: [a\n", [("CF101", 3, 1)], False),
    "a tab": ("stages:\n\ts: 1\n", [("CF101", 2, 1)], False),
    "a colon in a text": ("stages:\n  s:\n    cmd: a: b\n", [("CF101", 3, 11)], False),
    "a quote is open": ('stages:\n  s:\n    cmd: "a\n', [("CF101", 4, 1)], False),
    "a control character": ("stages:\n  s: \x07\n", [("CF101", 2, 6)], False),
    "a lone surrogate": ("stages: \ud800\n", [("CF101", 1, 9)], False),
    "an alias without anchor": ("stages:\n  s: *a\n", [("CF101", 2, 6)], False),
    "an alias in itself": ("stages: &a\n  s: *a\n", [("CF104", 2, 6)], False),
    "a key twice": ("stages:\n  s:\n    cmd: x\n    cmd: y\n", [("CF105", 4, 5)], False),
    "a stage twice": ("stages:\n  s:\n    cmd: x\n  t: {cmd: x}\n  s:\n    cmd: y\n", [("CF105", 5, 3)], False),
    "a key twice in one line": ("stages: {s: {cmd: x, cmd: y}}\n", [("CF105", 1, 22)], False),
    "a list as key": ("stages:\n  s: {cmd: x}\n  ? [a]\n  : 1\n", [("CF106", 3, 5)], False),
    "a tag of Python": ("stages:\n  s:\n    cmd: !!python/object:os.system x\n", [("CF106", 3, 10)], False),
    "a tag that lies": (
        "stages:\n  s:\n    cmd: x\n    workers: !!int many\n",
        [("CF106", 4, 14), ("CF111", 4, 14)],
        False,
    ),
    "two documents": ("stages: {s: {cmd: x}}\n---\nstages: {}\n", [("CF107", 2, 1)], False),
    "a number without end": (f"stages:\n  s:\n    cmd: x\n    version: {'9' * 5000}\n", [("CF109", 4, 14)], False),
    "merging a text": ("stages:\n  s:\n    <<: x\n    cmd: x\n", [("CF106", 3, 9)], False),
}

VALID: dict[str, str] = {
    "no stages": "stages: {}\n",
    "metrics alone": "metrics: [a.json]\nplots: [b.json]\nparams: [p.yaml]\nartifacts: {m: {path: x}}\n",
    "a command": CMD,
    "commands": "stages:\n  s:\n    cmd: [a, b]\n",
    "a function": CALL,
    "unicode": "stages:\n  größe_7-b:\n    call: modül.a:f\n    outs: [dä/ö.csv]\n",
    "all of a stage": CALL
    + """\
    desc: what ${it} does
    meta: {anything: [1, {2: 3}]}
    args: {x: 1, y: [1, {z: null}], w: "${a}"}
    deps:
      t: t.parquet
      u: {path: u, format: parquet, columns: [a, b]}
    outs:
      o: o.parquet
      p: {path: p.txt, format: text, cache: false, persist: true, push: false, workspace: false, desc: d, remote: r}
    metrics: [m.json: {cache: false}, n.json]
    plots: [q.csv: {x: a, y: [b], title: T}, v.csv: ]
    params: [a.list, n, other.json: [k.z, k2], other.toml: ]
    chunk: {by: {t: k, u: [a, b]}, rows: 10, cut: fixed}
    env: {A: 1, B: text, C: true, D: 1.5, E: "${n}"}
    workers: 2
    retries: 0
    backoff: 0.5
    timeout: 3h50m
    on_error: continue
    packages: [numpy, scikit-learn]
    version: {any: thing}
    rowwise: false
    frozen: true
    always_changed: true
    wdir: sub/..
""",
    "templates anywhere": CALL
    + """\
    deps: {t: "${a.b}.parquet"}
    workers: ${n}
    timeout: ${n}
    frozen: ${a.on}
    chunk: {over: t, rows: "${n}", cut: "${cut}"}
    packages: ${packages}
vars: [{cut: fixed, packages: [numpy]}, "other.toml:t", "other.json:k.z,k2"]
""",
    "chunked command": CHUNKED_CMD
    + "    chunk: {over: t, bytes: 1.5 MiB}\n    cmd: x ${chunk.in} ${chunk.index} ${chunk.out.o} ${chunk.out.r}\n",
    "chunk of buckets": CHUNKED + "    chunk: {by: {t: a, u: a}, into: 256}\n",
    "chunk of values": CHUNKED + "    chunk: {by: {t: a}}\n",
    "chunk of files": CHUNKED + "    chunk: {over: p, files: 5}\n",
    "packages auto": CALL + "    packages: auto\n",
}


@pytest.mark.parametrize("name", MISTAKES)
def test_each_mistake_has_its_code_and_place(name: str, mistakes: Callable[..., tuple[Problem, ...]]) -> None:
    text, expected, _ = MISTAKES[name]
    found = mistakes(text, OTHERS)
    assert [(p.code, p.place and p.place.line, p.place and p.place.column) for p in found] == expected
    for problem in found:
        assert problem.place is not None
        lines = ({"pipeline.yaml": text} | OTHERS)[problem.place.file].splitlines()
        assert problem.place.text == (lines[problem.place.line - 1] if problem.place.line <= len(lines) else "")
        assert problem.message


@pytest.mark.parametrize("name", VALID)
def test_valid_files_have_no_mistake(name: str, mistakes: Callable[..., tuple[Problem, ...]]) -> None:
    assert mistakes(VALID[name], OTHERS) == ()


def test_the_schema_is_a_schema() -> None:
    jsonschema.Draft7Validator.check_schema(json_schema())


@pytest.mark.parametrize("name", VALID)
def test_the_schema_accepts_what_is_valid(name: str, accepted: Callable[[str], bool]) -> None:
    assert accepted(VALID[name])


@pytest.mark.parametrize("name", [name for name, (_, _, shape) in MISTAKES.items() if shape])
def test_the_schema_refuses_what_has_the_wrong_shape(name: str, accepted: Callable[[str], bool]) -> None:
    assert not accepted(MISTAKES[name][0])


READABLE = {
    name: text for name, (text, found, shape) in MISTAKES.items() if not shape and found[:1] and found[0][0] > "CF120"
}


@pytest.mark.parametrize("name", READABLE)
def test_the_schema_accepts_what_is_wrong_only_in_meaning(name: str, accepted: Callable[[str], bool]) -> None:
    """Else an editor would mark what the checker takes, in another file of this shape."""
    if "NUL" not in name:
        assert accepted(READABLE[name])


@pytest.mark.parametrize("call", ["m:f", "a.b:c.d", "é:ü9", "_:_1"])
def test_a_call_is_names_and_a_colon(call):
    assert re.fullmatch(table.CALL.pattern, call)


@pytest.mark.parametrize(
    "call", ["9a:f", "m:9", "m f:g", "m:f\n", "m-x:f", "m", "m:", ":f", "a..b:f", "m:f[0]", "m^:f"]
)
def test_a_call_is_nothing_else(call):
    assert not re.fullmatch(table.CALL.pattern, call)
