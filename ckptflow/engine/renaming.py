"""Edge. Stages that get another name, or go, with what goes by their name: references, lock files, checkpoints.

Order of a renaming: the checkpoint and the lock file know the new name before any pipeline file does, and forget the
old one after; so wherever it is killed, what was finished is known under the name that the pipeline has.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import suppress

from ..checkpoints.kept import newest_valid, write_checkpoint
from ..dataclass import replace
from ..errors import SpecError
from ..ids import Digest, StageName
from ..spec.edit import fields, stages
from ..spec.edit.changes import Delete, Rename
from ..spec.edit.edition import Edition
from ..spec.edit.references import redirected
from ..spec.model import Keeping, Stage, stage_name
from ..workspace.place import OutState, edited
from .editing import Desk, Edited, again
from .locks import Locks, load_locks
from .session import Session, StorePast
from .survey import Survey, read_pipeline


def rename_stage(session: Session, target: str, new: str, *, dry: bool) -> Edited:
    """Give a stage another name, in its file, in references to it and in the lock files; nothing becomes stale."""

    def attempt() -> Edited:
        desk = Desk(session.location)
        file, old = desk.home(target)
        editions = {file: stages.rename(desk.edition(file), old, new)}
        for other in desk.files:
            editions[other] = redirected(editions.get(other) or desk.edition(other), file, old, new)
        changed = [edition for edition in editions.values() if edition.is_changed]
        desk.check(changed, {old: new, stage_name(file, old): stage_name(file, new)})
        beside = [_renamed_in_dvc_lock(each, old, new) for each in _dvc_lock(desk, file)]
        edits = desk.edits([*changed, *beside])
        locks = load_locks(session.location, desk.files)
        moves = {name: _moved(file, name, old, new) for name in _entries_of(locks, file, old)}
        if not dry:
            for before, after in moves.items():
                _carry(session, before, after)
            moved = [replace(locks.entries[before], stage=after) for before, after in moves.items()]
            locks.update(moved)
            try:
                desk.write(edits)
            except BaseException:
                locks.update((), moves.values())
                raise
            locks.update((), moves)
        return Edited(edits)

    return again(attempt)


def remove_stages(session: Session, targets: Sequence[str], *, outs: bool, dry: bool) -> Edited:
    """Take stages out of their files and of the lock files; what they made stays, unless `outs` asks to delete it.

    Raises `OutEdited`, with nothing changed, where an out that is to be deleted was changed by hand.
    """

    def attempt() -> Edited:
        desk = Desk(session.location)
        homes = [desk.home(target) for target in targets]
        editions: dict[str, Edition] = {}
        for file, name in homes:
            editions[file] = stages.remove(editions.get(file) or desk.edition(file), name)
        desk.check([*editions.values()])
        survey = _survey(session, needed=outs)
        gone = [s for s in (survey.pipeline.stages.values() if survey else ()) if (s.file, s.group or s.local) in homes]
        beside = [
            edition.made(*(Delete(("stages", key)) for key in fields.names(edition) if _is_of(key, names)))
            for file in editions
            if (names := {name for home, name in homes if home == file})
            for edition in _dvc_lock(desk, file)
        ]
        for edition in beside:
            edition.check_data()
        edits = desk.edits([*editions.values(), *beside])
        locks = load_locks(session.location, desk.files)
        if outs and survey is not None:
            _check_outs(session, survey, gone)
        if not dry:
            desk.write(edits)
            locks.update((), [entry for file, name in homes for entry in _entries_of(locks, file, name)])
            for out in (out for stage in gone for out in stage.outs if outs):
                session.placer.take_away(out)
        return Edited(edits, tuple(_orphans(survey, gone)) if survey is not None else ())

    return again(attempt)


def _entries_of(locks: Locks, file: str, name: str) -> list[StageName]:
    """Return the entries of a stage, or of all items of a group."""
    whole = stage_name(file, name)
    return [entry for entry in locks.entries if entry == whole or entry.startswith(f"{whole}@")]


def _moved(file: str, entry: StageName, old: str, new: str) -> StageName:
    return StageName(stage_name(file, new) + entry.removeprefix(stage_name(file, old)))


def _is_of(key: str, names: Iterable[str]) -> bool:
    return any(key == name or key.startswith(f"{name}@") for name in names)


def _dvc_lock(desk: Desk, file: str) -> Iterable[Edition]:
    """Return the edition of DVC's lock file beside a pipeline file, if there is one."""
    lock = file.removesuffix(".yaml") + ".lock"
    if file.endswith("dvc.yaml") and desk.has(lock):
        yield desk.edition(lock)


def _renamed_in_dvc_lock(edition: Edition, old: str, new: str) -> Edition:
    keys = [key for key in fields.names(edition) if _is_of(key, [old])]
    edition = edition.made(*(Rename(("stages", key), new + key.removeprefix(old)) for key in keys))
    edition.check_data()
    return edition


def _carry(session: Session, old: StageName, new: StageName) -> None:
    """Give the newest checkpoint, and the note of what failed, to the new name."""
    checkpoint, _ = newest_valid(session.store, old)
    if checkpoint is not None:
        named = replace(checkpoint, dataset=new, checkpoint_id=f"{new}_{checkpoint.timestamp}")
        write_checkpoint(session.store, named, Keeping().keep)
    failed = session.cache.document("failed", old)
    if failed is not None:
        session.cache.keep_document("failed", new, failed)


def _survey(session: Session, *, needed: bool) -> Survey | None:
    """Return the project as it is declared; None where it has mistakes, unless it is `needed`."""
    if needed:
        return read_pipeline(session)
    with suppress(SpecError):
        return read_pipeline(session)
    return None


def _check_outs(session: Session, survey: Survey, gone: Sequence[Stage]) -> None:
    past = StorePast(session)
    try:
        for stage in gone:
            entry = survey.lock.get(stage.name)
            for out in stage.outs:
                noted = entry.outs.get(out.label) if entry is not None else None
                tree = past.document(Digest(noted["tree"])) if noted is not None else None
                if out.cache and session.placer.state(out, tree) is OutState.EDITED:
                    raise edited(out.path)
    finally:
        past.index.close()


def _orphans(survey: Survey, gone: Sequence[Stage]) -> Iterable[str]:
    """Yield what there is to say of stages that read what none makes any more."""
    names = {stage.name for stage in gone}
    for stage in survey.pipeline.stages.values():
        if stage.name in names:
            continue
        lost = [up for up in survey.graph.needs[stage.name] if up in names]
        if lost:
            yield f"`{stage.name}` reads what `{lost[0]}` made; no stage makes it now"
