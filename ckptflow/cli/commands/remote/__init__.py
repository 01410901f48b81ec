"""Edge. `ckptflow remote`: one file a command."""

from .group import command

__all__ = ["command"]
