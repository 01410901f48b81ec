"""Edge. `pipeline.lock`: what the last success of each stage used and produced.

JSON, sorted, one line a field, so that two branches merge line by line. A merge may pair one run's key with another's
outs without a conflict; therefore each entry carries a checksum over both, and an entry whose checksum fails is left
out: the stage is then looked up in the store's records like any other. Light on imports: a run with nothing to do reads
this file.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any, NoReturn

from ..dataclass import dataclass, field
from ..dataclass import fields as fields_of
from ..errors import Place, Problem, SpecError
from ..ids import Digest, StageName, digest, is_digest
from ..store.oserrors import store_error

VERSION = 1
_MARKERS = ("<<<<<<<", "=======", ">>>>>>>", "|||||||")
_RESTORE = "restore it with git, or remove it"
_NO_ENTRY = "remove the file's entry of this stage, or the file: finished chunks are found in the store again"

_ENCODE = json.JSONEncoder(sort_keys=True, ensure_ascii=False).encode


@dataclass(frozen=True, slots=True)
class LockEntry:
    """The last success of one stage. Mappings are by label or name; unknown fields are kept in `extra`.

    `key` is the digest of the whole stage: its recipe and the digests of all its deps. A dep has at least `path` and
    `digest`, an out at least `path` and `tree` (the digest that names it in the store); more may stand there (`form`,
    `rows`, `bytes`, `digest`). `chunks` is how many chunks made the outs,
    `quarantined` how many items are not in them because they failed, `superseded` how many of the chunks were made by
    code that was superseded.
    """

    stage: StageName
    key: Digest
    deps: Mapping[str, Mapping[str, Any]]
    outs: Mapping[str, Mapping[str, Any]]
    chunks: int = 1
    quarantined: int = 0
    superseded: int = 0
    code: Digest | None = None
    call: str | None = None
    cmd: tuple[str, ...] = ()
    wdir: str = "."
    args: Mapping[str, Any] = field(default_factory=dict)
    params: Mapping[str, Any] = field(default_factory=dict)
    env: Mapping[str, str] = field(default_factory=dict)
    packages: Mapping[str, str] = field(default_factory=dict)
    way: Mapping[str, Any] = field(default_factory=dict)
    version: Any = None
    extra: Mapping[str, Any] = field(default_factory=dict)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON form. What is empty or default is left out."""
        doc: dict[str, Any] = {**self.extra, "key": self.key, "chunks": self.chunks, "check": self._check()}
        optional = {"code": self.code, "call": self.call, "cmd": list(self.cmd) or None, "version": self.version}
        mappings = {
            "deps": self.deps, "outs": self.outs, "args": self.args,
            "params": self.params, "env": self.env, "packages": self.packages, "way": self.way,
        }  # fmt: skip
        doc.update({name: value for name, value in optional.items() if value is not None})
        doc.update({name: dict(value) for name, value in mappings.items() if value})
        if self.quarantined:
            doc["quarantined"] = self.quarantined
        if self.superseded:
            doc["superseded"] = self.superseded
        if self.wdir != ".":
            doc["wdir"] = self.wdir
        return doc

    @classmethod
    def from_dict(cls, stage: StageName, doc: Mapping[str, Any]) -> LockEntry | None:
        """Inverse of `to_dict`; None if the checksum over key and outs does not hold. Raises KeyError, TypeError,
        ValueError.
        """
        code = doc.get("code")
        entry = cls(
            stage=stage,
            key=Digest(doc["key"]),
            deps=_mappings(doc, "deps", "digest"),
            outs=_mappings(doc, "outs", "tree"),
            chunks=doc["chunks"],
            quarantined=int(doc.get("quarantined", 0)),
            superseded=int(doc.get("superseded", 0)),
            code=None if code is None else Digest(code),
            call=doc.get("call"),
            cmd=tuple(doc.get("cmd", ())),
            wdir=doc.get("wdir", "."),
            args=_mapping(doc, "args"),
            params=_mapping(doc, "params"),
            env=_mapping(doc, "env"),
            packages=_mapping(doc, "packages"),
            way=_mapping(doc, "way"),
            version=doc.get("version"),
            extra={name: value for name, value in doc.items() if name not in _FIELDS},
        )
        if not is_digest(entry.key) or not isinstance(entry.chunks, int) or (code is not None and not is_digest(code)):
            raise ValueError("`key`, `code` or `chunks` is malformed")
        return entry if doc.get("check") == entry._check() else None

    def _check(self) -> str:
        parts = [self.key, str(self.chunks)]
        for label in sorted(self.outs):
            out = self.outs[label]
            parts += (label, str(out.get("path")), str(out.get("tree")))
        if self.superseded:  # it tells what the outs are, so a merge must not lose it
            parts += ("superseded", str(self.superseded))
        return digest("\0".join(parts).encode("utf-8", "surrogatepass"))[:16]


_FIELDS = frozenset(f.name for f in fields_of(LockEntry)) - {"stage", "extra"} | {"check"}


@dataclass(frozen=True, slots=True)
class LockFile:
    """All entries by stage. `doubtful` are stages whose entry was left out because its checksum did not hold."""

    stages: Mapping[StageName, LockEntry] = field(default_factory=dict)
    doubtful: tuple[StageName, ...] = ()
    extra: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def read(cls, text: str, file: str = "pipeline.lock") -> LockFile:
        """Read the text of a lock file; `file` is its name in errors. Raises `SpecError` that names the line."""
        try:
            doc = json.loads(text)
        except (ValueError, RecursionError) as error:
            _malformed(text, file, error)
        if not isinstance(doc, dict) or not isinstance(doc.get("stages"), dict):
            _fail(file, 1, text, "this is no lock file of ckptflow", _RESTORE)
        if doc.get("version") != VERSION:
            remedy = "install the version of ckptflow that wrote it, or a newer one"
            _fail(file, 1, text, f"lock file of version {doc.get('version')}; this program reads {VERSION}", remedy)
        if not _looks_whole(text, doc):
            _refuse_duplicates(text, file)
        stages: dict[StageName, LockEntry] = {}
        doubtful: list[StageName] = []
        for name, fields in doc["stages"].items():
            try:
                entry = LockEntry.from_dict(StageName(name), fields)
            except (KeyError, TypeError, ValueError, AttributeError) as error:
                line = _line_of(text, f"{json.dumps(name)}:")
                _fail(file, line, text, f"the entry of stage `{name}` is malformed: {error}", _NO_ENTRY)
            if entry is None:
                doubtful.append(StageName(name))
            else:
                stages[entry.stage] = entry
        extra = {name: value for name, value in doc.items() if name not in ("version", "stages")}
        return cls(stages, tuple(doubtful), extra)

    def write(self) -> str:
        """Return the text: the same entries give the same text."""
        doc = {**self.extra, "version": VERSION, "stages": {s: e.to_dict() for s, e in self.stages.items()}}
        return _lines(doc, 0) + "\n"


def load(path: Path) -> LockFile:
    """Read the lock file at `path`; empty if there is none. Raises `SpecError`, `StoreError`."""
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        return LockFile()
    except UnicodeDecodeError as error:
        _fail(path.name, 1, "", f"this is no lock file of ckptflow: {error.reason}", _RESTORE)
    except OSError as error:
        raise store_error(error, f"read {path.name}", str(path.parent)) from error
    return LockFile.read(text, path.name)


def update(path: Path, entries: Iterable[LockEntry], removed: Iterable[StageName] = ()) -> LockFile:
    """Put `entries` into the lock file at `path` and take `removed` out; other stages stay as they are on disk now.

    The file is replaced in one step, and not touched if its text stays the same. Two processes may do this at once.
    Returns what was written. Raises `SpecError` if what is there is malformed, and `StoreError`.
    """
    gone = frozenset(removed)
    with _alone(path.parent):
        before = load(path)
        stages = {name: entry for name, entry in before.stages.items() if name not in gone}
        stages.update((entry.stage, entry) for entry in entries)
        after = LockFile(stages, extra=before.extra)
        text = after.write()
        try:
            if not before.doubtful and path.exists() and text == path.read_text(encoding="utf-8"):
                return after
            _replace(path, text.encode())
        except OSError as error:
            raise store_error(error, f"write {path.name}", str(path.parent)) from error
    return after


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    """Let one process at a time update lock files in `folder`.

    Where a directory cannot be locked, an update of another process may be lost: its stages are found in the records.
    """
    import fcntl  # only here: reading needs no locks

    try:
        fd = os.open(folder, os.O_RDONLY)
    except OSError as error:
        raise store_error(error, "write the lock file", str(folder)) from error
    try:
        with suppress(OSError):
            fcntl.flock(fd, fcntl.LOCK_EX)
        yield
    finally:
        os.close(fd)


def _replace(path: Path, data: bytes) -> None:
    target = path.resolve()
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        temporary.replace(target)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _lines(value: Any, depth: int) -> str:
    """Write mappings down to the labels of a stage one field a line, sorted; what is inside them on one line."""
    if not isinstance(value, Mapping) or depth > 3 or not value:
        return _ENCODE(value)
    pad = " " * (depth + 1)
    rows = (f"{pad}{_ENCODE(k)}: {_lines(v, depth + 1)}" for k, v in sorted(value.items()))
    return "{\n" + ",\n".join(rows) + "\n" + " " * depth + "}"


def _mapping(doc: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    value = doc.get(name, {})
    if not isinstance(value, dict):
        raise TypeError(f"`{name}` is not a mapping")
    return value


def _mappings(doc: Mapping[str, Any], name: str, identity: str) -> Mapping[str, Mapping[str, Any]]:
    value = _mapping(doc, name)
    for label, item in value.items():
        if not is_digest(item[identity]) or not isinstance(item["path"], str):
            raise ValueError(f"`{name}` `{label}` has no {identity}")
    return value


def _looks_whole(text: str, doc: Mapping[str, Any]) -> bool:
    """Tell, at the price of three counts, that no key stands twice in a text in our own form: JSON hides that."""
    stages = [s for s in doc["stages"].values() if isinstance(s, dict)]
    inner = sum(len(v) for s in stages for v in s.values() if isinstance(v, dict))
    counts = len(doc["stages"]), sum(map(len, stages)), inner
    return counts == tuple(text.count("\n" + " " * depth + '"') for depth in (2, 3, 4))


def _refuse_duplicates(text: str, file: str) -> None:
    def pairs(items: list[tuple[str, Any]]) -> dict[str, Any]:
        seen: dict[str, Any] = {}
        for name, value in items:
            if name in seen:
                line = _line_of(text, f"{json.dumps(name, ensure_ascii=False)}:", last=True)
                _fail(file, line, text, f"`{name}` stands here twice (a merge went wrong)", _NO_ENTRY)
            seen[name] = value
        return seen

    json.loads(text, object_pairs_hook=pairs)


def _malformed(text: str, file: str, error: Exception) -> NoReturn:
    for number, line in enumerate(text.splitlines(), 1):
        if line.startswith(_MARKERS):
            remedy = "keep either side, or remove the file: finished chunks are found in the store again"
            _fail(file, number, text, "git left a conflict in the lock file", remedy)
    line_number = error.lineno if isinstance(error, json.JSONDecodeError) else 1
    _fail(file, line_number, text, f"malformed lock file: {error}", _RESTORE)


def _line_of(text: str, part: str, *, last: bool = False) -> int:
    at = text.rfind(part) if last else text.find(part)
    return text.count("\n", 0, max(at, 0)) + 1


def _fail(file: str, line: int, text: str, message: str, hint: str) -> NoReturn:
    lines = text.splitlines()
    shown = lines[line - 1] if line <= len(lines) else ""
    raise SpecError((Problem("CF085", message, Place(file, line, 1, shown, max(1, len(shown))), hint),))
