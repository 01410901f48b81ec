"""ckptflow: data pipelines that never do the same work twice."""

__version__ = "0.1.0"
