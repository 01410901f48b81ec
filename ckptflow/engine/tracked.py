"""Edge. Deps that `.dvc` files track: put in place out of DVC's cache where the workspace lacks them.

ckptflow runs no `.dvc` file. But a dep that is missing, and that DVC keeps, is no reason to fail.
"""

from __future__ import annotations

from collections.abc import Iterator

from ..dvc.lock import Noted, Tracked
from ..errors import DepMissing, StoreError
from ..plan.selection import Selection
from ..spec.paths import is_glob, is_url
from ..workspace.dvc import DvcProject
from ..workspace.link import Linker
from ..workspace.md5s import hash_md5
from .session import Session
from .survey import Survey


def restore_tracked(session: Session, survey: Survey, selection: Selection, dvc: DvcProject) -> tuple[str, ...]:
    """Put missing deps in place; return the paths of what was. Raises `DepMissing` for what DVC's cache lacks."""
    restored: dict[str, None] = {}
    for path, tracked, noted in missing(session, survey, selection, dvc):
        place = noted.rooted(tracked.base)
        if place not in restored:
            _place(session, dvc, path, tracked, noted)
            restored[place] = None
    if restored:
        session.observer.forget()
    return tuple(restored)


def refuse_missing(session: Session, survey: Survey, selection: Selection, dvc: DvcProject) -> None:
    """Raise `DepMissing` for a dep that `restore_tracked` would put in place, or would say how to get."""
    for path, tracked, noted in missing(session, survey, selection, dvc):
        if dvc.kept(noted) is None:
            raise _lacking(path, tracked)
        raise DepMissing(f"dep `{path}` is missing", hint="`ckptflow repro` puts it there, out of DVC's cache")


def missing(
    session: Session, survey: Survey, selection: Selection, dvc: DvcProject
) -> Iterator[tuple[str, Tracked, Noted]]:
    """Yield the deps of what is to be planned that are no outs, are not there, and are tracked by a `.dvc` file."""
    if dvc.folder is None:
        return
    for name in selection.stages:
        for dep in survey.pipeline.stages[name].deps:
            if survey.graph.origins[name, dep.label].after or is_glob(dep.path) or is_url(dep.path):
                continue
            if not (session.root / dep.path).exists():
                found = dvc.tracked(dep.path)
                if found is not None:
                    yield dep.path, *found


def _lacking(path: str, tracked: Tracked) -> DepMissing:
    return DepMissing(
        f"dep `{path}` is missing; {tracked.file} tracks it", hint=f"`dvc pull {tracked.file}` fetches it"
    )


def _place(session: Session, dvc: DvcProject, path: str, tracked: Tracked, noted: Noted) -> None:
    """Put what a `.dvc` file tracks in place: copies, which belong to the user, of those files that are not there."""
    files = dvc.kept(noted)
    if files is None:
        raise _lacking(path, tracked)
    linker = Linker(("reflink", "copy"), str(session.location.state / "tmp"))
    top = session.root / noted.rooted(tracked.base)
    try:
        for name, source in sorted(files.items()):
            target = top / name if name else top
            if target.exists():
                continue
            if hash_md5(source, legacy=noted.legacy) != f"{source.parent.name}{source.name}":
                raise DepMissing(
                    f"dep `{path}` is missing, and what DVC's cache has of it is damaged",
                    hint=f"remove {source} and fetch it again with `dvc pull {tracked.file}`",
                )
            target.parent.mkdir(parents=True, exist_ok=True)
            linker.place(str(source), str(target), mode=0o755 if noted.executable else None)
            target.chmod(target.stat().st_mode | 0o200)
    except OSError as error:
        raise StoreError(f"`{top}` cannot be written: {error.strerror or error}") from error
