"""Pure. The frames of an MP3, walked by their headers: decoders pass over what is missing or broken and say nothing.

Source: ISO/IEC 11172-3 and 13818-3, layer III; version 2.5 is the usual extension of it to lower rates.
"""

from __future__ import annotations

from typing import NamedTuple

KILOBITS = {
    1: (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
RATES = {3: (44_100, 48_000, 32_000), 2: (22_050, 24_000, 16_000), 0: (11_025, 12_000, 8_000)}
"""Sample rates by the version as a header has it: 3 is version 1, 2 is version 2, 0 is version 2.5."""

TAGS = (b"Xing", b"Info", b"VBRI")
"""What the first frame has in it where it holds no audio and says how long the file is."""

TRAILERS = (b"TAG", b"APETAGEX", b"LYRICSBEGIN")


class Walk(NamedTuple):
    """What the frames say. `samples` a channel, those of a first frame that is a tag not among them.

    `tagged`: there is one, so the length without the encoder's padding is known. `missing` bytes of the last frame are
    not there. `lost` is the first byte that belongs to no frame and no tag, None where there is none.
    """

    samples: int
    tagged: bool
    missing: int = 0
    lost: int | None = None


def walk(data: bytes) -> Walk | None:
    """Return what the frames of an MP3 say; None where `data` does not begin as one of layer III does."""
    at = 0
    if data[:3] == b"ID3" and len(data) >= 10:  # its size has seven bits a byte
        at = 10 + sum(byte << shift for byte, shift in zip(data[6:10], (21, 14, 7, 0), strict=True))
    frame = _frame(data[at : at + 4])
    if frame is None:
        return None
    tagged = any(tag in data[at : at + 64] for tag in TAGS)
    samples = -frame[1] if tagged else 0
    while frame is not None:
        length, count = frame
        if at + length > len(data):
            return Walk(samples, tagged, missing=at + length - len(data))
        samples, at = samples + count, at + length
        frame = _frame(data[at : at + 4])
    rest = data[at:]
    whole = not rest.strip(b"\0") or rest.startswith(TRAILERS)
    return Walk(samples, tagged, lost=None if whole else at)


def _frame(head: bytes) -> tuple[int, int] | None:
    """Return the length in bytes and the samples of the frame with this header, None where it is none."""
    if len(head) < 4 or head[0] != 0xFF or head[1] & 0xE0 != 0xE0:
        return None
    version, layer = head[1] >> 3 & 3, head[1] >> 1 & 3
    kilobits, rate, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version == 1 or layer != 1 or kilobits in (0, 15) or rate == 3:
        return None
    samples = 1152 if version == 3 else 576
    bits = KILOBITS[1 if version == 3 else 2][kilobits - 1] * 1000
    return samples // 8 * bits // RATES[version][rate] + padding, samples
