"""Edge. The remotes of a project, as methods of it; what they need is imported when it is needed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from ..spec.model import Value
from .opened import Opened

if TYPE_CHECKING:
    from ..engine.editing import Edited
    from ..engine.remotes import Checked, RemoteView
    from ..workspace.remote_edits import Wish


CHECK_SECONDS = 15.0


class Remotes(Opened):
    """The configuration of remotes, and what they are like."""

    def remotes(self) -> list[RemoteView]:
        """Return the remotes by name, as they may be shown."""
        from ..engine import remotes

        return remotes.views(self.settings)

    def add_remote(
        self,
        name: str,
        url: str,
        *,
        options: Mapping[str, Value] | None = None,
        default: bool = False,
        local: bool = False,
        trust: bool = False,
    ) -> Edited:
        """Write a new remote into the configuration: the repository's, with `local` this machine's own.

        `options` go to the driver; names with dots lie deeper. Credentials among them are kept out of the repository.
        This and the other edits keep every line that they are not about. Raises `UsageError`, `EditRefused`.
        """
        from ..engine import remotes
        from ..workspace.remote_edits import wishes_of

        wishes = [wish for key, value in (options or {}).items() for wish in wishes_of(key, value)]
        edited = remotes.add(
            self.location,
            self.settings,
            self._load_settings,
            name,
            url,
            options=wishes,
            default=default,
            local=local,
            trust=trust,
        )
        self.settings = self._load_settings()
        return edited

    def set_remote(self, name: str, wishes: Sequence[Wish], *, local: bool = False) -> Edited:
        """Set values of a remote (`workspace.remote_edits.parse_setting`), or take them away. Raises `UsageError`."""
        from ..engine import remotes

        edited = remotes.assign(self.location, self.settings, self._load_settings, name, wishes, local=local)
        self.settings = self._load_settings()
        return edited

    def remove_remote(self, name: str) -> Edited:
        """Take a remote out of the configuration; what is in it stays. Raises `UsageError`."""
        from ..engine import remotes

        edited = remotes.remove(self.location, self.settings, self._load_settings, name)
        self.settings = self._load_settings()
        return edited

    def check_remotes(self, names: Sequence[str] = (), *, timeout: float = CHECK_SECONDS) -> list[Checked]:
        """Try out what remotes (default: all) promise and keep; see `store.probing`. Raises `RemoteNotFound`.

        `timeout`: seconds to wait for an answer, if `remote_timeout` is not shorter.
        """
        from ..engine import remotes
        from ..store.buckets.opening import open_bucket

        seconds = min(timeout, self.settings.remote_timeout)
        return remotes.check(
            self.settings,
            names or list(self.settings.remotes),
            lambda remote: open_bucket(remote.url, remote.options, root=self.root, timeout=seconds),
        )
