"""Pipeline files in several manners, each full of comments, and edits drawn at random."""

from __future__ import annotations

import pytest

TWO_SPACES = """\
# yaml-language-server: $schema=x
# Owner: data team

vars:
  - defaults.yaml     # shared
  - model: {kind: tree}

stages:   # in the order of the data
  # loads the raw file
  # (nightly)
  load:
    cmd: python load.py  --in data/raw.csv   # two spaces
    deps:
      - data/raw.csv   # from the vendor
      # - data/old.csv
      - load.py
    outs:
      - data/table.csv:
          cache: false    # small
          desc: "the table: cleaned"
      - data/log.txt

  # ------------------------------------------------------------ features

  # needs `load`
  features:
    desc: 'It''s quoted'
    cmd: >-
      python features.py
        --window 7

      --verbose
    # what it reads
    deps: [ data/table.csv, features.py ]
    params:
      - window
      - other.yaml:
          - a.b
          - c

    outs: {}
    # frozen: true

  train:
    cmd: |
      set -e
      # not a comment
      python train.py

    deps:
      - data/table.csv
    frozen: true   # until the new data
    meta:
      owner: "müller 😀"
      tags: [a, 'b', "c: d"]
  # evaluate:
  #   cmd: python evaluate.py

# the end
metrics:
  - metrics.json
"""

FOUR_SPACES = """\
stages:
    "load":
        cmd: "python load.py"
        deps:
        -   data/raw.csv
        -   load.py
        outs:
        -   data/a.csv:
                cache: false
        -   data/b.csv
    'train':
        cmd:
        - python train.py
        - 'echo "done"'

        deps: [data/a.csv]    \t# tab before the comment
        env: {A: "1", B: two}
        retries: 3{spaces}
"""

FLOW = """\
{
  # a file that is nothing but flow
  "stages": {
    "load": {"cmd": "python load.py", "deps": ["a.csv", "b.csv"], "outs": ["c.csv"]},   # first
    # second
    "train": {
      "cmd": "python train.py",
      "deps": [
        "c.csv",   # from load
        "train.py"
      ],
      "retries": 2
    }
  }
}
"""

ANCHORS = """\
# shared settings
vars: [{x: 1}]
meta: &defaults
  workers: 2
  env: {LANG: C}   # for all

stages:
  load: &load
    <<: *defaults
    cmd: python load.py
    deps: &in
    - a.csv
    outs:
    - b.csv
  train:
    <<: [*defaults]
    cmd: python train.py
    deps: *in
    retries: &n 3
    timeout: *n
"""

GROUPS = """\
stages:
  fit:
    foreach: [de, fr]   # languages
    do:
      cmd: python fit.py ${item}
      deps:
      - data/${item}.csv
      outs:
      - models/${item}.pkl   # one each

  # all of them
  grid:
    matrix:
      size: [1, 2]
      kind:
      - a
      - b
    cmd: python grid.py ${item.size} ${item.kind}
    outs:
    - grid/${key}.json:
        cache: false
"""

CALLS = """\
stages:

  load:
    call: stages:load
    args: {limit: 100, ratio: 0.5}
    deps: {raw: data/orders.csv}
    outs: {orders: data/orders.parquet}


  customers:
    call: stages:customers
    deps: {orders: {path: data/orders.parquet, columns: [customer, amount]}}
    chunk: {by: {orders: customer}, rows: 500}    # about 500 orders each
    outs:
      customers: data/customers.parquet
"""

TEXTS = {
    "two spaces": TWO_SPACES,
    "four spaces": FOUR_SPACES.replace("{spaces}", "   "),
    "flow": FLOW,
    "anchors": ANCHORS,
    "groups": GROUPS,
    "calls": CALLS,
    "CRLF": TWO_SPACES.replace("\n", "\r\n"),
    "BOM": "\ufeff" + CALLS,
    "no last line break": TWO_SPACES.rstrip("\n"),
    "no line break after a stage": GROUPS.rstrip("\n"),
    "document markers": "%YAML 1.2\n---\n" + GROUPS + "...\n# after the end\n",
    "blank lines at the end": CALLS + "\n\n\n",
}


@pytest.fixture(params=TEXTS.values(), ids=TEXTS.keys())
def text(request: pytest.FixtureRequest) -> str:
    """A pipeline file."""
    found: str = request.param
    return found
