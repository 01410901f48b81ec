"""Edge. The remotes of a project: listed, added, changed, removed in its configuration; examined where they are.

Nothing is written before the new texts have been read again and the settings that they give have been checked. An
address that can be none is refused; whether anything answers there is found out by `check`, and is no reason not to
write it down.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any

from ..checkpoints.mirror import Mirror
from ..dataclass import dataclass, replace
from ..errors import Problem, SpecError, StoreError, UsageError
from ..spec.edit.edition import Edition
from ..spec.paths import normalise
from ..store.bucket import Bucket
from ..store.buckets.urls import bucket_and_prefix, parse_url, shown
from ..store.probing import Finding, Probed, State, Usable, probe
from ..workspace import remote_edits, texts
from ..workspace.git import Git
from ..workspace.locate import Location
from ..workspace.remote_edits import Configs, Wish
from ..workspace.remotes import Remote, find_remote, is_name
from ..workspace.settings import Settings
from ..workspace.skeleton import CONFIG, CONFIG_FILE, LOCAL_CONFIG_FILE
from .editing import Edited, FileEdit, again
from .session import CACHE, make_state
from .sharing import FOLDER

_OF_BUCKETS = frozenset({"s3", "s3a", "gs", "gcs", "az", "azure", "abfs", "abfss", "adl"})
_OF_HOSTS = frozenset({"sftp", "ssh", "http", "https"})


@dataclass(frozen=True, slots=True)
class RemoteView:
    """One remote as it may be shown: no credentials in `url`, those among `options` (by dotted names) hidden."""

    name: str
    url: str
    options: Mapping[str, Any]
    trust: bool
    default: bool

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form."""
        return {
            "name": self.name,
            "url": self.url,
            "options": dict(self.options),
            "trust": self.trust,
            "default": self.default,
        }


@dataclass(frozen=True, slots=True)
class Checked:
    """What came of the examination of a remote."""

    name: str
    url: str
    probed: Probed

    @property
    def usable(self) -> bool:
        """Whether it is of any use."""
        return self.probed.usable is not Usable.NO

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form; times in seconds."""
        found = self.probed
        return {
            "name": self.name,
            "url": self.url,
            "usable": found.usable.value,
            "store": found.store_id,
            "latency": None if found.latency is None else round(found.latency, 6),
            "skew": found.skew,
            "findings": [
                {"name": f.name, "state": f.state.value, "seen": f.seen, "follows": f.follows} for f in found.findings
            ],
        }


def views(settings: Settings) -> list[RemoteView]:
    """Return the remotes by name."""
    return [
        RemoteView(name, remote.shown, remote.shown_options(), remote.trust, settings.remote == name)
        for name, remote in settings.remotes.items()
    ]


def add(
    location: Location,
    settings: Settings,
    load: Callable[[Mapping[Path, str]], Settings],
    name: str,
    url: str,
    *,
    options: Sequence[Wish],
    default: bool,
    local: bool,
    trust: bool,
) -> Edited:
    """Write a new remote into the configuration. `load` gives the settings with other texts of configuration files.

    Raises `UsageError` for a name that is there or is none, and for what is no address.
    """
    if not is_name(name):
        raise UsageError(f"`{name}` is no name of a remote", hint="letters, digits, `-`, `_` and `.`")
    if name in settings.remotes:
        raise UsageError(
            f"there is a remote `{name}` already: {settings.remotes[name].shown}",
            hint=f"`ckptflow remote set {name} url=...` changes it",
        )
    wishes = [Wish(("url",), checked_url(location, settings, url)), *options]
    if trust:
        wishes.append(Wish(("trust",), True))
    return _edit(location, load, lambda c: remote_edits.add(c, name, wishes, default=default, local=local))


def assign(
    location: Location,
    settings: Settings,
    load: Callable[[Mapping[Path, str]], Settings],
    name: str,
    wishes: Sequence[Wish],
    *,
    local: bool,
) -> Edited:
    """Set values of a remote, or take them away; `default` is one of them, and no part of what the remote is."""
    find_remote(settings.remotes, name)

    def change(configs: Configs) -> Configs:
        for wish in wishes:
            match wish.path:
                case ("default",) if wish.value is True:
                    configs = remote_edits.choose(configs, name, local=local)
                case ("default",):
                    configs = remote_edits.unchoose(configs, name)
                case ("url",):
                    url = Wish(wish.path, checked_url(location, settings, str(wish.value)))
                    configs = remote_edits.assign(configs, name, url, local=local)
                case _:
                    configs = remote_edits.assign(configs, name, wish, local=local)
        return configs

    return _edit(location, load, change)


def remove(location: Location, settings: Settings, load: Callable[[Mapping[Path, str]], Settings], name: str) -> Edited:
    """Take a remote out of the configuration, and drop what this machine knows of it. The remote stays as it is."""
    find_remote(settings.remotes, name)
    edited = _edit(location, load, lambda configs: remote_edits.remove(configs, name))
    Mirror(location.state / FOLDER / name, location.state / CACHE).clear()
    return edited


def check(settings: Settings, names: Iterable[str], open_bucket: Callable[[Remote], Bucket]) -> list[Checked]:
    """Examine remotes; see `store.probing`. One whose driver cannot be made has that as its finding."""
    found = []
    for name in names:
        remote = find_remote(settings.remotes, name)
        try:
            with closing(open_bucket(remote)) as bucket:
                probed = probe(bucket)
        except StoreError as error:
            finding = Finding("reach", State.BAD, error.message, error.hint)
            probed = Probed(Usable.NO, (finding,))
        found.append(Checked(name, remote.shown, probed))
    return found


def checked_url(location: Location, settings: Settings, url: str) -> str:
    """Return an address as it is written down: a path relative to the project's root. Raises `UsageError`."""
    if not url.strip() or any(ord(char) < 32 for char in url) or url != url.strip():
        raise UsageError(f"`{url}` is no address of a remote", hint="a URL, `s3://bucket/path`, or a path")
    parts = parse_url(url)
    if parts is None:
        return _checked_path(location, settings, url)
    if parts.scheme in _OF_BUCKETS | _OF_HOSTS and "://" not in url:
        raise UsageError(f"`{shown(url)}` is no URL", hint=f"two slashes: {parts.scheme}://...")
    if parts.scheme in _OF_HOSTS and not parts.host.rpartition("@")[2]:
        raise UsageError(f"`{shown(url)}` names no host", hint=f"{parts.scheme}://host/path")
    if parts.scheme in _OF_BUCKETS:
        try:
            bucket_and_prefix(parts)
        except StoreError as error:
            raise UsageError(error.message, hint=error.hint) from None
    return url


def _checked_path(location: Location, settings: Settings, text: str) -> str:
    from_home = text.startswith("~")
    path = text if from_home else normalise(location.here, text, outside=True)
    assert path is not None
    there = (location.root / Path(path).expanduser()).resolve()
    own = (location.root / settings.local_store).resolve()
    if there == own or own in there.parents or there in own.parents:
        raise UsageError(
            f"`{text}` is, holds or lies in this project's own store", hint="a remote is a place of its own"
        )
    return path


def _edit(
    location: Location,
    load: Callable[[Mapping[Path, str]], Settings],
    change: Callable[[Configs], Configs],
) -> Edited:
    def attempt() -> Edited:
        files = [texts.read(location.root, file) for file in (CONFIG_FILE, LOCAL_CONFIG_FILE)]
        shared, local = (_edition(file, start) for file, start in zip(files, (CONFIG, ""), strict=True))
        configs = change(Configs(shared, local))
        changed = {e.file: e for e in (configs.local, configs.shared) if e.is_changed and e.data is not None}
        for edition in changed.values():
            edition.check_data()
        load({location.root / file: edition.result for file, edition in changed.items()})
        _write(location, [(f, changed[f.name].result) for f in reversed(files) if f.name in changed], configs)
        before = {file.name: file.text if file.data is not None else None for file in files}
        return Edited(tuple(FileEdit(f, before[f], e.result) for f, e in changed.items()), configs.notes)

    try:
        return again(attempt)
    except SpecError as error:  # a line of these files may hold a password
        raise type(error)(tuple(_without_line(problem) for problem in error.problems)) from None


def _without_line(problem: Problem) -> Problem:
    return replace(problem, place=replace(problem.place, text="")) if problem.place is not None else problem


def _edition(file: texts.TextFile, start: str) -> Edition:
    """Return the edition of a configuration file, which begins with `start` where there is none."""
    edition = Edition.begin(file.name, file.text) if file.data is not None else Edition.blank(file.name, start)
    if edition.data is None and edition.text and not edition.text.endswith("\n\n"):
        edition = replace(edition, text=f"{edition.text}\n")  # what is about the file is not about its first key
    return edition


def _write(location: Location, edits: Sequence[tuple[texts.TextFile, str]], configs: Configs) -> None:
    """Write this machine's file first, then the repository's: both or none.

    Raises `UsageError` for credentials where git tracks this machine's file; else it ignores it (`make_state`).
    """
    make_state(location)
    if configs.has_secrets and Git.tracks(location.root / LOCAL_CONFIG_FILE):
        raise UsageError(
            f"git tracks {LOCAL_CONFIG_FILE}: credentials would be in the repository",
            hint=f"`git rm --cached {LOCAL_CONFIG_FILE}` first",
        )
    for file, _ in edits:
        texts.check_writable(file)
    written: list[texts.TextFile] = []
    try:
        for file, text in edits:
            written.append(file)
            texts.replace(file, text, private=file.name == LOCAL_CONFIG_FILE)
    except BaseException:
        for file in written[:-1]:
            texts.put_back(file)
        raise
