"""Pure. snakemake: a rule with a wildcard, and one that wants all."""

from __future__ import annotations

from pathlib import Path

from .peer import Copies, Peer, Work

STAGES = """\
def source(wildcards):
    n = int(wildcards.n)
    return {source}


rule all:
    input: [f"out/{{n}}.txt" for n in range({count})]


rule copy:
    input: source
    output: "out/{{n}}.txt"
    shell: "cp {{input}} {{output}}"
"""


def write_stages(directory: Path, copies: Copies) -> None:
    (directory / "Snakefile").write_text(STAGES.format(source=copies.source, count=copies.count))


PEER = Peer(
    "snakemake",
    ("snakemake==9.27.1",),
    version=("snakemake", "--version"),
    stages=Work(write_stages, ("snakemake", "--cores", "2", "--quiet", "all"), most=2_000, most_first=200),
)
