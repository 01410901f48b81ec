"""Pure. How data is cut: what a dep holds becomes chunks whose identity is their content and never their position.

`model` and `tree` are the values (light). The others import numpy and pyarrow, so they are imported only where data
is at hand:

- `values`: `TableHasher(schema)` with `update`, `rows`, `bytes`, `digest`, `fresh`; `table_digest(table)`,
  `schema_digest(schema)`
- `content`: content-defined boundaries
- `rows`: `cut_rows(batches, schema, rows, cut) -> Iterator[RowPiece(start, stop, digest, bytes)]`,
  `cut_table_bytes(batches, schema, size, cut, *, groups=None) -> Iterator[RowPiece]`; `groups`: `[(start, stop), ...]`
- `text`: `cut_lines(blocks, *, rows=None, size=None, cut, quoted, header, delimiter=b",", salt=b"") ->
  Iterator[LinePiece(start, stop, rows, digest)]`
- `binary`: `cut_binary(blocks, size, cut) -> Iterator[BytePiece(start, stop, digest)]`
- `files`: `cut_files([(relpath, Digest, bytes), ...], count, cut) -> list[FilesPiece(paths, digest, bytes)]`
- `keys`: `build_ranges(keys, rows, cut)`, `build_buckets(into)`, `build_values(keys)` -> slotting with `count`,
  `labels`; `slots_of_batch(slotting, batch, columns) -> (row indices, slots)`

Every cutter yields at least one piece: an empty dep is one empty piece, so that its stage still runs once.
"""
