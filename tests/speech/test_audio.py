"""One audio file: what it holds, and every way in which it can be no good."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile

from stages.speech import mpeg
from stages.speech.audio import Sound, Unfit, measure
from stages.speech.tables import Problem

FORMATS = ("wav", "flac", "mp3")
ID3 = b"ID3\x04\x00\x00" + bytes([0, 0, 1, 0]) + bytes(128)
NOISE = np.random.default_rng(1).normal(size=16_000) * 0.1


def problem(path: Path) -> tuple[Problem, str]:
    with pytest.raises(Unfit) as caught:
        measure(path)
    return caught.value.problem, caught.value.detail


@pytest.mark.parametrize("suffix", FORMATS)
@pytest.mark.parametrize(("frames", "rate", "channels"), [(1, 8000, 1), (16_000, 16_000, 1), (70_001, 44_100, 2)])
def test_what_a_good_file_holds(tmp_path, suffix, frames, rate, channels):
    path = tmp_path / f"a b é.{suffix}"
    soundfile.write(path, np.resize(NOISE, (frames, channels)), rate)
    assert measure(path) == Sound(frames, rate, channels)


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_end_that_is_cut_off_goes_unseen(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    soundfile.write(path, NOISE, 16_000)
    whole = path.read_bytes()
    for size in [*range(1, len(whole), len(whole) // 60), len(whole) - 1]:
        path.write_bytes(whole[:size])
        assert problem(path)[0] in (Problem.TRUNCATED, Problem.UNDECODABLE), f"{size} of {len(whole)} bytes"


@pytest.mark.parametrize("suffix", FORMATS)
def test_no_bytes_and_no_audio(tmp_path, suffix):
    path = tmp_path / f"a.{suffix}"
    path.write_bytes(b"")
    assert problem(path) == (Problem.EMPTY_FILE, "")
    path.write_bytes(b"<html>not found</html>" * 50)
    assert problem(path) == (Problem.UNDECODABLE, "not recognised as audio")


def test_a_damaged_middle(tmp_path):
    for suffix in ("flac", "mp3"):
        path = tmp_path / f"a.{suffix}"
        soundfile.write(path, NOISE, 16_000)
        data = bytearray(path.read_bytes())
        data[len(data) // 2 : len(data) // 2 + 500] = bytes(500)
        path.write_bytes(data)
        assert problem(path)[0] is Problem.UNDECODABLE


def test_a_wav_without_a_sample_and_one_from_a_pipe(tmp_path):
    path = tmp_path / "a.wav"
    soundfile.write(path, NOISE[:0], 16_000)
    assert problem(path) == (Problem.NO_SAMPLES, "")
    soundfile.write(path, NOISE, 16_000)
    data = path.read_bytes()
    at = data.index(b"data") + 4
    path.write_bytes(data[:4] + b"\xff" * 4 + data[8:at] + b"\xff" * 4 + data[at + 4 :])
    assert measure(path) == Sound(16_000, 16_000, 1)
    path.write_bytes(data[:at] + struct.pack("<I", 32_002) + data[at + 4 :])
    assert problem(path) == (Problem.TRUNCATED, "2 of the bytes announced are not there")


@pytest.mark.parametrize("mode", ["CONSTANT", "VARIABLE"])
@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100])
def test_an_mp3_that_does_not_say_how_long_it_is(tmp_path, mode, rate):
    path = tmp_path / "a.mp3"
    soundfile.write(path, np.concatenate([NOISE * 0, NOISE, NOISE * 0.01]), rate, bitrate_mode=mode)
    tagged = path.read_bytes()
    first = mpeg._frame(tagged[:4])
    assert first is not None and mpeg.walk(tagged).tagged
    data = tagged[first[0] :]
    path.write_bytes(data)
    frames, _, _ = measure(path)
    assert 48_000 <= frames <= 48_000 + 4 * 1152, "all of it, and the encoder's padding"
    for trailer in (b"TAG" + bytes(125), bytes(50)):
        path.write_bytes(ID3 + data + trailer)
        assert measure(path) == Sound(frames, rate, 1)
    path.write_bytes(data[:-1])
    assert problem(path) == (Problem.TRUNCATED, "1 of the bytes announced are not there")
    path.write_bytes(data + b"<html>")
    assert problem(path) == (Problem.UNDECODABLE, f"no frame at byte {len(data)}")
    path.write_bytes(ID3)
    assert problem(path)[0] is Problem.UNDECODABLE


def test_a_tag_does_not_hide_what_an_mp3_says_of_its_length(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, NOISE, 16_000)
    data = ID3 + path.read_bytes()
    path.write_bytes(data)
    assert measure(path) == Sound(16_000, 16_000, 1)
    path.write_bytes(data[: len(data) // 2])
    assert problem(path)[0] is Problem.TRUNCATED


def test_a_file_that_cannot_be_read_is_no_verdict_on_it(tmp_path):
    with pytest.raises(FileNotFoundError):
        measure(tmp_path / "a.wav")
    with pytest.raises(IsADirectoryError):
        measure(tmp_path)
