"""Edge. What `save` keeps beside the checkpoints: a value in a file of its own, and a document that tells which.

Order: the value under a name that is never used twice, then the document that names it with its hash, then the removal
of the value that the document named before. So whoever reads gets a whole value, the old one or the new. It is
hashed before it is used.

A pickle runs code when it is loaded. Those in a local folder load; those on object storage, where others may write,
load only if their document is signed with the project's key, if the user trusts the place, or if this very process
saved them.
"""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from ...dataclass import dataclass, field
from ...errors import CheckpointError, CkptflowError, StoreError
from ...formats import faithful
from ...store import layout
from ...store.hashing import hash_file
from ...store.oserrors import store_error
from ...store.protocol import NotThere, Store
from ..signing import FIELD, Signer
from ..trust import why_not
from .place import Place

VERSION = "1.0"
_TRIES = 5
_log = logging.getLogger("ckptflow.checkpoints")
_saved_here: set[str] = set()
"""Digests of what this process saved."""


@dataclass(frozen=True, slots=True)
class Artifact:
    """What is known of a saved value without reading it. `metadata` is what the user gave."""

    dataset: str
    name: str
    file: str
    kind: str
    digest: str
    bytes: int
    saved: str
    metadata: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form."""
        fields = {each: getattr(self, each) for each in self.__slots__}
        return {**fields, "metadata": dict(self.metadata), "version": VERSION}

    @classmethod
    def from_dict(cls, doc: Any) -> Artifact:
        """Inverse of `to_dict`. Raises ValueError."""
        if not isinstance(doc, dict) or doc.get("version") != VERSION:
            raise ValueError("not an artifact that this program can read")
        try:
            fields = {each: doc[each] for each in cls.__slots__}
        except KeyError as error:
            raise ValueError(f"no {error}") from error
        texts = ("dataset", "name", "file", "kind", "digest", "saved")
        if not all(isinstance(fields[each], str) for each in texts) or not isinstance(fields["metadata"], dict):
            raise ValueError("malformed")
        return cls(**fields)


def save(
    place: Place, dataset: str, name: str, value: Any, metadata: Mapping[str, Any], signer: Signer | None
) -> Artifact:
    """Keep `value` under `name`, in the place of what was there. Raises `CheckpointError`, `StoreError`."""
    store = place.store(create=True)
    assert store is not None
    document = layout.artifact_name(dataset, name)
    before = _find(store, dataset, name)
    with _aside(place, store, dataset) as folder:
        kind, path = _write(value, folder, place, f"{name} of {dataset}")
        try:
            target = layout.artifact_data(dataset, name, os.urandom(6).hex(), faithful.suffix_of(kind))
            file = target.rpartition("/")[2]
            size, digest = path.stat().st_size, hash_file(path)
            now = datetime.now(UTC).isoformat(timespec="microseconds")
            made = Artifact(dataset, name, file, kind, digest, size, now, dict(metadata))
            data = _encode(made.to_dict())
            if signer is not None:
                read = json.loads(data)
                data = _encode({**read, FIELD: signer.signature_of_artifact(document, read)})
            store.adopt(path, target)
        except (TypeError, ValueError) as error:
            raise CheckpointError(f"the metadata of {name} is not plain data: {error}") from error
        except OSError as error:
            raise store_error(error, f"save {name}", place.url) from error
        finally:
            path.unlink(missing_ok=True)
    place.sync(store, [target])
    store.put(document, data)
    place.sync(store, [document])
    if before is not None and before[0].file != file:
        store.delete(layout.stage_folder(dataset, "") + before[0].file)
    _saved_here.add(digest)
    _log.info("artifact %s of %s saved as %s, %d bytes", name, dataset, file, size)
    return made


def _encode(doc: Mapping[str, Any]) -> bytes:
    """Return a document. Raises TypeError, ValueError for what JSON cannot hold."""
    text = json.dumps(doc, ensure_ascii=False, allow_nan=False, indent=1)
    return (text + "\n").encode("utf-8", "backslashreplace")


def _write(value: Any, folder: Path, place: Place, what: str) -> tuple[str, Path]:
    """Write a value to a new file in `folder`; return its kind and the file. Leaves none behind when it fails."""
    paths: dict[str, Path] = {}
    kind = ""

    def path(kind: str) -> Path:
        return paths.setdefault(kind, folder / f".{os.urandom(8).hex()}{faithful.suffix_of(kind)}")

    try:
        kind = faithful.write(value, path)
        return kind, paths[kind]
    except OSError as error:
        raise store_error(error, f"save {what}", place.url) from error
    except CkptflowError as error:
        raise CheckpointError(f"{what} cannot be saved: {error.message}", hint=error.hint) from error
    finally:
        for each, written in paths.items():
            if each != kind:
                written.unlink(missing_ok=True)


def load(place: Place, dataset: str, name: str, *, trust: bool, signer: Signer | None) -> Any:
    """Return what was saved. Raises `CheckpointError` where there is nothing, or it is damaged or not trusted."""
    store = place.store()
    for attempt in range(_TRIES):
        made, doc = _needed(store, place, dataset, name)
        assert store is not None
        if made.kind == faithful.PICKLE and not (trust or place.is_local or made.digest in _saved_here):
            _check_signed(place, made, doc, signer)
        try:
            with fetched(place, store, made) as path:
                value = faithful.read(made.kind, path)
        except NotThere as error:  # replaced since the document was read
            if attempt == _TRIES - 1:
                raise CheckpointError(f"{name} of {dataset} is gone: {error.message}") from error
            continue
        except CheckpointError:
            raise
        except (CkptflowError, ValueError, ImportError) as error:  # pyarrow's errors are ValueErrors
            raise CheckpointError(f"{name} of {dataset} cannot be loaded: {error}") from error
        _log.info("artifact %s of %s loaded from %s", name, dataset, made.file)
        return value
    raise AssertionError("the last attempt returns or raises")


def _check_signed(place: Place, made: Artifact, doc: Mapping[str, Any], signer: Signer | None) -> None:
    """Raise `CheckpointError` where the document of a value is not signed with the key, for the place where it is."""
    if signer is not None and signer.is_signed_artifact(layout.artifact_name(made.dataset, made.name), doc):
        return
    cure = "save it again with the key of this program" if signer is not None else "set CKPTFLOW_KEY on all machines"
    raise CheckpointError(
        f"{made.name} of {made.dataset} at {place.url} is a pickle, which runs what its author wrote when it is loaded,"
        f" and {why_not(doc, signer)}",
        hint=f"{cure}; or, if only you can write there: `CheckpointManager(..., trust=True)`",
    )


def find(store: Store | None, place: Place, dataset: str, name: str) -> Artifact:
    """Return what is known of an artifact. Raises `CheckpointError` where there is none."""
    return _needed(store, place, dataset, name)[0]


def _needed(store: Store | None, place: Place, dataset: str, name: str) -> tuple[Artifact, dict[str, Any]]:
    made = _find(store, dataset, name) if store is not None else None
    if made is None:
        known = sorted(each.name for each in artifacts(store, dataset)) if store is not None else []
        hint = f"there are {', '.join(known)}" if known else "nothing was saved there yet"
        raise CheckpointError(f"there is no {name} of {dataset} at {place.url}", hint=hint)
    return made


def artifacts(store: Store, dataset: str) -> Iterator[Artifact]:
    """Yield all artifacts of a dataset whose documents can be read. Raises `StoreError`."""
    for entry in store.list(layout.stage_folder(dataset, "")):
        if entry.name.endswith(layout.ARTIFACT):
            try:
                yield Artifact.from_dict(json.loads(store.get(entry.name)))
            except (ValueError, RecursionError, NotThere) as error:
                _log.warning("%s passed over: %s", entry.name, error)


@contextmanager
def fetched(place: Place, store: Store, made: Artifact) -> Iterator[Path]:
    """Yield a local file with the bytes of an artifact, which were hashed. Raises `CheckpointError`, `NotThere`."""
    name = layout.check_name(layout.stage_folder(made.dataset, "") + made.file)
    path = store.local(name)
    if path is not None:
        _check(made, path, store, name)
        yield path
        return
    assert place.bucket is not None
    with TemporaryDirectory(prefix="ckptflow-") as folder:
        path = Path(folder) / "value"
        place.bucket.download(name, path)
        _check(made, path, store, name)
        yield path


def _check(made: Artifact, path: Path, store: Store, name: str) -> None:
    try:
        found = hash_file(path)
    except FileNotFoundError:
        raise NotThere(f"no {name} in {store.url}") from None
    except OSError as error:
        raise store_error(error, f"read {name}", store.url) from error
    if found != made.digest:
        raise CheckpointError(
            f"{made.name} of {made.dataset} is damaged: {name} is not what was saved", hint="save it again"
        )


def _find(store: Store, dataset: str, name: str) -> tuple[Artifact, dict[str, Any]] | None:
    """Return an artifact and its document as it was read, None where there is none."""
    try:
        doc = json.loads(store.get(layout.artifact_name(dataset, name)))
        made = Artifact.from_dict(doc)
    except NotThere:
        return None
    except (ValueError, RecursionError) as error:
        _log.warning("artifact %s of %s passed over: %s", name, dataset, error)
        return None
    if (made.dataset, made.name) != (dataset, name):  # a file system may take `A` and `a` for one
        raise CheckpointError(
            f"{name} of {dataset} cannot be told from {made.name} of {made.dataset} at {store.url}",
            hint=f"its document was moved there, or the disk takes both names for one: save {name} again",
        )
    return made, doc


@contextmanager
def _aside(place: Place, store: Store, dataset: str) -> Iterator[Path]:
    """Yield a folder for a file that is being written: the dataset's own, where names with a dot do not show."""
    if place.is_local:
        path = store.local(layout.latest_name(dataset, ""))
        assert path is not None
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise store_error(error, "make a folder", place.url) from error
        yield path.parent
        return
    with TemporaryDirectory(prefix="ckptflow-") as folder:
        yield Path(folder)


def sweep(store: Store, dataset: str) -> list[str]:
    """Remove values that no document names, as a save that was killed leaves them; return their names.

    For a dataset that nobody saves to. Raises `StoreError`.
    """
    folder = layout.stage_folder(dataset, "")
    named = {folder + each.file for each in artifacts(store, dataset)}
    stray = [
        entry.name
        for entry in store.list(folder)
        if entry.name.endswith((".parquet", ".pkl")) and entry.name not in named
    ]
    try:
        for name in stray:
            store.delete(name)
    except StoreError:
        _log.warning("stray artifacts of %s could not be removed", dataset)
        raise
    return stray
