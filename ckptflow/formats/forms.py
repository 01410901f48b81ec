"""Pure. The Python forms in which a dep can reach a stage function. Imports nothing: planning names forms too."""

from __future__ import annotations

from enum import StrEnum


class Form(StrEnum):
    """The Python form in which a dep reaches a function, from the parameter's annotation."""

    NATURAL = "natural"  # no annotation: a table as pyarrow.Table, text as str, other formats as what they hold
    TABLE = "pyarrow.Table"
    READER = "pyarrow.RecordBatchReader"
    PANDAS = "pandas.DataFrame"
    POLARS = "polars.DataFrame"
    POLARS_LAZY = "polars.LazyFrame"
    DATASET = "ckptflow.Dataset"
    PATH = "pathlib.Path"
    PATHS = "list[pathlib.Path]"
    BYTES = "bytes"
    TEXT = "str"


TABLE_FORMS = frozenset({Form.TABLE, Form.READER, Form.PANDAS, Form.POLARS, Form.POLARS_LAZY, Form.DATASET})
"""Forms that show rows and schema only: neither the encoding of a file nor its name reaches the function."""

FILE_FORMS = frozenset({Form.PATH, Form.PATHS, Form.BYTES, Form.TEXT})
"""Forms that show the bytes of a file, so the bytes are what the function depends on."""
