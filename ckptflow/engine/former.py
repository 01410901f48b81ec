"""Edge. What DVC did before, for those who go on: what reads it is imported only where DVC left something."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import TYPE_CHECKING

from ..plan.selection import Selection
from ..spec.catalog import NamedDataset, with_lock
from ..spec.model import Pipeline
from ..workspace.traces import has_traces
from .session import Session
from .survey import Survey

if TYPE_CHECKING:
    from .adopt import Adoption


def former_work(session: Session, pipeline: Pipeline) -> Adoption | None:
    """Return what answers for work that DVC did; None where it did none."""
    if not has_traces(session.root, pipeline.files):
        return None
    from .adopt import Adoption

    return Adoption(session, pipeline)


def elsewhere(former: Adoption | None) -> Callable[[str], str | None]:
    """Return what tells how a dep that is missing can be had from DVC."""
    if former is None:
        return lambda path: None
    from .tracked import where_tracked

    return partial(where_tracked, former.dvc)


def restore(session: Session, survey: Survey, selection: Selection, former: Adoption | None) -> Iterator[str]:
    """Put deps that are missing in place, as far as DVC keeps them; yield their paths. Raises `StoreError`."""
    if former is not None:
        from .tracked import restore_tracked

        yield from restore_tracked(session, survey, selection, former.dvc)


def noted_datasets(session: Session, pipeline: Pipeline) -> tuple[NamedDataset, ...]:
    """Return the datasets of the pipeline, with what DVC noted of them. Raises `SpecError`."""
    if not pipeline.datasets or not has_traces(session.root, pipeline.files):
        return pipeline.datasets
    from ..workspace.dvc import DvcProject

    dvc = DvcProject(session.root, session.observer, session.cache)
    noted = {file: dvc.datasets(file) for file in {dataset.file for dataset in pipeline.datasets}}
    return tuple(with_lock(dataset, noted[dataset.file].get(dataset.name, {})) for dataset in pipeline.datasets)
