"""Pure. The processors by name."""

from __future__ import annotations

from . import common_voice, gigaspeech2, librispeech
from .corpus import Processor

PROCESSORS: dict[str, Processor] = {
    "common_voice": common_voice.PROCESSOR,
    "gigaspeech2": gigaspeech2.PROCESSOR,
    "librispeech": librispeech.PROCESSOR,
}


def processor(name: str) -> Processor:
    """Return the processor called `name`. Raises ValueError, with the names there are."""
    if name not in PROCESSORS:
        raise ValueError(f"there is no processor {name}: there are {', '.join(PROCESSORS)}")
    return PROCESSORS[name]
