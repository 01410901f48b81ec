"""Edge. `ckptflow checkpoints`: the commands on what is kept of stages, one module each."""

from .group import command as command

__all__ = ["command"]
