"""Edge. The library of checkpoints, for code that is no pipeline: one object over a folder or a URL.

    manager = CheckpointManager("checkpoints")
    with manager.track("corpus") as run:
        for path in run.remaining(paths):
            ...
            run.done(path)

Making one touches nothing. Everything is logged by the logger `ckptflow.checkpoints`. A manager may be used by several
threads; processes share a base, not a manager.
"""

from __future__ import annotations

import builtins
import logging
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from importlib import import_module
from pathlib import Path
from typing import Any

from ...errors import CheckpointError
from ...spec.measures import parse_duration
from ...store import layout
from ..kept import PassedOver, point_to
from ..keys import key_given
from ..locks import hold
from ..manifest import Checkpoint, oldest_first, split_name, to_remove
from ..records import Durability
from ..signing import Signer
from . import artifacts, checking
from .artifacts import Artifact
from .checking import Problem
from .documents import by_id, datasets, documents
from .journal import clear
from .leases import LEASE_SECONDS, Lease, hold_lease
from .opening import find_newest
from .place import Place
from .report import Report, report
from .run import Run, Terms

_log = logging.getLogger("ckptflow.checkpoints")


class CheckpointManager:
    """Checkpoints, journals, artifacts and locks of data sets under one base. Every method raises `StoreError`."""

    def __init__(
        self,
        base: str | os.PathLike[str] = "checkpoints",
        keep: int = 10,
        *,
        options: Mapping[str, Any] | None = None,
        durability: str = "batch",
        trust: bool = False,
        key: str | bytes | os.PathLike[str] | None = None,
    ) -> None:
        """`base` is a folder, or a URL (`s3://bucket/checkpoints`, `gs://`, `memory://`, any that fsspec knows).

        `keep` checkpoints of each data set stay. `options` go to the driver of a URL (`key`, `endpoint_url`, ...).
        `durability` says what survives a loss of power: all up to the last second (`batch`), to the last item
        (`strict`), or what the system has written by itself (`off`); a kill loses nothing under any. `key` signs what
        `save` keeps, and lets pickles that were signed with it load from a URL: the key or the path of its file, else
        that of the environment (CKPTFLOW_KEY). `trust` lets all pickles load from a URL. Raises ValueError, and
        `KeyUnusable` for a key that is too short or cannot be read.
        """
        if keep < 1:
            raise ValueError(f"`keep` is {keep}: at least one checkpoint has to stay")
        self._keep = keep
        self._place = Place(base, options or {}, Durability(durability))
        self._trust = trust
        found = key_given(key)
        self._signer = None if found is None else Signer(found.secret, "")
        self._leases: dict[str, Lease] = {}

    @property
    def url(self) -> str:
        """Where this is, without credentials."""
        return self._place.url

    def __repr__(self) -> str:
        return f"CheckpointManager({self.url!r}, keep={self._keep})"

    @contextmanager
    def lock(self, dataset: str, timeout: float | None = 10.0, *, lease: float = LEASE_SECONDS) -> Iterator[None]:
        """Hold the lock on `dataset` for the length of the block: one process, and one thread of it, at a time.

        Waits `timeout` seconds (0: not at all, None: for ever), then raises `Locked`, which names the holder. A dead
        holder keeps nothing: on a local disk the kernel lets go, on a URL the lock counts for `lease` seconds since
        it was last renewed. A run under a lock that was lost all the same ends with `CheckpointError` at its next item.
        """
        if self._place.folder is not None:
            self._place.store(create=True)
            with hold(
                self._place.folder, [dataset], timeout=timeout, on_wait=_told, place=layout.dataset_lock
            ):  # fmt: skip
                _log.debug("lock on %s taken", dataset)
                yield
            return
        assert self._place.bucket is not None
        with hold_lease(self._place.bucket, dataset, timeout=timeout, seconds=lease, on_wait=_told) as held:
            _log.debug("lock on %s taken", dataset)
            self._leases[dataset] = held
            try:
                yield
            finally:
                self._leases.pop(dataset, None)

    def track(
        self,
        dataset: str,
        processor: str | None = None,
        total: int | None = None,
        *,
        every: float | str | timedelta = "5m",
        items: int = 1000,
        retry_failed: bool = True,
        fresh: bool = False,
        checkpoint: Checkpoint | None = None,
    ) -> Run:
        """Return a run over the items of `dataset`, a context manager; it goes on from what earlier ones did.

        `processor` names the code (`module:function`, for `resume`), `total` the number of items. A checkpoint is
        written after `every` (seconds, or a text such as `5m`) and after so many `items`, at SIGINT and SIGTERM, when
        the block raises (`failed`), and at its end (`completed`; `in_progress` where `remaining` was left before its
        end). `retry_failed=False` passes over items that failed before, `fresh` begins anew, `checkpoint` goes back to
        an older one. Raises ValueError.
        """
        seconds = seconds_of(every)
        if items < 1:
            raise ValueError(f"`items` is {items}: a checkpoint is written after one item at the earliest")
        if fresh and checkpoint is not None:
            raise ValueError("`fresh` begins anew, `checkpoint` goes on: one of the two")
        terms = Terms(processor, total, seconds, items, self._keep, retry_failed, fresh, checkpoint)
        return Run(self._place, dataset, terms, lambda: self._leases.get(dataset))

    def resume(
        self,
        dataset: str | None = None,
        *,
        checkpoint_id: str | None = None,
        processors: Mapping[str, Callable[..., Any]] | Callable[..., Any] | None = None,
        **arguments: Any,
    ) -> Any:
        """Call the processor of the newest checkpoint of `dataset`, or of the one called `checkpoint_id`, to go on.

        The processor is what `processors` has under its name, or `processors` itself, or, where the checkpoint names
        it as `module:function`, what can be imported so. It is called with `checkpoint=` and `arguments`; its result
        is returned, its errors are raised. To go back to an older checkpoint it hands that on: `track(...,
        checkpoint=checkpoint)`. Raises `CheckpointError` where there is no such checkpoint or processor.
        """
        if (dataset is None) == (checkpoint_id is None):
            raise ValueError("name a data set or the id of a checkpoint: one of the two")
        found = self.find(checkpoint_id) if checkpoint_id is not None else self.latest(str(dataset))
        if found is None:
            what = f"checkpoint {checkpoint_id}" if checkpoint_id is not None else f"valid checkpoint of {dataset}"
            raise CheckpointError(f"there is no {what} at {self.url}", hint="`list` tells what there is")
        process = _processor(found, processors)
        _log.info("resuming %s from checkpoint %s", found.dataset, found.checkpoint_id)
        return process(checkpoint=found, **arguments)

    def latest(self, dataset: str) -> Checkpoint | None:
        """Return the newest valid checkpoint, None where there is none; the log tells of those passed over."""
        store = self._place.store()
        return None if store is None else find_newest(store, dataset)

    def list(self, dataset: str | None = None) -> builtins.list[Checkpoint]:
        """Return the valid checkpoints of `dataset`, or of all, oldest first."""
        store = self._place.store()
        if store is None:
            return []
        found: builtins.list[Checkpoint] = []
        for each in datasets(store) if dataset is None else [dataset]:
            for document, name in documents(store, each):
                if isinstance(document, PassedOver):
                    _log.warning("checkpoint %s passed over: %s", name, document.problem)
                else:
                    found.append(document)
        return found

    def datasets(self) -> builtins.list[str]:
        """Return the names of all data sets that have anything here, sorted."""
        store = self._place.store()
        return [] if store is None else datasets(store)

    def find(self, checkpoint_id: str) -> Checkpoint | None:
        """Return the checkpoint of this id, None where there is none that can be used."""
        store = self._place.store()
        found, passed = by_id(store, checkpoint_id) if store is not None else (None, [])
        for each in passed:
            _log.warning("checkpoint %s passed over: %s", each.name, each.problem)
        if found is None:
            _log.warning("there is no checkpoint %s at %s", checkpoint_id, self.url)
        return found

    def validate(self, what: str | os.PathLike[str] | Checkpoint | None = None) -> builtins.list[Problem]:
        """Return what is wrong, each with what to do about it; an empty list is good news.

        `what` is a checkpoint, the path of one, the id of one, a data set, or None for everything. Changes nothing.
        """
        store = self._place.store()
        if isinstance(what, Checkpoint):
            return [*checking.check_document(what, what.checkpoint_id, datetime.now(UTC))]
        if isinstance(what, os.PathLike) or (what is not None and what.endswith(".json")):
            return checking.check_file(Path(what))
        known = [] if store is None else datasets(store)
        if what is not None and what not in known and store is not None:
            found, passed = by_id(store, what)
            if found is not None or passed:
                problems = [Problem(each.name, each.problem, checking.PASSED) for each in passed]
                return problems + (self.validate(found) if found is not None else [])
        if store is None or (what is not None and what not in known):
            raise CheckpointError(f"there is nothing of {what or 'any data set'} at {self.url}")
        problems = []
        for dataset in known if what is None else [what]:
            problems += checking.check_dataset(self._place, store, dataset)
        for problem in problems:
            _log.warning("%s", problem)
        return problems

    def prune(
        self,
        dataset: str | None = None,
        *,
        keep: int | None = None,
        older_than: float | str | timedelta | None = None,
    ) -> builtins.list[str]:
        """Remove checkpoints beyond `keep` (of the manager unless given), oldest first, and all that cannot be used.

        `older_than` removes those of a greater age besides. The newest valid one stays always. Journals that no
        checkpoint needs go too, and what a killed `save` left: call it when nobody is saving. Returns the names of
        what was removed.
        """
        keep = self._keep if keep is None else keep
        if keep < 1:
            raise ValueError(f"`keep` is {keep}: at least one checkpoint has to stay")
        age = None if older_than is None else seconds_of(older_than)
        store = self._place.store()
        removed: builtins.list[str] = []
        if store is None:
            return removed
        for each in datasets(store) if dataset is None else [dataset]:
            removed += self._prune(each, keep, age)
        for name in removed:
            _log.info("%s removed", name)
        return removed

    def save(
        self, dataset: str, name: str, value: Any, metadata: Mapping[str, Any] | None = None
    ) -> Artifact:  # fmt: skip
        """Keep the result of a step under `name`, in the place of what was there; `metadata` is plain data of yours.

        Tables (pyarrow, pandas, polars) and mappings of records (dicts of dicts) are kept as Parquet and come back as
        they were; everything else is pickled.
        """
        return artifacts.save(self._place, dataset, name, value, metadata or {}, self._signer)

    def load(self, dataset: str, name: str) -> Any:
        """Return what was saved under `name`. Raises `CheckpointError` where there is nothing or it is damaged."""
        return artifacts.load(self._place, dataset, name, trust=self._trust, signer=self._signer)

    def describe(self, dataset: str, name: str) -> Artifact:
        """Return what is known of a saved value, its metadata among it, without loading it."""
        return artifacts.find(self._place.store(), self._place, dataset, name)

    def saved(self, dataset: str) -> builtins.list[Artifact]:
        """Return what was saved for `dataset`, by name."""
        store = self._place.store()
        return [] if store is None else sorted(artifacts.artifacts(store, dataset), key=lambda made: made.name)

    def report(self, dataset: str) -> Report:
        """Return how far `dataset` is: counts up to the last item, rate, time left. `print` shows it in a line."""
        return report(self._place.store(), dataset)

    def _prune(self, dataset: str, keep: int, age: float | None) -> builtins.list[str]:
        store = self._place.needed()
        newest = find_newest(store, dataset)
        valid: dict[str, Checkpoint] = {}
        bad: builtins.list[str] = []
        for document, name in documents(store, dataset):
            if isinstance(document, PassedOver):
                bad.append(name)
            else:
                valid[name] = document
        folder = layout.stage_folder(dataset, "")
        files = [name.removeprefix(folder) for name in valid]
        going = {folder + file for file in to_remove(files, keep)}
        if age is not None:
            limit = f"{datetime.now(UTC) - timedelta(seconds=age):%Y%m%d%H%M%S}"
            going |= {folder + file for file in files if (split_name(file) or ("", "", None))[1] < limit}
        removed = bad + [folder + file for file in oldest_first(files) if folder + file in going]
        removed = [name for name in removed if valid.get(name) != newest or newest is None]
        for name in removed:
            store.delete(name)
        left = {name: each for name, each in valid.items() if name not in removed}
        for name, each in left.items():
            if each == newest:
                point_to(store, name, each, base="")
        removed += clear(store, dataset, left.values)
        return removed + artifacts.sweep(store, dataset)


def _told(dataset: str, holder: str) -> None:
    _log.info("waiting for the lock on %s, held by %s", dataset, holder)


def seconds_of(duration: float | str | timedelta) -> float:
    """Return a duration in seconds. Raises ValueError."""
    if isinstance(duration, timedelta):
        seconds: float | None = duration.total_seconds()
    elif isinstance(duration, str):
        seconds = parse_duration(duration)
    else:
        seconds = float(duration)
    if seconds is None or not seconds > 0:
        raise ValueError(f"{duration!r} is no duration: `90s`, `5m`, `3h50m`, or a number of seconds")
    return seconds


def _processor(
    checkpoint: Checkpoint, processors: Mapping[str, Callable[..., Any]] | Callable[..., Any] | None
) -> Callable[..., Any]:
    name = checkpoint.processor
    if processors is not None and not isinstance(processors, Mapping):
        return processors
    if processors is not None and name in processors:
        return processors[name]
    known = f"there are {', '.join(sorted(processors))}" if processors else "give `processors={name: function}`"
    module, colon, function = name.partition(":")
    if not colon:
        raise CheckpointError(f"no processor is called {name}", hint=known)
    try:
        found: Callable[..., Any] = getattr(import_module(module), function)
    except (ImportError, AttributeError, ValueError) as error:
        raise CheckpointError(f"the processor {name} cannot be imported: {error}", hint=known) from error
    return found
