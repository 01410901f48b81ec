"""Edge. Deps that `.dvc` files track: put in place out of DVC's cache where the workspace lacks them.

ckptflow runs no `.dvc` file. But a dep that is missing, and that DVC keeps, is no reason to fail.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..dvc.lock import Noted, Tracked
from ..errors import StoreError
from ..plan.selection import Selection
from ..spec.paths import is_glob, is_url
from ..workspace.dvc import DvcProject
from ..workspace.link import Linker
from ..workspace.md5s import hash_md5
from .session import Session
from .survey import Survey


def restore_tracked(session: Session, survey: Survey, selection: Selection, dvc: DvcProject) -> tuple[str, ...]:
    """Put missing deps in place, as far as DVC's cache has them; return the paths of what was. Raises `StoreError`."""
    restored: dict[str, None] = {}
    for tracked, noted in missing(session, survey, selection, dvc):
        place = noted.rooted(tracked.base)
        files = _usable(dvc, noted) if place not in restored else None
        if files is not None:
            _place(session, session.root / place, files, executable=noted.executable)
            restored[place] = None
    if restored:
        session.observer.forget()
    return tuple(restored)


def missing(session: Session, survey: Survey, selection: Selection, dvc: DvcProject) -> Iterator[tuple[Tracked, Noted]]:
    """Yield what tracks the deps that are to be read, are no outs, and are not there."""
    if dvc.folder is None:
        return
    for name in selection.stages:
        for dep in survey.pipeline.stages[name].deps:
            if survey.graph.origins[name, dep.label].after or is_glob(dep.path) or is_url(dep.path):
                continue
            if not (session.root / dep.path).exists():
                found = dvc.tracked(dep.path)
                if found is not None:
                    yield found


def where_tracked(dvc: DvcProject, path: str) -> str | None:
    """Return how a dep that is missing can be had, if DVC tracks it."""
    found = dvc.tracked(path) if dvc.folder is not None else None
    if found is None:
        return None
    tracked, noted = found
    if _usable(dvc, noted) is not None:
        return "`ckptflow repro` puts it in place, out of DVC's cache"
    damaged = "; what DVC's cache has of it is damaged, remove that first" if dvc.kept(noted) is not None else ""
    return f"`dvc pull {tracked.file}` fetches it{damaged}"


def _usable(dvc: DvcProject, noted: Noted) -> dict[str, Path] | None:
    """Return the files of what DVC keeps, if they are all there and are what their names say."""
    files = dvc.kept(noted)
    if files is None:
        return None
    sound = (hash_md5(p, legacy=noted.legacy) == f"{p.parent.name}{p.name}" for p in set(files.values()))
    return files if all(sound) else None


def _place(session: Session, top: Path, files: dict[str, Path], *, executable: bool) -> None:
    """Copy files to where they are not there: they belong to the user."""
    linker = Linker(("reflink", "copy"), str(session.location.state / "tmp"))
    try:
        for name, source in sorted(files.items()):
            target = top / name if name else top
            if not target.exists():
                target.parent.mkdir(parents=True, exist_ok=True)
                linker.place(str(source), str(target), mode=0o755 if executable else None)
                target.chmod(target.stat().st_mode | 0o200)
    except OSError as error:
        raise StoreError(f"`{top}` cannot be written: {error.strerror or error}") from error
