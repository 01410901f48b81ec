"""Pipelines of public repositories: the stages and edges that DVC finds in them, ckptflow finds too.

They lie beside the repository and are no part of it; without them these tests skip. What DVC says of each lies with
it: `EXPECTED-stages.txt` and `EXPECTED-edges.txt`.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest

PUBLIC = Path(__file__).resolve().parents[3] / "shared" / "dvc-pipelines"
PROJECTS = sorted(path.name for path in PUBLIC.glob("*/")) if PUBLIC.is_dir() else []


@pytest.fixture(params=PROJECTS or ["none"])
def public(request, place):
    """A copy of a public project."""
    if not PROJECTS:
        pytest.skip(f"there are no public projects in {PUBLIC}")
    shutil.copytree(PUBLIC / request.param, place.root, dirs_exist_ok=True)
    (place.root / ".ckptflow").mkdir()
    return place


def test_the_stages_are_those_of_dvc(public):
    ended = public.run("stage", "list", "--all", "--name-only")
    assert ended.code == 0, ended.err
    assert sorted(ended.out.splitlines()) == lines(public, "EXPECTED-stages.txt")


def test_the_edges_are_those_of_dvc(public):
    ended = public.run("dag", "--json")
    assert ended.code == 0, ended.err
    graph = json.loads(ended.out)
    edges = {f'"{before}" -> "{after}"' for before, after in graph["edges"]}
    assert sorted(graph["nodes"]) == lines(public, "EXPECTED-stages.txt")
    assert sorted(edges) == lines(public, "EXPECTED-edges.txt")


def lines(place, name):
    return sorted((place.root / name).read_text().splitlines())
