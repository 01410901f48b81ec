"""Pure. All peers, quickest to start first."""

from __future__ import annotations

from . import datatrove, doit, dvc, joblib, pytask, rclone, redun, snakemake, xvc

ALL = tuple(module.PEER for module in (doit, xvc, dvc, snakemake, pytask, redun, joblib, datatrove, rclone))
