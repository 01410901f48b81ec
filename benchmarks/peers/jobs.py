"""Pure. The function of the row `chunks`, as every peer has it: it reads a part, adds a column and writes a part."""

DOUBLE = """\
import pyarrow.compute as pc
import pyarrow.parquet as pq


def double(source, target):
    rows = pq.read_table(source)
    made = rows.append_column("double", pc.multiply(rows["x"], 2.0))
    pq.write_table(made, target, compression="zstd", compression_level=1, use_dictionary=False)
    return target

"""
