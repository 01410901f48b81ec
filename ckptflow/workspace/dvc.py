"""Edge. What DVC left in the workspace: its notes beside the pipeline files, its cache, its configuration.

Everything is read and nothing is written. Nothing in the cache is believed for its name: who takes bytes from it checks
them. Without a `.dvc` directory, here or above, there is no cache, and `dvc.lock` is read all the same.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from ..dvc import config
from ..dvc.ignore import ALWAYS, FILE, Ignore
from ..dvc.listing import listing_md5, read_listing
from ..dvc.lock import DIRECTORY, Noted, NotedStage, Tracked, read_datasets, read_lock, read_run, read_tracked, rooted
from ..dvc.names import FOLDER, LOCK, SUFFIX
from ..errors import DepUnreadable, Place, Problem, SpecError
from ..ids import Digest
from ..spec.model import Value
from ..spec.paths import ancestors, parent
from .cache import Cache
from .md5s import Md5s, hash_md5
from .observe import Observer
from .traces import dvc_home
from .treestamp import IGNORED


class DvcProject:
    """What DVC knows of the project at `root`. Paths are relative to the root, as a pipeline has them."""

    def __init__(self, root: Path, observer: Observer, cache: Cache) -> None:
        self._root = root
        self._observer = observer
        self._md5s = Md5s(cache)
        self._locks: dict[str, dict[str, NotedStage]] = {}
        self._ignores: dict[str, Ignore] = {}
        self._configs: dict[str, config.Config] | None = None
        self._home = dvc_home(root)

    # ---- what it noted

    def noted(self, file: str) -> dict[str, NotedStage]:
        """Return the stages that the `dvc.lock` beside a pipeline file tells of. Raises `SpecError`."""
        path = rooted(parent(file), LOCK)
        if path not in self._locks:
            text = self._text(path)
            self._locks[path] = {} if text is None else read_lock(path, text)
        return self._locks[path]

    def datasets(self, file: str) -> dict[str, dict[str, Value]]:
        """Return what the `dvc.lock` beside a pipeline file notes of datasets, by name. Raises `SpecError`."""
        path = rooted(parent(file), LOCK)
        text = self._text(path)
        return {} if text is None else read_datasets(path, text)

    def runs(self, key: str) -> Iterator[NotedStage]:
        """Yield what DVC's run cache has under a name, the newest first; a damaged entry is passed over."""
        folder = self.cache / "runs" / key[:2] / key if self.cache is not None else None
        if folder is None or not folder.is_dir():
            return
        for path in sorted(folder.iterdir(), key=lambda p: p.stat().st_mtime_ns, reverse=True):
            try:
                yield read_run(path.name, path.read_text(encoding="utf-8"))
            except (SpecError, UnicodeDecodeError, OSError):
                continue

    def tracked(self, path: str) -> tuple[Tracked, Noted] | None:
        """Return the `.dvc` file that keeps what lies at `path`, and the out of it that is, or holds, that path.

        First those that bear the name of the path or of a directory above it; then all. Raises `SpecError`.
        """
        wanted = {path, *ancestors(path)}
        beside = [f"{each}{SUFFIX}" for each in (path, *ancestors(path))]
        seen: set[str] = set()
        for files in (beside, self._tracking_files()):
            for file in files:
                text = self._text(file) if file not in seen else None
                seen.add(file)
                if text is None:
                    continue
                tracked = read_tracked(file, text)
                for out in tracked.outs:
                    if not tracked.cmd and out.noted.rooted(tracked.base) in wanted:
                        return tracked, out.noted
        return None

    def old_stages(self) -> list[Tracked]:
        """Return the `.dvc` files that are stages of DVC before 1.0, and `Dvcfile`s, by path. Raises `SpecError`."""
        texts = ((file, self._text(file)) for file in self._tracking_files(old=True))
        found = (read_tracked(file, text) for file, text in texts if text is not None)
        return [tracked for tracked in found if tracked.cmd]

    def _tracking_files(self, *, old: bool = False) -> Iterator[str]:
        for folder, folders, files in os.walk(self._root):
            here = Path(folder).relative_to(self._root).as_posix()
            folders[:] = sorted(f for f in folders if f not in IGNORED and f != FOLDER)
            for name in sorted(files):
                if (name.endswith(SUFFIX) and name != SUFFIX) or (old and name == "Dvcfile"):
                    yield rooted(here, name)

    # ---- contents

    def md5(self, path: str, *, legacy: bool) -> str | None:
        """Return what DVC calls the file or directory that lies in the workspace; None where there is none to name."""
        try:
            seen = self._observer.see(path)
            if seen is None:
                return None
            contents = dict(seen.files.contents())
            if seen.kind == "file":
                return self._md5s.of([(contents[""], self._root / path)], legacy=legacy)[0]
            names = list(self._files_of(path))
            known = [(contents[name], self._root / path / name) for name in names if name in contents]
            found = dict(zip((n for n in names if n in contents), self._md5s.of(known, legacy=legacy), strict=True))
            for name in names:  # DVC counts what nobody else does: `__pycache__`, `.DS_Store`
                if name not in contents:
                    found[name] = hash_md5(self._root / path / name, legacy=legacy)
        except (OSError, DepUnreadable):
            return None
        rows = [(name, md5) for name, md5 in found.items() if md5 is not None]
        return listing_md5(rows) if len(rows) == len(names) else None

    def md5_of(self, path: str, files: dict[str, tuple[Digest, Path]], *, legacy: bool) -> str | None:
        """Return what DVC would call an out at `path` with these files (the name is empty for the out itself)."""
        names = [name for name in sorted(files) if not name or not self.leaves_out(f"{path}/{name}")]
        found = self._md5s.of([files[name] for name in names], legacy=legacy)
        if "" in files:
            return found[0]
        rows = [(name, md5) for name, md5 in zip(names, found, strict=True) if md5 is not None]
        return listing_md5(rows) if len(rows) == len(names) else None

    def _files_of(self, path: str) -> Iterator[str]:
        """Yield the files of a directory as DVC walks it: links to files count, links to directories do not."""
        top = self._root / path
        for folder, folders, files in os.walk(top):
            here = Path(folder).relative_to(top).as_posix()
            folders[:] = [f for f in folders if not self.leaves_out(rooted(path, rooted(here, f)), directory=True)]
            for name in files:
                relative = rooted(here, name)
                if not self.leaves_out(rooted(path, relative)):
                    yield relative

    def leaves_out(self, path: str, *, directory: bool = False) -> bool:
        """Tell whether DVC does not see a path: `.dvcignore`, in its directory or above."""
        above = parent(path)
        if above not in self._ignores:
            self._ignores[above] = self._ignore(above)
        inside = path if self._home is None else os.path.relpath(self._root / path, self._home)
        return self._ignores[above].leaves_out(inside, directory=directory)

    def _ignore(self, folder: str) -> Ignore:
        """Return the rules that hold in a directory, with paths relative to where `.dvc` lies."""
        top = self._home or self._root
        here = (self._root / folder).resolve() if folder.startswith("..") else self._root / folder
        rules = Ignore().plus(".", ALWAYS)
        if not here.is_relative_to(top):
            return rules
        steps = here.relative_to(top).parts
        for depth in range(len(steps) + 1):
            base = "/".join(steps[:depth]) or "."
            try:
                rules = rules.plus(base, (top / base / FILE).read_text(encoding="utf-8").splitlines())
            except (OSError, UnicodeDecodeError):
                continue
        return rules

    # ---- the cache

    @property
    def cache(self) -> Path | None:
        """Where DVC keeps objects, None without DVC."""
        if self._home is None:
            return None
        folder = os.path.expanduser(config.cache_folder(self.configs, str(self._home / FOLDER)))  # noqa: PTH111
        return Path(folder)

    @property
    def configs(self) -> dict[str, config.Config]:
        """The configuration files of the project by name, those that are there."""
        if self._configs is None:
            self._configs = {}
            for name in config.FILES if self._home is not None else ():
                assert self._home is not None
                try:
                    text = (self._home / FOLDER / name).read_text(encoding="utf-8-sig")
                except (FileNotFoundError, UnicodeDecodeError):
                    continue
                self._configs[name] = config.read_config(text)
        return self._configs

    @property
    def folder(self) -> str | None:
        """The path of `.dvc`, which those in its configuration are relative to; None without DVC."""
        return None if self._home is None else os.path.relpath(self._home / FOLDER, self._root)

    def kept(self, noted: Noted) -> dict[str, Path] | None:
        """Return the files of a noted out in DVC's cache, by relative path (empty for the out itself); None if any is
        not there.
        """
        if noted.md5 is None or self.cache is None:
            return None
        if not noted.md5.endswith(DIRECTORY):
            path = self._object(noted.md5, legacy=noted.legacy)
            return None if path is None else {"": path}
        rows = self.listing(noted)
        if rows is None:
            return None
        files = {name: self._object(md5, legacy=noted.legacy) for name, md5 in rows}
        found = {name: path for name, path in files.items() if path is not None}
        return found if len(found) == len(rows) else None

    def listing(self, noted: Noted) -> list[tuple[str, str]] | None:
        """Return `(relative path, MD5)` of the files of a noted directory; None if it is not kept."""
        listing = None if noted.md5 is None else self._object(noted.md5, legacy=noted.legacy)
        return read_listing(listing.read_bytes()) if listing is not None else None

    def keeps(self, md5: str, *, legacy: bool = False) -> bool:
        """Tell whether DVC's cache has an object of that name."""
        return self._object(md5, legacy=legacy) is not None

    def _object(self, md5: str, *, legacy: bool) -> Path | None:
        """Return the file of an object: under `files/md5` since DVC 3.0, at the top of the cache before."""
        top = self.cache
        if top is None or not md5.removesuffix(DIRECTORY).isalnum():
            return None
        path = (top if legacy else top / "files" / "md5") / md5[:2] / md5[2:]
        return path if path.is_file() else None

    def _text(self, path: str) -> str | None:
        try:
            return (self._root / path).read_text(encoding="utf-8-sig")
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            return None
        except (UnicodeDecodeError, OSError) as error:
            why = "not UTF-8 text" if isinstance(error, UnicodeDecodeError) else error.strerror
            raise SpecError((Problem("CF143", f"`{path}` cannot be read: {why}", Place(path, 1, 1)),)) from error
