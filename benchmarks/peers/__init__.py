"""Edge. The programs that stand beside ckptflow, each written as its users would, in an environment of its own."""

from .peer import Copies, Jobs, Peer, Peers, Reads, Ready, Work

__all__ = ["Copies", "Jobs", "Peer", "Peers", "Reads", "Ready", "Work"]
