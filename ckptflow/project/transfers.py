"""Edge. Sending to remotes, bringing from them, placing what was brought, cleaning up, as methods of a project.

What is in the store is relied on meanwhile: nobody deletes from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING

from ..engine.session import Session
from ..engine.survey import read_pipeline
from .opened import Opened

if TYPE_CHECKING:
    from ..checkpoints.remote import Remote
    from ..engine.checkout import CheckedOut
    from ..engine.fetch import Fetched
    from ..engine.gc import Cleaned, GcOptions
    from ..engine.pull import Pulled
    from ..engine.push import Pushed
    from ..engine.transfer import Tally
    from ..engine.verify import Verified


class Transfers(Opened):
    """Push, fetch, checkout, pull. `remote` is a name, by default that of the settings; `jobs` how many requests are
    made at once; a `tally` tells other threads how far it is. `branches`, `tags`, `commits`: what their lock files name
    counts too.
    """

    def push(
        self,
        targets: Sequence[str] = (),
        *,
        remote: str | None = None,
        jobs: int | None = None,
        dry: bool = False,
        branches: bool = False,
        tags: bool = False,
        commits: bool = False,
        tally: Tally | None = None,
    ) -> Pushed:
        """Send to the remote what it lacks: of stages or outs, or all that was finished here."""
        from ..store import layout

        ahead = (layout.RECORDS, layout.CONDEMNED, layout.CHECKPOINTS, *(() if targets else (layout.RUNS,)))
        with self._session(create=True) as session, self._remote(session, remote, jobs, ahead) as far:
            from ..engine.push import push
            from ..engine.transfer import Refs, choose

            targets, survey = self._from_here(session, targets), read_pipeline(session)
            chosen = choose(survey.pipeline, targets)
            return push(session, survey, far, chosen, Refs(branches, tags, commits), dry=dry, tally=tally)

    def fetch(
        self,
        targets: Sequence[str] = (),
        *,
        remote: str | None = None,
        jobs: int | None = None,
        dry: bool = False,
        branches: bool = False,
        tags: bool = False,
        commits: bool = False,
        tally: Tally | None = None,
    ) -> Fetched:
        """Bring into the store here what the lock files name: of stages or outs, or of all."""
        from ..store import layout

        with self._session(create=True) as session, self._remote(session, remote, jobs, (layout.RECORDS,)) as far:
            from ..engine.fetch import fetch
            from ..engine.transfer import Refs, choose

            targets, survey = self._from_here(session, targets), read_pipeline(session)
            chosen = choose(survey.pipeline, targets)
            return fetch(session, survey, far, chosen, Refs(branches, tags, commits), dry=dry, tally=tally)

    def checkout(
        self,
        targets: Sequence[str] = (),
        *,
        force: bool = False,
        tally: Tally | None = None,
        on_wait: Callable[[str, str], None] | None = None,
    ) -> CheckedOut:
        """Place outs of the lock files in the workspace, from the store here. Raises `OutEdited` unless `force`.

        `on_wait` is told (what, by whom it is held) where a run that is going on is waited for.
        """
        from ..checkpoints.locks import share
        from ..engine.checkout import checkout
        from ..engine.transfer import choose

        with self._session(create=True) as session, share(session.store_root, on_wait=on_wait):
            targets, survey = self._from_here(session, targets), read_pipeline(session)
            chosen = choose(survey.pipeline, targets)
            return checkout(session, survey, chosen, force=force, tally=tally, on_wait=on_wait)

    def pull(
        self,
        targets: Sequence[str] = (),
        *,
        remote: str | None = None,
        jobs: int | None = None,
        force: bool = False,
        branches: bool = False,
        tags: bool = False,
        commits: bool = False,
        tally: Tally | None = None,
        on_wait: Callable[[str, str], None] | None = None,
    ) -> Pulled:
        """Fetch, and place what the lock files of the workspace name."""
        from ..engine.pull import Pulled

        fetched = self.fetch(
            targets, remote=remote, jobs=jobs, branches=branches, tags=tags, commits=commits, tally=tally
        )
        return Pulled(fetched, self.checkout(targets, force=force, tally=tally, on_wait=on_wait))

    def gc(self, *, options: GcOptions | None = None, remote: str | None = None, jobs: int | None = None) -> Cleaned:
        """Return what nothing that counts leads to any more, in the store here or in a remote that is named; remove it,
        or see to it that it goes, with `options.yes`.
        """
        from ..engine.gc import GcOptions, clean, clean_remote

        if remote is None:
            with self._session() as session:
                return clean(session, options or GcOptions())
        with self._session(create=True) as session, self._remote(session, remote, jobs) as far:
            return clean_remote(session, far, options or GcOptions())

    def verify_remote(
        self,
        targets: Sequence[str] = (),
        *,
        remote: str | None = None,
        jobs: int | None = None,
        deep: bool = False,
        repair: bool = False,
        tally: Tally | None = None,
    ) -> Verified:
        """Check a remote: what records of stages name, or all. With `deep` every byte is fetched and hashed; with
        `repair` the remote tells no more of what is bad or missing.
        """
        from ..engine.transfer import choose
        from ..engine.verify import verify_remote

        with self._session(create=True) as session, self._remote(session, remote, jobs) as far:
            targets = self._from_here(session, targets)
            chosen = choose(read_pipeline(session).pipeline, targets)
            return verify_remote(session, far, chosen, deep=deep, mend=repair, tally=tally)

    @contextmanager
    def _remote(
        self, session: Session, name: str | None, jobs: int | None, ahead: Sequence[str] = ()
    ) -> Iterator[Remote]:
        """Open a remote. The listings `ahead` will be wanted: they are asked for at once, beside what is done first."""
        from ..checkpoints.locks import share
        from ..checkpoints.remote import THREADS
        from ..engine.sharing import open_remote

        remote = open_remote(session, name)
        remote.threads, remote.interruptible = jobs or THREADS, True
        if ahead:
            remote.ask_ahead(*ahead)
        try:
            with share(session.store_root, timeout=session.settings.lock_timeout):
                yield remote
        except KeyboardInterrupt:
            remote.close(wait=False)
            raise
        finally:
            remote.close()
