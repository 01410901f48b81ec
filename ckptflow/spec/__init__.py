"""Pure. What is declared: the text of a pipeline file -> `Pipeline`, or all of its mistakes at once.

`load` is the way in, `model` what comes out, `document` its cached form, `graph` who reads what from whom, `schema` the
JSON Schema for editors. Inside, in the order of the data: `compose` (text to `nodes`), `template` (with `values` from
`valuefiles`), `conform` (nodes against `shapes` in the `table`), `stages` with `places` and `chunks`, `check`.

Nothing is imported here: a command that has nothing to do needs `model` and `document` alone.
"""
