"""Pure. Anti-money-laundering: from raw transactions to features, balanced training data and a graph.

The functions are the stages of the repository's `pipeline.yaml`; `docs/aml.md` says what each computes and from which
source. They are ordinary functions on tables and need no engine.

Rules:
- A result depends on the arguments alone, to the byte: no clock, no global random state, no order of a set or of
  threads, no function of the C library that differs between machines (`exact`).
- Amounts are whole US cents, so sums are exact and need no order.
- The schema of a result never depends on the rows: no rows in, no rows out, same columns.
"""
