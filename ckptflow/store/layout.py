"""Pure. Every name in a store is made here, and read back here.

Names are relative POSIX paths of hexadecimal digits and fixed words. What users call things stands inside the
documents; only `checkpoints/` shows a stage's name, escaped so that any text is one harmless path component.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from ..errors import StoreError
from ..ids import Digest, digest, is_digest

MARKER = "ckptflow.json"
OBJECTS = "objects/"
PACKS = "packs/"
CONDEMNED = "condemned/"
RECORDS = "records/"
CHECKPOINTS = "checkpoints/"
LOCKS = "locks/"
RUNS = "runs/"
TEMPORARY = "tmp/"
PROBES = "probes/"
QUARANTINE = "quarantine/"
TRASH = "trash/"
LATEST = "latest.json"
ARTIFACT = ".artifact.json"
DATASET_LOCKS = "_locks/"
SEEN = "seen.json"

_NAME = re.compile(r"(?:[A-Za-z0-9_@%~=+-][A-Za-z0-9_@%~=+.-]*/)*[A-Za-z0-9_@%~=+-][A-Za-z0-9_@%~=+.-]*")
_SEGMENT = re.compile(r"records/(?P<run>[A-Za-z0-9][A-Za-z0-9-]*)-(?P<seq>[0-9]{6,})\.jsonl")
_MERGED = "m"  # no hexadecimal digit
_BEHIND = "z"  # behind digits, and what is merged
_JOURNAL = re.compile(r"(?P<lane>.+_[0-9]{14})(?:\.(?P<first>[0-9]{6,})-(?P<last>[0-9]{6,}))?\.journal")
_TRASH = re.compile(r"(?P<folder>trash/(?P<when>[0-9]{14})-[0-9a-f]{8}/)(?P<name>.+)")
_ESCAPED = re.compile(rb"%([0-9a-f]{2})")
_RUN = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*")
_PLAIN = b"abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-@"
_TAKEN = frozenset({"_locks", "objects", "tmp"})
"""Folders that mean something to a store or to the library; a dataset of such a name gets another folder."""

_LONGEST = 120
"""A component may have 255 bytes on common file systems; a checkpoint's name adds up to 40 to the stage's."""


def check_name(name: str) -> str:
    """Return `name` if it is a name that can stay inside a store; raise `StoreError` otherwise.

    Refused are absolute names, `.`, `..`, empty components and components that start with a dot (drivers' temporary
    names), and every character outside a small set that all file systems and object stores keep as it is.
    """
    if _NAME.fullmatch(name) is None:
        raise StoreError(f"not a name in a store: {name!r}")
    return name


def check_prefix(prefix: str) -> str:
    """Return `prefix` if it may begin a name: empty, or a name, with or without a slash at its end."""
    if prefix and _NAME.fullmatch(prefix.removesuffix("/")) is None:
        raise StoreError(f"not a prefix of names in a store: {prefix!r}")
    return prefix


LEASE = "condemned/lease.json"
"""Who is cleaning up; not one of the lists of what is condemned."""


def condemned_name(run: str, token: str) -> str:
    """Return the name of a list of what is condemned: `condemned/<run>-<token>.json`."""
    return check_name(f"{CONDEMNED}{run}-{token}.json")


def object_name(object_: Digest) -> str:
    """Return the name of the object with this digest: `objects/ab/cdef...`."""
    if not is_digest(object_):
        raise StoreError(f"not a digest: {object_!r}")
    return f"objects/{object_[:2]}/{object_[2:]}"


def object_of(name: str) -> Digest | None:
    """Inverse of `object_name`; None for any other name."""
    head, _, tail = name.removeprefix(OBJECTS).partition("/")
    if name.startswith(OBJECTS) and len(head) == 2 and is_digest(head + tail):
        return Digest(head + tail)
    return None


def pack_name(pack: Digest) -> str:
    """Return the name of the pack with this digest: `packs/ab/cdef...`."""
    if not is_digest(pack):
        raise StoreError(f"not a digest: {pack!r}")
    return f"{PACKS}{pack[:2]}/{pack[2:]}"


def pack_of(name: str) -> Digest | None:
    """Inverse of `pack_name`; None for any other name."""
    head, _, tail = name.removeprefix(PACKS).partition("/")
    if name.startswith(PACKS) and len(head) == 2 and is_digest(head + tail):
        return Digest(head + tail)
    return None


def is_immutable(name: str) -> bool:
    """Tell whether what is under `name` never changes once written; drivers make it read-only where they can."""
    return name.startswith(OBJECTS)


def segment_name(run: str, seq: int) -> str:
    """Return the name of the `seq`-th record segment of a run, counting from 1."""
    if _RUN.fullmatch(run) is None:
        raise StoreError(f"not the id of a run: {run!r}")
    return f"records/{run}-{seq:06d}.jsonl"


def segment_of(name: str) -> tuple[str, int] | None:
    """Inverse of `segment_name`: (run, seq); None for any other name."""
    found = _SEGMENT.fullmatch(name)
    return (found["run"], int(found["seq"])) if found else None


def merged_run(run: str, token: str) -> str:
    """Return what stands for the run in the names of segments that are merged out of others, `run`'s the latest.

    They sort behind it. `token` makes them unique: hexadecimal digits.
    """
    return f"{'-'.join(run.split('-')[:2])}-{_MERGED}{token}"


def run_behind(segments: Iterable[str], run: str, token: str) -> str:
    """Return what stands for the run in the name of a segment that is to sort directly behind all `segments`, so that
    whatever a later run writes sorts behind it; `run` where there are none. `token` makes it unique.
    """
    latest = max((parts[0] for name in segments if (parts := segment_of(name))), default=None)
    return run if latest is None else f"{latest}-{_BEHIND}{token}"


def is_merged(segment: str) -> bool:
    """Tell whether a segment of this name is merged out of others, so that its age is not that of its lines."""
    parts = segment_of(segment)
    return parts is not None and parts[0].rpartition("-")[2].startswith(_MERGED)


def run_name(run: str) -> str:
    """Return the name of the document that tells what a run came to: `runs/<run>.json`."""
    if _RUN.fullmatch(run) is None:
        raise StoreError(f"not a run: {run!r}")
    return f"{RUNS}{run}.json"


@lru_cache(4096)
def escape(text: str) -> str:
    """Return `text` as one path component: what is not a letter, digit, `_`, `-` or `@` becomes `%` and two hex digits.

    Different texts give different components; very long ones are cut and end in `~` and a part of their digest.
    """
    if not text:
        raise StoreError("an empty text names nothing")
    data = text.encode("utf-8", "surrogatepass")
    safe = "".join(chr(b) if b in _PLAIN else f"%{b:02x}" for b in data) if data.translate(None, _PLAIN) else text
    return safe if len(safe) <= _LONGEST else f"{safe[:_LONGEST]}~{digest(data)[:16]}"


def stage_folder(stage: str, base: str = CHECKPOINTS) -> str:
    """Return the prefix of all checkpoints of a stage: `checkpoints/<stage>/`; in a library's folder, whose `base` is
    empty, `<dataset>/`.
    """
    component = escape(stage)
    if not base and component in _TAKEN:
        component = f"%{ord(component[0]):02x}{component[1:]}"
    return f"{base}{component}/"


def checkpoint_name(stage: str, timestamp: str, status: str, base: str = CHECKPOINTS) -> str:
    """Return `checkpoints/<stage>/<stage>_<timestamp>_<status>.json`; `timestamp` is `YYYYmmddHHMMSS`."""
    return f"{stage_folder(stage, base)}{escape(stage)}_{timestamp}_{status}.json"


def latest_name(stage: str, base: str = CHECKPOINTS) -> str:
    """Return the name of the pointer to a stage's newest checkpoint."""
    return f"{stage_folder(stage, base)}{LATEST}"


def dataset_of(component: str) -> str | None:
    """Return the dataset whose folder in a library's base is called `component`; None where it was cut or is none."""
    if "~" in component:
        return None
    data = _ESCAPED.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), component.encode("utf-8"))
    try:
        return data.decode("utf-8", "surrogatepass")
    except UnicodeDecodeError:
        return None


def journal_lane(dataset: str, start: str) -> str:
    """Return the name of one run's journal: `<dataset>_<start>`; `start` is `YYYYmmddHHMMSS`."""
    return f"{escape(dataset)}_{start}"


def journal_name(dataset: str, lane: str, span: tuple[int, int] | None = None) -> str:
    """Return the name of a journal in a library's folder; with `span`, of the part that holds flushes `span`."""
    part = "" if span is None else f".{span[0]:06d}-{span[1]:06d}"
    return f"{stage_folder(dataset, '')}{lane}{part}.journal"


def journal_of(file: str) -> tuple[str, tuple[int, int] | None] | None:
    """Return (lane, span) of a journal's file name; None for any other."""
    found = _JOURNAL.fullmatch(file)
    if found is None:
        return None
    return found["lane"], (int(found["first"]), int(found["last"])) if found["first"] else None


def artifact_name(dataset: str, name: str) -> str:
    """Return the name of the document that tells what `save` kept under `name`."""
    return f"{stage_folder(dataset, '')}{escape(name)}{ARTIFACT}"


def artifact_data(dataset: str, name: str, token: str, suffix: str) -> str:
    """Return the name of what `save` kept itself; `token` is never used twice."""
    return check_name(f"{stage_folder(dataset, '')}{escape(name)}-{token}{suffix}")


def dataset_lock(dataset: str) -> str:
    """Return the name of the lock on a dataset, in a library's folder."""
    return f"{DATASET_LOCKS}{escape(dataset)}.lock"


def lock_name(what: str) -> str:
    """Return the name of the lock file for `what`; the text itself stands inside the file."""
    return f"{LOCKS}{digest(what.encode('utf-8', 'surrogatepass'))[:32]}.lock"


def temporary_name(token: str) -> str:
    """Return a name for unfinished work; `token` makes it unique. Nothing under `tmp/` is listed or trusted."""
    return check_name(f"{TEMPORARY}{token}")


def probe_name(token: str, what: str) -> str:
    """Return a name for what `remote check` writes, reads and removes again; nothing else looks there."""
    return check_name(f"{PROBES}{token}-{what}")


def quarantine_name(object_: Digest, token: str) -> str:
    """Return the name under which a bad object is set aside for people to look at."""
    return check_name(f"{QUARANTINE}{object_}-{token}")


RECORDS_FILE = "records.jsonl"
"""Lines of records that were made to be forgotten, in a folder of the trash."""


def trash_folder(when: str, token: str) -> str:
    """Return the folder for what one command put away: `trash/<when>-<token>/`; `when` is `YYYYmmddHHMMSS`."""
    return f"{check_name(f'{TRASH}{when}-{token}')}/"


def trash_of(name: str) -> tuple[str, str, str] | None:
    """Return (folder, when, the name that it had) of something in the trash; None for any other name."""
    found = _TRASH.fullmatch(name)
    return (found["folder"], found["when"], found["name"]) if found else None


def is_aside_for(name: str, object_: Digest) -> bool:
    """Tell whether `name` is one of `quarantine_name` for this object."""
    return name.startswith(f"{QUARANTINE}{object_}-")
